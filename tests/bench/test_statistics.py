from __future__ import annotations

import random
from statistics import NormalDist

import pytest

from kilo_sdk.bench.statistics import Estimate, mann_whitney, t_critical, welch_interval


def counted(values: list[float]) -> list[tuple[float, int]]:
    return [(value, 1) for value in values]


@pytest.mark.parametrize(
    ("freedom", "quantile"),
    [(1, 12.706), (2.9, 4.303), (30, 2.042), (40, 2.021), (60, 2.000), (120, 1.980), (1e6, 1.960)],
)
def test_quantiles_are_those_of_the_tables(freedom: float, quantile: float) -> None:
    assert t_critical(freedom) == pytest.approx(quantile, abs=6e-4)


def test_no_freedom_has_no_quantile() -> None:
    with pytest.raises(ValueError, match="one degree"):
        t_critical(0.5)


def test_an_interval_takes_two_repetitions() -> None:
    assert Estimate.over(5.0, [5.0]) == Estimate(5.0)
    assert Estimate.over(None, [1.0, 2.0]) == Estimate()
    assert Estimate.over(5.0, [4.0, None, 6.0]) == Estimate(
        5.0, pytest.approx(5 - 12.706), pytest.approx(5 + 12.706)
    )


def test_welch_gives_the_interval_of_a_difference() -> None:
    # By hand: difference 4, standard error sqrt(1/3 + 4/3), 2.94 degrees of freedom.
    low, high = welch_interval([9.0, 10.0, 11.0], [12.0, 14.0, 16.0])
    margin = 4.303 * (5 / 3) ** 0.5
    assert (low, high) == (pytest.approx(4 - margin), pytest.approx(4 + margin))
    assert welch_interval([1.0, 1.0], [3.0, 3.0]) == (2.0, 2.0)


def test_equal_samples_do_not_differ() -> None:
    values = counted([float(n) for n in range(100)])
    assert mann_whitney(values, values) == pytest.approx(1.0)
    assert mann_whitney([(1.0, 20)], [(1.0, 30)]) == 1.0


def test_shifted_samples_differ() -> None:
    rng = random.Random(3)
    before = [rng.gauss(10, 1) for _ in range(200)]
    after = [rng.gauss(10.5, 1) for _ in range(200)]
    p = mann_whitney(counted(before), counted(after))
    assert p is not None
    assert p < 1e-4
    assert p == pytest.approx(mann_whitney(counted(after), counted(before)))


def test_the_value_is_that_of_the_textbook() -> None:
    # U counted pair by pair; without ties z is (U - 32) / sqrt(8 * 8 * 17 / 12).
    before = counted([1, 2, 3, 4, 7, 8, 9, 10.5])
    after = counted([5, 6, 11, 12, 13, 14, 15, 10])
    u = sum(b > a for b, _ in before for a, _ in after)
    z = (u - 32) / (8 * 8 * 17 / 12) ** 0.5
    assert mann_whitney(before, after) == pytest.approx(2 * NormalDist().cdf(-abs(z)))


def test_a_few_values_say_nothing() -> None:
    assert mann_whitney([(1.0, 7)], [(2.0, 100)]) is None
