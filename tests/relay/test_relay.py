"""The relay as its clients meet it: over real sockets, on both kinds of server."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import anyio
import pytest
from aiohttp import web

from kilo_sdk import ConfigurationError, KiloClient, RetryPolicy, StreamInterruptedError
from kilo_sdk.emulator import LocalGateway
from kilo_sdk.relay import (
    EndedAnswer,
    Handshake,
    MemoryStreamStore,
    Prompt,
    PromptPolicy,
    RelayLimits,
    RelayRefusedError,
    WebSocketRelay,
)

pytestmark = pytest.mark.anyio

FILLER = "The river runs past the old mill and on to the sea."


async def test_a_prompt_is_answered_while_it_is_written(
    client: KiloClient, gateway: LocalGateway, serving: Any, server: str
) -> None:
    browser = await (await serving(WebSocketRelay(client), server))()
    await browser.prompt("20 tokens", id="mine")
    done = await browser.hear_until("done")
    start, *rest = browser.frames
    stream = start["stream"]
    assert start == {"type": "start", "request": "mine", "stream": stream, "seq": 1, "v": 1}
    assert browser.text() == f"You said: 20 tokens. {FILLER} Nobody"
    assert [frame["stream"] for frame in rest] == [stream] * len(rest)
    seqs = [frame["seq"] for frame in browser.frames]
    assert seqs == sorted(set(seqs))
    assert len([frame for frame in rest if frame["type"] == "text"]) > 3
    usage = {"prompt_tokens": 8, "completion_tokens": 20, "total_tokens": 28}
    assert {**usage, **rest[-2]["usage"]} == rest[-2]["usage"]
    assert rest[-2]["type"] == "usage"
    assert (done["state"], done["finish_reason"]) == ("done", "stop")
    assert done["usage"] == rest[-2]["usage"]
    assert "cost" not in done["usage"]
    assert done["message"]["content"] == browser.text()
    assert done["model"] == "openai/gpt-4.1"


async def test_reasoning_and_tool_calls_have_frames_of_their_own(
    client: KiloClient, serving: Any
) -> None:
    tool = {"type": "function", "function": {"name": "weather", "parameters": {}}}

    def prepare(prompt: Prompt) -> dict[str, Any]:
        return {
            "messages": prompt.messages,
            "model": "anthropic/claude-sonnet-4",
            "reasoning": "low",
            "tools": [tool],
        }

    browser = await (await serving(WebSocketRelay(client, prepare=prepare, report_cost=True)))()
    await browser.prompt("Oslo?")
    done = await browser.hear_until("done")
    assert browser.text("reasoning") == done["message"]["reasoning"]
    (call,) = [frame for frame in browser.frames if frame["type"] == "tool_call"]
    assert (call["index"], call["name"], call["arguments"]) == (0, "weather", "{}")
    assert done["finish_reason"] == "tool_calls"
    assert done["message"]["tool_calls"][0]["id"] == call["id"]
    assert done["message"]["reasoning_details"]
    assert float(done["usage"]["cost"]) > 0


async def test_closing_the_socket_stops_generation(
    client: KiloClient, gateway: LocalGateway, serving: Any, server: str, eventually: Any
) -> None:
    ended: list[EndedAnswer] = []
    browser = await (await serving(WebSocketRelay(client, on_end=ended.append), server))()
    await browser.prompt("5000 tokens")
    await browser.hear_until("text")
    left = asyncio.get_running_loop().time()
    await browser.socket.close()
    await eventually(lambda: ended)
    (request,) = gateway.requests
    await eventually(lambda: request.disconnected_at is not None)
    assert request.disconnected_at is not None
    assert request.disconnected_at - left < 0.1
    assert gateway.open_streams == 0
    (answer,) = ended
    assert answer.state == "cancelled"
    assert answer.completion is not None
    assert answer.completion.text.startswith("You")


async def test_a_connection_that_is_lost_without_a_close_stops_generation(
    client: KiloClient, gateway: LocalGateway, serving: Any, server: str, eventually: Any
) -> None:
    browser = await (await serving(WebSocketRelay(client), server))()
    await browser.prompt("5000 tokens")
    await browser.hear_until("text")
    left = asyncio.get_running_loop().time()
    connection = browser.socket._response.connection
    connection.transport.abort()
    (request,) = gateway.requests
    await eventually(lambda: request.disconnected_at is not None)
    assert request.disconnected_at is not None
    assert request.disconnected_at - left < 0.1


async def test_cancel_stops_generation_and_tells_what_had_come(
    client: KiloClient, gateway: LocalGateway, serving: Any, server: str, eventually: Any
) -> None:
    browser = await (await serving(WebSocketRelay(client), server))()
    await browser.prompt("5000 tokens")
    start = await browser.hear_until("start")
    await browser.hear_until("text")
    asked = asyncio.get_running_loop().time()
    await browser.say(type="cancel", stream=start["stream"])
    done = await browser.hear_until("done")
    assert asyncio.get_running_loop().time() - asked < 0.2
    (request,) = gateway.requests
    await eventually(lambda: request.disconnected_at is not None)
    assert request.disconnected_at is not None
    assert request.disconnected_at - asked < 0.1
    assert (done["state"], "finish_reason" in done) == ("cancelled", False)
    assert done["message"]["content"] == browser.text()
    assert done["usage"]["estimated"] is True
    assert done["usage"]["completion_tokens"] > 0
    assert done["usage"]["prompt_tokens"] > 0
    # The socket lives on.
    await browser.prompt("9 tokens")
    assert (await browser.hear_until("done"))["message"]["content"].endswith("The river runs")


async def test_a_client_that_comes_back_gets_the_rest_exactly_once(
    client: KiloClient, gateway: LocalGateway, serving: Any, server: str
) -> None:
    connect = await serving(WebSocketRelay(client, linger=30), server)
    first = await connect()
    await first.prompt("120 tokens")
    start = await first.hear_until("start")
    for _ in range(5):
        last = await first.hear_until("text")
    await first.socket.close()
    await anyio.sleep(0.1)
    second = await connect()
    await second.say(type="resume", stream=start["stream"], after=last["seq"])
    done = await second.hear_until("done")
    assert first.text() + second.text() == done["message"]["content"]
    assert second.frames[0]["seq"] > last["seq"]
    assert len(gateway.requests) == 1
    third = await connect()
    await third.say(type="resume", stream=start["stream"])
    await third.hear_until("done")
    assert third.text() == done["message"]["content"]
    assert len(third.frames) < 8, "what waits is joined"
    # All of it is there already: how it ended is told again.
    await third.say(type="resume", stream=start["stream"], after=done["seq"])
    assert await third.hear() == done


async def test_many_viewers_share_one_call(
    client: KiloClient, gateway: LocalGateway, serving: Any
) -> None:
    connect = await serving(WebSocketRelay(client))
    asker = await connect()
    await asker.prompt("60 tokens")
    stream = (await asker.hear_until("start"))["stream"]
    viewers = [await connect() for _ in range(5)]
    for viewer in viewers:
        await viewer.say(type="resume", stream=stream)
    texts = set()
    for viewer in [asker, *viewers]:
        await viewer.hear_until("done")
        texts.add(viewer.text())
    assert len(texts) == 1
    assert len(gateway.requests) == 1


async def test_one_viewer_that_leaves_stops_nothing_for_the_others(
    client: KiloClient, gateway: LocalGateway, serving: Any
) -> None:
    connect = await serving(WebSocketRelay(client))
    asker, viewer = await connect(), await connect()
    await asker.prompt("60 tokens")
    await viewer.say(type="resume", stream=(await asker.hear_until("start"))["stream"])
    await viewer.hear_until("text")
    await asker.socket.close()
    assert (await viewer.hear_until("done"))["state"] == "done"


async def test_a_prompt_with_a_key_is_answered_once(
    client: KiloClient, gateway: LocalGateway, serving: Any
) -> None:
    connect = await serving(WebSocketRelay(client, linger=30))
    first, second = await connect(), await connect()
    await first.prompt("40 tokens", key="a-key-of-16-chars", id="1")
    await first.hear_until("text")
    await first.prompt("40 tokens", key="a-key-of-16-chars", id="2")
    await second.prompt("40 tokens", key="a-key-of-16-chars", id="3")
    assert await first.hear_until("done") == await second.hear_until("done")
    assert first.text() == second.text()
    assert len([frame for frame in first.frames if frame["type"] == "start"]) == 1
    assert len(gateway.requests) == 1


async def test_only_the_owner_resumes_and_cancels(
    client: KiloClient, gateway: LocalGateway, serving: Any
) -> None:
    def authorize(handshake: Handshake) -> str | None:
        return handshake.query.get("user")

    def may_read(reader: str | None, stream: str, owner: str | None) -> bool:
        return (reader, owner) == ("guest", "anna")

    relay = WebSocketRelay(client, authorize=authorize, may_read=may_read)
    connect = await serving(relay)
    anna, bert, guest = [await connect(query=f"?user={u}") for u in ("anna", "bert", "guest")]
    await anna.prompt("300 tokens")
    stream = (await anna.hear_until("start"))["stream"]
    unknown = {
        "type": "error",
        "seq": 0,
        "code": "unknown_stream",
        "text": "there is no such answer, or it is not kept any more",
        "stream": stream,
    }
    await bert.say(type="resume", stream=stream)
    assert await bert.hear() == unknown
    await bert.say(type="cancel", stream=stream)
    assert await bert.hear() == unknown
    await bert.say(type="resume", stream="never-was")
    assert await bert.hear() == {**unknown, "stream": "never-was"}
    await guest.say(type="resume", stream=stream)
    await guest.hear_until("text")
    await guest.say(type="cancel", stream=stream)
    refused = await guest.hear_until("error")
    assert refused["code"] == "not_allowed"
    await anna.say(type="cancel", stream=stream)
    assert (await guest.hear_until("done"))["state"] == "cancelled"


@pytest.mark.parametrize("way", ["none", "no name", "refusal", "too late"])
async def test_nothing_is_spent_for_those_who_may_not_come_in(
    way: str, client: KiloClient, gateway: LocalGateway, serving: Any, server: str
) -> None:
    async def authorize(handshake: Handshake) -> str | None:
        if way == "refusal":
            raise RelayRefusedError("your trial is over", code="unauthorized")
        if way == "too late":
            await anyio.sleep(600)
        return "" if way == "no name" else None

    limits = RelayLimits(auth_timeout=0.05)
    connect = await serving(WebSocketRelay(client, authorize=authorize, limits=limits), server)
    browser = await connect()
    assert await browser.hear_close() == 4401
    words = "your trial is over" if way == "refusal" else "sign in first"
    assert browser.frames == [{"type": "error", "seq": 0, "code": "unauthorized", "text": words}]
    assert not gateway.requests


async def test_words_that_are_longer_than_a_close_frame_leave_its_code_alone(
    client: KiloClient, serving: Any, server: str
) -> None:
    def authorize(handshake: Handshake) -> str | None:
        raise RelayRefusedError("ж" * 300, code="unauthorized")

    browser = await (await serving(WebSocketRelay(client, authorize=authorize), server))()
    assert await browser.hear_close() == 4401
    assert [frame["text"] for frame in browser.frames] == ["ж" * 300]


async def test_an_auth_hook_that_fails_is_told_as_such_and_lets_nobody_in(
    client: KiloClient, serving: Any, server: str, caplog: pytest.LogCaptureFixture
) -> None:
    def authorize(handshake: Handshake) -> str | None:
        raise LookupError("the app's own")

    browser = await (await serving(WebSocketRelay(client, authorize=authorize), server))()
    assert await browser.hear_close() == 1011
    assert [frame["code"] for frame in browser.frames] == ["internal"]
    assert "LookupError" in caplog.text
    assert "the app's own" not in str(browser.frames)


@pytest.mark.parametrize("answer", [False, True, 7])
async def test_an_auth_hook_that_names_nobody_lets_nobody_in(
    answer: Any, client: KiloClient, serving: Any, server: str, caplog: pytest.LogCaptureFixture
) -> None:
    browser = await (await serving(WebSocketRelay(client, authorize=lambda _: answer), server))()
    assert await browser.hear_close() == 1011
    assert [frame["code"] for frame in browser.frames] == ["internal"]
    assert "authorize returns who it is" in caplog.text


@pytest.mark.parametrize(
    ("origins", "origin", "is_let_in"),
    [
        (None, None, True),
        (None, "same", True),
        (None, "http://evil.example", False),
        (None, "http://[", False),
        (["https://app.example"], "https://app.example", True),
        (["https://app.example"], "same", False),
        (["*"], "http://any.example", True),
    ],
)
async def test_pages_of_other_origins_are_refused(
    origins: list[str] | None,
    origin: str | None,
    is_let_in: bool,
    client: KiloClient,
    serving: Any,
    server: str,
) -> None:
    connect = await serving(WebSocketRelay(client, origins=origins), server)
    if origin == "same":
        browser = await connect()
        host = browser.socket._response.url.authority
        origin = f"http://{host}"
    headers = {} if origin is None else {"Origin": origin}
    if is_let_in:
        browser = await connect(headers=headers)
        await browser.prompt("9 tokens")
        await browser.hear_until("done")
    else:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await connect(headers=headers)
        assert refused.value.status == 403


async def test_a_version_that_is_not_spoken_closes_with_4406(
    client: KiloClient, serving: Any, server: str
) -> None:
    browser = await (await serving(WebSocketRelay(client), server))(
        protocols=["kilo-relay.v9.json"]
    )
    assert await browser.hear_close() == 4406
    assert browser.frames[0]["code"] == "unsupported_version"


async def test_what_is_wrong_with_a_message_is_told_and_others_are_unharmed(
    client: KiloClient, serving: Any, server: str
) -> None:
    browser = await (await serving(WebSocketRelay(client), server))()
    await browser.prompt("60 tokens")
    await browser.hear_until("text")
    wrong = {
        "{": "bad_message",
        "[1]": "bad_message",
        '{"type":"shout"}': "unknown_type",
        '{"type":"prompt","v":2,"messages":"hi","id":"x"}': "unsupported_version",
        '{"type":"prompt"}': "bad_prompt",
        '{"type":"resume","stream":"a b"}': "bad_message",
        '{"type":"prompt","messages":"hi","model":"a/b"}': "not_allowed",
        '{"type":"prompt","messages":[{"role":"system","content":"x"}]}': "not_allowed",
    }
    for message in wrong:
        await browser.socket.send_str(message)
    await browser.hear_until("done")
    told = [frame for frame in browser.frames if frame["type"] == "error"]
    assert sorted(frame["code"] for frame in told) == sorted(wrong.values())
    assert all(frame["seq"] == 0 for frame in told)


async def test_too_many_answers_at_once_are_refused(client: KiloClient, serving: Any) -> None:
    relay = WebSocketRelay(client, limits=RelayLimits(max_streams=2))
    browser = await (await serving(relay))()
    for name in "abc":
        await browser.prompt("3000 tokens", id=name)
    refused = await browser.hear_until("error")
    assert (refused["code"], refused["request"]) == ("too_many_streams", "c")
    assert relay.live_answers == 2


@pytest.mark.parametrize(
    ("flood", "code"),
    [("x" * 2000, 1009), ("{", 1008), ('{"type":"cancel","stream":"x"}', 1008)],
)
async def test_a_hostile_client_is_closed_and_others_go_on(
    flood: str, code: int, client: KiloClient, serving: Any, server: str
) -> None:
    limits = RelayLimits(max_message_bytes=1000, messages_per_second=10, max_invalid=5)
    relay = WebSocketRelay(client, limits=limits)
    connect = await serving(relay, server)
    good, bad = await connect(), await connect()
    await good.prompt("100 tokens")
    await good.hear_until("text")
    for _ in range(100):
        try:
            await bad.socket.send_str(flood)
        except ConnectionError:
            break
    assert await bad.hear_close() == code
    assert (await good.hear_until("done"))["state"] == "done"


async def test_an_idle_socket_is_closed_and_a_busy_one_is_not(
    client: KiloClient, serving: Any, server: str
) -> None:
    limits = RelayLimits(idle_timeout=0.2)
    connect = await serving(WebSocketRelay(client, limits=limits), server)
    idle, busy = await connect(), await connect()
    await busy.prompt("100 tokens")
    assert await idle.hear_close() == 4408
    assert (await busy.hear_until("done"))["state"] == "done"
    assert await busy.hear_close() == 4408


@pytest.mark.parametrize(
    ("fault", "code", "extra"),
    [
        ("status=429;retry_after=7", "rate_limited", {"retry_after": 7.0}),
        ("status=401", "unavailable", {}),
        ("status=402", "unavailable", {}),
        ("status=500", "upstream", {}),
        ("cut;after=5", "interrupted", {}),
    ],
)
async def test_errors_of_the_gateway_are_told_without_its_words(
    fault: str,
    code: str,
    extra: dict[str, Any],
    client: KiloClient,
    serving: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    ended: list[EndedAnswer] = []

    def prepare(prompt: Prompt) -> dict[str, Any]:
        headers = {"X-Kilo-Emulator-Fault": fault}
        return {"messages": prompt.messages, "extra_headers": headers}

    one_try = client.with_options(retries=RetryPolicy(max_attempts=1))
    browser = await (await serving(WebSocketRelay(one_try, prepare=prepare, on_end=ended.append)))()
    await browser.prompt("a private question")
    error = await browser.hear_until("error")
    assert (error["state"], error["code"]) == ("error", code)
    assert extra.items() <= error.items()
    assert set(error) <= {"type", "stream", "seq", "state", "code", "text", "retry_after", "usage"}
    (answer,) = ended
    assert answer.state == "error"
    assert answer.error is not None
    assert (code == "interrupted") == isinstance(answer.error, StreamInterruptedError)
    assert type(answer.error).__name__ in caplog.text
    for secret in ("secret-key", "private question"):
        assert secret not in caplog.text
        assert secret not in str(error)


async def test_hooks_that_fail_are_told_as_such_and_end_nothing_else(
    client: KiloClient, serving: Any, caplog: pytest.LogCaptureFixture
) -> None:
    def prepare(prompt: Prompt) -> dict[str, Any]:
        raise LookupError("the app's own")

    browser = await (await serving(WebSocketRelay(client, prepare=prepare)))()
    await browser.prompt("hi", id="1")
    told = await browser.hear()
    assert (told["code"], told["request"]) == ("internal", "1")
    assert "LookupError" in caplog.text
    assert "the app's own" not in str(told)


async def test_closing_the_relay_tells_readers_and_closes_with_1001(
    client: KiloClient, gateway: LocalGateway, serving: Any, server: str
) -> None:
    relay = WebSocketRelay(client)
    browser = await (await serving(relay, server))()
    await browser.prompt("5000 tokens")
    await browser.hear_until("text")
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(relay.close)
        error = await browser.hear_until("error")
        assert (error["state"], error["code"]) == ("cut", "cut")
        assert await browser.hear_close() == 1001
    assert gateway.open_streams == 0
    await relay.close()


async def test_a_slow_reader_is_dropped_and_may_come_back(
    client: KiloClient, gateway: LocalGateway, serving: Any, server: str
) -> None:
    async with (
        LocalGateway() as fast,
        KiloClient("k", base_url=fast.base_url, default_model="openai/gpt-4.1") as quick,
    ):
        limits = RelayLimits(send_timeout=0.4, close_timeout=30.0, messages_per_second=1000)
        relay = WebSocketRelay(quick, linger=30, limits=limits)
        connect = await serving(relay, server)
        slow = await connect(max_msg_size=0)
        await slow.prompt("100000 tokens")
        start = await slow.hear_until("start")
        done = await slow.hear_until("done")
        slow.socket._response.connection.transport.pause_reading()
        (connection,) = relay._connections
        with anyio.fail_after(60):
            # A megabyte each time, until the kernel has no room for more on the way.
            while connection._closing is None:
                await slow.say(type="resume", stream=start["stream"])
                await anyio.sleep(0.05)
        slow.socket._response.connection.transport.resume_reading()
        slow.frames.clear()
        assert await slow.hear_close() == 4409
        seen = slow.frames[max(at for at, f in enumerate(slow.frames) if f["type"] == "start") :]
        back = await connect(max_msg_size=0)
        await back.say(type="resume", stream=start["stream"], after=seen[-1]["seq"])
        assert await back.hear_until("done") == done
        texts = [f["text"] for f in [*seen, *back.frames] if f["type"] == "text"]
        assert "".join(texts) == done["message"]["content"]


async def test_a_stream_of_the_apps_own_is_sent_and_stopped_by_its_client(
    client: KiloClient, gateway: LocalGateway, run_app: Any
) -> None:
    relay, ended = WebSocketRelay(client), list[EndedAnswer]()

    async def chat(request: web.Request) -> web.StreamResponse:
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        async for message in ws:
            async with client.chat.completions.stream(messages=message.data) as stream:
                ended.append(await relay.send(stream, ws))
        return ws

    browser = await run_app(chat)
    await browser.socket.send_str("20 tokens")
    done = await browser.hear_until("done")
    assert browser.text() == done["message"]["content"]
    await browser.socket.send_str("5000 tokens")
    start = await browser.hear_until("start")
    await browser.say(type="prompt", messages="not here")
    assert (await browser.hear_until("error"))["code"] == "not_allowed"
    await browser.say(type="cancel", stream=start["stream"])
    assert (await browser.hear_until("done"))["state"] == "cancelled"
    await browser.socket.send_str("5000 tokens")
    await browser.hear_until("text")
    await browser.socket.close()
    with anyio.fail_after(60):
        while len(ended) < 3:  # noqa: ASYNC110 - a list tells no event
            await anyio.sleep(0.01)
    assert [one.state for one in ended] == ["done", "cancelled", "cancelled"]
    assert ended[0].completion is not None
    assert ended[0].completion.usage is not None
    assert gateway.open_streams == 0


async def test_a_socket_that_the_app_prepared_is_served_with_its_request(
    client: KiloClient, run_app: Any
) -> None:
    relay = WebSocketRelay(client, authorize=lambda handshake: handshake.query["user"])
    owners = []

    async def chat(request: web.Request) -> web.StreamResponse:
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        with pytest.raises(ConfigurationError, match="does not say who connects"):
            await relay.serve(ws)
        response = await relay.serve(ws, request=request)
        owners.append(response is ws)
        return response

    browser = await run_app(chat, query="?user=anna")
    await browser.prompt("9 tokens")
    assert (await browser.hear_until("done"))["state"] == "done"
    await browser.socket.close()
    with anyio.fail_after(60):
        while not owners:  # noqa: ASYNC110 - a list tells no event
            await anyio.sleep(0.01)
    assert owners == [True]


async def test_a_socket_that_the_app_prepared_for_a_page_of_another_origin_is_closed(
    client: KiloClient, run_app: Any, eventually: Any
) -> None:
    relay, returned = WebSocketRelay(client), list[bool]()

    async def chat(request: web.Request) -> web.StreamResponse:
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        response = await relay.serve(ws, request=request)
        returned.append(response is ws)
        return response

    browser = await run_app(chat, headers={"Origin": "http://evil.example"})
    assert await browser.hear_close() == 1008
    assert browser.frames == []
    await eventually(lambda: returned)
    assert returned == [True]


async def test_frames_keep_their_distance_where_told_to(client: KiloClient, serving: Any) -> None:
    limits = RelayLimits(min_interval=0.1)
    browser = await (await serving(WebSocketRelay(client, limits=limits)))()
    await browser.prompt("100 tokens")  # half a second's worth
    done = await browser.hear_until("done")
    assert browser.text() == done["message"]["content"]
    assert len(browser.frames) < 15


async def test_an_answer_past_the_limit_is_stopped(
    client: KiloClient, gateway: LocalGateway, serving: Any, eventually: Any
) -> None:
    limits = RelayLimits(max_answer_bytes=2000)
    browser = await (await serving(WebSocketRelay(client, limits=limits)))()
    await browser.prompt("5000 tokens")
    assert (await browser.hear_until("error"))["code"] == "too_long"
    await eventually(lambda: gateway.open_streams == 0)


async def test_a_store_that_is_full_is_told_as_such(client: KiloClient, serving: Any) -> None:
    store = MemoryStreamStore(max_streams=1)
    browser = await (await serving(WebSocketRelay(client, store=store)))()
    await browser.prompt("500 tokens", id="1")
    await browser.hear_until("start")
    await browser.prompt("500 tokens", id="2")
    refused = await browser.hear_until("error")
    assert (refused["code"], refused["request"]) == ("unavailable", "2")


async def test_the_policy_caps_what_is_asked(
    client: KiloClient, gateway: LocalGateway, serving: Any
) -> None:
    policy = PromptPolicy(models=["a/b"], max_tokens=7, system="Be brief.")
    browser = await (await serving(WebSocketRelay(client, prepare=policy)))()
    await browser.prompt("500 tokens", max_tokens=100)
    done = await browser.hear_until("done")
    assert done["finish_reason"] == "length"
    (request,) = gateway.requests
    assert request.payload["max_tokens"] == 7
    assert request.payload["messages"][0] == {"role": "system", "content": "Be brief."}


def test_arguments_that_cannot_work_are_refused() -> None:
    client = KiloClient("k")
    with pytest.raises(ConfigurationError, match="origins is a list"):
        WebSocketRelay(client, origins="https://app.example")
    with pytest.raises(ConfigurationError, match="linger is seconds"):
        WebSocketRelay(client, linger=-1)


async def test_a_stream_that_is_cut_and_gone_on_with_reaches_the_browser_once(
    client: KiloClient, gateway: LocalGateway, serving: Any, server: str
) -> None:
    resuming = client.with_options(
        resume="continue",
        default_model="mistralai/devstral-2512:free",
        retries=RetryPolicy(wait_initial=0),
        headers={"X-Kilo-Emulator-Fault": "cut;after=8;times=2"},
    )
    browser = await (await serving(WebSocketRelay(resuming), server))()
    await browser.prompt("30 tokens")
    done = await browser.hear_until("done")
    assert len(gateway.requests) == 3
    assert (done["state"], done["finish_reason"]) == ("done", "stop")
    more = "Nobody had counted the swallows under its roof that year."
    assert browser.text() == f"You said: 30 tokens. {FILLER} {more}"
    assert browser.text() == done["message"]["content"]
