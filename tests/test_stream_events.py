"""What a chunk says, event by event."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import orjson
import pytest

from kilo_sdk.chunk_template import ChunkTemplate, DecodedChunk
from kilo_sdk.stream_events import events_of, events_of_read, final_events
from kilo_sdk.types.completion import ChatCompletion
from kilo_sdk.types.events import (
    Finished,
    ReasoningDelta,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    ToolCallDone,
    UsageReported,
)
from kilo_sdk.types.tool_call import ToolCall
from kilo_sdk.types.usage import Usage


def events(*deltas: dict[str, Any], **top: Any) -> list[StreamEvent]:
    choices = [{"index": index, "delta": delta} for index, delta in enumerate(deltas)]
    return list(events_of({"choices": choices, **top}))


def test_reasoning_comes_before_text() -> None:
    assert events({"role": "assistant", "content": "Hi", "reasoning": "Hm"}) == [
        ReasoningDelta("Hm"),
        TextDelta("Hi"),
    ]


def test_what_is_empty_or_absent_is_no_event() -> None:
    assert events({"role": "assistant", "content": "", "reasoning": None}, usage=None) == []
    assert events({"tool_calls": None}) == []
    assert events() == []


def test_each_piece_of_a_tool_call_is_an_event() -> None:
    pieces = [
        {"index": 0, "id": "c1", "function": {"name": "f", "arguments": ""}},
        {"index": 1, "id": "", "function": {"name": None, "arguments": '{"a"'}},
        {"index": 1, "function": {}},
        {"index": 1, "id": 7, "function": {"name": ["f"], "arguments": None}},
    ]
    assert events({"tool_calls": pieces}) == [
        ToolCallDelta(0, "c1", "f", ""),
        ToolCallDelta(1, None, None, '{"a"'),
        ToolCallDelta(1, None, None, ""),
        ToolCallDelta(1, None, None, ""),
    ]


def test_events_name_their_choice() -> None:
    call = {"index": 0, "function": {"name": "f"}}
    assert events({"content": "a"}, {"content": "b", "tool_calls": [call]}) == [
        TextDelta("a", 0),
        TextDelta("b", 1),
        ToolCallDelta(0, None, "f", "", 1),
    ]


def test_a_report_comes_last() -> None:
    usage = {"prompt_tokens": 3, "cost": 0.5}
    assert events({"content": "a"}, usage=usage) == [
        TextDelta("a"),
        UsageReported(Usage(prompt_tokens=3, cost=Decimal("0.5"))),
    ]
    assert events(usage=usage) == [UsageReported(Usage.from_wire(usage))]


@pytest.mark.parametrize("usage", [None, {}, [], [1], "x", 3, True])
def test_what_is_no_report_is_no_event(usage: Any) -> None:
    assert events({"content": "a"}, usage=usage) == [TextDelta("a")]


def test_the_end_names_the_whole_calls_and_then_the_whole_answer() -> None:
    completion = ChatCompletion.from_wire({"choices": []})
    made = {"id": "c1", "function": {"name": "f", "arguments": "{}"}}
    other = {"id": "c2", "function": {"name": "g", "arguments": ""}}
    assert list(final_events(completion, [(0, made), (1, other)])) == [
        ToolCallDone(ToolCall("c1", "f", "{}")),
        ToolCallDone(ToolCall("c2", "g", ""), 1),
        Finished(completion),
    ]
    assert list(final_events(completion, [])) == [Finished(completion)]


def template(choice: int = 0) -> ChunkTemplate:
    delta = {"content": "x"}
    wire = {"choices": [{"index": choice, "delta": delta}]}
    learned = ChunkTemplate.learn(orjson.dumps(wire), wire, delta)
    assert learned is not None
    return learned


def wire(**delta: Any) -> DecodedChunk:
    return {"choices": [{"index": 0, "delta": delta}]}


def test_neighbours_of_one_kind_and_choice_in_one_read_are_joined() -> None:
    first, second = template(), template(1)
    read: list[DecodedChunk] = [
        wire(reasoning="a"),
        wire(reasoning="b", content="c"),
        (first, "d"),
        (first, "e"),
        (second, "f"),
        (first, "g"),
        {"choices": [], "usage": {"total_tokens": 3}},
        (first, "h"),
    ]
    assert list(events_of_read(read)) == [
        ReasoningDelta("ab"),
        TextDelta("cde"),
        TextDelta("f", 1),
        TextDelta("g"),
        UsageReported(Usage(total_tokens=3)),
        TextDelta("h"),
    ]


def test_a_read_of_nothing_says_nothing() -> None:
    assert list(events_of_read([(template(), "")])) == []
    assert list(events_of_read([])) == []
