"""Events as fields, and back."""

from __future__ import annotations

import pytest

from kilo_sdk.relay.events import (
    Ended,
    Failed,
    Reasoning,
    RelayEvent,
    Started,
    Text,
    Told,
    ToolCalled,
    event_from_fields,
    fields_of,
    size_of,
)

EVENTS: list[tuple[RelayEvent, dict[str, object]]] = [
    (Started("1"), {"type": "start", "request": "1"}),
    (Started(), {"type": "start"}),
    (Text("a"), {"type": "text", "text": "a"}),
    (Reasoning("b"), {"type": "reasoning", "text": "b"}),
    (
        ToolCalled(0, "c1", "f", "{}"),
        {"type": "tool_call", "index": 0, "id": "c1", "name": "f", "arguments": "{}"},
    ),
    (Told({"total_tokens": 3}), {"type": "usage", "usage": {"total_tokens": 3}}),
    (
        Ended("done", "stop", "m", {}, {"role": "assistant"}),
        {
            "type": "done",
            "state": "done",
            "finish_reason": "stop",
            "model": "m",
            "usage": {},
            "message": {"role": "assistant"},
        },
    ),
    (
        Failed("cut", "cut", "words", retry_after=1.5),
        {"type": "error", "state": "cut", "code": "cut", "text": "words", "retry_after": 1.5},
    ),
]


@pytest.mark.parametrize(("event", "fields"), EVENTS, ids=lambda one: type(one).__name__)
def test_an_event_is_an_object_and_back(event: RelayEvent, fields: dict[str, object]) -> None:
    assert fields_of(event) == fields
    assert event_from_fields(fields) == event


@pytest.mark.parametrize("fields", [{}, {"type": "shout"}, {"type": "text", "volume": 11}])
def test_what_is_no_event_is_told_as_such(fields: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="event of this version"):
        event_from_fields(fields)


def test_size_follows_the_text() -> None:
    assert size_of(Text("x" * 1000)) - size_of(Text("")) == 1000
    assert size_of(Text("abc")) == size_of(Reasoning("abc")) == 67
    assert size_of(ToolCalled(0, None, "f", "x" * 500)) - size_of(Started()) == 500
    message = {"content": [{"text": "x" * 900}], "role": "assistant"}
    assert size_of(Ended(message=message)) > 900
