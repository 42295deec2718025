"""Sequential calls share one connection; one that was left, cut or is late is not used again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import orjson
import pytest
from own_time import elapsed

from kilo_sdk import KiloClient, NotFoundError, ProtocolError, RetryPolicy

pytestmark = pytest.mark.anyio

WORD = b'data: {"id":"g","choices":[{"index":0,"delta":{"content":"word"}}]}\n\n'
END = b'data: {"id":"g","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
DONE = b"data: [DONE]\n\n"
BODY = orjson.dumps({"choices": [{"index": 0, "message": {"content": "word"}}]})
# Well within the moment for which the end of a body is awaited, and far beyond it.
SOON = 0.002
NEVER = 600.0


def whole(status: str, body: bytes, kind: str = "application/json") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


@pytest.fixture
def ask(serve: Any) -> Callable[..., Awaitable[Any]]:
    """Make calls to a server that answers each with these parts and pauses; give the server."""

    async def run(
        parts: list[bytes | float], call: Callable[[KiloClient], Awaitable[None]], times: int = 4
    ) -> Any:
        async def answer(request: Any) -> None:
            for part in parts:
                if isinstance(part, bytes):
                    await request.write(part)
                else:
                    await asyncio.sleep(part)

        async with (
            serve(answer) as server,
            KiloClient(base_url=server.base_url, retries=RetryPolicy(max_attempts=1)) as client,
        ):
            for _ in range(times):
                await call(client)
        return server

    return run


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(data), data)


async def create(client: KiloClient) -> None:
    assert (await client.chat.completions.create(messages="Hi")).text == "word"


async def stream_to_the_end(client: KiloClient) -> None:
    async with client.chat.completions.stream(messages="Hi") as stream:
        assert [text async for text in stream.text_deltas()] == ["word"]


async def stream_to_completion(client: KiloClient) -> None:
    stream = await client.chat.completions.create(messages="Hi", stream=True)
    assert (await stream.get_final_completion()).text == "word"


async def refused(client: KiloClient) -> None:
    with pytest.raises(NotFoundError):
        await client.chat.completions.create(messages="Hi")


async def test_answers_that_are_no_streams_share_a_connection(ask: Any) -> None:
    server = await ask([whole("200 OK", BODY)], create)
    assert (server.connections, len(server.calls)) == (1, 4)


async def test_refusals_leave_the_connection_as_it_was(ask: Any) -> None:
    body = b'{"error":"Model not found","message":"no"}'
    server = await ask([whole("404 Not Found", body)], refused)
    assert server.connections == 1


@pytest.mark.parametrize("call", [stream_to_the_end, stream_to_completion])
@pytest.mark.parametrize(
    "parts",
    [
        [chunk(WORD + END + DONE) + b"0\r\n\r\n"],
        [chunk(WORD), chunk(END), chunk(DONE), b"0\r\n\r\n"],
        [chunk(WORD + END + DONE), SOON, b"0\r\n\r\n"],
        [chunk(WORD + END + DONE + b": bye\n\n") + chunk(b"data: more\n\n"), SOON, b"0\r\n\r\n"],
        [chunk(WORD + DONE), SOON, chunk(b": bye\n\n"), SOON, chunk(b"x"), b"0\r\n\r\n"],
        [chunk(WORD + END), b"0\r\n\r\n"],
        [chunk(WORD + END + b"data: [DONE]"), b"0\r\n\r\n"],
    ],
    ids=[
        "all at once",
        "in parts",
        "body end later",
        "more after done",
        "more, later",
        "no done",
        "no blank line",
    ],
)
async def test_streams_that_ended_share_a_connection(
    parts: list[bytes | float], call: Any, ask: Any, stream_head: bytes
) -> None:
    server = await ask([stream_head, *parts], call)
    assert (server.connections, len(server.calls)) == (1, 4)


async def test_a_body_whose_end_does_not_come_holds_nobody_up(ask: Any, stream_head: bytes) -> None:
    parts = [stream_head, chunk(WORD + END + DONE), NEVER, b"0\r\n\r\n"]
    with elapsed(0):
        server = await ask(parts, stream_to_completion, 3)
    assert server.connections == 3


async def test_a_flood_after_the_end_holds_nobody_up(serve: Any, stream_head: bytes) -> None:
    async def answer(request: Any) -> None:
        await request.write(stream_head, chunk(WORD + END + DONE))
        while True:
            await request.chunk(b": more\n\n" * 1000)

    async with serve(answer) as server, KiloClient(base_url=server.base_url) as client:
        with elapsed(0):
            for _ in range(3):
                await stream_to_completion(client)
        assert server.connections == 3


@pytest.mark.parametrize(
    "body", [b"<html>no</html>", b"[1]", b"{}"], ids=["a page", "a list", "no choices"]
)
async def test_an_answer_of_the_wrong_kind_that_came_whole_costs_no_connection(
    body: bytes, ask: Any
) -> None:
    async def call(client: KiloClient) -> None:
        with pytest.raises(ProtocolError):
            await client.chat.completions.create(messages="Hi")

    server = await ask([whole("200 OK", body)], call)
    assert server.connections == 1


async def test_a_stream_that_was_left_does_not_lend_its_connection(
    ask: Any, stream_head: bytes
) -> None:
    async def leave(client: KiloClient) -> None:
        async with client.chat.completions.stream(messages="Hi") as stream:
            await anext(stream)

    server = await ask([stream_head, chunk(WORD), SOON, chunk(END), b"0\r\n\r\n"], leave)
    assert server.connections == 4


async def test_a_connection_that_the_server_closed_while_idle_is_replaced(serve: Any) -> None:
    async def answer(request: Any) -> None:
        await request.write(whole("200 OK", BODY))
        await asyncio.sleep(SOON)
        request.cut()

    async with serve(answer) as server, KiloClient(base_url=server.base_url) as client:
        for _ in range(3):
            await create(client)
            await anyio.sleep(20 * SOON)
        assert (server.connections, len(server.calls)) == (3, 3)
