"""The relay for clients without web sockets: one request asks or reads, events come as SSE.

``POST`` with a prompt asks, ``GET`` reads on, ``DELETE`` stops; the details are in
``docs/reference/relay-protocol.md``. An ``EventSource`` resumes by itself: its ``Last-Event-ID``
is the sequence number.

Source: WHATWG HTML 9.2 (server-sent events).
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final, Protocol

import anyio
import orjson

from kilo_sdk.relay.encoding import json_bytes
from kilo_sdk.relay.events import Ended, Failed, RelayEvent
from kilo_sdk.relay.framing import Framing, JSONFraming, OpenAIFraming
from kilo_sdk.relay.log import StreamLog
from kilo_sdk.relay.origins import PREFLIGHT_HEADERS
from kilo_sdk.relay.outlet import Outlet
from kilo_sdk.relay.protocol import Cancel, Prompt, Resume, read_message
from kilo_sdk.relay.refusals import RelayRefusedError, service_failed
from kilo_sdk.relay.sockets import Handshake, SocketClosedError

if TYPE_CHECKING:
    from kilo_sdk.relay.relay import WebSocketRelay

__all__ = ["SSE_HEADERS", "Exchange", "SSEFraming", "SSEPeer", "serve_exchange"]

SSE_HEADERS: Final = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-store",
    # nginx would collect the stream otherwise.
    "X-Accel-Buffering": "no",
}

_log: Final = logging.getLogger("kilo_sdk.relay")
_KEEPALIVE: Final = (15.0, b": alive\n\n")
# To whoever comes back at a bad moment: nothing, and when to come back again.
_COME_BACK: Final = b"retry: 2000\n\n"
_METHODS: Final = ("GET", "POST", "DELETE")
_STATUS: Final = {
    "unauthorized": 401,
    "not_allowed": 403,
    "unknown_stream": 404,
    "too_big": 413,
    "rate_limited": 429,
    "unavailable": 503,
    "internal": 500,
}


class SSEPeer(Protocol):
    """One HTTP request of some server, and what answers it.

    Attributes:
        method: Such as ``POST``.
        handshake: Its headers and query.
        headers: What every answer to it has beside its own.
    """

    method: str
    handshake: Handshake
    headers: dict[str, str]

    async def body(self, most: int) -> bytes:
        """Return the request's body.

        Raises:
            RelayRefusedError: It is longer than that.
        """
        ...

    async def respond(
        self, status: int, body: bytes, headers: Mapping[str, str] | None = None
    ) -> None:
        """Answer with JSON, or with nothing where the body is empty."""
        ...

    async def begin(self) -> None:
        """Begin an event stream."""
        ...

    async def send(self, data: bytes) -> None:
        """Send a part of it, and wait while the peer does not take it.

        Raises:
            SocketClosedError: The peer is gone.
        """
        ...

    async def gone(self) -> None:
        """Wait until the peer is gone."""
        ...

    def abort(self) -> None:
        """Drop the connection, and whatever was not taken."""
        ...


class SSEFraming:
    """The frames of another framing as server-sent events; nothing is read in it.

    Args:
        inner: JSON, whose kinds become event names, or OpenAI's chunks, which have none and
            end with ``[DONE]``.
    """

    is_text = True

    def __init__(self, inner: Framing) -> None:
        self._inner = inner
        self._is_openai = isinstance(inner, OpenAIFraming)

    def event(self, stream: str, seq: int, event: RelayEvent) -> bytes:
        """Return the event."""
        data = self._inner.event(stream, seq, event)
        if not self._is_openai:
            return b"id: %d\nevent: %b\ndata: %b\n\n" % (seq, event.kind.encode(), data)
        done = b"data: [DONE]\n\n" if isinstance(event, Ended | Failed) else b""
        return b"id: %d\ndata: %b\n\n%b" % (seq, data, done)

    def refusal(self, refusal: RelayRefusedError) -> bytes:
        """Return the event that tells a client what was wrong."""
        return b"event: error\ndata: %b\n\n" % self._inner.refusal(refusal)

    def message(self, frame: str | bytes) -> object:
        """Return what a client sent."""
        return self._inner.message(frame)


class Exchange:
    """An event stream that is being sent. ``close`` may be called from any task of its loop.

    Attributes:
        over: Set once nothing more is sent.
    """

    def __init__(self) -> None:
        self.over = anyio.Event()
        self.scope = anyio.CancelScope()

    def close(self) -> None:
        """Stop; an ``EventSource`` comes back, and goes on wherever it is let in."""
        self.scope.cancel()


async def serve_exchange(relay: WebSocketRelay, peer: SSEPeer, exchanges: set[Exchange]) -> None:
    """Serve one request to its end.

    Args:
        relay: Whose answers are asked for.
        peer: Who asks.
        exchanges: Has the event stream for as long as it is sent.
    """
    peer.headers.update(relay.origins.sharing(peer.handshake))
    is_preflight = (
        peer.method == "OPTIONS" and "access-control-request-method" in peer.handshake.headers
    )
    if peer.method not in _METHODS and not is_preflight:
        # HEAD among them, which an app may route here with GET: its answer has no body.
        await peer.respond(405, b"", {"Allow": ", ".join(_METHODS)})
        return
    if not relay.origins.allow(peer.handshake):
        await _refuse(peer, RelayRefusedError("this origin is not allowed"))
        return
    if is_preflight:
        # Asked without cookies and keys, so before anyone is asked who it is.
        await peer.respond(204, b"", PREFLIGHT_HEADERS)
        return
    try:
        owner = await relay.admit(peer.handshake)
        message = await _message_of(peer, owner, relay.limits.max_message_bytes)
        if isinstance(message, Cancel):
            await relay.answers.cancel(message.stream, owner)
            await peer.respond(204, b"")
            return
        if isinstance(message, Prompt):
            log, after = await relay.answers.begin(message), 0
        else:
            log, after = await relay.answers.find(message.stream, owner), message.after
        if relay.answers.over and not log.ended:
            # Closed meanwhile, perhaps with its store: nothing would tell how it goes on.
            raise RelayRefusedError("the server is stopping; try again", code="unavailable")
    except RelayRefusedError as refusal:
        await _refuse(peer, refusal)
        return
    except Exception:
        _log.exception("request.failed")
        await _refuse(peer, service_failed())
        return
    if isinstance(message, Prompt) and _wants_id(peer.handshake):
        await peer.respond(201, json_bytes({"stream": log.stream}))
    elif after and log.ended and after == log.last_seq:
        # To an EventSource it means: do not come back.
        await peer.respond(204, b"")
    else:
        exchange = Exchange()
        exchanges.add(exchange)
        try:
            await _stream(relay, peer, log, after, exchange.scope)
        finally:
            exchanges.discard(exchange)
            exchange.over.set()


async def _stream(
    relay: WebSocketRelay, peer: SSEPeer, log: StreamLog, after: int, scope: anyio.CancelScope
) -> None:
    wants_chunks = peer.handshake.query.get("format") == "openai"
    framing = SSEFraming(OpenAIFraming() if wants_chunks else JSONFraming())

    def drop() -> None:
        # Its end would wait for the peer as everything before does.
        peer.abort()
        scope.cancel()

    outlet = Outlet(framing, relay.limits, peer.send, drop)
    outlet.session.follow(log, after)
    try:
        with scope:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(_until_gone, peer, scope)
                tasks.start_soon(_until_stuck, outlet, drop)
                try:
                    await peer.begin()
                    await outlet.run(until_over=True, keepalive=_KEEPALIVE)
                except SocketClosedError:
                    pass
                tasks.cancel_scope.cancel()
    finally:
        outlet.session.leave_all()


async def _until_gone(peer: SSEPeer, scope: anyio.CancelScope) -> None:
    await peer.gone()
    scope.cancel()


async def _until_stuck(outlet: Outlet, drop: Callable[[], None]) -> None:
    while not outlet.is_stuck:  # noqa: ASYNC110 - time alone tells
        await anyio.sleep(1.0)
    drop()


async def _message_of(peer: SSEPeer, owner: str | None, most: int) -> Prompt | Cancel | Resume:
    query = peer.handshake.query
    if peer.method == "POST":
        try:
            fields = orjson.loads(await peer.body(most))
        except orjson.JSONDecodeError as exc:
            raise RelayRefusedError("the body is no JSON", code="bad_message") from exc
        if isinstance(fields, dict):
            fields = {**fields, "type": "prompt"}
        return read_message(fields, owner)
    if peer.method == "DELETE":
        return read_message({"type": "cancel", "stream": query.get("stream")}, owner)
    after = peer.handshake.headers.get("last-event-id") or query.get("after") or "0"
    seq = int(after) if after.isascii() and after.isdigit() and len(after) < 16 else -1
    return read_message({"type": "resume", "stream": query.get("stream"), "after": seq}, owner)


def _wants_id(handshake: Handshake) -> bool:
    return "application/json" in handshake.headers.get("accept", "") and not _wants_events(
        handshake
    )


def _wants_events(handshake: Handshake) -> bool:
    return "text/event-stream" in handshake.headers.get("accept", "")


async def _refuse(peer: SSEPeer, refusal: RelayRefusedError) -> None:
    if refusal.code == "unavailable" and peer.method == "GET" and _wants_events(peer.handshake):
        # After any other status an EventSource is closed for good, and this passes.
        with contextlib.suppress(SocketClosedError):
            await peer.begin()
            await peer.send(_COME_BACK)
        return
    body = json_bytes({"error": {"code": refusal.code, "text": refusal.message}})
    await peer.respond(_STATUS.get(refusal.code, 400), body)
