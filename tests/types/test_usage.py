"""What was reported reads exactly; what was not is None, never 0."""

from __future__ import annotations

import copy
import pickle
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kilo_sdk.types.usage import Usage

FULL: dict[str, Any] = {
    "prompt_tokens": 10115,
    "completion_tokens": 77,
    "total_tokens": 10192,
    "cost": 0.000070929,
    "cost_details": {"upstream_inference_cost": 0.00141858},
    "is_byok": True,
    "prompt_tokens_details": {"cached_tokens": 704, "cache_write_tokens": 12, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 165, "image_tokens": 0},
}


def test_a_full_report_reads_exactly() -> None:
    assert Usage.from_wire(FULL) == Usage(
        prompt_tokens=10115,
        completion_tokens=77,
        total_tokens=10192,
        cached_tokens=704,
        cache_write_tokens=12,
        reasoning_tokens=165,
        cost=Decimal("0.000070929"),
        is_byok=True,
    )


def test_what_is_not_reported_is_none() -> None:
    assert Usage.from_wire({"prompt_tokens": 3}) == Usage(prompt_tokens=3)


def test_zero_is_a_report() -> None:
    usage = Usage.from_wire({"prompt_tokens": 0, "cost": 0, "is_byok": False})
    assert (usage.prompt_tokens, usage.cost, usage.is_byok) == (0, Decimal(0), False)


@pytest.mark.parametrize(
    ("cost", "dollars"),
    [
        (0.01413195, "0.01413195"),
        (1e-07, "1E-7"),
        (0.1, "0.1"),
        (3, "3"),
        ("0.25", "0.25"),
        (-0.5, "-0.5"),
        (5e-324, "5E-324"),
        (1.7e308, "1.7E+308"),
    ],
)
def test_cost_is_the_decimal_that_was_written(cost: Any, dollars: str) -> None:
    assert Usage.from_wire({"cost": cost}).cost == Decimal(dollars)


@pytest.mark.parametrize(
    "cost",
    [
        *(None, True, False, "", "free", "NaN", "Infinity", float("inf"), [], {}, [1]),
        # No price, and enough to fill the memory of whoever sums it up or shows it.
        *("1e999999999", "1e-999999999", "0e-999999999", "1" * 401),
        pytest.param(10**5000, id="more digits than Python prints"),
    ],
)
def test_a_cost_that_is_no_amount_is_none(cost: Any) -> None:
    assert Usage.from_wire({"cost": cost}).cost is None


def test_reasoning_tokens_may_stand_flat() -> None:
    assert Usage.from_wire({"reasoning_tokens": 9}).reasoning_tokens == 9
    both = {"reasoning_tokens": 9, "completion_tokens_details": {"reasoning_tokens": 0}}
    assert Usage.from_wire(both).reasoning_tokens == 0


@given(
    st.dictionaries(
        st.sampled_from(sorted(FULL)),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
            lambda inner: (
                st.lists(inner, max_size=2)
                | st.dictionaries(
                    st.sampled_from(["cached_tokens", "cache_write_tokens", "reasoning_tokens"]),
                    inner,
                )
            ),
            max_leaves=5,
        ),
    )
)
def test_a_report_of_any_shape_reads(wire: dict[str, Any]) -> None:
    usage = Usage.from_wire(wire)
    counts = [usage.prompt_tokens, usage.completion_tokens, usage.total_tokens]
    counts += [usage.cached_tokens, usage.cache_write_tokens, usage.reasoning_tokens]
    assert all(count is None or type(count) is int for count in counts)
    assert usage.cost is None or usage.cost.is_finite()
    assert usage.is_byok in (None, True, False)
    assert usage.raw is wire


@pytest.mark.parametrize("reported", [None, {}, [], [1], "usage", 3, True])
def test_an_owner_without_a_report_has_no_usage(reported: Any) -> None:
    assert Usage.of({"usage": reported}) is None
    assert Usage.of({}) is None


def test_an_owner_with_a_report_has_it() -> None:
    assert Usage.of({"usage": FULL}) == Usage.from_wire(FULL)


def test_equality_leaves_raw_aside() -> None:
    assert Usage.from_wire({"prompt_tokens": 3, "new": 1}) == Usage(prompt_tokens=3)


def test_fields_it_does_not_know_stay_under_raw() -> None:
    assert Usage.from_wire(FULL).raw["cost_details"] == {"upstream_inference_cost": 0.00141858}


def test_it_pickles_and_copies() -> None:
    usage = Usage.from_wire(FULL)
    for twin in (pickle.loads(pickle.dumps(usage)), copy.copy(usage), copy.deepcopy(usage)):
        assert twin == usage
        assert twin.raw == FULL
