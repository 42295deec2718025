"""Limits read exactly as they were written, and amounts show as people write them."""

from __future__ import annotations

from decimal import Decimal, localcontext
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kilo_sdk.cost.dollars import EXACT, read_limit, show_dollars
from kilo_sdk.errors import ConfigurationError


@pytest.mark.parametrize(
    ("value", "dollars"),
    [
        (Decimal("0.10"), "0.10"),
        (0.1, "0.1"),
        (1e-7, "0.0000001"),
        ("0.000001", "0.000001"),
        (" 2.5 ", "2.5"),
        (3, "3"),
        (0, "0"),
        (-0.0, "0"),
        (Decimal("-0"), "0"),
        (1_000_000_000, "1000000000"),
    ],
)
def test_a_limit_is_the_decimal_that_was_written(value: Any, dollars: str) -> None:
    assert read_limit(value, "max_cost") == Decimal(dollars)
    assert not (read_limit(value, "max_cost") or Decimal(0)).is_signed()


def test_none_is_no_limit() -> None:
    assert read_limit(None, "max_cost") is None


@pytest.mark.parametrize(
    "value",
    [
        -1,
        -0.01,
        "-0.01",
        Decimal("-1e-30"),
        float("nan"),
        "NaN",
        "sNaN",
        Decimal("Infinity"),
        float("inf"),
        "",
        "five",
        "$5",
        True,
        False,
        [5],
        {},
        b"5",
        1e300,
        "1e999999999",
        pytest.param(10**5000, id="more digits than Python prints"),
    ],
)
def test_what_is_no_amount_is_refused_with_what_is_accepted(value: Any) -> None:
    with pytest.raises(ConfigurationError) as raised:
        read_limit(value, "max_cost")
    assert str(raised.value).startswith("max_cost is ")
    assert not isinstance(value, str) or repr(value) in str(raised.value)
    assert "accepted are US dollars from 0 up" in str(raised.value)
    assert len(str(raised.value)) < 250


@pytest.mark.parametrize("value", ["1e-999999999", Decimal("0.1").scaleb(-60)])
def test_a_limit_finer_than_anything_costs_is_refused(value: Any) -> None:
    with pytest.raises(ConfigurationError, match="max_cost has more than 60 decimal places"):
        read_limit(value, "max_cost")


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        ("0", "$0"),
        ("0.000000", "$0"),
        ("2", "$2"),
        ("2.50", "$2.5"),
        ("1E+2", "$100"),
        ("1E-7", "$0.0000001"),
        ("-0.25", "-$0.25"),
        ("100", "$100"),
    ],
)
def test_amounts_show_as_people_write_them(amount: str, shown: str) -> None:
    assert show_dollars(Decimal(amount)) == shown


@given(st.lists(st.decimals(allow_nan=False, allow_infinity=False, places=40), max_size=20))
def test_sums_are_exact_whatever_the_threads_context(amounts: list[Decimal]) -> None:
    with localcontext() as context:
        context.prec = 2
        total = Decimal(0)
        for amount in amounts:
            total = EXACT.add(total, amount)
    # Whole numbers of the smallest unit, which Python adds without rounding.
    units = sum(int(EXACT.scaleb(amount, Decimal(40))) for amount in amounts)
    assert EXACT.scaleb(total, Decimal(40)) == units
