"""A web socket of ``aiohttp.web``. The only module of the relay that touches aiohttp's sockets."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable
from typing import Final, TypeGuard

from aiohttp import WSMsgType, web

from kilo_sdk.relay.limits import RelayLimits
from kilo_sdk.relay.protocol import CloseCode
from kilo_sdk.relay.sockets import Handshake, SocketClosedError, headers_of

__all__ = ["AiohttpSocket", "aiohttp_handshake", "is_request", "is_socket"]

# What waits in this process for one peer: with the kernel's own buffers it is enough to keep a
# line full, and a thousand peers that read nothing cost little.
_BUFFER_BYTES: Final = 32 * 1024
_AT_ONCE_BYTES: Final = 4 * 1024


class AiohttpSocket:
    """See ``RelaySocket``.

    Args:
        request: The handshake; None where the app has looked at it.
        limits: What the server is to enforce: the size of messages, pings.
        response: The socket, where the app has prepared it before.
    """

    def __init__(
        self,
        request: web.Request | None,
        limits: RelayLimits,
        response: web.WebSocketResponse | None = None,
    ) -> None:
        self.handshake = (
            Handshake(path="", headers={}) if request is None else aiohttp_handshake(request)
        )
        self.response: web.StreamResponse | None = response
        self._request = request
        self._limits = limits
        self._socket = response

    async def accept(self, subprotocol: str | None) -> None:
        """Answer the handshake."""
        if self._request is None:
            return
        if self._socket is None:
            limits = self._limits
            self._socket = web.WebSocketResponse(
                protocols=(subprotocol,) if subprotocol else (),
                heartbeat=limits.ping_interval,
                max_msg_size=limits.max_message_bytes,
                timeout=limits.close_timeout,
                writer_limit=_BUFFER_BYTES,
                # A token is too short to gain from it, and each socket would hold a window.
                compress=False,
            )
            self.response = self._socket
            try:
                await self._socket.prepare(self._request)
            except ConnectionError as exc:
                raise SocketClosedError from exc
        transport = self._request.transport
        if transport is not None:
            transport.set_write_buffer_limits(high=_BUFFER_BYTES)

    async def refuse(self) -> None:
        """Answer the handshake with 403; close with 1008 where it was answered before."""
        words = "this origin is not allowed"
        if self._socket is not None:
            await self.close(CloseCode.POLICY, words)
            return
        self.response = web.Response(status=403, text=f"{words}\n")

    async def receive(self) -> str | bytes:
        """Return the next message."""
        if self._socket is None:
            raise SocketClosedError
        try:
            message = await self._socket.receive()
        except (ConnectionError, RuntimeError) as exc:
            raise SocketClosedError from exc
        if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
            data: str | bytes = message.data
            return data
        raise SocketClosedError

    async def send(self, frame: bytes, *, is_text: bool) -> None:
        """Send one frame, and wait while the peer does not take it."""
        if self._socket is None:
            raise SocketClosedError
        try:
            await self._socket.send_frame(frame, WSMsgType.TEXT if is_text else WSMsgType.BINARY)
        # RuntimeError: another task has closed it; ClientConnectionResetError is an OSError.
        except (OSError, RuntimeError) as exc:
            raise SocketClosedError from exc

    def at_once(self, *, is_text: bool) -> Callable[[bytes], bool] | None:
        """Return what sends a frame without waiting, to an accepted socket."""
        transport = None if self._request is None else self._request.transport
        # Compressing may wait for another frame that is being compressed.
        if self._socket is None or transport is None or self._socket.compress:
            return None
        opcode = WSMsgType.TEXT if is_text else WSMsgType.BINARY
        send_frame, waiting = self._socket.send_frame, transport.get_write_buffer_size

        def send(frame: bytes) -> bool:
            # With nothing in its buffer a transport takes more than that before it pauses.
            if len(frame) > _AT_ONCE_BYTES or waiting():
                return False
            try:
                # One step: aiohttp waits when the transport is paused, and nowhere else.
                send_frame(frame, opcode).send(None)
            except StopIteration:
                return True
            except (OSError, RuntimeError):
                return False
            raise AssertionError("aiohttp waits although its transport takes more")

        return send

    async def close(self, code: int, reason: str) -> None:
        """Close it, and wait for the peer's answer; doing so twice is fine."""
        if self._socket is None:
            return
        # The peer's answer is waited for, not that it takes what is before: aiohttp would await
        # what a send awaited that was cancelled, and be cancelled by it.
        await self._socket.close(code=code, message=reason.encode(), drain=False)

    def abort(self) -> None:
        """Drop the connection, and whatever was not taken."""
        if self._request is None:
            if self._socket is not None:
                _shut_down(self._socket)
        elif self._request.transport is not None:
            self._request.transport.abort()


def _shut_down(prepared: web.WebSocketResponse) -> None:
    """Drop the connection of a socket whose request, and so whose transport, is not known."""
    connection = prepared.get_extra_info("socket")
    # Closed meanwhile, or never one: there is nothing left to drop.
    with contextlib.suppress(OSError):
        if connection is not None:
            # A copy, for not every loop's own can be shut down. The transport then fails to
            # write what waits, and lets go of it all.
            with connection.dup() as copy:
                copy.shutdown(socket.SHUT_RDWR)


def is_request(given: object) -> TypeGuard[web.Request]:
    """Return whether that is what a handler of ``aiohttp.web`` gets."""
    return isinstance(given, web.Request)


def is_socket(given: object) -> TypeGuard[web.WebSocketResponse]:
    """Return whether that is a socket of ``aiohttp.web``."""
    return isinstance(given, web.WebSocketResponse)


def aiohttp_handshake(request: web.Request) -> Handshake:
    """Return who is at the door."""
    headers = headers_of(request.headers.items())
    offered = headers.get("sec-websocket-protocol", "").split(",")
    return Handshake(
        path=request.path,
        headers=headers,
        query=dict(request.query.items()),
        remote=request.remote,
        subprotocols=tuple(name.strip() for name in offered if name.strip()),
    )
