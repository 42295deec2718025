"""Exchange: one response, read as it arrives.

It hands out bytes under the clocks of the call, tells a broken connection from a slow one,
and closes the connection on every way out. What the bytes mean is decided elsewhere.

Source: GATEWAY 5 (closing the connection stops generation).
"""

from __future__ import annotations

import asyncio
from asyncio import _get_running_loop
from collections.abc import Callable, Mapping
from functools import lru_cache
from math import inf
from typing import Final

import aiohttp

from kilo_sdk.errors import (
    APITimeoutError,
    KiloError,
    ProtocolError,
    TimeoutPhase,
)
from kilo_sdk.event_loops import refuse_loop
from kilo_sdk.foreign_errors import FOREIGN_ERRORS, api_error_of
from kilo_sdk.open_exchanges import WATCH_S, OpenExchanges
from kilo_sdk.timeouts import CallClocks

__all__ = ["Exchange", "timeout_error"]

# With less left than that on a clock, a look every second is not enough.
_CLOSE_S: Final = 2 * WATCH_S
# How long the end of a finished answer may take before its connection is given up.
_DRAIN_S: Final = 0.05


# Longest answer, unpacked. A stream of tokens is a hundredth of it after a day.
_ANSWER_MAX: Final = 2**30


class _ClockExpiredError(Exception):
    """Set on aiohttp's reader to wake the task that waits there."""


class _TooLongError(Exception):
    """Set on aiohttp's reader to end what has no end."""


class Exchange:
    """One response, read as it arrives. For one task at a time.

    From the start until it is closed it stands among the open ones of its connections.

    ``close`` may be called at any time and twice. Between ``start_wait`` and
    ``stop_wait`` the clocks run; whoever waits on after a ``read`` says so with ``go_on``.
    """

    __slots__ = (
        "_clocks",
        "_closed",
        "_counts",
        "_expired",
        "_failure",
        "_far_until",
        "_is_timed",
        "_loop",
        "_model",
        "_open",
        "_response",
        "_seen",
        "_since",
        "_time",
        "_timer",
        "_transport",
        "content",
        "on_close",
    )

    def __init__(
        self,
        response: aiohttp.ClientResponse,
        clocks: CallClocks,
        loop: asyncio.AbstractEventLoop,
        model: str | None,
        among: OpenExchanges,
        clock: Callable[[], float],
    ) -> None:
        self._response = response
        connection = response.connection
        # Kept at hand for each look: to find it takes three objects, cold ones at that.
        self._transport = None if connection is None else connection.transport
        self.content = response.content
        self._clocks = clocks
        self._loop = loop
        self._time = clock
        self._model = model
        self._closed = False
        self._timer: asyncio.TimerHandle | None = None
        self._expired: TimeoutPhase | None = None
        self._failure: KiloError | None = None
        # Whether it may need a timer of its own: found out by the first wait.
        self._is_timed = True
        # Whether the clocks are told of each wait. Where it does not matter how long they
        # took in all, it is noted here when one began, for who looks: one object less to go
        # through for every token.
        self._counts = True
        self._since = inf
        # What the latest look found: how much had come, and until when no clock will be close.
        self._seen, self._far_until = 0, -inf
        self._open = among
        among.add(self, loop)
        self.on_close: Callable[[], object] | None = None
        """Called once, when the connection is closed or given back."""

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self._response.status

    @property
    def headers(self) -> Mapping[str, str]:
        """The response headers; names match in any case."""
        return self._response.headers

    @property
    def content_type(self) -> str:
        """The media type in lower case without parameters; empty where none was sent."""
        return _media_type(self._response.headers.get(aiohttp.hdrs.CONTENT_TYPE, ""))

    def key_sent(self) -> str | None:
        """Return the key that went out with the request, or None; no error may say it back."""
        authorization = self._response.request_info.headers.get("Authorization")
        return None if authorization is None else authorization.rpartition(" ")[2]

    @property
    def closed(self) -> bool:
        """Whether ``close`` or ``finish`` was called, or a failure closed the connection."""
        return self._closed

    @property
    def is_at_end(self) -> bool:
        """Whether the whole body was read: it can be closed with ``reuse``."""
        return self.content.at_eof()

    @property
    def is_at_home(self) -> bool:
        """Whether its own event loop is the running one."""
        return asyncio.get_running_loop() is self._loop

    def start_wait(self) -> None:
        """The caller asks for something: the clocks run.

        Raises:
            ConfigurationError: The response belongs to another event loop.
        """
        if asyncio.get_running_loop() is not self._loop:
            refuse_loop()
        if self._counts:
            self._clocks.start(self._time())
        else:
            self._since = self._time()
        # One timer serves many waits. From one wait to the next no deadline moves to an earlier
        # time, so one that is set fires soon enough, finds out how things stand, and is set
        # again; where nobody waits then, by the next wait.
        if self._is_timed and self._timer is None and not self.content.is_eof():
            self._is_timed = self._is_close(self._loop.time())
            if self._is_timed:
                self._set_timer()

    def go_on(self) -> None:
        """What was read is not what the caller waits for: alive, but no progress."""
        self._clocks.byte(self._time())

    def stop_wait(self) -> None:
        """The caller has something: the clocks stand still."""
        if self._counts:
            self._clocks.stop(self._time())
        else:
            self._since = inf

    def output(self) -> None:
        """The first chunk with output is here: inside a wait, before it is stopped."""
        clocks = self._clocks
        clocks.output()
        if not clocks.spends:
            clocks.stop(0.0)
            self._counts = False

    def _is_close(self, now: float) -> bool:
        """Whether a clock runs out soon; they are told of the wait where it is noted here."""
        if not self._counts:
            self._clocks.waiting_since(self._since)
        left = self._clocks.left(now)
        self._far_until = now + left - _CLOSE_S
        return left <= _CLOSE_S

    async def read(self) -> bytes:
        """Return what one network read brought; ``b""`` at the end of the body.

        What had arrived before a failure is returned first; the failure is raised by the
        next call.

        Raises:
            APITimeoutError: The first_token, idle, stall or total clock ran out.
            APIConnectionError: The connection broke inside the body.
            ProtocolError: The body goes on past 1 GiB; found out within a second.
        """
        try:
            return await self.content.readany()
        except BaseException as exc:
            return self.left_by(exc)

    def left_by(self, exc: BaseException) -> bytes:
        """Return what had arrived before a read of ``content`` failed, or raise, as ``read`` does.

        Args:
            exc: What the read raised.
        """
        if self._failure is not None:
            raise self._failure
        if isinstance(exc, _ClockExpiredError):
            self._failure = timeout_error(self._clocks, self._expired or "total", self._model)
        elif isinstance(exc, _TooLongError):
            self._failure = ProtocolError(
                f"the answer is longer than {_ANSWER_MAX} bytes and was closed", model=self._model
            )
        elif isinstance(exc, FOREIGN_ERRORS):
            self._failure = api_error_of(exc, model=self._model)
        else:
            # Cancelled: generation stops, and is billed, only when the server sees a close.
            self.close()
            raise exc
        self._failure.__cause__ = exc
        rest = self._buffered_before_failure()
        self.close()
        if not rest:
            raise self._failure
        return rest

    def take_whole(self, limit: int) -> bytes | None:
        """Return the whole body where it came with the headers, as short ones do; else None."""
        content = self.content
        if content.is_eof() and content.exception() is None and content.total_bytes <= limit:
            return content.read_nowait()
        return None

    async def read_all(self, limit: int) -> bytes:
        """Return the whole body.

        Raises:
            APITimeoutError, APIConnectionError: As in ``read``.
            ProtocolError: The body is longer than ``limit`` bytes.
        """
        self.start_wait()
        try:
            return await self.read_rest(limit)
        finally:
            self.stop_wait()

    async def read_rest(self, limit: int) -> bytes:
        """Like ``read_all``, inside a wait that has begun."""
        parts: list[bytes] = []
        size = 0
        while not self.content.at_eof():
            data = await self.read()
            self.go_on()
            parts.append(data)
            size += len(data)
            if size > limit:
                self.close()
                raise ProtocolError(
                    f"the answer is longer than {limit} bytes; nothing of it was used",
                    model=self._model,
                )
        return b"".join(parts)

    async def finish(self) -> None:
        """Give the connection back for the next request, or close it.

        An answer that is complete may still lack the end of its body; that is awaited for
        a moment, for a connection can only be used again after it.
        """
        if self._closed:
            return
        try:
            if not self.is_at_end:
                async with asyncio.timeout(_DRAIN_S):
                    while await self.content.readany():
                        pass
        except FOREIGN_ERRORS:
            self.close()
        finally:
            self.close(reuse=self.content.is_eof())

    def close(self, *, reuse: bool = False) -> None:
        """Close the connection at once; with ``reuse`` give it back instead.

        Called outside its event loop, in another thread or another loop, it closes when that
        loop comes to it: a stream that is dropped may be collected anywhere.
        """
        if _get_running_loop() is not self._loop and self._loop.is_running():
            self._loop.call_soon_threadsafe(self.close)
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._closed:
            return
        self._closed = True
        self._is_timed = False
        self._transport = None
        self._open.discard(self)
        if reuse:
            self._response.release()
        elif not self._loop.is_closed():
            self._response.close()
        if self.on_close is not None:
            self.on_close()

    def look(self) -> None:
        """Find out how things stand: called every second or so, as long as it is open."""
        if self._timer is not None or self._closed:
            return
        now, size = self._time(), self.content.total_bytes
        grown, self._seen = size > self._seen, size
        transport = self._transport
        if (
            grown
            and now < self._far_until
            and size <= _ANSWER_MAX
            and transport is not None
            and not transport.is_closing()
        ):
            # The usual look: a thousand streams are not in any cache, and this is all that it
            # takes to know that something comes and that no clock can have run out.
            return
        self._is_timed = self._is_close(now)
        phase = self._clocks.expired(now) if self._is_timed else None
        if phase is not None:
            self._expired = phase
            self.content.set_exception(_ClockExpiredError(phase))
        elif size > _ANSWER_MAX:
            self.content.set_exception(_TooLongError())
        elif self._is_abandoned():
            self.content.set_exception(aiohttp.ClientPayloadError("closed inside the body"))
        elif self._is_timed and self._clocks.is_waiting:
            self._set_timer()

    def _set_timer(self) -> None:
        due = min(self._clocks.next_check(), self._loop.time() + WATCH_S)
        self._timer = self._loop.call_at(due, self._check_clocks)

    def _check_clocks(self) -> None:
        self._timer = None
        # A loop that was held up elsewhere reads what came in time and finds the clock run
        # out in the same turn: the task that waits for those bytes goes first.
        self._loop.call_soon(self.look)

    def _is_abandoned(self) -> bool:
        """Whether the connection is gone and nobody told the reader.

        aiohttp closes it without a word to the reader when chunks are not framed as they
        must be, for one when a proxy writes an error page into the middle of a stream.
        """
        content, connection = self.content, self._response.connection
        if connection is None or content.is_eof() or content.exception() is not None:
            return False
        return connection.transport is None or connection.transport.is_closing()

    def _buffered_before_failure(self) -> bytes:
        # aiohttp refuses to hand out what it has once an error is set, and what came
        # before a cut belongs to the caller. No public way leads there.
        buffer = self.content._buffer
        rest = b"".join(buffer)
        buffer.clear()
        return rest


@lru_cache(maxsize=64)
def _media_type(header: str) -> str:
    return header.partition(";")[0].strip().lower()


def timeout_error(clocks: CallClocks, phase: TimeoutPhase, model: str | None) -> APITimeoutError:
    """Return the exception for a clock that ran out."""
    message = f"{clocks.explain(phase)} ({phase} timeout)"
    if model:
        message = f"{message}; model {model}"
    return APITimeoutError(message, phase=phase, model=model)
