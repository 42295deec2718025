"""A conversation is stored and read back, whatever its entries are."""

from __future__ import annotations

import copy
from types import MappingProxyType
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kilo_sdk import Message, ToolCall, dump_history, load_history
from kilo_sdk.errors import ConfigurationError, SerializationError

USER: dict[str, Any] = {
    "role": "user",
    "content": [{"type": "text", "text": "Hi", "cache_control": {"type": "ephemeral"}}],
}
ANSWER = Message.from_answer(
    {
        "role": "assistant",
        "content": None,
        "reasoning_details": [{"type": "reasoning.encrypted", "id": "call_1", "data": "QUJD"}],
        "tool_calls": [ToolCall("call_1", "f", "{}").to_param()],
    },
    provider="Google",
    model="google/gemini-3-pro-preview",
)


def test_dicts_and_messages_may_be_mixed_and_come_back_as_messages() -> None:
    history: list[Any] = [
        USER,
        ANSWER,
        MappingProxyType({"role": "tool", "tool_call_id": "call_1"}),
    ]
    before = copy.deepcopy(history[:2])
    loaded = load_history(dump_history(history))
    assert [message.to_param() for message in loaded] == [
        USER,
        ANSWER.to_param(),
        {"role": "tool", "tool_call_id": "call_1"},
    ]
    assert loaded[1] == ANSWER
    assert (loaded[1].provider, loaded[1].raw) == ("Google", ANSWER.raw)
    assert history[:2] == before


def test_a_string_and_nothing_are_histories() -> None:
    assert load_history(dump_history("Hi")) == [Message.user("Hi")]
    assert load_history(dump_history([]).encode()) == []


def test_what_is_loaded_is_stored_as_the_same_text() -> None:
    text = dump_history([USER, ANSWER])
    assert dump_history(load_history(text)) == text


@pytest.mark.parametrize("messages", [None, USER, ANSWER, "", [USER, "Hi"], [{"content": "Hi"}]])
def test_what_is_no_conversation_is_refused(messages: Any) -> None:
    with pytest.raises(ConfigurationError, match="messages"):
        dump_history(messages)


def test_what_is_no_json_is_refused_with_its_place() -> None:
    with pytest.raises(SerializationError, match=r"^messages\[1\]\.content cannot be stored"):
        dump_history([USER, {"role": "user", "content": b"x"}])


def test_what_was_not_dumped_is_refused() -> None:
    with pytest.raises(SerializationError, match="not what dump_history wrote"):
        load_history(orjson.dumps([USER]))
    with pytest.raises(SerializationError, match=r"read it with Message\.from_json"):
        load_history(ANSWER.to_json())


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)
fields = st.sampled_from(
    ["content", "reasoning", "reasoning_details", "tool_calls", "annotations", "name", "prefix"]
)
dicts = st.builds(
    lambda role, wire: {"role": role, **wire},
    st.sampled_from(["user", "assistant", "tool"]),
    st.dictionaries(fields, json_values, max_size=4),
)


@given(st.lists(dicts, max_size=4))
def test_what_goes_out_after_loading_is_the_same_to_the_byte(history: list[dict[str, Any]]) -> None:
    wires = [message.to_param() for message in load_history(dump_history(history))]
    sorted_keys = orjson.OPT_SORT_KEYS
    assert orjson.dumps(wires, option=sorted_keys) == orjson.dumps(history, option=sorted_keys)
    # Keys keep their order inside every field.
    for wire, given_wire in zip(wires, history, strict=True):
        for name, value in given_wire.items():
            assert orjson.dumps(wire[name]) == orjson.dumps(value)
