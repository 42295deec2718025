"""Events are values: they compare, pickle and copy."""

from __future__ import annotations

import copy
import pickle
from typing import get_args

import attrs
import pytest

from kilo_sdk.types import events
from kilo_sdk.types.completion import ChatCompletion, Choice
from kilo_sdk.types.events import (
    Finished,
    ReasoningDelta,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    ToolCallDone,
    UsageReported,
)
from kilo_sdk.types.message import Message
from kilo_sdk.types.tool_call import ToolCall
from kilo_sdk.types.usage import Usage

COMPLETION = ChatCompletion(
    "gen-1", None, None, None, [Choice(0, Message("assistant", "Hi"), "stop")], None
)
ONE_OF_EACH: list[StreamEvent] = [
    TextDelta("Hi", 1),
    ReasoningDelta("Hm"),
    ToolCallDelta(0, "c1", "f", "{"),
    ToolCallDone(ToolCall("c1", "f", "{}", {"id": "c1"})),
    UsageReported(Usage(prompt_tokens=3)),
    Finished(COMPLETION),
]


def test_there_is_one_of_each() -> None:
    assert {type(event) for event in ONE_OF_EACH} == set(get_args(StreamEvent))
    assert {cls.__name__ for cls in get_args(StreamEvent)} == set(events.__all__) - {"StreamEvent"}


@pytest.mark.parametrize("event", ONE_OF_EACH, ids=lambda event: type(event).__name__)
def test_it_pickles_and_copies(event: StreamEvent) -> None:
    for twin in (pickle.loads(pickle.dumps(event)), copy.copy(event), copy.deepcopy(event)):
        assert twin == event
        assert type(twin) is type(event)


@pytest.mark.parametrize("event", ONE_OF_EACH, ids=lambda event: type(event).__name__)
def test_it_cannot_be_changed(event: StreamEvent) -> None:
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        setattr(event, attrs.fields(type(event))[0].name, None)


def test_the_choice_is_the_first_unless_it_says_otherwise() -> None:
    assert (TextDelta("a").choice, TextDelta("a", 1).choice) == (0, 1)
    assert ToolCallDelta(2, None, None, "").choice == 0


def test_the_last_event_tells_why_the_first_choice_ended() -> None:
    assert Finished(COMPLETION).finish_reason == "stop"
    assert Finished(attrs.evolve(COMPLETION, choices=[])).finish_reason is None
