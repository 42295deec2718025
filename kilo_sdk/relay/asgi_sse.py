"""Server-sent events over ASGI.

Source: the ASGI specification, HTTP and WebSocket message format, version 2.3.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kilo_sdk.relay.asgi_socket import ASGIReceive, ASGISend, asgi_handshake
from kilo_sdk.relay.refusals import RelayRefusedError
from kilo_sdk.relay.sockets import SocketClosedError
from kilo_sdk.relay.sse_exchange import SSE_HEADERS

__all__ = ["ASGISSEPeer"]


class ASGISSEPeer:
    """See ``SSEPeer``. ``finish`` it once it is served.

    Args:
        scope: The scope of an ``http`` request.
        receive: The ASGI callable.
        send: The ASGI callable.
    """

    def __init__(self, scope: Mapping[str, Any], receive: ASGIReceive, send: ASGISend) -> None:
        self.method: str = scope["method"]
        self.handshake = asgi_handshake(scope)
        self.headers: dict[str, str] = {}
        self._receive = receive
        self._send = send
        self._streams = False

    async def body(self, most: int) -> bytes:
        """Return the request's body."""
        parts, size = [], 0
        while True:
            message = await self._receive()
            if message["type"] != "http.request":
                raise RelayRefusedError("the request was broken off", code="bad_message")
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > most:
                raise RelayRefusedError(f"a prompt has at most {most} bytes", code="too_big")
            if not message.get("more_body"):
                return b"".join(parts)

    async def respond(
        self, status: int, body: bytes, headers: Mapping[str, str] | None = None
    ) -> None:
        """Answer with JSON, or with nothing where the body is empty."""
        about = {"Content-Type": "application/json", "Content-Length": str(len(body))}
        await self._start(status, {**(headers or {}), **(about if body else {})})
        await self._deliver({"type": "http.response.body", "body": body})

    async def begin(self) -> None:
        """Begin an event stream."""
        await self._start(200, SSE_HEADERS)
        self._streams = True

    async def send(self, data: bytes) -> None:
        """Send a part of it."""
        await self._deliver({"type": "http.response.body", "body": data, "more_body": True})

    async def finish(self) -> None:
        """End an event stream that was begun; waits while the peer does not take the rest."""
        if self._streams:
            await self._deliver({"type": "http.response.body", "body": b""})

    async def gone(self) -> None:
        """Wait until the peer is gone."""
        while (await self._receive())["type"] != "http.disconnect":
            pass

    def abort(self) -> None:
        """ASGI has no word for it: the server drops the connection when the app returns."""

    async def _start(self, status: int, headers: Mapping[str, str]) -> None:
        given = {**self.headers, **headers}
        pairs = [(name.lower().encode(), value.encode()) for name, value in given.items()]
        await self._deliver({"type": "http.response.start", "status": status, "headers": pairs})

    async def _deliver(self, message: dict[str, Any]) -> None:
        try:
            await self._send(message)
        # Servers raise what they like once the peer is gone.
        except Exception as exc:
            raise SocketClosedError from exc
