from __future__ import annotations

import attrs
import pytest
from bench_reports import measurement, report_of

from kilo_sdk import ConfigurationError
from kilo_sdk.bench.comparison import Change, caveats, compare


def changes(before: object, after: object, **more: float) -> dict[str, Change]:
    found = compare(report_of(before), report_of(after), **more)  # type: ignore[arg-type]
    return {change.metric: change for change in found}


def test_nothing_changes_between_a_run_and_itself() -> None:
    found = changes(measurement(), measurement())
    assert {change.verdict for change in found.values()} == {"same"}
    assert found["ttft mean"].significant is False


def test_what_got_slower_is_a_regression() -> None:
    found = changes(measurement(), measurement(seed=9, ttft=0.15))
    ttft = found["ttft mean"]
    assert (ttft.significant, ttft.verdict) == (True, "regression")
    assert ttft.relative == pytest.approx(0.5, abs=0.05)
    assert found["stream_rate mean"].verdict == "regression"
    assert found["tpot mean"].verdict == "same"


def test_what_got_faster_is_an_improvement() -> None:
    assert changes(measurement(ttft=0.15), measurement(seed=9))["ttft p50"].verdict == "improvement"


def test_a_change_within_the_threshold_counts_as_none() -> None:
    before, after = measurement(), measurement(seed=9, ttft=0.15)
    assert changes(before, after, threshold=0.9)["ttft mean"].verdict == "same"


def test_chance_counts_as_none() -> None:
    found = changes(measurement(ttft=0.1), measurement(seed=9, ttft=0.101), threshold=0.0)
    assert found["ttft mean"].significant is False
    assert found["ttft mean"].verdict == "same"


def test_repetitions_decide_where_there_are_any() -> None:
    before = measurement(repetitions=4)
    assert changes(before, measurement(repetitions=4, ttft=0.2))["ttft mean"].significant is True
    assert changes(before, measurement(repetitions=4))["ttft mean"].significant is False


def test_failures_that_were_not_there_are_a_regression() -> None:
    error_rate = changes(measurement(), measurement(failures=5))["error_rate"]
    assert (error_rate.relative, error_rate.verdict) == (None, "regression")


def test_reports_with_nothing_in_common_say_what_they_have() -> None:
    with pytest.raises(ConfigurationError, match=r"a/b concurrency:4 and a/b poisson:5"):
        compare(report_of(measurement()), report_of(measurement("poisson:5")))


@pytest.mark.parametrize("threshold", [float("nan"), float("inf"), -0.01])
def test_a_threshold_that_nothing_passes_is_none(threshold: float) -> None:
    with pytest.raises(ConfigurationError, match="threshold is a number from 0 up"):
        changes(measurement(), measurement(ttft=0.2), threshold=threshold)


def test_the_second_measurement_of_one_load_meets_the_second() -> None:
    before = report_of(measurement(ttft=0.1), measurement(ttft=0.2))
    after = report_of(measurement(ttft=0.1, seed=5), measurement(ttft=0.2, seed=6))
    means = [one for one in compare(before, after) if one.metric == "ttft mean"]
    assert [one.verdict for one in means] == ["same", "same"]
    assert [one.before for one in means] == pytest.approx([0.1, 0.2], rel=0.05)


def test_a_fair_comparison_has_no_caveat() -> None:
    assert caveats(report_of(measurement()), report_of(measurement(ttft=0.2))) == []


def test_what_is_not_compared_is_told() -> None:
    before = report_of(measurement(), measurement("poisson:5"))
    after = report_of(measurement(), measurement("poisson:6"))
    assert caveats(before, after) == [
        "in one report alone, and compared with nothing: a/b poisson:5",
        "in one report alone, and compared with nothing: a/b poisson:6",
    ]


def test_values_that_are_gone_are_told() -> None:
    told = caveats(report_of(measurement()), report_of(measurement(failures=50)))
    assert told == [
        "values in one report alone: ttft, ttfc, itl, itl_token, tpot, e2e, stream_rate of a/b "
        "concurrency:4",
    ]


def test_what_makes_either_run_doubtful_is_told() -> None:
    taken = measurement()
    doubtful = attrs.evolve(taken, warnings=["it was late"], tokens_from="chunks")
    assert caveats(report_of(taken, interrupted=True), report_of(doubtful, failure="it died")) == [
        "the first run ended before its time",
        "the second run ended before its time",
        "in the second run, a/b concurrency:4: it was late",
        "tokens of a/b concurrency:4 are counted by usage in the first run and by chunks in the "
        "second",
    ]


def test_runs_that_asked_for_something_else_are_told() -> None:
    settings = {"loads": "poisson:5", "seed": "1", "local_ttft": "0.1", "requests": "50"}
    before = attrs.evolve(report_of(measurement()), settings={**settings, "turns": "1"})
    after = attrs.evolve(report_of(measurement()), settings={"turns": "3", "requests": "50"})
    assert caveats(before, after) == ["the runs were not asked for the same: turns 1 and 3"]
    assert caveats(after, attrs.evolve(after, settings={"turns": "3"})) == [
        "the runs were not asked for the same: requests 50 and -"
    ]
