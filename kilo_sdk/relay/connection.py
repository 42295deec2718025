"""One web socket, from its handshake to its close: the shell around a session.

It reads, sends and closes. What a message asks for is decided by whoever serves.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Final

import anyio

from kilo_sdk.relay.framing import Framing
from kilo_sdk.relay.limits import RelayLimits, TokenBucket
from kilo_sdk.relay.outlet import Outlet
from kilo_sdk.relay.protocol import ClientMessage, CloseCode, Prompt, Resume, read_message
from kilo_sdk.relay.refusals import RelayRefusedError, service_failed
from kilo_sdk.relay.session import Session
from kilo_sdk.relay.sockets import RelaySocket, SocketClosedError

__all__ = ["Connection"]

_log: Final = logging.getLogger("kilo_sdk.relay")
_UNREADABLE: Final = frozenset({"bad_message", "unknown_type", "unsupported_version"})
# Messages that are being acted on, beyond the answers: each may wait for a store.
_MOST_ACTING: Final = 8
_MOST_UNSAID: Final = 64
_REASONS: Final = {
    CloseCode.GOING_AWAY: "the server is stopping",
    CloseCode.POLICY: "too many messages, or too many that cannot be read",
    CloseCode.TOO_BIG: "a message is too long",
    CloseCode.INTERNAL: "the relay failed",
    CloseCode.IDLE: "idle for too long",
    CloseCode.TOO_SLOW: "frames were not taken in time",
}


class Connection:
    """One accepted socket. ``run`` it once; ``close`` may be called from any task of its loop.

    Args:
        socket: Accepted.
        framing: How its frames look.
        limits: What the client may do.
        owner: Who is at the other end.
        act: Does what a message asks for; refuses by raising ``RelayRefusedError``.

    Attributes:
        owner: Who is at the other end.
        over: Set once ``run`` is done.
    """

    def __init__(
        self,
        socket: RelaySocket,
        framing: Framing,
        limits: RelayLimits,
        owner: str | None,
        act: Callable[[Connection, ClientMessage], Awaitable[None]],
    ) -> None:
        self.owner = owner
        self._socket = socket
        self._framing = framing
        self._limits = limits
        self._act = act
        at_once = socket.at_once(is_text=framing.is_text)
        self._outlet = Outlet(framing, limits, self._send, self._too_slow, at_once)
        self._scope = anyio.CancelScope()
        self._closing: CloseCode | None = None
        self._finishing: CloseCode | None = None
        self.over = anyio.Event()
        self._loop = asyncio.get_running_loop()
        self._heard_at = self._loop.time()
        self._acting: set[asyncio.Task[None]] = set()
        # Messages among them that will end with one more answer to follow.
        self._opening = 0
        self._timer: asyncio.TimerHandle | None = None

    @property
    def session(self) -> Session:
        """What it is to be sent."""
        return self._outlet.session

    def close(self, code: CloseCode) -> None:
        """Stop, and close the socket with that code; the first code counts."""
        if self._closing is None:
            self._closing = code
            self._scope.cancel()

    def finish(self, code: CloseCode) -> None:
        """Send what there is, answers to their end, and close the socket with that code."""
        self._finishing = code
        self._outlet.finish()

    async def run(self, *, until_over: bool = False) -> None:
        """Serve until the client leaves, or someone closes.

        Args:
            until_over: Return once nothing is followed and everything is sent; the socket
                stays open then.
        """
        self._watch()
        try:
            await self._serve(until_over)
            if self._closing is not None:
                await self._close_socket(self._closing)
        except Exception:
            # Not every server closes the socket then, and its client would wait for ever.
            await self._close_socket(CloseCode.INTERNAL)
            raise
        finally:
            self.over.set()

    async def _serve(self, until_over: bool) -> None:
        try:
            with self._scope:
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(self._listen)
                    try:
                        await self._outlet.run(until_over=until_over)
                        self._closing = self._closing or self._finishing
                    except SocketClosedError:
                        pass
                    tasks.cancel_scope.cancel()
        finally:
            # First of all: whoever writes for this client alone stops.
            self.session.leave_all()
            if self._timer is not None:
                self._timer.cancel()
            if self._acting:
                await self._stop_acting()

    async def _stop_acting(self) -> None:
        """Let go of what is still being asked for, once its tasks have put things in order."""
        for task in self._acting:
            task.cancel()
        try:
            with anyio.CancelScope(shield=True):
                await asyncio.wait(tuple(self._acting))
        finally:
            # What came to be followed meanwhile has no reader either.
            self.session.leave_all()

    async def _close_socket(self, code: CloseCode) -> None:
        with anyio.move_on_after(self._limits.close_timeout, shield=True) as scope:
            await self._socket.close(code, _REASONS.get(code, ""))
        if scope.cancelled_caught:
            self._socket.abort()

    async def _listen(self) -> None:
        bucket = TokenBucket(self._limits.messages_per_second, self._loop.time())
        invalid = 0
        while True:
            try:
                frame = await self._socket.receive()
            except SocketClosedError:
                self._scope.cancel()
                return
            self._heard_at = now = self._loop.time()
            if _bytes_in(frame) > self._limits.max_message_bytes:
                self.close(CloseCode.TOO_BIG)
                return
            if not bucket.take(now) or self.session.unsaid > _MOST_UNSAID:
                self.close(CloseCode.POLICY)
                return
            try:
                message = read_message(self._framing.message(frame), self.owner)
                opens = self._admit(message)
            except RelayRefusedError as refusal:
                self.session.say(refusal)
                invalid += refusal.code in _UNREADABLE
                if invalid > self._limits.max_invalid:
                    # After what was wrong with the last one has been told.
                    await asyncio.sleep(0)
                    self.close(CloseCode.POLICY)
                    return
            else:
                # A task that is plain: to hold it in the group would cost as much as the rest.
                task = self._loop.create_task(self._do(message, opens))
                self._acting.add(task)
                task.add_done_callback(self._acting.discard)

    def _admit(self, message: ClientMessage) -> bool:
        """Count a message that is to be acted on.

        Returns:
            Whether it asks for one more answer than are followed.

        Raises:
            RelayRefusedError: There are too many already.
        """
        limits = self._limits
        request, stream = _about(message)
        opens = isinstance(message, Prompt) or (
            isinstance(message, Resume) and message.stream not in self.session
        )
        if opens and len(self.session) + self._opening >= limits.max_streams:
            raise RelayRefusedError(
                f"at most {limits.max_streams} answers at once",
                code="too_many_streams",
                stream=stream,
                request=request,
            )
        if len(self._acting) >= limits.max_streams + _MOST_ACTING:
            raise RelayRefusedError(
                "too many messages at once", code="rate_limited", stream=stream, request=request
            )
        self._opening += opens
        return opens

    async def _do(self, message: ClientMessage, opens: bool) -> None:
        request, stream = _about(message)
        try:
            await self._act(self, message)
        except RelayRefusedError as refusal:
            self.session.say(refusal.about(stream=stream, request=request))
        except Exception:
            _log.exception("message.failed %s", type(message).__name__)
            self.session.say(service_failed(request=request, stream=stream))
        finally:
            self._opening -= opens

    async def _send(self, frame: bytes) -> None:
        await self._socket.send(frame, is_text=self._framing.is_text)

    def _too_slow(self) -> None:
        self.close(CloseCode.TOO_SLOW)

    def _watch(self) -> None:
        """Look now and then at what no event tells of: a timer, for a task would cost more."""
        limits, now = self._limits, self._loop.time()
        if self._outlet.is_stuck:
            self._too_slow()
        idle = limits.idle_timeout
        if idle is not None and not len(self.session) and not self._acting:
            quiet = now - max(self._heard_at, self._outlet.busy_at)
            if quiet >= idle:
                self.close(CloseCode.IDLE)
        periods = [one / 4 for one in (limits.send_timeout, idle) if one is not None]
        if periods and self._closing is None:
            self._timer = self._loop.call_later(min(periods), self._watch)


def _bytes_in(frame: str | bytes) -> int:
    """Return how long a frame was on the wire."""
    if isinstance(frame, bytes) or frame.isascii():
        return len(frame)
    return len(frame.encode("utf-8", "replace"))


def _about(message: ClientMessage) -> tuple[str | None, str | None]:
    """Return the client's id of the prompt, or the stream, that a message is about."""
    if isinstance(message, Prompt):
        return message.request, None
    return None, message.stream
