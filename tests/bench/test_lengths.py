from __future__ import annotations

import random
import statistics

import pytest

from kilo_sdk import ConfigurationError
from kilo_sdk.bench.lengths import Lengths


def drawn(text: str, count: int = 4000) -> list[int]:
    rng = random.Random(5)
    return [Lengths.parse(text).draw(rng) for _ in range(count)]


@pytest.mark.parametrize("text", ["128", "uniform:10:20", "normal:100:15", "lognormal:100:50"])
def test_a_distribution_reads_as_it_is_written(text: str) -> None:
    assert str(Lengths.parse(text)) == text


@pytest.mark.parametrize(
    "text", ["", "0", "-5", "x", "uniform:5", "uniform:9:3", "normal:10", "zipf:2:3", "5:6", "nan"]
)
def test_what_cannot_be_read_is_told_with_what_can(text: str) -> None:
    with pytest.raises(ConfigurationError, match="uniform:LEAST:GREATEST"):
        Lengths.parse(text)


def test_lengths_have_the_distribution_asked_for() -> None:
    assert set(drawn("7")) == {7}
    assert set(drawn("uniform:3:5")) == {3, 4, 5}
    for text in ("normal:100:15", "lognormal:100:15"):
        assert statistics.fmean(drawn(text)) == pytest.approx(100, rel=0.02)
        assert statistics.stdev(drawn(text)) == pytest.approx(15, rel=0.08)


def test_no_length_is_below_one() -> None:
    assert min(drawn("normal:2:50")) == 1
    assert set(drawn("lognormal:9:0", 10)) == {9}
