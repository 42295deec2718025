"""JSON of whatever an answer can hold."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from kilo_sdk.relay.encoding import json_bytes

TEXTS = st.text(max_size=8)
JSON = st.recursive(TEXTS, lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner))


@given(JSON)
def test_text_that_can_be_written_is_written_as_it_is(value: Any) -> None:
    assert orjson.loads(json_bytes(value)) == value


def test_half_of_a_pair_becomes_a_question_mark() -> None:
    assert json_bytes({"a\ud83d": ["\ude00", 7]}) == b'{"a?":["?",7]}'


def nested(levels: int) -> Any:
    value: Any = []
    for _ in range(levels - 1):
        value = [value]
    return value


def test_what_lies_too_deep_to_be_written_becomes_null() -> None:
    assert json_bytes(nested(200)) == b"[" * 200 + b"]" * 200
    assert (
        json_bytes({"deep": nested(1000)}) == b'{"deep":' + b"[" * 199 + b"null" + b"]" * 199 + b"}"
    )


def test_what_is_no_json_at_all_becomes_text() -> None:
    assert json_bytes({"cost": Decimal("0.1")}) == b'{"cost":"0.1"}'
