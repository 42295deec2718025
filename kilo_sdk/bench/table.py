"""A report as rows: what the terminal shows, and CSV."""

from __future__ import annotations

import csv
import io
from typing import Final

from kilo_sdk.bench.metrics import METRICS
from kilo_sdk.bench.report import PERCENTILES, RATES, Measurement, Report
from kilo_sdk.bench.statistics import Estimate

__all__ = ["csv_of", "metric_rows", "shown"]

_SCALES: Final = {"s": (1000.0, "ms"), "tokens/s": (1.0, "tokens/s"), "tokens": (1.0, "tokens")}
_BIG: Final = 10_000
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


def shown(value: float | None, *, digits: int = 4) -> str:
    """Return a number for people: four digits that count, none of them an exponent."""
    if value is None:
        return "-"
    if abs(value) >= _BIG:
        return f"{value:,.0f}"
    return f"{value:.{digits}g}"


def metric_rows(measurement: Measurement) -> list[list[str]]:
    """Return a row per metric that has values, durations in milliseconds.

    Returns:
        Title with unit, mean with its interval, p50, p90, p95, p99, p99.9, max.
    """
    rows = []
    for name, metric in METRICS.items():
        distribution = measurement.metrics[name]
        if not distribution.count or (name == "send_delay" and not measurement.is_open):
            continue
        scale, unit = _SCALES[metric.unit]
        values = [*distribution.percentiles.values(), Estimate(distribution.maximum)]
        rows.append(
            [
                f"{metric.title} ({unit})",
                _with_interval(distribution.mean, scale),
                *(shown(None if each.value is None else each.value * scale) for each in values),
            ]
        )
    return rows


def _with_interval(estimate: Estimate, scale: float) -> str:
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return shown(None if estimate.value is None else estimate.value * scale)
    margin = (estimate.high - estimate.low) / 2 * scale
    return f"{shown(estimate.value * scale)} ±{shown(margin, digits=2)}"


def csv_of(report: Report) -> str:
    """Return a report as CSV: a line per measurement and metric, seconds as they are.

    The environment is repeated in no line, but stands in comment lines at the top.
    """
    out = io.StringIO()
    for name, value in {**report.settings, **report.environment}.items():
        out.write(f"# {name}: {value}\n".replace("\r", " "))
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
