"""Answers over plain HTTP, on both kinds of server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import aiohttp
import anyio
import orjson
import pytest
from aiohttp import web

from kilo_sdk import KiloClient
from kilo_sdk.emulator import LocalGateway
from kilo_sdk.relay import (
    Handshake,
    MemoryStreamStore,
    Prompt,
    RelayLimits,
    StoreError,
    StreamLog,
    WebSocketRelay,
)
from kilo_sdk.relay.events import Ended, Text
from kilo_sdk.relay.framing import JSONFraming, OpenAIFraming
from kilo_sdk.relay.refusals import CUT, RelayRefusedError
from kilo_sdk.relay.sse_exchange import SSEFraming
from kilo_sdk.sse import ServerSentEvent, SSEParser

pytestmark = pytest.mark.anyio

Ask = Callable[..., Any]


@pytest.fixture
async def ask(servers: Any, server: str) -> AsyncIterator[Callable[..., Any]]:
    """``ask = at(relay)``, then ``async with ask("POST", json=...) as answer``."""
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(aiohttp.ClientSession())

        async def at(relay: WebSocketRelay) -> Ask:
            if server == "aiohttp":
                app = web.Application()
                app.router.add_route("*", "/sse", relay.serve_sse)
                port = await stack.enter_async_context(servers.aiohttp(app))
            else:
                port = await stack.enter_async_context(servers.uvicorn(relay))
            stack.push_async_callback(relay.close)

            def request(method: str, query: str = "", **options: Any) -> Any:
                return session.request(method, f"http://127.0.0.1:{port}/sse{query}", **options)

            return request

        yield at


async def events_of(answer: aiohttp.ClientResponse, most: int = 10**6) -> list[ServerSentEvent]:
    parser, events = SSEParser(), list[ServerSentEvent]()
    with anyio.fail_after(60):
        async for part in answer.content.iter_any():
            events += parser.feed(part)
            if len(events) >= most:
                break
    return events


def text_of(events: list[ServerSentEvent]) -> str:
    return "".join(orjson.loads(one.data)["text"] for one in events if one.event == "text")


async def test_a_prompt_is_answered_as_events(client: KiloClient, ask: Any) -> None:
    request = await ask(WebSocketRelay(client))
    async with request("POST", json={"messages": "20 tokens", "id": "r"}) as answer:
        assert answer.headers["Content-Type"] == "text/event-stream; charset=utf-8"
        assert answer.headers["Cache-Control"] == "no-store"
        events = await events_of(answer)
    assert [events[0].event, events[-2].event, events[-1].event] == ["start", "usage", "done"]
    done = orjson.loads(events[-1].data)
    assert text_of(events) == done["message"]["content"]
    assert [int(one.id) for one in events] == [orjson.loads(one.data)["seq"] for one in events]


async def test_an_event_source_asks_reads_loses_and_resumes(
    client: KiloClient, gateway: LocalGateway, ask: Any
) -> None:
    request = await ask(WebSocketRelay(client, linger=30))
    headers = {"Accept": "application/json"}
    async with request("POST", json={"messages": "100 tokens"}, headers=headers) as answer:
        assert answer.status == 201
        stream = (await answer.json())["stream"]
    async with request("GET", f"?stream={stream}") as answer:
        first = await events_of(answer, most=5)
    last = {"Last-Event-ID": first[-1].id}
    async with request("GET", f"?stream={stream}", headers=last) as answer:
        rest = await events_of(answer)
    done = orjson.loads(rest[-1].data)
    assert text_of(first + rest) == done["message"]["content"]
    assert len(gateway.requests) == 1
    async with request("GET", f"?stream={stream}", headers={"Last-Event-ID": rest[-1].id}) as end:
        assert (end.status, await end.read()) == (204, b"")


async def test_leaving_stops_generation(
    client: KiloClient, gateway: LocalGateway, ask: Any, eventually: Any
) -> None:
    request = await ask(WebSocketRelay(client))
    async with request("POST", json={"messages": "5000 tokens"}) as answer:
        await events_of(answer, most=3)
        left = asyncio.get_running_loop().time()
        answer.close()
    (received,) = gateway.requests
    await eventually(lambda: received.disconnected_at is not None)
    assert received.disconnected_at is not None
    assert received.disconnected_at - left < 0.2


async def test_closing_the_relay_ends_event_streams_and_those_of_answers_written_elsewhere(
    client: KiloClient, ask: Any
) -> None:
    store, limits = MemoryStreamStore(), RelayLimits(close_timeout=0.05)
    async with WebSocketRelay(client, store=store) as elsewhere:
        relay = WebSocketRelay(client, store=store, limits=limits)
        request = await ask(relay)
        log = await elsewhere.answers.begin(Prompt(messages="5000 tokens"))
        own = await relay.answers.begin(Prompt(messages="5000 tokens"))
        async with (
            request("GET", f"?stream={log.stream}") as answer,
            request("GET", f"?stream={own.stream}") as own_answer,
        ):
            await events_of(answer, most=3)
            await events_of(own_answer, most=3)
            await relay.close()
            # Whoever comes back goes on with one of them, and hears that the other is over.
            assert (await events_of(answer))[-1].event == "text"
            assert (await events_of(own_answer))[-1].event == "error"
        assert (log.state, own.state) == (None, "cut")


async def test_a_stream_that_nothing_tells_the_end_of_is_refused_while_the_relay_closes(
    client: KiloClient, ask: Any
) -> None:
    store = MemoryStreamStore()
    relay = WebSocketRelay(client, store=store)
    request = await ask(relay)
    writer = await store.create("s", None)
    assert writer is not None
    writer.append(Text("a"))
    await relay.close()
    async with request("GET", "?stream=s") as answer:
        assert (answer.status, (await answer.json())["error"]["code"]) == (503, "unavailable")
    await writer.end(Ended())
    async with request("GET", "?stream=s") as answer:
        assert [one.event for one in await events_of(answer)] == ["text", "done"]


async def test_whoever_is_ahead_of_a_log_that_was_cut_hears_of_the_cut(
    client: KiloClient, ask: Any
) -> None:
    store = MemoryStreamStore()
    request = await ask(WebSocketRelay(client, store=store))
    writer = await store.create("s", None)
    assert writer is not None
    await writer.end(CUT)
    async with request("GET", "?stream=s&after=5") as answer:
        (cut,) = await events_of(answer)
    assert (cut.event, cut.id) == ("error", "1")
    async with request("GET", "?stream=s&after=1") as answer:
        assert answer.status == 204


async def test_a_client_that_reads_nothing_is_dropped(
    client: KiloClient, ask: Any, server: str, eventually: Any
) -> None:
    store = MemoryStreamStore()
    limits = RelayLimits(send_timeout=0.1, close_timeout=0.1, max_waiting_bytes=2**30)
    relay = WebSocketRelay(client, store=store, limits=limits)
    request = await ask(relay)
    writer = await store.create("s", None)
    assert writer is not None
    writer.append(Text("a"))
    async with request("GET", "?stream=s") as answer:
        await events_of(answer, most=1)
        answer.connection.transport.pause_reading()
        serving = asyncio.all_tasks()
        for _ in range(400):
            # More than the kernel keeps on the way.
            writer.append(Text("x" * 50_000))
            await asyncio.sleep(0)
        await eventually(lambda: not writer.log.is_watched)
        if server == "uvicorn":
            # Nobody takes the end of the stream either: its server is told that the app is done.
            await eventually(
                lambda: any("run_asgi" in str(task) and task.done() for task in serving)
            )
        else:
            answer.connection.transport.resume_reading()
            with pytest.raises(aiohttp.ClientError):
                await events_of(answer)


async def test_delete_stops_and_the_reader_hears_of_it(
    client: KiloClient, gateway: LocalGateway, ask: Any
) -> None:
    request = await ask(WebSocketRelay(client))
    async with request("POST", json={"messages": "5000 tokens"}) as answer:
        (start, *_) = await events_of(answer, most=1)
        stream = orjson.loads(start.data)["stream"]
        async with request("DELETE", f"?stream={stream}") as stopped:
            assert stopped.status == 204
        events = await events_of(answer)
    assert orjson.loads(events[-1].data)["state"] == "cancelled"


async def test_chunks_read_as_the_gateways_own_stream(client: KiloClient, ask: Any) -> None:
    request = await ask(WebSocketRelay(client))
    async with request("POST", "?format=openai", json={"messages": "9 tokens"}) as answer:
        *chunks, done = await events_of(answer)
    assert done.data == "[DONE]"
    deltas = [one["delta"] for chunk in chunks for one in orjson.loads(chunk.data)["choices"]]
    assert "".join(d.get("content", "") for d in deltas) == "You said: 9 tokens. The river runs"


@pytest.mark.parametrize(
    ("method", "query", "body", "headers", "status", "code"),
    [
        ("POST", "", "{", {}, 400, "bad_message"),
        ("POST", "", "[]", {}, 400, "bad_message"),
        ("POST", "", "{}", {}, 400, "bad_prompt"),
        ("POST", "", '{"messages":"hi","model":"a/b"}', {}, 403, "not_allowed"),
        ("POST", "", "x" * 2000, {}, 413, "too_big"),
        ("POST", "", "{}", {"Origin": "http://evil.example"}, 403, "not_allowed"),
        ("POST", "", "{}", {"Origin": "http://["}, 403, "not_allowed"),
        ("GET", "?stream=unknown", "", {}, 404, "unknown_stream"),
        ("GET", "?stream=unknown&after=x", "", {}, 400, "bad_message"),
        ("GET", "", "", {}, 400, "bad_message"),
        ("DELETE", "?stream=unknown", "", {}, 404, "unknown_stream"),
        ("GET", "?stream=unknown&user=nobody", "", {}, 401, "unauthorized"),
    ],
)
async def test_what_is_refused_is_told(
    method: str,
    query: str,
    body: str,
    headers: dict[str, str],
    status: int,
    code: str,
    client: KiloClient,
    gateway: LocalGateway,
    ask: Any,
) -> None:
    request = await ask(
        WebSocketRelay(
            client,
            limits=RelayLimits(max_message_bytes=1000),
            authorize=lambda at: None if at.query.get("user") == "nobody" else "anna",
        )
    )
    async with request(method, query, data=body, headers=headers) as answer:
        assert answer.status == status
        assert (await answer.json())["error"]["code"] == code
    assert not gateway.requests


def told_browsers(answer: aiohttp.ClientResponse) -> dict[str, str]:
    """What a browser is told of who may read an answer."""
    names = ("vary", "access-control-")
    return {
        name.lower(): value
        for name, value in answer.headers.items()
        if name.lower().startswith(names)
    }


async def test_a_page_of_an_origin_that_is_named_reads_whatever_is_answered(
    client: KiloClient, ask: Any
) -> None:
    def authorize(handshake: Handshake) -> str | None:
        return None if handshake.query.get("user") == "nobody" else "anna"

    page = {"Origin": "https://app.example"}
    shared = {
        "vary": "Origin",
        "access-control-allow-origin": "https://app.example",
        "access-control-allow-credentials": "true",
    }
    relay = WebSocketRelay(client, origins=["https://app.example"], authorize=authorize, linger=60)
    request = await ask(relay)
    async with request("POST", json={"messages": "hi"}, headers=page) as answer:
        assert (answer.status, told_browsers(answer)) == (200, shared)
        (start, *_) = await events_of(answer)
    stream = orjson.loads(start.data)["stream"]
    for method, query, status in (
        ("GET", f"?stream={stream}", 200),
        ("GET", f"?stream={stream}&after=100", 200),
        ("GET", "?stream=unknown", 404),
        ("GET", "?user=nobody", 401),
        ("DELETE", f"?stream={stream}", 204),
        ("PUT", "", 405),
    ):
        async with request(method, query, headers=page) as answer:
            assert (answer.status, told_browsers(answer)) == (status, shared)
    async with request("GET", "?stream=unknown") as answer:
        assert (answer.status, told_browsers(answer)) == (404, {"vary": "Origin"})
    evil = {"Origin": "https://evil.example"}
    for method in ("GET", "POST", "DELETE"):
        async with request(method, f"?stream={stream}", headers=evil) as answer:
            assert (answer.status, told_browsers(answer)) == (403, {"vary": "Origin"})


async def test_browsers_that_ask_before_a_page_does_are_answered(
    client: KiloClient, ask: Any
) -> None:
    # Nobody is asked who it is: browsers send neither cookies nor keys with it.
    relay = WebSocketRelay(client, origins=["https://app.example"], authorize=lambda _: None)
    request = await ask(relay)
    wish = {"Access-Control-Request-Method": "DELETE", "Origin": "https://app.example"}
    async with request("OPTIONS", headers=wish) as answer:
        assert (answer.status, await answer.read()) == (204, b"")
        assert told_browsers(answer) == {
            "vary": "Origin",
            "access-control-allow-origin": "https://app.example",
            "access-control-allow-credentials": "true",
            "access-control-allow-methods": "GET, POST, DELETE",
            "access-control-allow-headers": "Content-Type, Last-Event-ID, Authorization",
            "access-control-max-age": "600",
        }
    async with request("OPTIONS", headers={**wish, "Origin": "https://evil.example"}) as answer:
        assert (answer.status, told_browsers(answer)) == (403, {"vary": "Origin"})


class Away(MemoryStreamStore):
    """One that is away while it is told to be."""

    is_away = True

    async def open(self, stream: str) -> StreamLog | None:
        if self.is_away:
            raise StoreError("away")
        return await super().open(stream)


async def test_an_event_source_that_comes_back_at_a_bad_moment_is_told_to_come_again(
    client: KiloClient, ask: Any
) -> None:
    store = Away()
    request = await ask(WebSocketRelay(client, store=store))
    writer = await store.create("s", None)
    assert writer is not None
    writer.append(Text("a"))
    await writer.end(Ended())
    source = {"Accept": "text/event-stream", "Last-Event-ID": "1"}
    async with request("GET", "?stream=s", headers=source) as answer:
        assert (answer.status, answer.headers["Content-Type"]) == (
            200,
            "text/event-stream; charset=utf-8",
        )
        assert await answer.read() == b"retry: 2000\n\n"
    # Whoever reads the status, and whoever asks for something new, is told what is wrong.
    for method, headers in (("GET", {}), ("DELETE", source)):
        async with request(method, "?stream=s", headers=headers) as answer:
            assert (answer.status, (await answer.json())["error"]["code"]) == (503, "unavailable")
    store.is_away = False
    async with request("GET", "?stream=s", headers=source) as answer:
        assert [(one.event, one.id) for one in await events_of(answer)] == [("done", "2")]


@pytest.mark.parametrize("method", ["HEAD", "PUT", "OPTIONS"])
async def test_methods_that_nothing_is_done_for_are_refused_and_the_connection_goes_on(
    method: str, client: KiloClient, ask: Any
) -> None:
    request = await ask(WebSocketRelay(client, linger=60))
    accept = {"Accept": "application/json"}
    async with request("POST", json={"messages": "hi"}, headers=accept) as answer:
        query = f"?stream={(await answer.json())['stream']}"
    async with request(method, query) as answer:
        assert (answer.status, answer.headers["Allow"]) == (405, "GET, POST, DELETE")
        assert await answer.read() == b""
    async with request("GET", query) as answer:
        assert (await events_of(answer))[-1].event == "done"


async def test_a_hook_that_fails_is_told_as_such(
    client: KiloClient, ask: Any, caplog: pytest.LogCaptureFixture
) -> None:
    def prepare(_: Any) -> Any:
        raise LookupError("of the app")

    request = await ask(WebSocketRelay(client, prepare=prepare))
    async with request("POST", json={"messages": "hi"}) as answer:
        assert answer.status == 500
        assert "of the app" not in await answer.text()
    assert "of the app" in caplog.text


def test_events_carry_number_and_kind() -> None:
    framing = SSEFraming(JSONFraming())
    assert framing.event("s", 7, Text("a\nb")) == (
        b'id: 7\nevent: text\ndata: {"type":"text","stream":"s","seq":7,"text":"a\\nb"}\n\n'
    )
    refusal = framing.refusal(RelayRefusedError("no"))
    assert refusal.startswith(b'event: error\ndata: {"type":"error"')
    assert framing.message('{"a":1}') == {"a": 1}
    chunks = SSEFraming(OpenAIFraming())
    assert chunks.event("s", 7, Text("a")).startswith(b'id: 7\ndata: {"id":"s"')
    assert chunks.event("s", 8, Ended()).endswith(b"\n\ndata: [DONE]\n\n")
