"""Limits: how much the calls of a client ask of the gateway at once and per minute.

Who would pass a limit waits, first come, first served. Where the gateway refuses calls for
their number, all calls of the client slow down together, instead of each finding out alone.

Source: GATEWAY 8 (429, ``Retry-After``).
"""

from __future__ import annotations

import asyncio
import heapq
from math import inf
from typing import TYPE_CHECKING, Final

from kilo_sdk.errors import APIError, APIStatusError, ConfigurationError, RateLimitError

if TYPE_CHECKING:
    from kilo_sdk.cost.totals import CallRecord
    from kilo_sdk.lifetime import Lifetime

__all__ = ["Limits", "Permit"]

_PAUSE_MAX_S: Final = 60.0
# How much of a minute's worth may go at once after a quiet time.
_BURST_S: Final = 6.0


class Limits:
    """Limits that all calls of a client, and of its views, share.

    Each try passes them, in the order in which the calls began: a call that is repeated
    comes before those that began after it. The wait can be cancelled, ends when the client
    closes, and counts on the ``total`` clock and no other.

    After a quiet time a tenth of a minute's requests or tokens may go at once; the rest
    follows evenly.

    One object may be given to several clients of one event loop, which then share it.

    Args:
        max_concurrent: Most answers under way at once, from the request to the end.
        requests_per_minute: Most tries per minute.
        tokens_per_minute: Most tokens per minute: the prompt's as estimated when it is sent,
            put right by what the answer reports.
        learn: Whether all wait when the gateway names a time to come back (``Retry-After``,
            obeyed for up to a minute), and fewer go at once after a 429: half as many, then
            one more for each round of answers.

    Raises:
        ConfigurationError: A limit is no number above 0.
    """

    __slots__ = (
        "_active",
        "_halved_at",
        "_order",
        "_paused_until",
        "_requests",
        "_timer",
        "_tokens",
        "_waiting",
        "_window",
        "learn",
        "max_concurrent",
    )

    def __init__(
        self,
        *,
        max_concurrent: int | None = None,
        requests_per_minute: float | None = None,
        tokens_per_minute: float | None = None,
        learn: bool = True,
    ) -> None:
        if max_concurrent is not None and (
            isinstance(max_concurrent, bool)
            or not isinstance(max_concurrent, int)
            or max_concurrent < 1
        ):
            raise ConfigurationError(
                f"Limits(max_concurrent={max_concurrent!r}): accepted is a whole number from 1, "
                "or None for no limit"
            )
        self.max_concurrent = max_concurrent
        self.learn = learn
        self._requests = _bucket(requests_per_minute, "requests_per_minute")
        self._tokens = _bucket(tokens_per_minute, "tokens_per_minute")
        self._window: float = inf
        self._halved_at = -inf
        self._paused_until = -inf
        self._active = 0
        self._order = 0
        self._waiting: list[tuple[int, int, _Waiter]] = []
        self._timer: asyncio.TimerHandle | None = None

    @property
    def counts_tokens(self) -> bool:
        """Whether the size of prompts and answers matters."""
        return self._tokens is not None

    @property
    def active(self) -> int:
        """How many tries are under way."""
        return self._active

    @property
    def waiting(self) -> int:
        """How many wait for their turn."""
        return sum(not waiter.turn.done() for _, _, waiter in self._waiting)

    def next_order(self) -> int:
        """Return the place in the queue of a call that begins now."""
        self._order += 1
        return self._order

    async def enter(self, order: int, lifetime: Lifetime, *, tokens: int = 0) -> Permit:
        """Wait for the turn of a try; give the permit back with ``Permit.release``.

        Args:
            order: The call's place, from ``next_order``; the same for all its tries.
            lifetime: Ends the wait when it ends.
            tokens: Estimated size of the prompt.

        Raises:
            ConfigurationError: The client was closed, before the wait or during it.
        """
        lifetime.check_open()
        loop = asyncio.get_running_loop()
        waiter = _Waiter(loop.create_future(), tokens)
        self._order += 1  # tells those of one call apart
        heapq.heappush(self._waiting, (order, self._order, waiter))
        self._admit(loop)
        try:
            if not waiter.admitted:
                await lifetime.outlasting(waiter.turn)
                # Who let it go may have cancelled it in the same step: then it does not go.
                import anyio.lowlevel

                await anyio.lowlevel.checkpoint_if_cancelled()
        except BaseException:
            waiter.turn.cancel()
            if waiter.admitted:
                self._active -= 1
            self._admit(loop)
            raise
        return Permit(self, tokens, loop)

    def _admit(self, loop: asyncio.AbstractEventLoop) -> None:
        """Let go whoever may go, in order; set a timer where only time is missing."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        now = loop.time()
        waiting = self._waiting
        while waiting:
            waiter = waiting[0][2]
            if waiter.turn.done():
                heapq.heappop(waiting)  # it left
                continue
            if self._active >= min(self._window, self.max_concurrent or inf):
                return  # whoever ends lets the next one go
            due = self._paused_until
            for bucket in (self._requests, self._tokens):
                if bucket is not None:
                    due = max(due, bucket.due(now))
            if due > now:
                self._timer = loop.call_at(due, self._admit, loop)
                return
            heapq.heappop(waiting)
            if self._requests is not None:
                self._requests.take(1)
            if self._tokens is not None:
                self._tokens.take(waiter.tokens)
            self._active += 1
            waiter.admitted = True
            waiter.turn.set_result(None)

    def _leave(self, loop: asyncio.AbstractEventLoop) -> None:
        self._active -= 1
        if self._waiting and not loop.is_closed():
            # In the loop's next step: a try that was refused is over before it can say so, and
            # whoever goes next is to know.
            loop.call_soon(self._admit, loop)

    def _answered(self) -> None:
        self._window += 1 / self._window

    def _refused(self, error: APIError, sent_at: float, now: float) -> None:
        if not self.learn or not isinstance(error, APIStatusError):
            return
        if error.retry_after is not None:
            until = now + min(error.retry_after, _PAUSE_MAX_S)
            self._paused_until = max(self._paused_until, until)
        # Those that were on their way together are refused together: one lesson, not many.
        if isinstance(error, RateLimitError) and sent_at > self._halved_at:
            self._halved_at = now
            self._window = max(1.0, min(self._window, self._active) / 2)

    def _correct(self, tokens: int, loop: asyncio.AbstractEventLoop) -> None:
        if self._tokens is not None:
            self._tokens.due(loop.time())
            self._tokens.take(tokens)


class Permit:
    """One try's leave to go. For one task; giving it back twice is fine."""

    __slots__ = ("_charged", "_limits", "_loop", "_released", "_sent_at")

    def __init__(self, limits: Limits, charged: int, loop: asyncio.AbstractEventLoop) -> None:
        self._limits = limits
        self._charged = charged
        self._loop = loop
        self._sent_at = loop.time()
        self._released = False

    def release(self) -> None:
        """The try is over: the next may go."""
        if not self._released:
            self._released = True
            self._limits._leave(self._loop)

    def answered(self) -> None:
        """Its answer has begun: the gateway can take it."""
        self._limits._answered()

    def refused(self, error: APIError) -> None:
        """It failed; where the gateway is too busy, all are to know."""
        self._limits._refused(error, self._sent_at, self._loop.time())

    def count(self, record: CallRecord) -> None:
        """Put right what was charged for it by what it took."""
        taken = record.prompt_tokens + record.completion_tokens
        self._limits._correct(taken - self._charged, self._loop)
        self._charged = taken


class _Waiter:
    __slots__ = ("admitted", "tokens", "turn")

    def __init__(self, turn: asyncio.Future[None], tokens: int) -> None:
        self.turn = turn
        self.tokens = tokens
        self.admitted = False


class _Bucket:
    """Tokens that flow in evenly; it may be overdrawn, and is then waited for."""

    __slots__ = ("_as_of", "_capacity", "_left", "_per_second")

    def __init__(self, per_minute: float) -> None:
        self._per_second = per_minute / 60
        self._capacity = max(1.0, self._per_second * _BURST_S)
        self._left = self._capacity
        self._as_of = -inf

    def due(self, now: float) -> float:
        """When there is one token; ``now`` or before where there is."""
        if self._as_of > -inf:
            self._left = min(self._capacity, self._left + (now - self._as_of) * self._per_second)
        self._as_of = now
        # Rounding must not make a wait of nothing.
        missing = 1.0 - self._left
        return now if missing <= 1e-9 else now + missing / self._per_second

    def take(self, tokens: float) -> None:
        self._left = min(self._capacity, self._left - tokens)


def _bucket(per_minute: float | None, name: str) -> _Bucket | None:
    if per_minute is None:
        return None
    if (
        isinstance(per_minute, bool)
        or not isinstance(per_minute, int | float)
        or not 0 < per_minute < inf
    ):
        raise ConfigurationError(
            f"Limits({name}={per_minute!r}): accepted is a number above 0, or None for no limit"
        )
    return _Bucket(per_minute)
