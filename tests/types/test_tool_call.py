"""Tool calls: the raw text of their arguments, and what of them goes back."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kilo_sdk.errors import ProtocolError, ToolArgumentsError
from kilo_sdk.types.tool_call import ToolCall, ToolCallChunk, arguments_text

WIRE: dict[str, Any] = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "weather", "arguments": '{"city": "Oslo"}'},
}


def deep(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = {"a": value}
    return value


def test_a_call_reads_exactly() -> None:
    call = ToolCall.from_wire(WIRE)
    assert call == ToolCall("call_1", "weather", '{"city": "Oslo"}')
    assert call.raw is WIRE


@pytest.mark.parametrize(
    "wire",
    [
        {},
        {"id": None, "function": None},
        {"id": 7, "function": {"name": 7, "arguments": None}},
        {"id": [], "function": []},
        {"id": {}, "function": {"name": {}}},
        {"function": "weather"},
    ],
)
def test_what_is_missing_or_of_another_type_reads_as_empty(wire: Any) -> None:
    assert ToolCall.from_wire(wire) == ToolCall("", "", "")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (None, ""),
        ("", ""),
        ("{", "{"),
        ({}, "{}"),
        ({"a": [1, None, "é"]}, '{"a":[1,null,"é"]}'),
        ([], "[]"),
        (False, "false"),
        (0, "0"),
    ],
)
def test_arguments_are_always_text(arguments: Any, text: str) -> None:
    assert arguments_text(arguments) == text
    assert ToolCall.from_wire({"function": {"arguments": arguments}}).arguments == text


def test_arguments_nested_too_deep_to_write_are_a_protocol_error() -> None:
    with pytest.raises(ProtocolError, match="arguments of a tool call cannot be read"):
        arguments_text(orjson.loads(b'{"a":' * 400 + b"1" + b"}" * 400))


def test_arguments_parse_to_a_dict() -> None:
    assert ToolCall.from_wire(WIRE).parse_arguments() == {"city": "Oslo"}
    assert ToolCall("", "", " {} ").parse_arguments() == {}


@pytest.mark.parametrize(
    "arguments", ["", '{"a": 1', '{"a": 1}{', "[]", "null", "3", '"{}"', "{'a': 1}", '"\\ud800"']
)
def test_arguments_that_are_no_object_raise_and_are_shown_whole(arguments: str) -> None:
    with pytest.raises(ToolArgumentsError, match="'weather'") as caught:
        ToolCall("c", "weather", arguments).parse_arguments()
    assert caught.value.arguments == arguments


@given(st.text())
def test_arguments_of_any_text_parse_or_raise_the_documented_error(arguments: str) -> None:
    try:
        parsed = ToolCall("c", "f", arguments).parse_arguments()
    except ToolArgumentsError:
        return
    assert isinstance(parsed, dict)


def test_the_error_pickles_with_the_raw_text() -> None:
    with pytest.raises(ToolArgumentsError) as caught:
        ToolCall("c", "f", "{").parse_arguments()
    twin = pickle.loads(pickle.dumps(caught.value))
    assert (type(twin), twin.message, twin.arguments) == (
        ToolArgumentsError,
        caught.value.message,
        "{",
    )


# Going back


def test_a_call_goes_back_with_the_signatures_of_its_vendor() -> None:
    wire = {
        **WIRE,
        "index": 0,
        "thought_signature": "c2ln",
        "extra_content": {"google": {"thought_signature": "c2ln"}},
        "function": {**WIRE["function"], "strict": True},
    }
    assert ToolCall.from_wire(wire).to_param() == {
        "id": "call_1",
        "type": "function",
        "thought_signature": "c2ln",
        "extra_content": {"google": {"thought_signature": "c2ln"}},
        "function": {"name": "weather", "arguments": '{"city": "Oslo"}', "strict": True},
    }


@pytest.mark.parametrize("type_", [None, "", 3])
def test_a_call_goes_back_with_a_type(type_: Any) -> None:
    assert ToolCall.from_wire({**WIRE, "type": type_}).to_param() == WIRE


def test_a_call_written_by_hand_goes_back() -> None:
    assert ToolCall("call_1", "weather", '{"city": "Oslo"}').to_param() == WIRE


def test_arguments_go_back_as_text_to_the_byte() -> None:
    odd = '{ "b":1,\n"a" : "\\u00e9" }'
    wire = {**WIRE, "function": {"name": "f", "arguments": odd}}
    assert ToolCall.from_wire(wire).to_param()["function"]["arguments"] == odd


def test_a_call_of_another_type_goes_back_without_a_function() -> None:
    wire = {"id": "c", "type": "custom", "custom": {"name": "sql", "input": "select 1"}}
    assert ToolCall.from_wire(wire).to_param() == wire
    named = ToolCall("c", "sql", "{}", wire)
    assert named.to_param() == {**wire, "function": {"name": "sql", "arguments": "{}"}}


@pytest.mark.parametrize(
    "change",
    [
        {"thought_signature": "c2ln"},
        {"extra_content": {"google": {"thought_signature": "c2ln"}}},
        {"type": "custom"},
        {"function": {**WIRE["function"], "strict": True}},
    ],
)
def test_calls_that_are_replayed_differently_are_not_equal(change: dict[str, Any]) -> None:
    assert ToolCall.from_wire({**WIRE, **change}) != ToolCall.from_wire(WIRE)
    assert ToolCall.from_wire({**WIRE, **change}) == ToolCall.from_wire(
        {**change, **WIRE, **change}
    )


@pytest.mark.parametrize("type_", [None, "", 3, "function"])
def test_what_is_not_replayed_is_no_part_of_equality(type_: Any) -> None:
    call = ToolCall.from_wire({**WIRE, "index": 3, "type": type_})
    assert call == ToolCall("call_1", "weather", '{"city": "Oslo"}')
    assert len({call, ToolCall.from_wire(WIRE)}) == 1


@given(
    st.dictionaries(
        st.sampled_from(["id", "type", "function", "index", "extra_content", "custom"]),
        st.none() | st.text() | st.dictionaries(st.text(), st.text(), max_size=2),
    ),
    st.text(max_size=3),
    st.text(max_size=3),
    st.text(max_size=3),
)
def test_what_is_sent_of_a_call_reads_as_an_equal_call(
    raw: dict[str, Any], id_: str, name: str, arguments: str
) -> None:
    call = ToolCall(id_, name, arguments, raw)
    twin = ToolCall.from_wire(call.to_param())
    assert twin == call
    assert twin.to_param() == call.to_param()


def test_what_goes_back_shares_nothing_with_the_call() -> None:
    wire = {**copy.deepcopy(WIRE), "extra_content": {"google": {"thought_signature": "c2ln"}}}
    before = copy.deepcopy(wire)
    call = ToolCall.from_wire(wire)
    param = call.to_param()
    param["extra_content"]["google"].clear()
    param["function"]["name"] = "other"
    assert wire == before
    assert call.to_param() == before


def test_it_pickles_and_copies() -> None:
    call = ToolCall.from_wire(WIRE)
    for twin in (pickle.loads(pickle.dumps(call)), copy.copy(call), copy.deepcopy(call)):
        assert twin == call
        assert twin.raw == WIRE


# Pieces


def test_a_piece_reads_as_openai_s_does() -> None:
    piece = ToolCallChunk({**WIRE, "index": 2})
    assert (piece.index, piece.id, piece.type) == (2, "call_1", "function")
    assert (piece.function.name, piece.function.arguments) == ("weather", '{"city": "Oslo"}')
    assert (piece.name, piece.arguments) == ("weather", '{"city": "Oslo"}')


@pytest.mark.parametrize(
    "raw",
    [
        {},
        {"index": None, "id": None, "type": None, "function": None},
        {"index": "0", "id": 7, "type": [], "function": {"name": 7, "arguments": 7}},
        {"function": []},
    ],
)
def test_a_piece_without_a_field_reads_as_none(raw: Any) -> None:
    piece = ToolCallChunk(raw)
    assert (piece.index, piece.id, piece.type) == (0, None, None)
    assert (piece.function.name, piece.function.arguments) == (None, None)
    assert piece.raw is raw
