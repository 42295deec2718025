from __future__ import annotations

from typing import Any

from bench_reports import measurement, report_of
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from kilo_sdk.bench.otel import record_report


def test_a_provider_gets_the_numbers_of_the_report() -> None:
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], shutdown_on_exit=False)
    taken = measurement(failures=5, slo="ttft:1s")
    record_report(report_of(taken), provider)
    data = reader.get_metrics_data()
    assert data is not None
    found: dict[tuple[str, Any], Any] = {}
    units = {}
    for metric in data.resource_metrics[0].scope_metrics[0].metrics:
        units[metric.name] = metric.unit
        for point in metric.data.data_points:
            attributes = dict(point.attributes or {})
            assert attributes.pop("gen_ai.request.model") == "a/b"
            assert attributes.pop("kilo.bench.load") == "concurrency:4"
            found[(metric.name, next(iter(attributes.values()), None))] = point.value  # type: ignore[union-attr]
    provider.shutdown()
    assert found[("kilo.bench.requests_per_second", None)] == 9.0
    assert found[("kilo.bench.requests", "failed")] == 5
    assert found[("kilo.bench.ttft", "p99")] == taken.metrics["ttft"].percentiles["p99"].value
    assert found[("kilo.bench.ttft", "mean")] == taken.metrics["ttft"].mean.value
    assert ("kilo.bench.ttfr", "mean") not in found
    assert (units["kilo.bench.ttft"], units["kilo.bench.error_rate"]) == ("s", "1")


def test_the_second_measurement_of_one_load_stands_beside_the_first() -> None:
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader], shutdown_on_exit=False)
    record_report(report_of(measurement(failures=5), measurement(failures=10)), provider)
    data: Any = reader.get_metrics_data()
    points = {
        metric.name: list(metric.data.data_points)
        for metric in data.resource_metrics[0].scope_metrics[0].metrics
    }
    provider.shutdown()
    rates = {
        (point.attributes or {}).get("kilo.bench.take"): point.value
        for point in points["kilo.bench.error_rate"]
    }
    assert rates == {None: 0.1, 2: 0.2}
    failed = {
        (point.attributes or {}).get("kilo.bench.take"): point.value
        for point in points["kilo.bench.requests"]
        if (point.attributes or {}).get("outcome") == "failed"
    }
    assert failed == {None: 5, 2: 10}
