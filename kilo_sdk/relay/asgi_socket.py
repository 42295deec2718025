"""A web socket of an ASGI server, behind Starlette, FastAPI, Litestar or nothing at all.

Source: the ASGI specification, HTTP and WebSocket message format, versions 2.3 and 2.5.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from typing import Any, Protocol, TypeAlias, runtime_checkable
from urllib.parse import parse_qsl

from kilo_sdk.relay.sockets import Handshake, SocketClosedError, headers_of

__all__ = [
    "ASGIConnection",
    "ASGIReceive",
    "ASGISend",
    "ASGISocket",
    "asgi_handshake",
]

_Message: TypeAlias = MutableMapping[str, Any]
ASGIReceive: TypeAlias = Callable[[], Awaitable[_Message]]
ASGISend: TypeAlias = Callable[[_Message], Awaitable[None]]


@runtime_checkable
class ASGIConnection(Protocol):
    """What frameworks hand to an endpoint; Starlette's, FastAPI's and Litestar's sockets fit."""

    @property
    def scope(self) -> Any:
        """The connection's scope."""
        ...

    @property
    def receive(self) -> Any:
        """The ASGI callable."""
        ...

    @property
    def send(self) -> Any:
        """The ASGI callable."""
        ...


class ASGISocket:
    """See ``RelaySocket``.

    Args:
        scope: The scope of a ``websocket``.
        receive: The ASGI callable.
        send: The ASGI callable.
        is_accepted: Whether the handshake was answered before.
    """

    def __init__(
        self,
        scope: Mapping[str, Any],
        receive: ASGIReceive,
        send: ASGISend,
        *,
        is_accepted: bool = False,
    ) -> None:
        self.handshake = asgi_handshake(scope)
        self._receive = receive
        self._send = send
        self._connected = is_accepted
        self._closed = False

    async def accept(self, subprotocol: str | None) -> None:
        """Answer the handshake."""
        await self._connect()
        await self._deliver({"type": "websocket.accept", "subprotocol": subprotocol})

    async def refuse(self) -> None:
        """Close before accepting, which servers answer with 403."""
        await self._connect()
        await self.close(1008, "")

    async def receive(self) -> str | bytes:
        """Return the next message."""
        try:
            message = await self._receive()
        # What frameworks say to whoever asks once more after the client has left.
        except RuntimeError as exc:
            self._closed = True
            raise SocketClosedError from exc
        if message["type"] != "websocket.receive":
            self._closed = True
            raise SocketClosedError
        text = message.get("text")
        data: str | bytes = text if text is not None else message["bytes"]
        return data

    async def send(self, frame: bytes, *, is_text: bool) -> None:
        """Send one frame; the server waits while the peer does not take it."""
        if is_text:
            await self._deliver({"type": "websocket.send", "text": frame.decode()})
        else:
            await self._deliver({"type": "websocket.send", "bytes": frame})

    def at_once(self, *, is_text: bool) -> None:
        """There is no such way: what a server or a framework does in ``send`` may wait."""

    async def close(self, code: int, reason: str) -> None:
        """Close it; doing so twice is fine."""
        if not self._closed:
            message = {"type": "websocket.close", "code": code, "reason": reason}
            try:
                await self._deliver(message)
            except SocketClosedError:
                pass
            finally:
                self._closed = True

    def abort(self) -> None:
        """ASGI has no word for it: the server drops the connection when the app returns."""
        self._closed = True

    async def _connect(self) -> None:
        if not self._connected:
            self._connected = True
            # A framework may have taken the message that opens it.
            message = await self._receive()
            if message["type"] != "websocket.connect":
                self._closed = True
                raise SocketClosedError

    async def _deliver(self, message: _Message) -> None:
        if self._closed:
            raise SocketClosedError
        try:
            await self._send(message)
        # Servers raise what they like once the peer is gone: OSError, RuntimeError, errors of
        # their WebSocket library, and the frameworks wrap those.
        except Exception as exc:
            self._closed = True
            raise SocketClosedError from exc


def asgi_handshake(scope: Mapping[str, Any]) -> Handshake:
    """Return who is at the door, from a scope of ``websocket`` or ``http``."""
    pairs: Iterable[tuple[bytes, bytes]] = scope.get("headers", ())
    client = scope.get("client")
    query = scope.get("query_string", b"").decode("latin-1")
    return Handshake(
        path=scope.get("path", ""),
        headers=headers_of(
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in pairs
        ),
        query=dict(parse_qsl(query)),
        remote=client[0] if client else None,
        subprotocols=tuple(scope.get("subprotocols", ())),
    )
