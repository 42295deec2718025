"""What waits is joined, and nothing of it is lost."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from kilo_sdk.relay.coalescing import next_joined
from kilo_sdk.relay.events import Reasoning, RelayEvent, Started, Text, Told

EVENTS = st.lists(
    st.one_of(
        st.text(min_size=1, max_size=5).map(Text),
        st.text(min_size=1, max_size=5).map(Reasoning),
        st.just(Started()),
        st.just(Told({})),
    ),
    min_size=1,
    max_size=40,
)


def runs(events: list[RelayEvent]) -> list[tuple[str, str]]:
    """The events with neighbours of one kind written as one."""
    found: list[tuple[str, str]] = []
    for event in events:
        text = event.text if isinstance(event, Text | Reasoning) else ""
        if text and found and found[-1][0] == event.kind:
            found[-1] = (event.kind, found[-1][1] + text)
        else:
            found.append((event.kind, text))
    return found


@settings(max_examples=50)
@given(EVENTS, st.integers(1, 20))
def test_joined_events_say_the_same_in_the_same_order(events: list[RelayEvent], most: int) -> None:
    at, joined = 0, []
    while at < len(events):
        event, after = next_joined(events, at, max_chars=most)
        assert after > at
        joined.append(event)
        at = after
    assert runs(joined) == runs(events)


def test_what_waits_becomes_one_event_up_to_the_limit() -> None:
    events: list[RelayEvent] = [Text("ab"), Text("cd"), Text("ef"), Reasoning("g")]
    assert next_joined(events, 0, max_chars=100) == (Text("abcdef"), 3)
    assert next_joined(events, 0, max_chars=3) == (Text("abcd"), 2)
    assert next_joined(events, 3, max_chars=3) == (Reasoning("g"), 4)


def test_an_event_that_waits_alone_is_not_copied() -> None:
    events: list[RelayEvent] = [Text("ab")]
    assert next_joined(events, 0, max_chars=100)[0] is events[0]
