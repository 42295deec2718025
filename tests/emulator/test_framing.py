from __future__ import annotations

import json
import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from kilo_sdk.emulator.framing import frame_events, split_anywhere

seeds = st.integers(0, 2**32)
CHUNKS: list[dict[str, Any]] = [{"n": 1}, {"text": "\u2028 [DONE] \U0001f9f5"}, {}]


def data_of(event: bytes) -> list[bytes]:
    lines = event.replace(b"\r\n", b"\n").split(b"\n")
    return [line[5:].removeprefix(b" ") for line in lines if line.startswith(b"data:")]


@given(st.lists(st.dictionaries(st.text(max_size=5), st.text(max_size=9)), max_size=9), seeds)
def test_every_chunk_is_an_event_and_done_is_the_last(chunks: list[Any], seed: int) -> None:
    events = frame_events(chunks, random.Random(seed))
    *told, done = [data_of(event) for event in events]
    assert [[json.loads(data) for data in lines] for lines in told] == [[one] for one in chunks]
    assert done == [b"[DONE]"]


def test_lines_end_and_begin_in_every_way_with_comments_between() -> None:
    streams = [b"".join(frame_events(CHUNKS * 5, random.Random(seed))) for seed in range(100)]
    for mark in (
        b"\r\n\r\n",
        b"}\n\n",
        b"data: {",
        b"data:{",
        b": OPENROUTER PROCESSING",
        b"\n:\n",
    ):
        found = sum(mark in stream for stream in streams)
        assert 0 < found < 100, mark


@given(st.lists(st.binary(max_size=40)), seeds)
def test_split_parts_are_the_parts_and_none_is_empty(parts: list[bytes], seed: int) -> None:
    pieces = list(split_anywhere(parts, random.Random(seed)))
    assert b"".join(pieces) == b"".join(parts)
    assert all(pieces)


def test_parts_are_split_and_joined_at_any_byte() -> None:
    events = frame_events(CHUNKS, random.Random(0))
    stream = b"".join(events)
    ends, counts = set(), []
    for seed in range(500):
        pieces = list(split_anywhere(events, random.Random(seed)))
        counts.append(len(pieces))
        place = 0
        for piece in pieces:
            place += len(piece)
            ends.add(place)
    assert ends == set(range(1, len(stream) + 1))
    assert len(events) * 0.7 < sum(counts) / len(counts) < len(events) * 2
