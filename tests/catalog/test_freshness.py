"""Facts about when a list is served, refreshed and waited for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kilo_sdk.catalog.freshness import Step, next_step, peace_after_failure
from kilo_sdk.catalog.options import CatalogOptions

OPTIONS = CatalogOptions(ttl=10, stale=100, failure_ttl=5)
seconds = st.floats(0, 1e9)


@pytest.mark.parametrize(
    ("age", "peace_left", "step"),
    [
        (None, 0.0, Step.FETCH),
        (None, -3.0, Step.FETCH),
        (None, 3.0, Step.SERVE),
        (0.0, 0.0, Step.SERVE),
        (9.9, 0.0, Step.SERVE),
        (10.0, 0.0, Step.REFRESH),
        (109.9, 0.0, Step.REFRESH),
        (110.0, 0.0, Step.FETCH),
        (10.0, 3.0, Step.SERVE),
        (110.0, 3.0, Step.SERVE),
    ],
)
def test_age_and_the_last_failure_decide(age: float | None, peace_left: float, step: Step) -> None:
    assert next_step(OPTIONS, age=age, peace_left=peace_left) is step


@given(st.none() | seconds, seconds)
def test_who_insists_always_waits_for_a_new_one(age: float | None, peace_left: float) -> None:
    assert next_step(OPTIONS, age=age, peace_left=peace_left, forced=True) is Step.FETCH


@given(st.none() | seconds, st.floats(0.001, 1e9), seconds, seconds)
def test_a_gateway_that_is_to_be_left_in_peace_is_not_asked(
    age: float | None, peace_left: float, ttl: float, stale: float
) -> None:
    options = CatalogOptions(ttl=ttl, stale=stale)
    assert next_step(options, age=age, peace_left=peace_left) is Step.SERVE


@given(seconds)
def test_with_no_time_to_live_every_caller_waits_for_a_new_one(age: float) -> None:
    options = CatalogOptions(ttl=0, stale=0)
    assert next_step(options, age=age, peace_left=0) is Step.FETCH


@given(seconds)
def test_with_endless_time_to_live_nothing_is_asked_again(age: float) -> None:
    options = CatalogOptions(ttl=float("inf"))
    assert next_step(options, age=age, peace_left=0) is Step.SERVE


@pytest.mark.parametrize(
    ("retry_after", "peace"),
    [(None, 5), (0.0, 5), (4.0, 5), (60.0, 60), (86_400.0, 86_400), (1e12, 86_400)],
)
def test_the_longer_of_the_usual_and_what_was_asked_counts_up_to_a_day(
    retry_after: float | None, peace: float
) -> None:
    assert peace_after_failure(OPTIONS, retry_after) == peace
