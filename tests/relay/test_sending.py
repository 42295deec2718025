"""A stream of the app's own, in a socket that the app has accepted."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from kilo_sdk import KiloClient
from kilo_sdk.emulator import LocalGateway
from kilo_sdk.relay import EndedAnswer, RelayLimits, WebSocketRelay
from tests.support.raw_streams import chunk, reply

pytestmark = pytest.mark.anyio

Send = Callable[[Any], Awaitable[None]]


@pytest.fixture
def chat(run_app: Any, asgi: Any, server: str) -> Callable[[Send], Awaitable[Any]]:
    """``browser = await chat(send)``: ``send`` gets the accepted socket, on either server."""

    async def on_aiohttp(send: Send) -> Any:
        async def handle(request: web.Request) -> web.StreamResponse:
            ws = web.WebSocketResponse()
            await ws.prepare(request)
            await send(ws)
            return ws

        return await run_app(handle)

    async def on_asgi(send: Send) -> Any:
        from starlette.applications import Starlette
        from starlette.routing import WebSocketRoute
        from starlette.websockets import WebSocket

        async def handle(socket: WebSocket) -> None:
            await socket.accept()
            await send(socket)

        return await asgi(Starlette(routes=[WebSocketRoute("/ws", handle)]))

    return on_aiohttp if server == "aiohttp" else on_asgi


@asynccontextmanager
async def asked(client: KiloClient, words: str) -> AsyncIterator[Any]:
    async with client.chat.completions.stream(messages=words) as stream:
        yield stream
        assert stream.closed


async def test_closing_the_relay_cuts_it_and_closes_with_1001(
    client: KiloClient, gateway: LocalGateway, chat: Any, eventually: Any
) -> None:
    relay, ended = WebSocketRelay(client), list[EndedAnswer]()

    async def send(socket: Any) -> None:
        async with asked(client, "5000 tokens") as stream:
            ended.append(await relay.send(stream, socket))

    browser = await chat(send)
    await browser.hear_until("text")
    assert relay.open_sockets == 1
    await relay.close()
    assert await browser.hear_close() == 1001
    assert (browser.frames[-1]["type"], browser.frames[-1]["state"]) == ("error", "cut")
    await eventually(lambda: ended)
    assert (ended[0].state, relay.open_sockets) == ("cut", 0)
    assert ended[0].completion is not None
    assert ended[0].completion.text.startswith(browser.text())
    await eventually(lambda: gateway.open_streams == 0)


async def test_a_relay_that_is_closed_sends_nothing_more(
    client: KiloClient, chat: Any, eventually: Any
) -> None:
    relay, ended = WebSocketRelay(client), list[EndedAnswer]()
    await relay.close()

    async def send(socket: Any) -> None:
        async with asked(client, "5000 tokens") as stream:
            ended.append(await relay.send(stream, socket))

    browser = await chat(send)
    assert await browser.hear_close() == 1001
    assert browser.frames[-1]["state"] == "cut"
    await eventually(lambda: ended)
    assert ended[0].state == "cut"


async def test_a_client_that_left_hears_nothing_of_the_next_one(
    client: KiloClient, chat: Any, eventually: Any
) -> None:
    relay, ended, raised = WebSocketRelay(client), list[EndedAnswer](), list[BaseException]()

    async def send(socket: Any) -> None:
        try:
            for _ in range(2):
                async with asked(client, "5000 tokens") as stream:
                    ended.append(await relay.send(stream, socket))
        except Exception as exc:
            raised.append(exc)

    browser = await chat(send)
    await browser.hear_until("text")
    await browser.socket.close()
    await eventually(lambda: raised or len(ended) == 2)
    assert raised == []
    assert [one.state for one in ended] == ["cancelled", "cancelled"]


@pytest.mark.parametrize("way", ["send", "serve"])
async def test_a_client_that_reads_nothing_is_dropped(
    way: str, client: KiloClient, gateway: LocalGateway, run_app: Any, eventually: Any
) -> None:
    limits = RelayLimits(
        send_timeout=0.2, close_timeout=0.1, max_waiting_bytes=2**30, max_answer_bytes=2**30
    )
    ended, requests = list[EndedAnswer](), list[web.Request]()
    relay = WebSocketRelay(client, limits=limits, on_end=ended.append)
    # More than the kernel keeps on the way.
    gateway.enqueue(reply([chunk("x" * 50_000)] * 400, b"", ending="hang"))

    async def chat(request: web.Request) -> web.StreamResponse:
        requests.append(request)
        if way == "serve":
            return await relay.serve(request)
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        async with asked(client, "hi") as stream:
            ended.append(await relay.send(stream, ws))
        return ws

    browser = await run_app(chat)
    if way == "serve":
        await browser.prompt("hi")
    await browser.hear_until("start")
    transport = browser.socket._response.connection.transport
    transport.pause_reading()
    await eventually(lambda: ended)
    assert [one.state for one in ended] == ["cancelled"]
    # Nothing waits for a peer that takes nothing.
    await eventually(lambda: requests[0].transport is None)
    transport.abort()  # or the client would wait for an end that it does not read
