"""Events come back as they were added, and of those with text no object stays."""

from __future__ import annotations

import gc

import pytest

from kilo_sdk.relay.event_list import EventList
from kilo_sdk.relay.events import Ended, Reasoning, RelayEvent, Started, Text, Told, size_of

EVENTS: list[RelayEvent] = [
    Started("r"),
    Reasoning("hm"),
    Text("a"),
    Told({"total_tokens": 3}),
    Text("é\ud83d"),
    Ended("done", "stop"),
]


def filled(events: list[RelayEvent]) -> EventList:
    made = EventList()
    for event in events:
        made.append(event)
    return made


def test_events_come_back_in_their_order() -> None:
    made = filled(EVENTS)
    assert list(made) == EVENTS
    assert [made[at] for at in range(len(made))] == EVENTS
    assert [made[-1], made[-2]] == [EVENTS[-1], EVENTS[-2]]
    assert [type(event) for event in made] == [type(event) for event in EVENTS]
    assert repr(made) == "<EventList of 6>"


@pytest.mark.parametrize("part", [slice(1, 3), slice(4, 99), slice(9, 12), slice(None, None, 2)])
def test_a_part_of_them_is_a_list(part: slice) -> None:
    assert filled(EVENTS)[part] == EVENTS[part]


def test_a_place_with_no_event_is_an_error() -> None:
    with pytest.raises(IndexError):
        filled(EVENTS)[6]


def test_adding_tells_the_size() -> None:
    made = EventList()
    assert [made.append(event) for event in EVENTS] == [size_of(event) for event in EVENTS]


def test_a_long_answer_gives_the_collector_nothing_to_look_at() -> None:
    made = EventList()
    gc.collect()
    before = len(gc.get_objects())
    for number in range(1000):
        made.append(Text(f"{number} "))
        made.append(Reasoning(f"{number} "))
    assert len(gc.get_objects()) - before < 20
    assert made[1998] == Text("999 ")
