"""A report in Prometheus' text format, for a push gateway or a node exporter's text files."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from kilo_sdk.bench.metrics import METRICS
from kilo_sdk.bench.report import RATES, Measurement, Report
from kilo_sdk.bench.takes import numbered
from kilo_sdk.config.extras import needs_extra

with needs_extra("bench-prometheus", what="Prometheus' text format"):
    from prometheus_client import CollectorRegistry, generate_latest
    from prometheus_client.core import (
        CounterMetricFamily,
        GaugeMetricFamily,
        Metric,
        SummaryMetricFamily,
    )
    from prometheus_client.registry import Collector

__all__ = ["prometheus_of"]

_UNITS: Final = {"s": "_seconds", "tokens/s": "_tokens_per_second", "tokens": ""}


def prometheus_of(report: Report) -> bytes:
    """Return the text: gauges of rates, summaries of distributions, counters of requests."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Measurements(report.measurements))
    return generate_latest(registry)


class _Measurements(Collector):
    def __init__(self, measurements: list[Measurement]) -> None:
        self._measurements = [(one, _labels(one, take)) for take, one in numbered(measurements)]

    def collect(self) -> Iterator[Metric]:
        for name, (title, _) in RATES.items():
            gauge = GaugeMetricFamily(f"kilo_bench_{name}", title)
            for one, labels in self._measurements:
                value = one.rates[name].value
                if value is not None:
                    gauge.add_sample(gauge.name, labels, value)
            yield gauge
        for name, metric in METRICS.items():
            summary = SummaryMetricFamily(
                f"kilo_bench_{name}{_UNITS[metric.unit]}",
                f"{metric.title}: {metric.formula}",
            )
            for one, labels in self._measurements:
                self._add(summary, one, labels, name)
            yield summary
        requests = CounterMetricFamily("kilo_bench_requests", "Measured requests by how they ended")
        for one, labels in self._measurements:
            for outcome in ("completed", "failed", "unfinished"):
                count = getattr(one.counts, outcome)
                requests.add_sample(f"{requests.name}_total", {**labels, "outcome": outcome}, count)
        yield requests

    @staticmethod
    def _add(
        summary: SummaryMetricFamily, measurement: Measurement, labels: dict[str, str], name: str
    ) -> None:
        spread = measurement.metrics[name]
        if not spread.count:
            return
        for percentile, estimate in spread.percentiles.items():
            if estimate.value is not None:
                quantile = f"{float(percentile[1:]) / 100:g}"
                summary.add_sample(summary.name, {**labels, "quantile": quantile}, estimate.value)
        summary.add_sample(f"{summary.name}_count", labels, spread.count)
        summary.add_sample(f"{summary.name}_sum", labels, measurement.histograms[name].total)


def _labels(measurement: Measurement, take: int) -> dict[str, str]:
    labels = {"model": measurement.model, "load": measurement.load}
    # Prometheus refuses a whole text in which two samples have the same labels.
    return labels if take == 1 else {**labels, "take": str(take)}
