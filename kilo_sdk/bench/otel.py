"""A report as OpenTelemetry metrics, for whatever a meter provider exports to."""

from __future__ import annotations

from typing import Final

from kilo_sdk._version import __version__
from kilo_sdk.bench.metrics import METRICS
from kilo_sdk.bench.report import RATES, Measurement, Report
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
    ``outcome``. All have the attributes ``gen_ai.request.model`` and ``kilo.bench.load``.

    Args:
        report: What was measured.
        provider: Where to record it; default: the global one. Flushing it is its owner's
            business.
    """
    chosen = metrics.get_meter_provider() if provider is None else provider
    meter = chosen.get_meter("kilo_sdk.bench", __version__)
    for name, (title, unit) in RATES.items():
        gauge = meter.create_gauge(f"kilo.bench.{name}", _UNITS.get(unit, "1"), title)
        for one in report.measurements:
            value = one.rates[name].value
            if value is not None:
                gauge.set(value, _attributes(one))
    for name, metric in METRICS.items():
        gauge = meter.create_gauge(f"kilo.bench.{name}", _UNITS[metric.unit], metric.title)
        for one in report.measurements:
            spread = one.metrics[name]
            values = {"mean": spread.mean.value, "max": spread.maximum}
            values |= {key: estimate.value for key, estimate in spread.percentiles.items()}
            for statistic, value in values.items():
                if value is not None:
                    gauge.set(value, {**_attributes(one), "statistic": statistic})
    requests = meter.create_counter("kilo.bench.requests", "{request}", "Measured requests")
    for one in report.measurements:
        for outcome in _OUTCOMES:
            requests.add(getattr(one.counts, outcome), {**_attributes(one), "outcome": outcome})


def _attributes(measurement: Measurement) -> dict[str, str]:
    return {"gen_ai.request.model": measurement.model, "kilo.bench.load": measurement.load}
