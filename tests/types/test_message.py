"""Messages: what came back goes out again as it came, and shows in no repr."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kilo_sdk.types.message import Message
from kilo_sdk.types.tool_call import ToolCall

DETAILS: list[dict[str, Any]] = [
    {"type": "reasoning.text", "text": " hm\n", "signature": "s1g", "index": 0},
    {"type": "reasoning.encrypted", "data": "b64", "id": "call_1", "index": 0},
]
CALL: dict[str, Any] = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "weather", "arguments": "{}"},
    "extra_content": {"google": {"thought_signature": "c2ln"}},
}
ANSWER: dict[str, Any] = {
    "role": "assistant",
    "content": "hi",
    "refusal": "no",
    "reasoning": " hm\n",
    "reasoning_details": DETAILS,
    "tool_calls": [CALL],
}


def test_an_answer_reads_exactly() -> None:
    message = Message.from_param({**ANSWER, "annotations": [{"type": "url_citation"}]})
    assert message == Message(
        "assistant",
        "hi",
        reasoning=" hm\n",
        reasoning_details=DETAILS,
        tool_calls=[ToolCall("call_1", "weather", "{}")],
        refusal="no",
        annotations=[{"type": "url_citation"}],
    )


@pytest.mark.parametrize(
    "wire",
    [
        {},
        dict.fromkeys(ANSWER),
        {"role": "", "content": 3, "reasoning": "", "reasoning_details": "text"},
        {"role": 3, "content": {"text": "a"}, "reasoning": ["a"], "reasoning_details": {}},
        {"role": [], "tool_calls": {}, "refusal": {}, "annotations": "x", "name": 3},
        {"role": None, "tool_calls": [None, "call", 3], "tool_call_id": 3},
    ],
)
def test_what_is_missing_or_of_another_type_reads_as_absent(wire: Any) -> None:
    message = Message.from_param(wire)
    assert message == Message("assistant")
    assert message.raw is wire


def test_an_empty_list_of_details_is_not_absent() -> None:
    message = Message.from_param({"role": "assistant", "reasoning_details": []})
    assert message.reasoning_details == []
    assert message.to_param() == {"role": "assistant", "content": "", "reasoning_details": []}


def test_details_that_are_no_objects_are_left_out() -> None:
    message = Message.from_param({"reasoning_details": [None, DETAILS[0], "x"]})
    assert message.reasoning_details == [DETAILS[0]]


def test_an_answer_goes_back_as_it_came() -> None:
    assert Message.from_param(ANSWER).to_param() == ANSWER


def test_annotations_do_not_go_back() -> None:
    wire = {**ANSWER, "annotations": [{"type": "url_citation"}], "images": [{}]}
    assert Message.from_param(wire).to_param() == ANSWER


def test_null_content_goes_back_only_beside_tool_calls() -> None:
    assert Message("assistant").to_param() == {"role": "assistant", "content": ""}
    beside = Message.from_param({**ANSWER, "content": None}).to_param()
    assert beside == {**ANSWER, "content": None}


def test_messages_written_by_a_caller() -> None:
    call = ToolCall("call_1", "f", "{}")
    assert Message.system("be brief").to_param() == {"role": "system", "content": "be brief"}
    assert Message.user([{"type": "text", "text": "hi"}]).to_param() == {
        "role": "user",
        "content": [{"type": "text", "text": "hi"}],
    }
    assert Message.assistant(None, [call]).to_param() == {
        "role": "assistant",
        "content": None,
        "tool_calls": [call.to_param()],
    }
    assert Message.tool("call_1", "9 degrees").to_param() == {
        "role": "tool",
        "content": "9 degrees",
        "tool_call_id": "call_1",
    }
    assert Message("user", "hi", name="Ada").to_param() == {
        "role": "user",
        "content": "hi",
        "name": "Ada",
    }


def test_the_calls_given_are_not_the_list_kept() -> None:
    calls = [ToolCall("call_1", "f", "{}")]
    message = Message.assistant("hi", calls)
    calls.clear()
    assert len(message.tool_calls) == 1


def spoil(value: Any) -> None:
    """Change every container inside a value."""
    if isinstance(value, dict):
        for inner in value.values():
            spoil(inner)
        value["spoilt"] = True
    elif isinstance(value, list):
        for inner in value:
            spoil(inner)
        value.append("spoilt")


def test_what_goes_back_shares_nothing_with_the_message() -> None:
    part = {"type": "text", "text": "hi", "cache_control": {"type": "ephemeral"}}
    message = Message.from_param({**copy.deepcopy(ANSWER), "content": [part]})
    before = copy.deepcopy(message.raw)
    param = message.to_param()
    spoil(param)
    assert message.raw == before
    assert message.to_param() == before
    assert message.content == [part]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2)
    ),
    max_leaves=5,
)
objects = st.dictionaries(st.text(max_size=6), json_values, max_size=4)
messages = st.builds(
    Message,
    role=st.sampled_from(["system", "user", "assistant", "tool"]),
    content=st.none() | st.text(max_size=9) | st.lists(objects, max_size=3),
    reasoning=st.none() | st.text(min_size=1, max_size=9),
    reasoning_details=st.none() | st.lists(objects, max_size=3),
    tool_calls=st.lists(
        st.builds(ToolCall, id=st.text(), name=st.text(), arguments=st.text(), raw=objects),
        max_size=2,
    ),
    refusal=st.none() | st.text(min_size=1, max_size=9),
    tool_call_id=st.none() | st.text(min_size=1, max_size=9),
    name=st.none() | st.text(min_size=1, max_size=9),
)


@given(messages)
def test_a_message_survives_the_round_trip(message: Message) -> None:
    param = message.to_param()
    twin = Message.from_param(param)
    if message.content is None and not message.tool_calls:
        assert twin.content == ""
    else:
        assert twin.content == message.content
    assert twin.to_param() == param
    assert twin.reasoning_details == message.reasoning_details
    assert twin.tool_calls == message.tool_calls


@given(st.dictionaries(st.sampled_from([*ANSWER, "annotations", "name", "x"]), json_values))
def test_a_dict_of_any_shape_reads_and_goes_back(wire: dict[str, Any]) -> None:
    before = copy.deepcopy(wire)
    message = Message.from_param(wire)
    repr(message)
    spoil(message.to_param())
    assert wire == before


def test_a_repr_shows_the_size_and_never_the_words() -> None:
    said = "the secret plan"
    message = Message.user(said)
    assert repr(message) == "<Message user: 15 characters>"
    parts = Message.user([{"type": "text", "text": said}])
    assert repr(parts) == "<Message user: 1 parts>"
    assert repr(Message.from_param({**ANSWER, "content": None})) == (
        "<Message assistant: no characters, 1 tool calls>"
    )
    assert said not in f"{message} {message!r} {parts} {[parts]}"


def test_it_pickles_and_copies() -> None:
    message = Message.from_param(ANSWER)
    for twin in (pickle.loads(pickle.dumps(message)), copy.copy(message), copy.deepcopy(message)):
        assert twin == message
        assert twin.raw == ANSWER
