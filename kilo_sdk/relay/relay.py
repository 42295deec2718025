"""WebSocketRelay: answers of the gateway, told to browsers while they are being written.

Decides who comes in, and does what their messages ask for. How messages look is in ``protocol``
and ``framing``, how one socket is served in ``connection``, how answers live in ``answers``.
"""

from __future__ import annotations

import contextlib
import logging
import math
from collections.abc import Collection, Iterator, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self, overload

import anyio

from kilo_sdk.client import KiloClient
from kilo_sdk.errors import ConfigurationError, KiloError
from kilo_sdk.relay.aiohttp_sse import AiohttpSSEPeer
from kilo_sdk.relay.answers import Answers
from kilo_sdk.relay.asgi_socket import ASGIReceive, ASGISend, ASGISocket
from kilo_sdk.relay.asgi_sse import ASGISSEPeer
from kilo_sdk.relay.connection import Connection
from kilo_sdk.relay.framing import Framing, framing_of
from kilo_sdk.relay.generation import EndedAnswer
from kilo_sdk.relay.hooks import AuthHook, EndHook, PrepareHook, ReadHook, answer_of
from kilo_sdk.relay.limits import RelayLimits
from kilo_sdk.relay.memory_store import MemoryStreamStore
from kilo_sdk.relay.origins import Origins
from kilo_sdk.relay.policy import PromptPolicy
from kilo_sdk.relay.protocol import (
    Cancel,
    ClientMessage,
    CloseCode,
    FramingName,
    Prompt,
    negotiate,
)
from kilo_sdk.relay.refusals import RelayRefusedError, service_failed
from kilo_sdk.relay.sending import Sending
from kilo_sdk.relay.serving import socket_of
from kilo_sdk.relay.sockets import Handshake, RelaySocket, SocketClosedError, close_reason
from kilo_sdk.relay.sse_exchange import Exchange, serve_exchange
from kilo_sdk.relay.store import StreamStore
from kilo_sdk.streaming import CompletionStream

if TYPE_CHECKING:
    from aiohttp import web

    from kilo_sdk.relay.asgi_socket import ASGIConnection

__all__ = ["WebSocketRelay"]

_log: Final = logging.getLogger("kilo_sdk.relay")
_LINGER_S: Final = 60.0


class WebSocketRelay:
    """Serves sockets: each client asks, reads, stops and resumes as the protocol has it.

    Use it with ``async with``, or ``close`` it: answers that are being written then end, and
    open sockets are closed with 1001. For the tasks of one event loop, any number at once.

    Args:
        client: Asks the gateway.
        authorize: Called with the handshake before anything is spent; returns who it is, a
            name that owns what it asks for; nobody comes in where it returns None, or no name.
            Without one everybody may ask, and whoever knows
            the id of an answer may resume it.
        prepare: Makes a call of a prompt; the default, ``PromptPolicy()``, offers the
            client's default model and caps nothing.
        may_read: Whether someone may read an answer of another owner; default: nobody may.
        on_end: Told of each answer that is over, whole or not: to store it, to bill it.
        store: Where answers are kept for those who come back; default: in memory.
        linger: Seconds that an answer goes on being written while nobody reads it; 0 stops it
            at once, ``math.inf`` never. None: 60 with a store of yours, 0 without.
        limits: What one socket may do.
        origins: Origins whose pages may connect, such as ``https://app.example``, or ``*``;
            None: those of the host that is asked. By HTTP, pages of those that are
            named may read what they ask for, and send cookies; with ``*`` every page may read,
            and none may send cookies.
        report_cost: Whether clients are told what their answers cost.

    Attributes:
        answers: Begins and finds answers, for an app that does so by other ways.
        limits: What one socket may do.
        origins: Which pages may connect.

    Raises:
        ConfigurationError: The arguments cannot work.
    """

    def __init__(
        self,
        client: KiloClient,
        *,
        authorize: AuthHook | None = None,
        prepare: PrepareHook | None = None,
        may_read: ReadHook | None = None,
        on_end: EndHook | None = None,
        store: StreamStore | None = None,
        linger: float | None = None,
        limits: RelayLimits | None = None,
        origins: Collection[str] | None = None,
        report_cost: bool = False,
    ) -> None:
        if linger is None:
            linger = 0.0 if store is None else _LINGER_S
        if math.isnan(linger) or linger < 0:
            raise ConfigurationError("linger is seconds from 0; math.inf is to the end")
        self.limits = limits or RelayLimits()
        self.origins = Origins(origins)
        self._store: StreamStore = MemoryStreamStore() if store is None else store
        self.answers = Answers(
            client,
            self._store,
            prepare=prepare or PromptPolicy(),
            may_read=may_read,
            on_end=on_end,
            linger=linger,
            limits=self.limits,
            report_cost=report_cost,
        )
        self._authorize = authorize
        self._report_cost = report_cost
        self._connections: set[Connection | Sending] = set()
        self._exchanges: set[Exchange] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    @property
    def open_sockets(self) -> int:
        """Sockets that are being served."""
        return len(self._connections)

    @property
    def live_answers(self) -> int:
        """Answers that are being written here."""
        return len(self.answers)

    async def close(self) -> None:
        """End the answers being written, close sockets and event streams, let go of the store.

        Streams of yours that ``send`` sends end as well. Closing twice is fine. The client
        stays open.
        """
        await self.answers.end()
        connections, exchanges = tuple(self._connections), tuple(self._exchanges)
        for connection in connections:
            connection.finish(CloseCode.GOING_AWAY)
        with anyio.move_on_after(self.limits.close_timeout, shield=True):
            for over in [*(one.over for one in connections), *(one.over for one in exchanges)]:
                await over.wait()
        # With those that came meanwhile: their answers have no store any more.
        for connection in tuple(self._connections):
            connection.close(CloseCode.GOING_AWAY)
        # Those of answers that other processes write would wait for their end here.
        for exchange in tuple(self._exchanges):
            exchange.close()
        await self._store.close()

    @overload
    async def serve(self, socket: web.Request) -> web.StreamResponse: ...

    @overload
    async def serve(
        self, socket: web.WebSocketResponse, *, request: web.Request
    ) -> web.StreamResponse: ...

    @overload
    async def serve(self, socket: ASGIConnection) -> None: ...

    async def serve(
        self,
        socket: web.Request | web.WebSocketResponse | ASGIConnection,
        *,
        request: web.Request | None = None,
    ) -> web.StreamResponse | None:
        """Serve one socket until it closes.

        Args:
            socket: The request of an ``aiohttp.web`` handler, or the socket of an ASGI
                framework that was not accepted yet: the relay makes the handshake, so that
                origin and auth are checked first. A prepared ``WebSocketResponse`` works as
                well, with its ``request``.
            request: Of a prepared ``WebSocketResponse``.

        Returns:
            For aiohttp, what the handler is to return; else None.

        Raises:
            ConfigurationError: That is no socket.
        """
        door, answered = socket_of(socket, request, self.limits)
        with contextlib.suppress(SocketClosedError):
            await self._serve(door)
        return answered()

    async def send(
        self,
        stream: CompletionStream,
        socket: web.WebSocketResponse | ASGIConnection,
        *,
        framing: FramingName = "json",
    ) -> EndedAnswer:
        """Send one stream of yours to an accepted socket, with the relay's frames.

        The client may ``cancel`` it; when it leaves, the stream is closed at once. Nothing is
        kept for resuming. The socket is read meanwhile, and stays open afterwards, unless the
        relay closes meanwhile: the client is told of a cut then, and closed with 1001.

        Args:
            stream: Open; closed when this returns.
            socket: Prepared or accepted.
            framing: How its frames look.

        Returns:
            How it ended, with the answer as far as it came. Errors of the gateway are told to
            the client, and returned, not raised.

        Raises:
            ConfigurationError: That is no socket, or the framing's extra is not installed.
        """
        try:
            door, _ = socket_of(socket, None, self.limits, is_accepted=True)
            framed = framing_of(framing)
        except ConfigurationError:
            await stream.close()
            raise
        sending = Sending(stream, door, framed, self.limits, report_cost=self._report_cost)
        with self._counted(sending):
            await sending.run()
        return sending.ended

    async def serve_sse(self, request: web.Request) -> web.StreamResponse:
        """Serve one HTTP request of a client that has no web socket.

        Args:
            request: ``POST`` with a prompt, ``GET`` to read on, ``DELETE`` to stop, as
                ``docs/reference/relay-protocol.md`` has it.

        Returns:
            What the handler is to return.
        """
        peer = AiohttpSSEPeer(request)
        await serve_exchange(self, peer, self._exchanges)
        return peer.response

    async def __call__(
        self, scope: Mapping[str, Any], receive: ASGIReceive, send: ASGISend
    ) -> None:
        """Serve web sockets and SSE: the relay is an ASGI application, to be mounted in another.

        Raises:
            ConfigurationError: The scope is neither ``websocket`` nor ``http``.
        """
        if scope["type"] == "websocket":
            with contextlib.suppress(SocketClosedError):
                await self._serve(ASGISocket(scope, receive, send))
        elif scope["type"] == "http":
            peer = ASGISSEPeer(scope, receive, send)
            with contextlib.suppress(SocketClosedError):
                await serve_exchange(self, peer, self._exchanges)
                # A peer that reads nothing must not keep the app from returning.
                with anyio.move_on_after(self.limits.close_timeout):
                    await peer.finish()
        else:
            raise ConfigurationError("the relay serves web sockets and HTTP")

    async def admit(self, handshake: Handshake) -> str | None:
        """Return who is at the door.

        Raises:
            RelayRefusedError: Nobody who may come in.
        """
        if self._authorize is None:
            return None
        owner: str | None = None
        with anyio.move_on_after(self.limits.auth_timeout):
            owner = await answer_of(self._authorize(handshake))
        # A hook that answers yes or no would let in whomever it says no to, and all as one.
        if owner is not None and not isinstance(owner, str):
            raise ConfigurationError(
                f"authorize returns who it is, a string, or None; not {type(owner).__name__}"
            )
        if not owner:
            raise RelayRefusedError("sign in first", code="unauthorized")
        return owner

    async def _serve(self, door: RelaySocket) -> None:
        if not self.origins.allow(door.handshake):
            await door.refuse()
            return
        offered = door.handshake.subprotocols
        try:
            framing_name, subprotocol = negotiate(offered)
            framing = framing_of(framing_name)
        except (RelayRefusedError, ConfigurationError) as error:
            # Accepted by its name, for a browser tells its page nothing otherwise.
            await _turn_away(
                door, framing_of("json"), error, CloseCode.UNSUPPORTED_VERSION, offered[0]
            )
            return
        try:
            owner = await self.admit(door.handshake)
        except RelayRefusedError as refusal:
            await _turn_away(door, framing, refusal, CloseCode.UNAUTHORIZED, subprotocol)
            return
        except Exception:
            _log.exception("handshake.failed")
            await _turn_away(door, framing, service_failed(), CloseCode.INTERNAL, subprotocol)
            return
        await door.accept(subprotocol)
        connection = Connection(door, framing, self.limits, owner, self._act)
        with self._counted(connection):
            await connection.run()

    @contextlib.contextmanager
    def _counted(self, served: Connection | Sending) -> Iterator[None]:
        """Have ``close`` close it, for as long as it is served."""
        self._connections.add(served)
        try:
            if self.answers.over:
                served.finish(CloseCode.GOING_AWAY)
            yield
        finally:
            self._connections.discard(served)

    async def _act(self, connection: Connection, message: ClientMessage) -> None:
        """Do what a client asks for."""
        session = connection.session
        if isinstance(message, Prompt):
            log = await self.answers.begin(message)
            # The same prompt again is no wish to hear the beginning again.
            if log.stream not in session:
                session.follow(log, request=message.request)
        elif isinstance(message, Cancel):
            await self.answers.cancel(message.stream, connection.owner)
        else:
            log = await self.answers.find(message.stream, connection.owner)
            session.follow(log, message.after)


async def _turn_away(
    door: RelaySocket,
    framing: Framing,
    error: KiloError,
    code: CloseCode,
    subprotocol: str | None,
) -> None:
    """Accept and close with a reason: a page is told nothing of a handshake that is refused."""
    if not isinstance(error, RelayRefusedError):
        _log.error("handshake.failed %s", error)
        error = RelayRefusedError("this framing is not offered here", code="unsupported_version")
    await door.accept(subprotocol)
    await door.send(framing.refusal(error), is_text=framing.is_text)
    await door.close(code, close_reason(error.message))
