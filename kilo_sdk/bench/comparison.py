"""Two reports side by side: what changed, whether by more than chance, and whether it is worse.

A change is significant when, with two or more repetitions on both sides, the 95 % interval
of the difference (Welch) leaves out 0; otherwise, for metrics with a distribution, when the
Mann-Whitney p-value is below 0.05. Rates of single runs have no measure of chance: their
change counts as it is.

A regression is a change for the worse that is significant and passes the threshold.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final, Literal, TypeAlias

import attrs

from kilo_sdk.bench.metrics import METRICS, Direction
from kilo_sdk.bench.report import RATES, Measurement, Report
from kilo_sdk.bench.statistics import mann_whitney, welch_interval
from kilo_sdk.bench.takes import numbered
from kilo_sdk.errors import ConfigurationError

__all__ = ["Change", "Verdict", "caveats", "compare"]

Verdict: TypeAlias = Literal["regression", "improvement", "same"]

_RATE_DIRECTIONS: Final[dict[str, Direction]] = {
    "requests_per_second": "higher",
    "output_tokens_per_second": "higher",
    "goodput": "higher",
    "good_share": "higher",
    "error_rate": "lower",
}
_COMPARED: Final = tuple(
    name for name, metric in METRICS.items() if metric.better != "neither" and name != "send_delay"
)
# Settings that say whom and how often; the others say what was asked, and how.
_NOT_WORKLOAD: Final = frozenset({"base_url", "loads", "models", "ray", "remote", "repeat", "seed"})
_TAILS: Final = ("p50", "p99")
_P_VALUE: Final = 0.05


@attrs.frozen(slots=True)
class Change:
    """One number in both reports.

    Attributes:
        model: Model ref.
        load: The load.
        metric: Its name, with what of it: ``ttft mean``, ``goodput``.
        unit: Of both values.
        before: In the first report.
        after: In the second.
        relative: Change by the first value, 0.1 for a tenth more; None from 0.
        significant: Whether it is more than chance; None where that cannot be said.
        verdict: What to make of it.
    """

    model: str
    load: str
    metric: str
    unit: str
    before: float
    after: float
    relative: float | None
    significant: bool | None
    verdict: Verdict


def compare(before: Report, after: Report, *, threshold: float = 0.05) -> list[Change]:
    """Compare measurements of one model under one load, as far as both reports have them.

    Args:
        before: What to compare with.
        after: What to judge.
        threshold: Least relative change that counts, 0.05 for 5 %.

    Raises:
        ConfigurationError: The reports have no measurement in common, or the threshold is none.
    """
    if not 0 <= threshold < math.inf:
        raise ConfigurationError("the threshold is a number from 0 up")
    first, second = _by_name(before), _by_name(after)
    pairs = [(first[key], one) for key, one in second.items() if key in first]
    if not pairs:
        raise ConfigurationError(
            "the reports have no measurement of one model under one load in common; there are "
            f"{_listed(before)} and {_listed(after)}"
        )
    return [change for pair in pairs for change in _changes(*pair, threshold)]


def caveats(before: Report, after: Report) -> list[str]:
    """Return what makes a comparison less than it looks, a sentence each.

    Args:
        before: What is compared with.
        after: What is judged.
    """
    first, second = _by_name(before), _by_name(after)
    found = [
        f"in one report alone, and compared with nothing: {one.model} {one.load}"
        for key, one in {**first, **second}.items()
        if (key in first) != (key in second)
    ]
    for which, report in (("first", before), ("second", after)):
        if report.interrupted or report.failure is not None:
            found.append(f"the {which} run ended before its time")
        found += [
            f"in the {which} run, {one.model} {one.load}: {warning}"
            for one in report.measurements
            for warning in one.warnings
        ]
    for key, one in second.items():
        if key not in first:
            continue
        sources = [first[key].tokens_from, one.tokens_from]
        if sources[0] != sources[1] and "nothing" not in sources:
            found.append(
                f"tokens of {one.model} {one.load} are counted by {sources[0]} in the first run "
                f"and by {sources[1]} in the second"
            )
        names = [
            name
            for name in _COMPARED
            if bool(first[key].metrics[name].count) != bool(one.metrics[name].count)
        ]
        if names:
            found.append(
                f"values in one report alone: {', '.join(names)} of {one.model} {one.load}"
            )
    differing = [
        f"{name} {before.settings.get(name, '-')} and {after.settings.get(name, '-')}"
        for name in sorted({*before.settings, *after.settings} - _NOT_WORKLOAD)
        if not name.startswith("local_") and before.settings.get(name) != after.settings.get(name)
    ]
    if differing:
        found.append(f"the runs were not asked for the same: {'; '.join(differing)}")
    return found


def _by_name(report: Report) -> dict[tuple[str, str, int], Measurement]:
    """Return measurements by model and load; the second of one load meets the second."""
    return {(one.model, one.load, take): one for take, one in numbered(report.measurements)}


def _listed(report: Report) -> str:
    return ", ".join(f"{one.model} {one.load}" for one in report.measurements) or "none"


def _changes(before: Measurement, after: Measurement, threshold: float) -> Iterator[Change]:
    for name, direction in _RATE_DIRECTIONS.items():
        repetitions = ([run.rates[name] for run in one.runs] for one in (before, after))
        significant = _by_repetitions(*repetitions)
        values = (before.rates[name].value, after.rates[name].value)
        yield from _change(before, name, RATES[name][1], values, significant, direction, threshold)
    for name in _COMPARED:
        mine, theirs = before.metrics[name], after.metrics[name]
        metric = METRICS[name]
        means = ([run.means[name] for run in one.runs] for one in (before, after))
        by_values = _by_values(before, after, name)
        significant = _by_repetitions(*means)
        yield from _change(
            before,
            f"{name} mean",
            metric.unit,
            (mine.mean.value, theirs.mean.value),
            by_values if significant is None else significant,
            metric.better,
            threshold,
        )
        # The slow end of a rate is its low one, which no percentile of a report shows.
        for tail in _TAILS if metric.better == "lower" else _TAILS[:1]:
            tails = ([run.percentiles[name][tail] for run in one.runs] for one in (before, after))
            significant = _by_repetitions(*tails)
            yield from _change(
                before,
                f"{name} {tail}",
                metric.unit,
                (mine.percentiles[tail].value, theirs.percentiles[tail].value),
                by_values if significant is None else significant,
                metric.better,
                threshold,
            )


def _change(
    measurement: Measurement,
    metric: str,
    unit: str,
    values: tuple[float | None, float | None],
    significant: bool | None,
    direction: Direction,
    threshold: float,
) -> Iterator[Change]:
    before, after = values
    if before is None or after is None:
        return
    difference = after - before
    relative = difference / before if before else None
    passes = difference != 0 if relative is None else abs(relative) > threshold
    verdict: Verdict = "same"
    if passes and significant is not False:
        is_worse = difference > 0 if direction == "lower" else difference < 0
        verdict = "regression" if is_worse else "improvement"
    yield Change(
        measurement.model,
        measurement.load,
        metric,
        unit,
        before,
        after,
        relative,
        significant,
        verdict,
    )


def _by_repetitions(before: list[float | None], after: list[float | None]) -> bool | None:
    first = [value for value in before if value is not None]
    second = [value for value in after if value is not None]
    if min(len(first), len(second)) < 2:
        return None
    low, high = welch_interval(first, second)
    return low > 0 or high < 0


def _by_values(before: Measurement, after: Measurement, name: str) -> bool | None:
    p = mann_whitney(before.histograms[name].buckets(), after.histograms[name].buckets())
    return None if p is None else p < _P_VALUE
