"""The five clocks of a call, as plain arithmetic.

Times come in as arguments, seconds on one monotonic clock: nothing here reads a clock or
waits. The shell that does is ``http``.

Source: GATEWAY 5 (keep-alive comments: alive is not the same as making progress).
"""

from __future__ import annotations

from math import inf
from typing import Any, Final

import attrs

from kilo_sdk.errors import ConfigurationError, TimeoutPhase

__all__ = ["CallClocks", "Timeouts"]


def _check_seconds(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        raise ConfigurationError(
            f"Timeouts({attribute.name}={value!r}): accepted are seconds above 0, "
            "or None for no limit"
        )


@attrs.frozen(slots=True, kw_only=True)
class Timeouts:
    """Five limits in seconds; None means no limit.

    None of them runs while the caller holds a chunk.

    Attributes:
        connect: To a usable connection, waiting for a free one included.
        first_token: From sending the request to the first chunk with output; for an answer
            that is not streamed, to the whole of it. Counts anew for each try.
        idle: Without a single byte, once the response has begun. A keep-alive comment
            counts as alive.
        stall: Alive but without a chunk.
        total: Everything, across retries and their waits.
    """

    connect: float | None = attrs.field(default=10.0, validator=_check_seconds)
    first_token: float | None = attrs.field(default=600.0, validator=_check_seconds)
    idle: float | None = attrs.field(default=120.0, validator=_check_seconds)
    stall: float | None = attrs.field(default=600.0, validator=_check_seconds)
    total: float | None = attrs.field(default=None, validator=_check_seconds)


_EXPLANATIONS: Final[dict[TimeoutPhase, str]] = {
    "connect": "no connection within {limit:g} s",
    "first_token": "no output within {limit:g} s of sending the request",
    "idle": "not a byte for {limit:g} s",
    "stall": "alive, but without a chunk for {limit:g} s",
    "total": "not done within {limit:g} s in all",
}


class CallClocks:
    """Where the clocks of one call stand.

    A wait is bracketed by ``start`` and ``stop``; between them ``byte`` says that
    something came. Only waits count. For one call at a time.

    ``start`` and ``stop`` run for every chunk and only note the time; which clock is the
    next to run out is worked out when a timer asks.
    """

    __slots__ = (
        "_alive",
        "_byte_at",
        "_first_token_left",
        "_idle",
        "_stall",
        "_started",
        "output_seen",
        "spends",
        "timeouts",
        "total_left",
    )

    def __init__(self, timeouts: Timeouts) -> None:
        self.timeouts = timeouts
        self.total_left: float = inf if timeouts.total is None else timeouts.total
        self._idle = inf if timeouts.idle is None else timeouts.idle
        self._stall = inf if timeouts.stall is None else timeouts.stall
        # Outside a wait both are infinitely far off, and so is all that counts from them.
        self._started = self._byte_at = inf
        self.begin_try()

    def beside(self, now: float) -> CallClocks:
        """Return the clocks of a try that begins while this one waits; ``total`` goes on."""
        clocks = CallClocks(self.timeouts)
        clocks.total_left = self.total_left - max(0.0, now - self._started)
        return clocks

    @property
    def is_waiting(self) -> bool:
        """Whether a wait has begun and is not over."""
        return self._started < inf

    def begin_try(self) -> None:
        """A request is about to be sent: the first token is awaited anew."""
        limit = self.timeouts.first_token
        self._first_token_left = inf if limit is None else limit
        self.output_seen = False
        """Whether a chunk with output has come in this try."""
        self._alive = False
        self.spends = True
        """Whether it is counted how long a wait took."""

    def response_began(self) -> None:
        """The headers are here: from now on silence counts."""
        self._alive = True

    def output(self) -> None:
        """The first chunk with output is here."""
        self.output_seen = True
        self.spends = self.total_left < inf

    def start(self, now: float) -> None:
        """The SDK begins to wait for the server."""
        self._started = self._byte_at = now

    def byte(self, now: float) -> None:
        """Something came, be it a comment."""
        self._byte_at = now

    def waiting_since(self, since: float) -> None:
        """Take over a wait that was noted elsewhere.

        Args:
            since: When it began; ``inf`` where nobody waits.
        """
        self._started = since
        if not since <= self._byte_at < inf:
            self._byte_at = since

    def stop(self, now: float) -> None:
        """The wait is over: a chunk came, or the answer ended. Nothing runs out any more.

        Args:
            now: The time; where nothing is counted (``spends``), whatever.
        """
        if self.spends:
            self.spend(now - self._started)
        self._started = self._byte_at = inf

    def spend(self, seconds: float) -> None:
        """Count a wait that was not bracketed, such as one between tries."""
        self.total_left -= seconds
        if not self.output_seen:
            self._first_token_left -= seconds

    def next_check(self) -> float:
        """Return the time at which ``expired`` may first say something; inf for never."""
        left, _ = self._hard_left()
        hard_at = self._started + left
        return min(hard_at, self._byte_at + self._idle) if self._alive else hard_at

    def left(self, now: float) -> float:
        """Return the seconds until ``expired`` may first say something.

        Args:
            now: The time; where nobody waits, whatever: it is then of a wait that begins now.
        """
        if self.is_waiting:
            return self.next_check() - now
        left, _ = self._hard_left()
        return min(left, self._idle) if self._alive else left

    def expired(self, now: float) -> TimeoutPhase | None:
        """Return which clock has run out by now, or None."""
        if self._alive and now >= self._byte_at + self._idle:
            return "idle"
        left, phase = self._hard_left()
        return phase if now >= self._started + left else None

    def explain(self, phase: TimeoutPhase) -> str:
        """Say in words what that clock measured and what its limit was."""
        return _EXPLANATIONS[phase].format(limit=getattr(self.timeouts, phase) or 0.0)

    def _hard_left(self) -> tuple[float, TimeoutPhase]:
        """Return what is left of the first clock that no byte can hold up, and which that is."""
        left = self.total_left
        phase: TimeoutPhase = "total"
        if not self.output_seen and self._first_token_left < left:
            left, phase = self._first_token_left, "first_token"
        if self._alive and self._stall < left:
            left, phase = self._stall, "stall"
        return left, phase
