"""Server-sent events over ``aiohttp.web``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import anyio
from aiohttp import web

from kilo_sdk.relay.aiohttp_socket import aiohttp_handshake
from kilo_sdk.relay.refusals import RelayRefusedError
from kilo_sdk.relay.sockets import SocketClosedError
from kilo_sdk.relay.sse_exchange import SSE_HEADERS

__all__ = ["AiohttpSSEPeer"]

# Of a client that leaves nothing is told while there is nothing to send it.
_LOOK_S: Final = 0.05


class AiohttpSSEPeer:
    """See ``SSEPeer``."""

    def __init__(self, request: web.Request) -> None:
        self.method = request.method
        self.handshake = aiohttp_handshake(request)
        self.response: web.StreamResponse = web.Response(status=500)
        self.headers: dict[str, str] = {}
        self._request = request

    async def body(self, most: int) -> bytes:
        """Return the request's body."""
        parts, size = [], 0
        try:
            async for part in self._request.content.iter_any():
                parts.append(part)
                size += len(part)
                if size > most:
                    raise RelayRefusedError(f"a prompt has at most {most} bytes", code="too_big")
        except (OSError, web.RequestPayloadError) as exc:
            raise RelayRefusedError("the request was broken off", code="bad_message") from exc
        return b"".join(parts)

    async def respond(
        self, status: int, body: bytes, headers: Mapping[str, str] | None = None
    ) -> None:
        """Answer with JSON, or with nothing where the body is empty."""
        kind = "application/json" if body else None
        self.response = web.Response(
            status=status,
            body=body or None,
            content_type=kind,
            headers={**self.headers, **(headers or {})},
        )

    async def begin(self) -> None:
        """Begin an event stream."""
        self.response = web.StreamResponse(headers={**SSE_HEADERS, **self.headers})
        try:
            await self.response.prepare(self._request)
        except OSError as exc:
            raise SocketClosedError from exc

    async def send(self, data: bytes) -> None:
        """Send a part of it."""
        try:
            await self.response.write(data)
        except OSError as exc:
            raise SocketClosedError from exc

    async def gone(self) -> None:
        """Wait until the peer is gone."""
        request = self._request
        while (at := request.transport) is not None and not at.is_closing():  # noqa: ASYNC110
            await anyio.sleep(_LOOK_S)

    def abort(self) -> None:
        """Drop the connection, and whatever was not taken."""
        if self._request.transport is not None:
            self._request.transport.abort()
