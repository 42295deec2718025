"""A report as OpenTelemetry metrics, for whatever a meter provider exports to."""

from __future__ import annotations

from typing import Final

from kilo_sdk._version import __version__
from kilo_sdk.bench.metrics import METRICS
from kilo_sdk.bench.report import RATES, Measurement, Report
from kilo_sdk.bench.takes import numbered
from kilo_sdk.config.extras import needs_extra

with needs_extra("otel", what="OpenTelemetry"):
    from opentelemetry import metrics

__all__ = ["record_report"]

_UNITS: Final = {
    "s": "s",
    "tokens/s": "{token}/s",
    "tokens": "{token}",
    "requests/s": "{request}/s",
}
_OUTCOMES: Final = ("completed", "failed", "unfinished")


def record_report(report: Report, provider: metrics.MeterProvider | None = None) -> None:
    """Record every number of a report.

    Gauges ``kilo.bench.NAME`` for rates and, with the attribute ``statistic`` (``mean``,
    ``p50`` to ``p99.9``, ``max``), for distributions; a counter ``kilo.bench.requests`` by
    ``outcome``. All have the attributes ``gen_ai.request.model`` and ``kilo.bench.load``, and,
    from the second measurement of one model under one load on, ``kilo.bench.take``, its number.

    Args:
        report: What was measured.
        provider: Where to record it; default: the global one. Flushing it is its owner's
            business.
    """
    chosen = metrics.get_meter_provider() if provider is None else provider
    meter = chosen.get_meter("kilo_sdk.bench", __version__)
    measurements = [(one, _attributes(one, take)) for take, one in numbered(report.measurements)]
    for name, (title, unit) in RATES.items():
        gauge = meter.create_gauge(f"kilo.bench.{name}", _UNITS.get(unit, "1"), title)
        for one, attributes in measurements:
            value = one.rates[name].value
            if value is not None:
                gauge.set(value, attributes)
    for name, metric in METRICS.items():
        gauge = meter.create_gauge(f"kilo.bench.{name}", _UNITS[metric.unit], metric.title)
        for one, attributes in measurements:
            spread = one.metrics[name]
            values = {"mean": spread.mean.value, "max": spread.maximum}
            values |= {key: estimate.value for key, estimate in spread.percentiles.items()}
            for statistic, value in values.items():
                if value is not None:
                    gauge.set(value, {**attributes, "statistic": statistic})
    requests = meter.create_counter("kilo.bench.requests", "{request}", "Measured requests")
    for one, attributes in measurements:
        for outcome in _OUTCOMES:
            requests.add(getattr(one.counts, outcome), {**attributes, "outcome": outcome})


def _attributes(measurement: Measurement, take: int) -> dict[str, str | int]:
    named = {"gen_ai.request.model": measurement.model, "kilo.bench.load": measurement.load}
    # Of two points with the same attributes a gauge keeps the last, and a counter the sum.
    return {**named} if take == 1 else {**named, "kilo.bench.take": take}
