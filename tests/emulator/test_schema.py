from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kilo_sdk.emulator.schema import example_of

WORDS = st.sampled_from(
    ["type", "properties", "items", "anyOf", "allOf", "$ref", "$defs", "enum", "minItems",
     "minimum", "maximum", "multipleOf", "minLength", "maxLength", "default", "a"]
)  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "object", "properties": {"city": {"type": "string"}}}, {"city": "some city"}),
        ({"type": "object", "properties": {"n": {"type": "integer"}}}, {"n": 1}),
        ({"type": "integer", "minimum": 5}, 5),
        ({"type": "integer", "maximum": -2}, -2),
        ({"type": "integer", "exclusiveMinimum": 7}, 8),
        ({"type": "integer", "multipleOf": 3}, 3),
        ({"type": "number", "minimum": 2.5}, 2.5),
        ({"type": "boolean"}, True),
        ({"type": "null"}, None),
        ({"type": ["null", "string"], "enum": ["kelvin", "celsius"]}, "kelvin"),
        ({"type": "array", "items": {"type": "boolean"}, "minItems": 2}, [True, True]),
        ({"type": "string", "format": "date"}, "2026-01-01"),
        ({"type": "string", "maxLength": 3}, "som"),
        ({"type": "string", "minLength": 12}, "some valuexx"),
        ({"const": 4}, 4),
        ({"anyOf": [{"type": "boolean"}, {"type": "string"}]}, True),
        (
            {"allOf": [{"properties": {"a": {"const": 1}}}, {"properties": {"b": {"const": 2}}}]},
            {"a": 1, "b": 2},
        ),
        ({"$ref": "#/$defs/unit", "$defs": {"unit": {"enum": ["m"]}}}, "m"),
        ({"$ref": "#/nowhere"}, None),
        (None, {}),
    ],
)
def test_a_schema_has_one_example(schema: Any, value: Any) -> None:
    assert example_of(schema) == value


def test_a_schema_that_refers_to_itself_ends() -> None:
    schema = {"type": "object", "properties": {"child": {"$ref": "#"}}}
    value = example_of(schema)
    depth = 0
    while value is not None:
        value, depth = value["child"], depth + 1
    assert 0 < depth < 20


@given(JSON)
def test_nothing_in_a_schema_breaks_it(schema: Any) -> None:
    assert example_of(schema) == example_of(schema)
