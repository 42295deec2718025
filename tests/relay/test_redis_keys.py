"""How an answer lies in Redis."""

from __future__ import annotations

from typing import Any

import pytest

from kilo_sdk.relay.events import Ended, RelayEvent, Started, Text
from kilo_sdk.relay.redis_keys import RedisKeys, entries_of, packed, unpacked


def test_the_keys_of_an_answer_share_a_node() -> None:
    assert RedisKeys.of("p:", "s").all == ["p:{s}:meta", "p:{s}:log", "p:{s}:alive", "p:{s}:watch"]


def test_events_are_packed_and_unpacked() -> None:
    events: list[RelayEvent] = [Started("r"), Text("é"), Ended("done", "stop", usage={"a": 1})]
    assert unpacked(packed(events)) == events
    with pytest.raises(ValueError, match=r"Expecting|unexpected"):
        unpacked(b"{")


@pytest.mark.parametrize(
    "reply",
    [
        [[b"key", [(b"3-0", {b"e": b"x"}), (b"5-0", {b"e": b"y"})]]],
        [["key", [("3-0", {"e": "x"}), ("5-0", {"e": "y"})]]],
        {b"key": [[(b"3-0", {b"e": b"x"}), (b"5-0", {b"e": b"y"})]]},
    ],
)
def test_entries_are_read_in_every_form_they_come_in(reply: Any) -> None:
    assert list(entries_of(reply)) == [(3, b"x"), (5, b"y")]


@pytest.mark.parametrize("reply", [None, [], {}])
def test_no_entries_are_none(reply: Any) -> None:
    assert list(entries_of(reply)) == []
