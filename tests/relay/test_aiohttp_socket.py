"""aiohttp.web's sockets: framings, sizes, and a server that is gone."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import anyio
import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from kilo_sdk import KiloClient
from kilo_sdk.relay import RelayLimits, WebSocketRelay
from kilo_sdk.relay.aiohttp_socket import AiohttpSocket, aiohttp_handshake, is_request, is_socket
from kilo_sdk.relay.sockets import SocketClosedError

pytestmark = pytest.mark.anyio


async def test_a_request_says_who_is_at_the_door() -> None:
    headers = {"Sec-WebSocket-Protocol": "a, kilo-relay.v1.json", "Cookie": "session=s"}
    handshake = aiohttp_handshake(make_mocked_request("GET", "/ws?a=1&a=2", headers=headers))
    assert handshake.subprotocols == ("a", "kilo-relay.v1.json")
    assert (handshake.path, handshake.query, handshake.cookies) == (
        "/ws",
        {"a": "2"},
        {"session": "s"},
    )


async def test_before_the_handshake_there_is_nobody() -> None:
    socket = AiohttpSocket(make_mocked_request("GET", "/"), RelayLimits())
    with pytest.raises(SocketClosedError):
        await socket.send(b"", is_text=True)
    with pytest.raises(SocketClosedError):
        await socket.receive()
    await socket.close(1000, "")
    assert socket.at_once(is_text=True) is None
    assert not is_request(socket)
    assert not is_socket(socket)


async def test_a_frame_goes_at_once_while_the_peer_takes_it(run_app: Any, eventually: Any) -> None:
    told: list[bool] = []

    async def handle(request: web.Request) -> web.StreamResponse:
        response = web.WebSocketResponse()
        await response.prepare(request)
        socket = AiohttpSocket(request, RelayLimits(), response)
        await socket.accept(None)
        at_once, transport = socket.at_once(is_text=True), request.transport
        assert at_once is not None
        assert transport is not None
        told.extend([at_once(b"a"), at_once(b"x" * 5000), at_once(b"b")])
        # Until the kernel takes no more: its peer does not read.
        while at_once(b"x" * 4000):
            pass
        transport.abort()
        await asyncio.sleep(0)
        told.append(at_once(b"late"))
        return response

    await run_app(handle)
    await eventually(lambda: len(told) == 4)
    assert told == [True, False, True, False]


async def test_what_is_compressed_may_have_to_wait(run_app: Any, eventually: Any) -> None:
    told: list[object] = []

    async def handle(request: web.Request) -> web.StreamResponse:
        response = web.WebSocketResponse(compress=True)
        await response.prepare(request)
        told.append(AiohttpSocket(request, RelayLimits(), response).at_once(is_text=True))
        return response

    await run_app(handle, compress=15)
    await eventually(lambda: told)
    assert told == [None]


async def test_msgpack_is_spoken_where_it_is_asked_for(
    client: KiloClient, serving: Any, server: str
) -> None:
    msgpack = pytest.importorskip("msgpack")
    connect = await serving(WebSocketRelay(client), server)
    browser = await connect(protocols=["kilo-relay.v1.msgpack"])
    assert browser.socket.protocol == "kilo-relay.v1.msgpack"
    await browser.socket.send_bytes(msgpack.packb({"type": "prompt", "messages": "9 tokens"}))
    frames: list[Any] = []
    while not frames or frames[-1]["type"] != "done":
        with anyio.fail_after(60):
            message = await browser.socket.receive()
        assert message.type is aiohttp.WSMsgType.BINARY
        frames.append(msgpack.unpackb(message.data))
    text = "".join(frame["text"] for frame in frames if frame["type"] == "text")
    assert text == frames[-1]["message"]["content"]


async def test_chunks_of_openai_are_spoken_where_they_are_asked_for(
    client: KiloClient, serving: Any
) -> None:
    connect = await serving(WebSocketRelay(client))
    browser = await connect(protocols=["kilo-relay.v1.openai"])
    await browser.prompt("9 tokens")
    chunks: list[Any] = []
    while not (chunks and chunks[-1]["choices"] and chunks[-1]["choices"][0]["finish_reason"]):
        with anyio.fail_after(60):
            chunks.append(orjson.loads((await browser.socket.receive()).data))
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks if chunk["choices"]]
    assert "".join(d.get("content", "") for d in deltas) == "You said: 9 tokens. The river runs"
    assert [chunk["usage"]["completion_tokens"] for chunk in chunks if "usage" in chunk] == [9]
