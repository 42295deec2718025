"""What a generator tells: how far it has come, and in the end what it measured."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Self

import attrs

from kilo_sdk.bench.histogram import Histogram
from kilo_sdk.bench.tally import Tally

__all__ = ["Overhead", "Progress", "Result"]


@attrs.frozen(slots=True)
class Progress:
    """How far generators have come; what it says of latencies is of the last answers alone.

    Attributes:
        sent: Requests sent so far.
        in_flight: Those under way.
        completed: Whole answers.
        failed: Failures.
        chunks: Chunks received.
        recent_ttft: TTFT of the last answers, in seconds.
        recent_itl: Mean gap between chunks of each of the last answers, in seconds.
        errors: Failures by class.
        share_done: How much of the load is over, from 0 to 1.
    """

    sent: int = 0
    in_flight: int = 0
    completed: int = 0
    failed: int = 0
    chunks: int = 0
    recent_ttft: tuple[float, ...] = ()
    recent_itl: tuple[float, ...] = ()
    errors: dict[str, int] = attrs.field(factory=dict)
    share_done: float = 0.0

    @classmethod
    def of_all(cls, parts: Iterable[Progress]) -> Progress:
        """Return the progress of several generators as one."""
        all_parts = list(parts)
        errors: dict[str, int] = {}
        for part in all_parts:
            for name, count in part.errors.items():
                errors[name] = errors.get(name, 0) + count
        return cls(
            sent=sum(part.sent for part in all_parts),
            in_flight=sum(part.in_flight for part in all_parts),
            completed=sum(part.completed for part in all_parts),
            failed=sum(part.failed for part in all_parts),
            chunks=sum(part.chunks for part in all_parts),
            # Each of them has a share of much the same size.
            share_done=sum(part.share_done for part in all_parts) / max(len(all_parts), 1),
            recent_ttft=tuple(value for part in all_parts for value in part.recent_ttft),
            recent_itl=tuple(value for part in all_parts for value in part.recent_itl),
            errors=errors,
        )


@attrs.define(slots=True)
class Overhead:
    """What the generator itself took.

    Attributes:
        cpu_seconds: CPU time of its process, or processes, while the load ran.
        wall_seconds: How long that was.
        chunks: Chunks received meanwhile.
        peak_in_flight: Most requests under way at once.
        lag: How late its event loop was, in seconds.
        busiest: CPU time by wall time of the busiest process.
        clock_error: By how much the clocks of processes may differ at most, in seconds.
    """

    cpu_seconds: float = 0.0
    wall_seconds: float = 0.0
    chunks: int = 0
    peak_in_flight: int = 0
    lag: Histogram = attrs.field(factory=Histogram)
    busiest: float = 0.0
    clock_error: float = 0.0

    def __attrs_post_init__(self) -> None:
        if self.wall_seconds and not self.busiest:
            self.busiest = self.cpu_seconds / self.wall_seconds

    def merge(self, other: Overhead) -> None:
        """Add what another process took meanwhile."""
        self.cpu_seconds += other.cpu_seconds
        self.wall_seconds = max(self.wall_seconds, other.wall_seconds)
        self.chunks += other.chunks
        self.peak_in_flight += other.peak_in_flight
        self.lag.merge(other.lag)
        self.busiest = max(self.busiest, other.busiest)
        self.clock_error = max(self.clock_error, other.clock_error)


@attrs.define(slots=True)
class Result:
    """What one generator, or several as one, measured.

    Attributes:
        tally: All of it.
        started: When measuring began, seconds on a monotonic clock.
        ended: When it ended.
        overhead: What it took.
        stopped: Whether it was stopped before its end.
    """

    tally: Tally
    started: float
    ended: float
    overhead: Overhead
    stopped: bool = False

    @property
    def seconds(self) -> float:
        """How long was measured."""
        return self.ended - self.started

    def merge(self, other: Result) -> None:
        """Add what another generator measured of the same load, at the same time."""
        self.tally.merge(other.tally)
        self.started = min(self.started, other.started)
        self.ended = max(self.ended, other.ended)
        self.stopped = self.stopped or other.stopped
        self.overhead.merge(other.overhead)

    @classmethod
    def sum_of(cls, repetitions: Sequence[Result]) -> Self:
        """Return all that several repetitions measured; none of them is changed."""
        first, last = repetitions[0], repetitions[-1]
        whole = cls(Tally(first.tally.objectives), first.started, last.ended, Overhead())
        for result in repetitions:
            whole.merge(result)
        peaks = [result.overhead.peak_in_flight for result in repetitions]
        whole.overhead.peak_in_flight = max(peaks)
        return whole
