from __future__ import annotations

import pytest
from bench_reports import measurement, report_of
from prometheus_client.parser import text_string_to_metric_families

from kilo_sdk.bench.prometheus import prometheus_of


def test_prometheus_reads_the_numbers_of_the_report() -> None:
    taken = measurement(failures=5, slo="ttft:1s")
    text = prometheus_of(report_of(taken)).decode()
    samples = {
        (sample.name, sample.labels.get("quantile") or sample.labels.get("outcome")): sample
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    assert samples[("kilo_bench_requests_per_second", None)].value == 9.0
    assert samples[("kilo_bench_error_rate", None)].value == 0.1
    ttft = taken.metrics["ttft"]
    assert samples[("kilo_bench_ttft_seconds", "0.99")].value == ttft.percentiles["p99"].value
    assert samples[("kilo_bench_ttft_seconds_count", None)].value == 45
    assert samples[("kilo_bench_itl_seconds_sum", None)].value == pytest.approx(45 * 9 * 0.02)
    assert samples[("kilo_bench_requests_total", "failed")].value == 5
    assert samples[("kilo_bench_requests_total", "completed")].labels["model"] == "a/b"
    assert ("kilo_bench_ttfr_seconds_count", None) not in samples


def test_the_second_measurement_of_one_load_has_labels_of_its_own() -> None:
    taken = [measurement(failures=5), measurement(failures=10), measurement("concurrency:8")]
    samples = [
        sample
        for family in text_string_to_metric_families(prometheus_of(report_of(*taken)).decode())
        for sample in family.samples
    ]
    named = {(sample.name, tuple(sorted(sample.labels.items()))): sample for sample in samples}
    assert len(named) == len(samples)
    failed = {
        (sample.labels["load"], sample.labels.get("take")): sample.value
        for sample in samples
        if sample.labels.get("outcome") == "failed"
    }
    assert failed == {
        ("concurrency:4", None): 5.0,
        ("concurrency:4", "2"): 10.0,
        ("concurrency:8", None): 0.0,
    }
