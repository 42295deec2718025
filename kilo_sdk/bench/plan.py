"""What a generator is told: one level of load, to be run once. Values only; it pickles."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

import attrs

from kilo_sdk.bench.datasets import TraceEntry
from kilo_sdk.bench.load import Load
from kilo_sdk.bench.objectives import Objectives
from kilo_sdk.bench.workload import Workload
from kilo_sdk.errors import ConfigurationError

__all__ = ["Phases", "Plan", "Share", "Target"]


@attrs.frozen(slots=True, kw_only=True)
class Target:
    """Who is asked.

    Attributes:
        base_url: Where; None is what is configured, or the gateway.
        api_key: The key, or None for what is configured.
        model: Model ref.
        retries: Most tries after the first.
        timeout: Seconds that a request may take in all; None leaves it to the other clocks.
        headers: Headers of every request.
        allow_insecure: Whether a key may go to another machine over plain http.
    """

    base_url: str | None = None
    api_key: str | None = attrs.field(default=None, repr=False)
    model: str = "kilo/auto"
    retries: int = 0
    timeout: float | None = None
    headers: dict[str, str] = attrs.field(factory=dict, repr=False)
    allow_insecure: bool = False


@attrs.frozen(slots=True, kw_only=True)
class Phases:
    """How long a load runs. All durations in seconds.

    Attributes:
        requests: Requests to measure, or None.
        duration: How long to measure, or None. One of the two is needed, unless a trace
            says when it ends; with more than one, what comes first.
        warmup: Load before it that does not count.
        cooldown: Load after it that does not count, so that the last requests that do are
            served by a machine as busy as the others found it.
        drain: How long requests that are under way at the end are waited for.

    Raises:
        ConfigurationError: A number is out of range.
    """

    requests: int | None = None
    duration: float | None = None
    warmup: float = 0.0
    cooldown: float = 0.0
    drain: float = 30.0

    def __attrs_post_init__(self) -> None:
        if self.requests is not None and self.requests < 1:
            raise ConfigurationError("requests is a whole number from 1 up")
        if self.duration is not None and not 0 < self.duration < float("inf"):
            raise ConfigurationError("duration is a number of seconds above 0")
        for name in ("warmup", "cooldown", "drain"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise ConfigurationError(f"{name} is a number of seconds from 0 up")


@attrs.frozen(slots=True)
class Share:
    """Which part of a load one of several generators takes: numbers ``index, index + of, ...``."""

    index: int = 0
    of: int = 1

    def part_of(self, whole: int) -> int:
        """Return how many of ``whole`` things are this share's."""
        return (whole - self.index + self.of - 1) // self.of

    def every(self, times: Iterator[float]) -> Iterator[tuple[int, float]]:
        """Iterate over this share of numbered times."""
        return islice(enumerate(times), self.index, None, self.of)


@attrs.frozen(slots=True, kw_only=True)
class Plan:
    """One load on one model, to be run once.

    Attributes:
        target: Who is asked.
        workload: What is asked.
        load: How many requests, and when.
        phases: How long.
        objectives: What makes a request good, or None.
        trace: The requests of a trace, in order, or None.
        seed: What the send times are drawn from.
        share: Which part of it is this generator's.
    """

    target: Target
    workload: Workload
    load: Load
    phases: Phases
    objectives: Objectives | None = None
    trace: tuple[TraceEntry, ...] | None = attrs.field(default=None, repr=False)
    seed: int = 0
    share: Share = Share()

    @property
    def ramp_over(self) -> float:
        """Seconds in which a ramp goes from its first to its last rate."""
        phases = self.phases
        return self.load.ramp_over(
            warmup=phases.warmup, duration=phases.duration, requests=phases.requests
        )
