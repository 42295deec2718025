"""Messages: what came back goes out again as it came, and shows in no repr."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import attrs
import orjson
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


CITED: list[dict[str, Any]] = [{"type": "url_citation"}]


def test_an_answer_reads_exactly() -> None:
    wire = {**ANSWER, "annotations": CITED, "images": [{}]}
    message = Message.from_answer(wire, provider="Anthropic", model="anthropic/claude-sonnet-4")
    assert message == Message(
        "assistant",
        "hi",
        reasoning=" hm\n",
        reasoning_details=DETAILS,
        tool_calls=[ToolCall("call_1", "weather", "{}", CALL)],
        refusal="no",
        annotations=CITED,
    )
    assert (message.provider, message.model) == ("Anthropic", "anthropic/claude-sonnet-4")
    assert message.extra == {}
    assert message.raw is wire


MALFORMED: list[Any] = [
    {},
    dict.fromkeys(ANSWER),
    {"role": "", "content": 3, "reasoning": "", "reasoning_details": "text"},
    {"role": 3, "content": {"text": "a"}, "reasoning": ["a"], "reasoning_details": {}},
    {"role": [], "tool_calls": {}, "refusal": {}, "annotations": "x", "name": 3},
    {"role": None, "tool_calls": [None, "call", 3], "tool_call_id": 3},
]


@pytest.mark.parametrize("wire", MALFORMED)
def test_what_is_missing_or_of_another_type_in_an_answer_reads_as_absent(wire: Any) -> None:
    message = Message.from_answer(wire)
    assert message == Message("assistant")
    assert message.raw is wire


@pytest.mark.parametrize("wire", MALFORMED)
def test_what_a_caller_wrote_goes_out_however_it_reads(wire: Any) -> None:
    message = Message.from_param(wire)
    absent = Message("assistant")
    for name in ANSWER:
        assert getattr(message, name) == getattr(absent, name)
    assert {**message.to_param(), "role": None} == {**wire, "role": None}
    assert message.raw is wire


def test_null_and_empty_values_say_as_much_as_no_value() -> None:
    empty = {"role": "assistant", "content": "", "refusal": None, "name": "", "tool_calls": []}
    message = Message.from_param(empty)
    assert message == Message("assistant")
    assert message.to_param() == empty


def test_an_empty_list_of_details_is_not_absent() -> None:
    for read in (Message.from_answer, Message.from_param):
        message = read({"role": "assistant", "content": "", "reasoning_details": []})
        assert message.reasoning_details == []
        assert message != Message("assistant")
        assert message.to_param() == {"role": "assistant", "content": "", "reasoning_details": []}


def test_details_of_an_answer_that_are_no_objects_are_left_out() -> None:
    message = Message.from_answer({"reasoning_details": [None, DETAILS[0], "x"]})
    assert message.reasoning_details == [DETAILS[0]]
    assert message.to_param()["reasoning_details"] == [DETAILS[0]]


def test_details_of_a_caller_that_are_no_objects_are_left_for_the_sanitation_to_tell() -> None:
    details = [None, DETAILS[0], "x"]
    message = Message.from_param({"role": "assistant", "reasoning_details": details})
    assert message.reasoning_details == [DETAILS[0]]
    assert message.to_param()["reasoning_details"] == details


def test_an_answer_goes_back_as_it_came_but_for_what_is_not_known_to_be_accepted() -> None:
    wire = {**ANSWER, "annotations": CITED}
    message = Message.from_answer({**wire, "images": [{}], "audio": {"id": "a"}, "new": 1})
    assert message.to_param() == wire
    assert Message.from_param(wire) == message


@pytest.mark.parametrize("wire", [{}, {"content": None}, {"content": 3}])
def test_null_content_of_an_answer_goes_back_only_beside_tool_calls(wire: Any) -> None:
    assert Message.from_answer(wire).to_param() == {"role": "assistant", "content": ""}
    beside = Message.from_answer({**ANSWER, **wire, "content": None})
    assert beside.to_param() == {**ANSWER, "content": None}
    assert Message("assistant").to_param() == {"role": "assistant", "content": ""}


@pytest.mark.parametrize(
    "wire",
    [
        {"role": "user", "content": [{"type": "text", "cache_control": {"type": "ephemeral"}}]},
        {"role": "assistant", "content": "Once", "prefix": True},
        {"role": "assistant", "content": None, "refusal": "no", "annotations": []},
        {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
        {"role": "assistant", "audio": {"id": "audio_1"}},
        {"role": "assistant", "tool_calls": [CALL]},
        {"role": "assistant", "content": "", "tool_calls": [{**CALL, "index": 0}]},
        {"role": "assistant", "content": None, "tool_calls": [{"function": {"arguments": {}}}]},
        {"role": "assistant", "content": "x", "tool_calls": None, "reasoning_details": None},
        {"role": "assistant", "content": "x", "reasoning_content": "hm", "images": [{}]},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "c", "type": "custom", "custom": {"name": "f", "input": "x"}}],
        },
        {"role": "tool", "tool_call_id": "", "content": [{"type": "text", "text": ""}]},
    ],
)
def test_what_a_caller_wrote_goes_out_as_it_was_written(wire: dict[str, Any]) -> None:
    before = copy.deepcopy(wire)
    message = Message.from_param(wire)
    assert orjson.loads(orjson.dumps(message.to_param())) == before
    assert Message.from_param(message.to_param()) == message
    assert wire == before


def test_extra_holds_what_has_no_attribute() -> None:
    wire = {"role": "assistant", "content": "Once", "prefix": True, "refusal": None}
    message = Message.from_param(wire)
    assert message.extra == {"prefix": True, "refusal": None}
    assert message == Message("assistant", "Once", extra={"prefix": True})
    assert message != Message("assistant", "Once")
    assert message != Message("assistant", "Once", extra={"prefix": 2})


def test_an_attribute_wins_over_extra() -> None:
    message = Message.from_param({"role": "assistant", "content": None, "refusal": None, "x": 1})
    said = attrs.evolve(message, content="hi", refusal="no")
    assert said.extra == {"x": 1}
    assert said.to_param() == {"role": "assistant", "content": "hi", "refusal": "no", "x": 1}
    message.tool_calls.append(ToolCall("c", "f", "{}"))
    assert message.to_param()["tool_calls"] == [ToolCall("c", "f", "{}").to_param()]


def test_a_written_extra_is_sent_and_its_role_is_not() -> None:
    message = Message("user", "hi", extra={"cache_control": {"type": "ephemeral"}, "role": "x"})
    assert message.to_param() == {
        "role": "user",
        "content": "hi",
        "cache_control": {"type": "ephemeral"},
    }


def test_messages_that_are_replayed_differently_are_not_equal() -> None:
    message = Message.from_answer(ANSWER)
    unsigned = copy.deepcopy(ANSWER)
    del unsigned["tool_calls"][0]["extra_content"]
    assert Message.from_answer(unsigned) != message
    assert Message.from_answer({**ANSWER, "annotations": CITED}) != message


def test_who_made_it_is_no_part_of_equality_and_never_sent() -> None:
    message = Message("assistant", "hi", provider="Anthropic", model="anthropic/claude-sonnet-4")
    assert message == Message("assistant", "hi")
    assert message.to_param() == {"role": "assistant", "content": "hi"}


def test_an_answer_nested_deeper_than_functions_can_call_each_other_goes_back() -> None:
    deep = orjson.loads(b"[" * 1000 + b"]" * 1000)
    message = Message.from_answer({"reasoning_details": [{"type": "reasoning.new", "x": deep}]})
    kept = message.to_param()["reasoning_details"][0]["x"]
    assert kept is not deep
    for _ in range(999):
        (kept,), (deep,) = kept, deep
    assert (kept, deep) == ([], [])


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
    st.none()
    | st.booleans()
    | st.integers(-9, 9)
    | st.floats(allow_nan=False)
    | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2)
    ),
    max_leaves=5,
)
objects = st.dictionaries(st.text(max_size=6), json_values, max_size=4)
roles = st.sampled_from(["system", "developer", "user", "assistant", "tool"])
texts = st.text(max_size=9)
known = st.sampled_from([*ANSWER, "annotations", "name", "tool_call_id", "x", "prefix"])
messages = st.builds(
    Message,
    role=roles,
    content=st.none() | texts | st.lists(objects, max_size=3),
    reasoning=st.none() | texts,
    reasoning_details=st.none() | st.lists(objects, max_size=3),
    tool_calls=st.lists(
        st.builds(
            ToolCall,
            id=st.text(),
            name=st.text(),
            arguments=st.text(),
            raw=st.dictionaries(
                st.sampled_from(["id", "type", "function", "index", "extra_content"]) | texts,
                json_values,
                max_size=4,
            ),
        ),
        max_size=2,
    ),
    refusal=st.none() | texts,
    annotations=st.none() | st.lists(objects, max_size=2),
    tool_call_id=st.none() | texts,
    name=st.none() | texts,
    extra=st.dictionaries(known | texts, json_values, max_size=4),
    provider=st.none() | texts,
    model=st.none() | texts,
)


@given(messages)
def test_what_is_sent_of_a_message_reads_as_an_equal_message(message: Message) -> None:
    param = message.to_param()
    twin = Message.from_param(param)
    assert twin == message
    assert twin.to_param() == param
    assert (twin.reasoning_details, twin.annotations) == (
        message.reasoning_details,
        message.annotations,
    )
    assert (twin.provider, twin.model) == (None, None)


tool_call_dicts = st.fixed_dictionaries(
    {
        "id": texts,
        "type": st.just("function"),
        "function": st.fixed_dictionaries(
            {"name": texts, "arguments": texts}, optional={"x": objects}
        ),
    },
    optional={"extra_content": objects, "thought_signature": texts, "index": st.integers(0, 3)},
)
parts = st.fixed_dictionaries(
    {"type": texts},
    optional={"text": texts, "cache_control": objects, "thought_signature": texts},
)
message_dicts = st.fixed_dictionaries(
    {"role": roles, "content": st.none() | texts | st.lists(parts, max_size=3)},
    optional={
        "reasoning": st.none() | texts,
        "reasoning_details": st.none() | st.lists(objects, max_size=3),
        "tool_calls": st.lists(tool_call_dicts, max_size=2),
        "refusal": st.none() | texts,
        "annotations": st.lists(objects, max_size=2),
        "tool_call_id": texts,
        "name": texts,
        "prefix": st.booleans(),
        "cache_control": objects,
        "x": json_values,
    },
)
odd_dicts = st.builds(
    lambda role, wire: {**wire, "role": role},
    texts.filter(bool),
    st.dictionaries(known | texts, json_values | st.lists(tool_call_dicts, max_size=2), max_size=6),
)


@given(message_dicts | odd_dicts)
def test_what_a_caller_wrote_goes_out_to_the_byte(wire: dict[str, Any]) -> None:
    before = copy.deepcopy(wire)
    message = Message.from_param(wire)
    param = message.to_param()
    sorted_keys = orjson.OPT_SORT_KEYS
    assert orjson.dumps(param, option=sorted_keys) == orjson.dumps(before, option=sorted_keys)
    # The order of keys inside a field is the vendor's and stays, the fields have their own.
    assert {name: orjson.dumps(value) for name, value in param.items()} == {
        name: orjson.dumps(value) for name, value in before.items()
    }
    assert Message.from_param(param) == message
    repr(message)
    spoil(param)
    assert wire == before


@given(st.dictionaries(known, json_values))
def test_an_answer_of_any_shape_reads_and_goes_back(wire: dict[str, Any]) -> None:
    before = copy.deepcopy(wire)
    message = Message.from_answer(wire)
    repr(message)
    param = message.to_param()
    assert Message.from_param(param) == message
    assert isinstance(param.get("reasoning_details", []), list)
    spoil(param)
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
