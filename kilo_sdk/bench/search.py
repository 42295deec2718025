"""Searches over load: a sweep, the knee, the highest rate that meets the objectives.

A search is asked for the next load and told what it brought; it measures nothing itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Final, Protocol

import attrs

from kilo_sdk.bench.load import GRAMMAR, Load
from kilo_sdk.bench.report import Measurement
from kilo_sdk.errors import ConfigurationError

__all__ = ["SEARCHES", "FixedLoads", "Knee", "MaxRate", "Search", "Sweep", "parse_search"]

SEARCHES: Final = (
    "sweep or sweep:LEVELS (lowest to highest rate the target can do), sweep:KIND:V,V,... (one "
    "load per value), knee (concurrency doubled while it still pays), max-rate (highest rate "
    "that meets --slo)"
)

_PAYS: Final = 1.10
_MOST_CONCURRENCY: Final = 4096
_MET: Final = 0.95
_CLOSE: Final = 0.05
_MOST_STEPS: Final = 18
_SWEEP_LEVELS: Final = 8
_THROUGHPUT_CONCURRENCY: Final = 256


class Search(Protocol):
    """Decides, load by load, what to measure."""

    def next_load(self, taken: Sequence[Measurement]) -> Load | None:
        """Return what to measure next, given what this search has measured, or None."""

    def finding(self, taken: Sequence[Measurement]) -> str | None:
        """Say in words what was found, or None where a search looks for nothing."""


@attrs.frozen
class FixedLoads:
    """Loads that are known beforehand."""

    loads: tuple[Load, ...]

    def next_load(self, taken: Sequence[Measurement]) -> Load | None:
        """Return the next."""
        return self.loads[len(taken)] if len(taken) < len(self.loads) else None

    def finding(self, taken: Sequence[Measurement]) -> str | None:
        """Return None: nothing is looked for."""
        return None


@attrs.frozen
class Sweep:
    """One request at a time, as many as the target takes, and rates between the two.

    Attributes:
        levels: How many loads in all, at least 3.
    """

    levels: int = _SWEEP_LEVELS

    def next_load(self, taken: Sequence[Measurement]) -> Load | None:
        """Return the next: the slowest, the fastest, then constant rates from low to high."""
        if len(taken) < 2:
            return Load.closed(_THROUGHPUT_CONCURRENCY if taken else 1)
        number = len(taken) - 1
        slow, fast = (_rate(one) for one in taken[:2])
        if number > self.levels - 2 or fast <= slow:
            return None
        return Load.open(slow + (fast - slow) * number / (self.levels - 1))

    def finding(self, taken: Sequence[Measurement]) -> str | None:
        """Say between what the rates lie."""
        if len(taken) < 2:
            return None
        return (
            f"sweep: {_rate(taken[0]):.4g} requests a second one at a time, "
            f"{_rate(taken[1]):.4g} with {_THROUGHPUT_CONCURRENCY} under way"
        )


@attrs.frozen
class Knee:
    """Concurrency, doubled until it brings less than a tenth more output."""

    def next_load(self, taken: Sequence[Measurement]) -> Load | None:
        """Return twice the last concurrency while the last doubling paid."""
        if not taken:
            return Load.closed(1)
        concurrency = 2 ** len(taken)
        if concurrency > _MOST_CONCURRENCY or (len(taken) > 1 and not _paid(*taken[-2:])):
            return None
        return Load.closed(concurrency)

    def finding(self, taken: Sequence[Measurement]) -> str | None:
        """Name the concurrency at which more stops to pay."""
        for before, after in pairwise(taken):
            if not _paid(before, after):
                return (
                    f"knee: {before.load}, with {_output(before):.4g} output tokens a second; "
                    f"{after.load} brings {_output(after):.4g}"
                )
        if not taken:
            return None
        return f"knee: not reached at {taken[-1].load}, {_output(taken[-1]):.4g} tokens a second"


@attrs.frozen
class MaxRate:
    """The highest Poisson rate at which 95 % of requests meet the objectives.

    Doubles the rate until it fails, then halves the span between the highest that did and
    the lowest that did not, until they are within 5 %.
    """

    def next_load(self, taken: Sequence[Measurement]) -> Load | None:
        """Return the next rate."""
        if not taken:
            return Load.open(1.0, "poisson")
        good, bad = self._span(taken)
        if len(taken) >= _MOST_STEPS:
            return None
        if bad is None:
            return Load.open(good * 2, "poisson")
        if good == 0:
            return Load.open(bad / 4, "poisson") if bad > 0.05 else None
        if bad - good <= good * _CLOSE:
            return None
        return Load.open((good + bad) / 2, "poisson")

    def finding(self, taken: Sequence[Measurement]) -> str | None:
        """Name the rate."""
        if not taken:
            return None
        good, bad = self._span(taken)
        if good == 0:
            return f"highest rate that meets {taken[0].objectives}: none was found"
        above = "none that fails was found" if bad is None else f"{bad:.4g} fails"
        return (
            f"highest rate that meets {taken[0].objectives} for {_MET:.0%} of requests: "
            f"{good:.4g} requests a second ({above})"
        )

    @staticmethod
    def _span(taken: Sequence[Measurement]) -> tuple[float, float | None]:
        """Return the highest rate that met the objectives, or 0, and the lowest that did not."""
        failed = [_asked(one) for one in taken if not _meets(one)]
        bad = min(failed, default=None)
        met = [_asked(one) for one in taken if _meets(one)]
        return max((rate for rate in met if bad is None or rate < bad), default=0.0), bad


def parse_search(text: str, *, has_objectives: bool) -> Search:
    """Read what ``--load`` says: a load, or a search.

    Raises:
        ConfigurationError: It is neither; the message says what is accepted.
    """
    kind, _, rest = text.partition(":")
    if text == "knee":
        return Knee()
    if text == "max-rate":
        if not has_objectives:
            raise ConfigurationError(
                "max-rate looks for the highest rate that meets objectives; give them, such as "
                "--slo ttft:200ms,itl:50ms"
            )
        return MaxRate()
    if kind == "sweep":
        return _parse_sweep(text, rest)
    try:
        return FixedLoads((Load.parse(text),))
    except ConfigurationError:
        raise ConfigurationError(
            f"load {text!r} cannot be read; accepted are {GRAMMAR}, with numbers above 0, and the "
            f"searches {SEARCHES}"
        ) from None


def _parse_sweep(text: str, rest: str) -> Search:
    if not rest:
        return Sweep()
    kind, colon, values = rest.partition(":")
    if colon:
        return FixedLoads(tuple(Load.parse(f"{kind}:{value}") for value in values.split(",")))
    if not rest.isdecimal() or int(rest) < 3:
        raise ConfigurationError(
            f"load {text!r} cannot be read; accepted are sweep, sweep:LEVELS from 3 up, and "
            "sweep:KIND:V,V,... such as sweep:concurrency:1,2,4"
        )
    return Sweep(int(rest))


def _output(measurement: Measurement) -> float:
    return measurement.rates["output_tokens_per_second"].value or 0.0


def _rate(measurement: Measurement) -> float:
    return measurement.rates["requests_per_second"].value or 0.0


def _asked(measurement: Measurement) -> float:
    return Load.parse(measurement.load).rate


def _paid(before: Measurement, after: Measurement) -> bool:
    return _output(after) >= _output(before) * _PAYS


def _meets(measurement: Measurement) -> bool:
    # What is unfinished at the end did not come in time either. Where chance sent nothing, at a
    # low rate for a short time, nothing speaks against the rate.
    return measurement.counts.good >= measurement.counts.sent * _MET
