"""JSON of whatever an answer can hold."""

from __future__ import annotations

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
