from __future__ import annotations

import pickle
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kilo_sdk.bench.histogram import Histogram

VALUES = st.lists(st.floats(min_value=0, max_value=3000), max_size=30)


def test_an_empty_one_knows_nothing() -> None:
    empty = Histogram()
    assert (empty.count, empty.mean, empty.percentile(50), empty.maximum) == (0, None, None, None)
    assert empty.buckets() == []


def test_sum_least_and_greatest_are_exact_and_percentiles_within_a_thousandth() -> None:
    rng = random.Random(1)
    values = [rng.uniform(0.001, 2.0) for _ in range(10_001)]
    histogram = Histogram.of(values)
    assert histogram.mean == pytest.approx(sum(values) / len(values), rel=1e-12)
    assert (histogram.minimum, histogram.maximum) == (min(values), max(values))
    ordered = sorted(values)
    for percent in (1, 50, 90, 99, 99.9):
        exact = ordered[round(percent / 100 * (len(ordered) - 1))]
        assert histogram.percentile(percent) == pytest.approx(exact, rel=2e-3)
    assert histogram.percentile(100) == max(values)


def test_percentiles_are_of_the_nearest_rank() -> None:
    histogram = Histogram.of([float(value) for value in range(1, 11)])
    found = [histogram.percentile(percent) for percent in (0, 1, 10, 11, 50, 90, 91, 100)]
    assert found == [pytest.approx(value, rel=1e-3) for value in (1, 1, 1, 2, 5, 9, 10, 10)]


def test_nothing_counts_as_nothing() -> None:
    histogram = Histogram()
    histogram.add(0.0, 3)
    histogram.add(1.0, 0)
    assert (histogram.count, histogram.percentile(99), histogram.maximum) == (3, 0.0, 0.0)


@settings(max_examples=15)
@given(VALUES, VALUES)
def test_merging_gives_the_histogram_of_all(first: list[float], second: list[float]) -> None:
    merged = Histogram.of(first)
    merged.merge(Histogram.of(second))
    whole = Histogram.of(first + second)
    assert merged.buckets() == whole.buckets()
    assert (merged.count, merged.minimum, merged.maximum) == (
        whole.count,
        whole.minimum,
        whole.maximum,
    )
    assert merged.total == pytest.approx(whole.total)


@settings(max_examples=15)
@given(VALUES)
def test_it_is_stored_and_pickled_without_loss(values: list[float]) -> None:
    histogram = Histogram.of(values)
    for again in (Histogram.from_dict(histogram.to_dict()), pickle.loads(pickle.dumps(histogram))):
        assert again.buckets() == histogram.buckets()
        assert again.to_dict() == histogram.to_dict()


def test_many_values_are_folded_in_on_the_way() -> None:
    histogram = Histogram()
    for start in range(0, 150_000, 50_000):
        histogram.add_all([number / 1e6 for number in range(start, start + 50_000)])
    assert histogram.count == 150_000
    assert histogram.percentile(50) == pytest.approx(0.075, rel=1e-3)


def test_other_resolutions_are_not_mixed() -> None:
    with pytest.raises(ValueError, match="different resolutions"):
        Histogram.of([1.0]).merge(Histogram.of([1.0], resolution=1000))


@pytest.mark.parametrize("change", [{"hdr": "@@"}, {"hdr": "aaaa"}, {"min": None}, {"total": "x"}])
def test_what_is_no_stored_histogram_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="no stored histogram"):
        Histogram.from_dict({**Histogram.of([1.0]).to_dict(), **change})
