"""The demo's page, in a real browser."""

from __future__ import annotations

import re
import shutil
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import anyio
import orjson
import pytest

from kilo_sdk import KiloClient
from kilo_sdk.emulator import LocalGateway
from kilo_sdk.relay.demo import DEMO_MODELS, serving_demo

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
PAGE = Path(__file__).parents[2] / "kilo_sdk" / "relay" / "page"

pytestmark = pytest.mark.anyio


def in_a_browser(test: Any) -> Any:
    """Skip a test of the page where it cannot run, or has run."""
    no_browser = pytest.mark.skipif(
        CHROMIUM is None, reason="no chromium here; apt install chromium runs the page's tests"
    )
    once = pytest.mark.skipif(
        sys.version_info >= (3, 12), reason="the page is the same for every Python; 3.11 runs it"
    )
    return no_browser(once(test))


@asynccontextmanager
async def demo(
    *, port: int = 0, client_of: LocalGateway | None = None, **options: Any
) -> AsyncIterator[str]:
    async with AsyncExitStack() as stack:
        gateway = client_of or await stack.enter_async_context(LocalGateway(**options))
        client = await stack.enter_async_context(KiloClient("k", base_url=gateway.base_url))
        yield await stack.enter_async_context(serving_demo(client, host="127.0.0.1", port=port))


class Tab:
    """One tab, and what goes wrong in it."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.errors: list[str] = []
        page.set_default_timeout(60_000)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", self._heard)

    def _heard(self, message: Any) -> None:
        # A socket that is refused while the server is away is what the page is there for.
        if message.type == "error" and "WebSocket" not in message.text:
            self.errors.append(message.text)

    async def open(self, url: str) -> None:
        await self.page.goto(url)
        await self.state("open")

    async def state(self, name: str) -> None:
        await self.page.wait_for_selector(f"#state[data-state={name}]")

    async def ask(self, text: str) -> None:
        await self.page.fill("#prompt", text)
        await self.page.press("#prompt", "Enter")

    async def over(self, count: int = 1) -> None:
        """Wait until so many answers are over."""
        await self.page.wait_for_function(
            "count => document.querySelectorAll('.theirs').length === count"
            " && !document.querySelector('.writing')",
            arg=count,
        )

    async def text(self, selector: str = ".theirs:last-child .said") -> str:
        return str(await self.page.inner_text(selector))

    async def grown(self, chars: int) -> None:
        """Wait until the answer has more than so many characters."""
        await self.page.wait_for_function(
            "chars => (document.querySelector('.theirs:last-child .said')?.textContent ?? '')"
            ".length > chars",
            arg=chars,
        )


@pytest.fixture
async def new_tab() -> AsyncIterator[Callable[..., Awaitable[Tab]]]:
    playwright = pytest.importorskip("playwright.async_api")
    async with playwright.async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        tabs: list[Tab] = []

        async def make(**options: Any) -> Tab:
            context = await browser.new_context(**options)
            tabs.append(Tab(await context.new_page()))
            return tabs[-1]

        yield make
        await browser.close()
        for tab in tabs:
            assert tab.errors == []


@in_a_browser
async def test_tokens_appear_one_by_one_and_the_end_is_told(new_tab: Any) -> None:
    async with demo(tokens_per_second=150) as url:
        tab = await new_tab()
        await tab.open(url)
        await tab.ask("Tell me a story in 90 words")
        lengths = []
        for chars in (1, 60, 120, 240):
            await tab.grown(chars)
            lengths.append(len(await tab.text()))
        assert lengths == sorted(lengths)
        assert await tab.page.is_visible("#stop")
        assert not await tab.page.is_visible("#send")
        await tab.over()
        text = await tab.text()
        assert text.startswith("You said: Tell me a story in 90 words. The river runs")
        assert lengths[-1] < len(text)
        about = await tab.text(".theirs .about")
        assert "anthropic/claude-sonnet-4" in about
        assert re.search(r"\d+ tokens\s+\$0\.00", about)
        # Reasoning is there, folded.
        assert not await tab.page.get_attribute(".thought", "open")
        await tab.page.click(".thought summary")
        assert (await tab.text(".thought .inner")).startswith("The user says")
        said = await tab.page.text_content("#say")
        assert said.startswith("Answering.")
        assert said.endswith("End of the answer.")
        assert text in said


@in_a_browser
@pytest.mark.parametrize("way", ["button", "key"])
async def test_stop_stops_and_the_conversation_goes_on(way: str, new_tab: Any) -> None:
    async with (
        LocalGateway(tokens_per_second=150) as gateway,
        demo(client_of=gateway) as url,
    ):
        tab = await new_tab()
        await tab.open(url)
        await tab.ask("Write 5000 words")
        await tab.grown(40)
        if way == "button":
            await tab.page.click("#stop")
        else:
            await tab.page.keyboard.press("Escape")
        await tab.over()
        with anyio.fail_after(60):
            while gateway.open_streams:  # noqa: ASYNC110 - the gateway tells no event
                await anyio.sleep(0.01)
        assert "Stopped" in await tab.text(".theirs .about")
        assert re.search("about [0-9]+ tokens", await tab.text(".theirs .about"))
        stopped = await tab.text()
        await tab.ask("9 tokens")
        await tab.over(2)
        # The model was told what it had said.
        history = gateway.requests[-1].payload["messages"]
        assert [message["role"] for message in history] == ["user", "assistant", "user"]
        assert history[1]["content"].split() == stopped.split()


@in_a_browser
async def test_a_reload_in_the_middle_goes_on_without_loss(new_tab: Any) -> None:
    async with (
        LocalGateway(tokens_per_second=150) as gateway,
        demo(client_of=gateway) as url,
    ):
        tab = await new_tab()
        await tab.open(url)
        await tab.ask("Tell me a story in 400 words")
        for chars in (30, 400):
            await tab.grown(chars)
            await tab.page.reload()
        await tab.over()
        assert len(gateway.requests) == 1
        whole = await tab.text()
        await tab.page.reload()
        await tab.over()
        assert await tab.text() == whole
        kept = await tab.page.evaluate("JSON.parse(sessionStorage.getItem('kilo-chat'))")
        assert kept[1]["text"] == kept[1]["message"]["content"]
        assert whole.split() == kept[1]["text"].split()


@in_a_browser
async def test_a_connection_that_is_lost_comes_back_with_the_rest(new_tab: Any) -> None:
    async with demo(tokens_per_second=150) as url:
        tab = await new_tab()
        await tab.open(url)
        await tab.ask("Tell me a story in 250 words")
        await tab.grown(50)
        await tab.page.context.set_offline(True)
        await tab.page.evaluate("performance.now()")
        await tab.page.context.set_offline(False)
        await tab.over()
        kept = await tab.page.evaluate("JSON.parse(sessionStorage.getItem('kilo-chat'))")
        assert kept[1]["text"] == kept[1]["message"]["content"]


@in_a_browser
async def test_a_server_that_restarts_is_told_honestly(new_tab: Any) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    async with LocalGateway(tokens_per_second=150) as gateway:
        tab = await new_tab()
        async with demo(client_of=gateway, port=port) as url:
            await tab.open(url)
            await tab.ask("Write 5000 words")
            await tab.grown(40)
        # It was told by the server that stopped, and the page says so.
        await tab.over()
        assert "The answer was cut" in await tab.text(".theirs .trouble")
        before = await tab.text()
        assert before.startswith("You said")
        await tab.state("closed")
        assert "No connection, next try in" in await tab.text("#state")
        assert await tab.page.is_disabled("#send")
        async with demo(client_of=gateway, port=port):
            await tab.state("open")
            assert await tab.text() == before
            await tab.page.fill("#prompt", "unsent")
            await tab.page.click(".trouble button")
            await tab.grown(40)
            assert await tab.page.input_value("#prompt") == "unsent"
            # Gone without a word: the answer is not to be had any more.
            await tab.page.evaluate(
                "() => { const key = 'kilo-chat';"
                " addEventListener('pagehide', () => { const kept = JSON.parse("
                "sessionStorage.getItem(key)); kept[1].stream = 'gone';"
                " sessionStorage.setItem(key, JSON.stringify(kept)); }); }"
            )
            await tab.page.reload()
            await tab.over()
            assert "This answer was lost" in await tab.text(".theirs .trouble")
            assert (await tab.text()).startswith("You said")


@in_a_browser
async def test_what_is_too_long_to_be_sent_is_told_and_not_sent_for_ever(new_tab: Any) -> None:
    async with LocalGateway() as gateway, demo(client_of=gateway) as url:
        tab = await new_tab()
        await tab.open(url)
        sockets: list[Any] = []
        tab.page.on("websocket", lambda one: sockets.append(one))
        await tab.page.evaluate("document.querySelector('#prompt').value = 'x'.repeat(1_100_000)")
        await tab.page.press("#prompt", "Enter")
        await tab.over()
        assert "too long to be sent" in await tab.text(".theirs .trouble")
        with anyio.fail_after(60):
            while not sockets:  # noqa: ASYNC110 - a list tells no event
                await anyio.sleep(0.01)
        await tab.state("open")
        # Longer than it waits before it tries once more.
        await anyio.sleep(1.0)
        assert await tab.page.get_attribute("#state", "data-state") == "open"
        assert len(sockets) == 1
        await tab.page.click("#fresh")
        await tab.ask("9 tokens")
        await tab.over()
        assert (await tab.text()).startswith("You said: 9 tokens")
        assert len(gateway.requests) == 1


MARKDOWN = """\
# Title

**bold** *slant* `code` ~~gone~~ [web](https://example.org/a_b) __strong__ snake_case_name

1. one
2. two
   - inner

> quoted

```js
let x = "<b>";
```

| a | b |
|---|---|
| 1 | `2` |

<img src=x onerror="window.caught=1"> <script>window.caught=1</script>
[trap](javascript:window.caught=1) [data](data:text/html,x) <a href="javascript:1">x</a>
"""


@in_a_browser
async def test_markdown_is_shown_and_nothing_in_it_runs(new_tab: Any, tmp_path: Path) -> None:
    def event(delta: dict[str, Any], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return b"data: " + orjson.dumps({"id": "gen-1", "choices": [choice]}) + b"\n\n"

    pieces = [MARKDOWN[at : at + 7] for at in range(0, len(MARKDOWN), 7)]
    events = [event({"content": piece}) for piece in pieces]
    recording = tmp_path / "markdown.sse"
    recording.write_bytes(b"".join(events) + event({}, "stop") + b"data: [DONE]\n\n")
    async with demo(replay=recording, tokens_per_second=400) as url:
        tab = await new_tab()
        await tab.open(url)
        await tab.ask("<b>me</b>")
        await tab.over()
        assert await tab.text(".mine .said") == "<b>me</b>"
        html = await tab.page.inner_html(".theirs .said")
    assert "<h3>Title</h3>" in html
    assert "<strong>bold</strong> <em>slant</em> <code>code</code> <s>gone</s>" in html
    assert 'href="https://example.org/a_b"' in html
    assert "<strong>strong</strong> snake_case_name" in html
    assert "<ol><li>one</li><li>two<ul><li>inner</li></ul></li></ol>" in html
    assert "<blockquote><p>quoted</p></blockquote>" in html
    assert '<code>let x = "&lt;b&gt;";</code>' in html
    assert "<tr><td>1</td><td><code>2</code></td></tr>" in html
    assert "&lt;img src=x" in html
    assert re.findall(r'<a [^>]*href="(?!https:)', html) == []
    assert not re.search("<(img|script|iframe|a href=.javascript)", html)
    assert await tab.page.evaluate("window.caught") is None


@in_a_browser
async def test_no_markdown_makes_the_page_hang(new_tab: Any) -> None:
    long = {
        "# a" + " " * 400_000 + "b": "h3",
        "# " + "#" * 400_000 + "b": "h3",
        "# title ##": "h3",
        "a|b\n" + " " * 400_000 + "x": "p",
        "a|b\n  :-|-: ": "div",
        "**a " * 20_000: "p",
        "~~a " * 20_000: "p",
        "__a " * 20_000: "p",
    }
    async with demo() as url:
        tab = await new_tab()
        await tab.open(url)
        shown = await tab.page.evaluate(
            "async texts => { const { blocksOf, render } = await import('./markdown.js');"
            " return texts.map(text => blocksOf(text).map(render).map("
            "node => [node.localName, node.textContent])); }",
            list(long),
        )
    assert [[name for name, _ in blocks] for blocks in shown] == [[one] for one in long.values()]
    assert shown[2] == [["h3", "title"]]
    assert shown[5] == [["p", "**a " * 20_000]]


@in_a_browser
async def test_dark_narrow_and_by_keyboard_alone(new_tab: Any) -> None:
    async with demo() as url:
        narrow = {"width": 360, "height": 640}
        tab = await new_tab(color_scheme="dark", viewport=narrow)
        await tab.open(url)

        async def ground() -> str:
            return str(await tab.page.evaluate("getComputedStyle(document.body).backgroundColor"))

        assert await ground() == "rgb(18, 18, 24)"
        page = tab.page
        width = await page.evaluate("document.documentElement.scrollWidth")
        assert width == 360
        assert await page.evaluate("document.activeElement.id") == "prompt"
        await page.keyboard.type("9 tokens")
        await page.keyboard.press("Shift+Enter")
        await page.keyboard.type("please")
        await page.keyboard.press("Enter")
        await tab.over()
        assert await tab.text(".mine .said") == "9 tokens\nplease"
        await page.keyboard.press("ArrowUp")
        assert await page.input_value("#prompt") == "9 tokens\nplease"
        await page.click("#theme")
        assert await ground() == "rgb(251, 251, 253)"
        await page.reload()
        assert await ground() == "rgb(251, 251, 253)"
        await page.click("#fresh")
        assert await page.is_visible("#empty")
        await page.reload()
        assert await page.is_visible("#empty")


async def test_the_page_is_served_whole_and_lets_nothing_else_in() -> None:
    async with demo() as url, aiohttp.ClientSession() as session:
        for file in sorted(PAGE.iterdir()):
            async with session.get(url + file.name) as answer:
                assert (answer.status, await answer.read()) == (200, file.read_bytes())
                policy = answer.headers["Content-Security-Policy"]
                assert "default-src 'none'" in policy
                assert "unsafe" not in policy
        async with session.get(url) as answer:
            assert b"<title>" in await answer.read()
        async with session.get(url + "models.json") as answer:
            assert await answer.json() == list(DEMO_MODELS)
        for path in ("chat.py", "..%2Fdemo.py", "a/b"):
            async with session.get(url + path) as answer:
                assert answer.status == 404


def test_the_page_loads_nothing_from_elsewhere() -> None:
    for file in PAGE.iterdir():
        text = file.read_text("utf-8")
        assert not re.search(r"(src|href|url\(|import|from)\W{0,3}(https?:)?//\w", text), file.name
        assert "innerHTML" not in text
