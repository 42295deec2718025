"""A report as rows and words: what the terminal and the page show, and CSV."""

from __future__ import annotations

import csv
import io
from typing import Final

from kilo_sdk.bench.metrics import METRICS
from kilo_sdk.bench.report import PERCENTILES, RATES, Measurement, Report
from kilo_sdk.bench.statistics import Estimate

__all__ = [
    "METRIC_COLUMNS",
    "csv_of",
    "generator_words",
    "metric_rows",
    "request_words",
    "scale_of",
    "shown",
    "token_words",
    "with_interval",
]

METRIC_COLUMNS: Final = ("mean", "p50", "p90", "p95", "p99", "p99.9", "max")
"""What stands over a row of ``metric_rows``, after its title."""

_HEAD: Final = (
    "model",
    "load",
    "metric",
    "unit",
    "count",
    "value",
    "ci95_low",
    "ci95_high",
    "min",
)


def shown(value: float | None, *, scale: float = 1.0, digits: int = 4) -> str:
    """Return a number for people: four digits that count, none of them an exponent.

    Args:
        value: The number; None is a dash.
        scale: What it is multiplied with: 1000.0 shows seconds as milliseconds.
        digits: How many count.
    """
    if value is None:
        return "-"
    value *= scale
    text = f"{value:.{digits}g}"
    return f"{value:,.0f}" if "e+" in text else text


def scale_of(unit: str) -> tuple[float, str]:
    """Return what values are multiplied with for people, and their unit then."""
    return (1000.0, "ms") if unit == "s" else (1.0, unit)


def with_interval(estimate: Estimate, *, scale: float = 1.0) -> str:
    """Return a number for people, with half its interval where it has one."""
    number = shown(estimate.value, scale=scale)
    if estimate.low is None or estimate.high is None:
        return number
    return f"{number} ±{shown((estimate.high - estimate.low) / 2, scale=scale, digits=2)}"


def request_words(measurement: Measurement) -> str:
    """Say how many requests there were, and what became of them."""
    counts = measurement.counts
    calls = ""
    if counts.tool_calls:
        calls = f" ({counts.tool_call_answers} with {counts.tool_calls} tool calls)"
    return (
        f"{counts.sent} requests in {measurement.seconds:.2f} s: {counts.completed} whole{calls}, "
        f"{counts.failed} failed, {counts.unfinished} unfinished, {counts.retries} retries"
    )


def token_words(measurement: Measurement) -> str:
    """Say how many tokens there were, who counted them, and what they cost."""
    counts, cost = measurement.counts, measurement.cost
    return (
        f"{counts.input_tokens} in ({counts.cached_tokens} cached), {counts.output_tokens} out "
        f"({counts.reasoning_tokens} reasoning), counted by {measurement.tokens_from}; cost "
        + ("not reported" if cost is None else f"${cost.normalize():f}")
    )


def generator_words(measurement: Measurement) -> str:
    """Say what the generator itself took."""
    generator = measurement.generator
    if generator.workers < 2:
        words = [f"{generator.cpu_share:.0%} of a core"]
    else:
        words = [
            f"{generator.workers} worker processes",
            f"{generator.cpu_share:.0%} of a core in the busiest",
        ]
    if generator.cpu_us_per_chunk is not None:
        words.append(f"{shown(generator.cpu_us_per_chunk, digits=3)} us of CPU per chunk")
    if generator.lag_p99 is not None:
        lag = shown(generator.lag_p99, scale=1000.0, digits=2)
        words.append(f"event loop late by {lag} ms (p99)")
    if generator.clock_error:
        error = shown(generator.clock_error, scale=1000.0, digits=2)
        words.append(f"clocks of workers within {error} ms of ours")
    return ", ".join(words)


def metric_rows(measurement: Measurement) -> list[list[str]]:
    """Return a row per metric that has values, durations in milliseconds.

    Returns:
        Title with unit, and what ``METRIC_COLUMNS`` says; the mean with its interval.
    """
    rows = []
    for name, metric in METRICS.items():
        distribution = measurement.metrics[name]
        if not distribution.count or (name == "send_delay" and not measurement.is_open):
            continue
        scale, unit = scale_of(metric.unit)
        values = [*distribution.percentiles.values(), Estimate(distribution.maximum)]
        rows.append(
            [
                f"{metric.title} ({unit})",
                with_interval(distribution.mean, scale=scale),
                *(shown(each.value, scale=scale) for each in values),
            ]
        )
    return rows


def csv_of(report: Report) -> str:
    """Return a report as CSV: a line per measurement and metric, seconds as they are.

    The environment is repeated in no line, but stands in comment lines at the top.
    """
    out = io.StringIO()
    for name, value in {**report.settings, **report.environment}.items():
        out.write(f"# {name}: {' '.join(str(value).splitlines())}\n")
    writer = csv.writer(out, lineterminator="\n")
    percentiles = [f"p{percent:g}" for percent in PERCENTILES]
    writer.writerow([*_HEAD, *percentiles, "max"])
    for measurement in report.measurements:
        head = [measurement.model, measurement.load]
        for name, (_, unit) in RATES.items():
            rate = measurement.rates[name]
            writer.writerow([*head, name, unit, "", *_three(rate), *[""] * (len(percentiles) + 2)])
        for name, metric in METRICS.items():
            spread = measurement.metrics[name]
            writer.writerow(
                [*head, name, metric.unit, spread.count, *_three(spread.mean)]
                + [_cell(spread.minimum)]
                + [_cell(spread.percentiles[each].value) for each in percentiles]
                + [_cell(spread.maximum)]
            )
    return out.getvalue()


def _three(estimate: Estimate) -> list[str]:
    return [_cell(estimate.value), _cell(estimate.low), _cell(estimate.high)]


def _cell(value: float | None) -> str:
    return "" if value is None else repr(value)
