from __future__ import annotations

from typing import Any

import orjson
import pytest
from bench_reports import measurement, plan_of, report_of, result_of

from kilo_sdk import ConfigurationError
from kilo_sdk.bench.metrics import METRICS
from kilo_sdk.bench.report import RATES, Report, ServerCounts, measurement_of
from kilo_sdk.bench.result import Result
from kilo_sdk.bench.statistics import Estimate


def test_rates_are_counts_by_time() -> None:
    taken = measurement(failures=10, slo="ttft:105ms,e2e:1s")
    assert set(taken.rates) == set(RATES)
    rates = {name: estimate.value for name, estimate in taken.rates.items()}
    assert taken.seconds == 5.0
    assert rates["requests_per_second"] == 40 / 5
    assert rates["output_tokens_per_second"] == pytest.approx(500 / 5)
    assert rates["sent_per_second"] == 10.0
    assert rates["error_rate"] == 0.2
    assert rates["goodput"] == taken.counts.good / 5
    assert rates["good_share"] == taken.counts.good / 50
    assert 0 < taken.counts.good < 40
    # Little's law: the mean time in the system by the rate of those that went through.
    mean = taken.metrics["e2e"].mean.value
    assert mean is not None
    assert rates["concurrency"] == pytest.approx(mean * 8)


def test_distributions_are_those_of_the_histograms() -> None:
    taken = measurement()
    assert set(taken.metrics) == set(METRICS)
    itl = taken.metrics["itl"]
    assert itl.count == 450
    assert itl.mean == Estimate(pytest.approx(0.02))
    assert itl.percentiles["p99.9"].value == pytest.approx(0.02, rel=1e-3)
    assert taken.metrics["ttfr"].count == 0
    assert taken.metrics["ttfr"].mean == Estimate()


def test_repetitions_give_intervals() -> None:
    taken = measurement(repetitions=3)
    ttft = taken.metrics["ttft"].mean
    assert ttft.low is not None
    assert ttft.high is not None
    assert ttft.value is not None
    assert ttft.low < ttft.value < ttft.high
    assert taken.metrics["ttft"].percentiles["p50"].low is not None
    assert [run.seconds for run in taken.runs] == [5.0, 5.0, 5.0]
    assert taken.counts.sent == 150


def test_without_objectives_nothing_is_said_of_goodput() -> None:
    assert measurement().rates["goodput"] == Estimate()


def test_the_generator_is_told_of() -> None:
    generator = measurement(workers=2).generator
    assert (generator.workers, generator.cpu_share) == (2, 0.1)
    assert generator.cpu_us_per_chunk == pytest.approx(1000.0)
    assert generator.lag_p99 == pytest.approx(0.001)


@pytest.mark.parametrize(("warmup", "warns"), [(0.0, True), (45.0, False)])
def test_of_a_ramp_the_rate_counts_that_it_has_in_the_window(warmup: float, warns: bool) -> None:
    # 50 requests in 5 s: few where it falls from 100 a second, and all where from 11.
    plan = plan_of("ramp:100:1", warmup=warmup, duration=5.0)
    warnings = measurement_of(plan, [result_of(plan)], workers=1).warnings
    assert any("the rate was not reached" in warning for warning in warnings) == warns


def test_nothing_measured_is_no_error() -> None:
    plan = plan_of()
    empty = result_of(plan, requests=0)
    taken = measurement_of(plan, [Result(empty.tally, 1.0, 1.0, empty.overhead)], workers=1)
    assert taken.rates["requests_per_second"] == Estimate()
    assert taken.tokens_from == "nothing"


def test_a_report_is_stored_without_loss() -> None:
    report = report_of(
        measurement(repetitions=2, slo="ttft:200ms", failures=3),
        findings=["a knee"],
        server=ServerCounts(101, 98),
        interrupted=True,
    )
    text = report.to_json()
    again = Report.from_json(text)
    assert again.to_json() == text
    assert again.measurements[0].metrics == report.measurements[0].metrics
    assert again.measurements[0].rates == report.measurements[0].rates
    assert again.environment == report.environment
    assert again.server == ServerCounts(101, 98)
    assert orjson.loads(text)["format"] == "kilo-sdk-bench/1"


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b'{"format": "kilo-sdk-bench/1"}', b"\xff"])
def test_what_is_no_report_is_refused(text: bytes) -> None:
    with pytest.raises(ConfigurationError, match=r"^file\.json is no report"):
        Report.from_json(text, where="file.json")


@pytest.mark.parametrize(
    ("path", "lacking"),
    [
        (("metrics", "ttfr"), "ttfr is not among its metrics"),
        (("histograms", "ttft"), "ttft is not among its histograms"),
        (("rates", "goodput"), "goodput is not among its rates"),
        (("metrics", "itl", "percentiles", "p99"), "p99 is not among its itl"),
        (("runs", 0, "means", "e2e"), "e2e is not among its means of a run"),
        (("runs", 0, "percentiles", "e2e", "p50"), "p50 is not among its e2e of a run"),
        (("runs", 0, "timeline", 1, "itl_sum"), "itl_sum of the entry 1 of its timeline"),
    ],
)
def test_a_report_that_lacks_something_says_what(path: tuple[Any, ...], lacking: str) -> None:
    stored = orjson.loads(report_of(measurement()).to_json())
    part = stored["measurements"][0]
    for key in path[:-1]:
        part = part[key]
    del part[path[-1]]
    with pytest.raises(ConfigurationError, match=lacking):
        Report.from_json(orjson.dumps(stored))
