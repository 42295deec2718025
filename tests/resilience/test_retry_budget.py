"""Facts about the retry budget: what takes from it, what fills it, and when it is empty."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kilo_sdk.errors import ConfigurationError
from kilo_sdk.resilience.retry_budget import RetryBudget


def test_by_default_a_hundred_retries_may_come_together() -> None:
    budget = RetryBudget()
    assert (budget.size, budget.per_answer, budget.per_second) == (100, 0.2, 1.0)
    assert [budget.take(5.0) for _ in range(101)] == [True] * 100 + [False]


def test_a_second_puts_back_one() -> None:
    budget = RetryBudget(2)
    assert [budget.take(10.0) for _ in range(3)] == [True, True, False]
    assert not budget.take(10.9)
    assert budget.take(11.0)
    assert not budget.take(11.0)


def test_five_answers_put_back_one() -> None:
    budget = RetryBudget(1, per_second=0)
    assert budget.take(0.0)
    for _ in range(4):
        budget.answered()
    assert not budget.take(0.0)
    budget.answered()
    assert budget.take(0.0)


def test_it_never_holds_more_than_its_size() -> None:
    budget = RetryBudget(2)
    budget.answered()
    assert budget.left == 2
    assert budget.take(0.0)
    assert [budget.take(1e9) for _ in range(3)] == [True, True, False]


def test_a_clock_that_stands_still_or_goes_back_puts_nothing_back() -> None:
    budget = RetryBudget(1)
    assert budget.take(100.0)
    assert not budget.take(100.0)
    assert not budget.take(50.0)


def test_an_infinite_one_is_never_empty() -> None:
    budget = RetryBudget(math.inf)
    assert all(budget.take(0.0) for _ in range(10_000))
    budget.answered()
    assert budget.left == math.inf


def test_one_of_size_zero_allows_nothing() -> None:
    budget = RetryBudget(0)
    budget.answered()
    assert not budget.take(0.0)
    assert not budget.take(1e6)


@given(
    st.floats(0, 50),
    st.floats(0, 2),
    st.floats(0, 10),
    st.lists(st.tuples(st.booleans(), st.floats(0, 5)), max_size=100),
)
def test_never_more_is_taken_than_was_there_and_flowed_in(
    size: float, per_answer: float, per_second: float, steps: list[tuple[bool, float]]
) -> None:
    budget = RetryBudget(size, per_answer=per_answer, per_second=per_second)
    now = taken = answers = 0.0
    for is_answer, wait in steps:
        now += wait
        if is_answer:
            budget.answered()
            answers += 1
        else:
            taken += budget.take(now)
        assert 0 <= budget.left <= size
        assert taken <= size + answers * per_answer + now * per_second + 1e-6


@pytest.mark.parametrize("name", ["size", "per_answer", "per_second"])
@pytest.mark.parametrize("value", [-1, "1", None, True, math.nan])
def test_what_is_no_number_of_retries_is_refused(name: str, value: Any) -> None:
    with pytest.raises(ConfigurationError, match=rf"RetryBudget\({name}=.*0 or more"):
        RetryBudget(**{name: value})
