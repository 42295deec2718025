"""Load: how many requests, and when. From a text or a trace to times, without a clock.

A closed loop keeps a number of requests under way and sends the next when one ends: what
is slow is asked less. An open loop sends at times that nothing can delay, as the world
does. Times are a function of the seed alone, so that any number of generators can share a
schedule: each takes every n-th of the same times.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from typing import Final, Literal, Self, TypeAlias

import attrs

from kilo_sdk.errors import ConfigurationError

__all__ = ["GRAMMAR", "Load", "LoadKind"]

LoadKind: TypeAlias = Literal["concurrency", "constant", "poisson", "gamma", "ramp", "trace"]

GRAMMAR: Final = (
    "concurrency:N (a closed loop, of 100,000 at most), constant:RATE, poisson:RATE, "
    "gamma:RATE:BURSTINESS, ramp:FROM:TO or ramp:FROM:TO:SECONDS (open loops, requests a "
    "second), or trace:FILE"
)

_FIELDS: Final[dict[str, tuple[str, ...]]] = {
    "concurrency": ("concurrency",),
    "constant": ("rate",),
    "poisson": ("rate",),
    "gamma": ("rate", "burstiness"),
    "ramp": ("rate", "to_rate", "over"),
}
# A machine has 64 Ki ports for connections to one address, and each request under way is a task.
_MOST_CONCURRENCY: Final = 100_000
_OPTIONAL: Final = frozenset({"over"})


@attrs.frozen(slots=True, kw_only=True)
class Load:
    """One level of load.

    Attributes:
        kind: Which pattern; ``GRAMMAR`` describes each.
        concurrency: Requests under way, of a closed loop.
        rate: Requests per second, of an open loop; where a ramp begins.
        burstiness: Shape of the gamma distribution of the gaps: 1 is Poisson, less is
            burstier, more is more even.
        to_rate: Where a ramp ends.
        over: Seconds that a ramp takes, warm-up included; 0 leaves it to how long the load runs.
        trace: File of a trace.
    """

    kind: LoadKind
    concurrency: int = 0
    rate: float = 0.0
    burstiness: float = 1.0
    to_rate: float = 0.0
    over: float = 0.0
    trace: str | None = None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a load from its text.

        Raises:
            ConfigurationError: It cannot be read; the message says what is accepted.
        """
        kind, _, rest = text.strip().partition(":")
        if kind == "trace" and rest:
            return cls(kind="trace", trace=rest)
        names = _FIELDS.get(kind)
        values = rest.split(":") if rest else []
        try:
            if names is None or not len(set(names) - _OPTIONAL) <= len(values) <= len(names):
                raise ValueError
            numbers = [float(value) for value in values]
            if not all(0 < number < math.inf for number in numbers):
                raise ValueError
            if kind == "concurrency":
                if numbers[0] > _MOST_CONCURRENCY:
                    raise ValueError
                return cls(kind="concurrency", concurrency=int(values[0]))
        except ValueError:
            raise ConfigurationError(
                f"load {text!r} cannot be read; accepted are {GRAMMAR}, with numbers above 0"
            ) from None
        # What follows is one of the open kinds, whose names are in the table.
        return cls(kind=kind, **dict(zip(names, numbers, strict=False)))  # type: ignore[arg-type]

    @classmethod
    def closed(cls, concurrency: int) -> Self:
        """Return a closed loop."""
        return cls(kind="concurrency", concurrency=concurrency)

    @classmethod
    def open(cls, rate: float, kind: Literal["constant", "poisson"] = "constant") -> Self:
        """Return an open loop."""
        return cls(kind=kind, rate=rate)

    @property
    def is_open(self) -> bool:
        """Whether requests are sent whether or not earlier ones have been answered."""
        return self.kind != "concurrency"

    def mean_rate(self, start: float, end: float, *, ramp_over: float) -> float | None:
        """Return how many requests a second are asked for; None for a closed loop and a trace.

        Args:
            start: Where what counts begins, in seconds from the beginning of the load.
            end: Where it ends.
            ramp_over: As for ``times``.
        """
        if self.kind in ("concurrency", "trace"):
            return None
        if self.kind == "ramp":
            return (self._sent_by(end, ramp_over) - self._sent_by(start, ramp_over)) / (end - start)
        return self.rate

    def ramp_over(self, *, warmup: float, duration: float | None, requests: int | None) -> float:
        """Return the seconds in which a ramp goes from its first to its last rate.

        That is what the load says itself, or the warm-up and the duration, or, where a number
        of requests bounds it, the warm-up and what these take while it lasts.
        """
        if self.over or self.kind != "ramp":
            return self.over
        if duration is not None or requests is None:
            return warmup + (duration or 0.0)
        # The requests are the integral of the rate from the warm-up to the end, which is sought:
        # mean * end ** 2 - linear * end - constant = 0.
        mean = (self.rate + self.to_rate) / 2
        linear = self.rate * warmup + requests
        constant = (self.to_rate - self.rate) / 2 * warmup**2
        return (linear + math.sqrt(max(linear**2 + 4 * mean * constant, 0.0))) / (2 * mean)

    def _sent_by(self, time: float, ramp_over: float) -> float:
        """Return how many requests a ramp has sent by then."""
        ramped = min(time, ramp_over)
        slope = (self.to_rate - self.rate) / ramp_over if ramp_over else 0.0
        return self.rate * ramped + slope * ramped**2 / 2 + self.to_rate * (time - ramped)

    def __str__(self) -> str:
        if self.kind == "trace":
            return f"trace:{self.trace}"
        names = _FIELDS[self.kind]
        values = (getattr(self, n) for n in names if n not in _OPTIONAL or getattr(self, n))
        return ":".join([self.kind, *(f"{value:g}" for value in values)])

    def times(self, seed: int, *, ramp_over: float = 0.0) -> Iterator[float]:
        """Iterate over the send times of an open loop without end, in seconds from its start.

        Args:
            seed: What chance is drawn from; the same seed gives the same times.
            ramp_over: Seconds in which a ramp goes from its first to its last rate, at
                which it stays.
        """
        if self.kind == "constant":
            return _evenly(self.rate)
        if self.kind == "ramp":
            return _ramp(self.rate, self.to_rate, ramp_over)
        if self.kind in ("poisson", "gamma"):
            return _gamma(self.rate, self.burstiness, seed)
        raise ValueError(f"a load of the kind {self.kind} has no times of its own")


def _evenly(rate: float) -> Iterator[float]:
    number = 0
    while True:
        yield number / rate
        number += 1


def _gamma(rate: float, shape: float, seed: int) -> Iterator[float]:
    # Reproducible, and no secret hangs on it.
    rng = random.Random(f"times/{seed}")  # noqa: S311
    scale = 1 / (rate * shape)
    time = 0.0
    while True:
        time += rng.gammavariate(shape, scale)
        yield time


def _ramp(start: float, end: float, seconds: float) -> Iterator[float]:
    """Send the n-th request when the integral of the rate reaches n."""
    slope = (end - start) / seconds if seconds > 0 else 0.0
    in_ramp = (start + end) / 2 * seconds
    number = 0
    while True:
        if not slope or number > in_ramp:
            yield seconds + (number - in_ramp) / end
        else:
            # start * t + slope * t * t / 2 = number, in the form that is exact for number 0.
            root = math.sqrt(max(start * start + 2 * slope * number, 0.0))
            yield 2 * number / (start + root)
        number += 1
