"""A field reads as the type it should have, or as None."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kilo_sdk.types.fields import copied, int_field, object_field, objects_field, text_field

ANY_JSON: list[Any] = [None, True, False, 0, 7, -1, 7.0, 7.5, 1e300, "", "a", [], [1], {}, {"a": 1}]


@pytest.mark.parametrize("value", ANY_JSON)
def test_text_is_a_string_or_none(value: Any) -> None:
    assert text_field({"f": value}, "f") == (value if value in ("", "a") else None)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0, 0), (7, 7), (-1, -1), (7.0, 7), (-0.0, 0), (2**63, 2**63), (1e300, int(1e300))],
)
def test_a_whole_number_reads_as_int_however_it_is_written(value: Any, expected: int) -> None:
    number = int_field({"f": value}, "f")
    assert number == expected
    assert type(number) is int


@pytest.mark.parametrize(
    "value", [None, True, False, 7.5, float("inf"), float("nan"), "7", "", [], [7], {}]
)
def test_what_is_no_whole_number_reads_as_none(value: Any) -> None:
    assert int_field({"f": value}, "f") is None


@pytest.mark.parametrize("value", ANY_JSON)
def test_an_object_is_the_very_one_or_none(value: Any) -> None:
    found = object_field({"f": value}, "f")
    assert found is (value if isinstance(value, dict) else None)


@pytest.mark.parametrize("value", ANY_JSON)
def test_objects_are_those_of_a_list(value: Any) -> None:
    found = objects_field({"f": value}, "f")
    assert found == ([] if isinstance(value, list) else None)


def test_entries_of_a_list_that_are_no_objects_are_left_out() -> None:
    wire: dict[str, Any] = {"f": [None, {"a": 1}, "x", [], {}, 3]}
    found = objects_field(wire, "f")
    assert found == [{"a": 1}, {}]
    assert found is not wire["f"]
    assert len(wire["f"]) == 6


@pytest.mark.parametrize("read", [text_field, int_field, object_field, objects_field])
def test_a_missing_field_reads_as_none(read: Any) -> None:
    assert read({}, "f") is None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner),
    max_leaves=12,
)


def containers(value: Any) -> list[int]:
    if not isinstance(value, dict | list):
        return []
    inner = value.values() if isinstance(value, dict) else value
    return [id(value), *(one for each in inner for one in containers(each))]


@given(json_values)
def test_a_copy_is_the_same_to_the_byte_and_shares_nothing(value: Any) -> None:
    twin = copied(value)
    assert repr(twin) == repr(value)
    assert not set(containers(twin)) & set(containers(value))


def test_a_copy_of_what_is_no_json_shares_nothing_either() -> None:
    value: Any = {"a": ({"b": []},), "c": Decimal("1.0")}
    twin = copied(value)
    assert twin == value
    twin["a"][0]["b"].append(1)
    assert value == {"a": ({"b": []},), "c": Decimal("1.0")}


def test_a_copy_of_what_holds_itself_has_an_end() -> None:
    value: Any = [{}, []]
    value[0]["self"] = value
    twin = copied(value)
    assert twin[0]["self"] is twin
    assert twin is not value


def test_a_copy_may_be_nested_as_deep_as_memory_goes() -> None:
    value: Any = []
    for _ in range(100_000):
        value = [value]
    twin = copied(value)
    for _ in range(100_000):
        (twin,) = twin
    assert twin == []
