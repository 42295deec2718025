"""ASGI, message by message, and every server and framework that is installed."""

from __future__ import annotations

from typing import Any

import pytest

from kilo_sdk import ConfigurationError, KiloClient
from kilo_sdk.relay import WebSocketRelay
from kilo_sdk.relay.asgi_socket import ASGISocket, asgi_handshake
from kilo_sdk.relay.sockets import SocketClosedError

pytestmark = pytest.mark.anyio

SCOPE = {
    "type": "websocket",
    "path": "/ws",
    "headers": [(b"Host", b"app.example"), (b"origin", b"https://app.example")],
    "query_string": b"user=anna&x=",
    "client": ["10.0.0.1", 4711],
    "subprotocols": ["kilo-relay.v1.json"],
}


class Server:
    def __init__(self, *incoming: dict[str, Any]) -> None:
        self.incoming = list(incoming)
        self.sent: list[dict[str, Any]] = []
        self.error: Exception | None = None

    async def receive(self) -> Any:
        return self.incoming.pop(0)

    async def send(self, message: Any) -> None:
        if self.error:
            raise self.error
        self.sent.append(message)

    def socket(self, **options: Any) -> ASGISocket:
        return ASGISocket(SCOPE, self.receive, self.send, **options)


def test_a_scope_says_who_is_at_the_door() -> None:
    handshake = asgi_handshake(SCOPE)
    assert handshake.headers == {"host": "app.example", "origin": "https://app.example"}
    assert (handshake.path, handshake.query) == ("/ws", {"user": "anna"})
    assert (handshake.remote, handshake.subprotocols) == ("10.0.0.1", ("kilo-relay.v1.json",))
    assert asgi_handshake({"type": "http"}).remote is None


async def test_frames_go_both_ways() -> None:
    server = Server(
        {"type": "websocket.connect"},
        {"type": "websocket.receive", "text": "hi"},
        {"type": "websocket.receive", "text": None, "bytes": b"hi"},
        {"type": "websocket.disconnect", "code": 1001},
    )
    socket = server.socket()
    await socket.accept("kilo-relay.v1.json")
    assert [await socket.receive(), await socket.receive()] == ["hi", b"hi"]
    assert socket.at_once(is_text=True) is None  # type: ignore[func-returns-value]
    await socket.send("é".encode(), is_text=True)
    await socket.send(b"\x80", is_text=False)
    with pytest.raises(SocketClosedError):
        await socket.receive()
    with pytest.raises(SocketClosedError):
        await socket.send(b"late", is_text=True)
    await socket.close(1000, "")
    assert server.sent == [
        {"type": "websocket.accept", "subprotocol": "kilo-relay.v1.json"},
        {"type": "websocket.send", "text": "é"},
        {"type": "websocket.send", "bytes": b"\x80"},
    ]


async def test_a_refusal_closes_before_it_accepts() -> None:
    server = Server({"type": "websocket.connect"})
    await server.socket().refuse()
    assert [message["type"] for message in server.sent] == ["websocket.close"]


async def test_a_client_that_left_before_the_handshake_is_gone() -> None:
    with pytest.raises(SocketClosedError):
        await Server({"type": "websocket.disconnect"}).socket().accept(None)


async def test_whatever_a_server_raises_means_gone() -> None:
    server = Server()
    socket = server.socket(is_accepted=True)
    server.error = RuntimeError("of the server")
    with pytest.raises(SocketClosedError):
        await socket.send(b"", is_text=True)
    other = server.socket(is_accepted=True)
    await other.close(1000, "")
    other.abort()
    with pytest.raises(SocketClosedError):
        await other.send(b"", is_text=True)


def plain_app(relay: WebSocketRelay) -> Any:
    class Plain:
        def __init__(self, scope: Any, receive: Any, send: Any) -> None:
            self.scope, self.receive, self.send = scope, receive, send

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await relay.serve(Plain(scope, receive, send))

    return app


def fastapi_app(relay: WebSocketRelay) -> Any:
    fastapi = pytest.importorskip("fastapi")
    app = fastapi.FastAPI()

    async def chat(socket: Any) -> None:
        await relay.serve(socket)

    chat.__annotations__["socket"] = fastapi.WebSocket
    app.websocket("/ws")(chat)
    return app


def litestar_app(relay: WebSocketRelay) -> Any:
    litestar = pytest.importorskip("litestar")

    async def chat(socket: Any) -> None:
        await relay.serve(socket)

    chat.__annotations__["socket"] = litestar.WebSocket
    return litestar.Litestar([litestar.websocket("/ws")(chat)])


def mounted_app(relay: WebSocketRelay) -> Any:
    from starlette.applications import Starlette
    from starlette.routing import Mount

    return Starlette(routes=[Mount("/", app=relay)])


async def test_other_scopes_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="web sockets and HTTP"):
        await WebSocketRelay(KiloClient("k"))({"type": "lifespan"}, None, None)  # type: ignore[arg-type]


@pytest.mark.parametrize("make", [plain_app, fastapi_app, litestar_app, mounted_app])
async def test_frameworks_serve_it_as_it_is(make: Any, client: KiloClient, asgi: Any) -> None:
    browser = await asgi(make(WebSocketRelay(client)))
    await browser.prompt("9 tokens")
    done = await browser.hear_until("done")
    assert browser.text() == done["message"]["content"]


@pytest.mark.parametrize("ws", ["websockets-sansio", "wsproto"])
async def test_every_websocket_library_of_uvicorn_serves_it(
    ws: str, client: KiloClient, asgi: Any
) -> None:
    pytest.importorskip(ws.partition("-")[0])
    browser = await asgi(plain_app(WebSocketRelay(client)), ws=ws)
    await browser.prompt("9 tokens")
    assert (await browser.hear_until("done"))["state"] == "done"


async def test_an_accepted_socket_is_sent_a_stream(client: KiloClient, asgi: Any) -> None:
    from starlette.applications import Starlette
    from starlette.routing import WebSocketRoute
    from starlette.websockets import WebSocket

    relay, states = WebSocketRelay(client), list[str]()

    async def chat(socket: WebSocket) -> None:
        await socket.accept()
        async with client.chat.completions.stream(messages="9 tokens") as stream:
            states.append((await relay.send(stream, socket)).state)
        await socket.close(1000)

    browser = await asgi(Starlette(routes=[WebSocketRoute("/ws", chat)]))
    assert await browser.hear_close() == 1000
    assert browser.frames[-1]["type"] == "done"
    assert states == ["done"]
