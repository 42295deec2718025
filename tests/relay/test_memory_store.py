"""Bounded in number, bytes and time."""

from __future__ import annotations

import math

import pytest

from kilo_sdk import ConfigurationError
from kilo_sdk.relay import MemoryStreamStore, StoreError
from kilo_sdk.relay.events import Ended, Text

pytestmark = pytest.mark.anyio


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


async def finished(store: MemoryStreamStore, stream: str, text: str = "x") -> None:
    writer = await store.create(stream, None)
    assert writer is not None
    writer.append(Text(text))
    await writer.end(Ended())


async def test_who_writes_is_settled_once() -> None:
    store = MemoryStreamStore()
    writer = await store.create("s", "anna")
    assert writer is not None
    assert await store.create("s", "bert") is None
    assert await store.open("s") is writer.log
    assert writer.log.owner == "anna"
    await writer.end(Ended())
    assert await store.create("s", "anna") is None


async def test_an_answer_is_kept_for_a_while_after_its_end() -> None:
    clock = Clock()
    store = MemoryStreamStore(ttl=10, clock=clock)
    live = await store.create("live", None)
    await finished(store, "s")
    clock.now = 9.9
    assert await store.open("s") is not None
    clock.now = 10.0
    assert await store.open("s") is None
    assert await store.open("live") is not None
    assert len(store) == 1
    assert live is not None
    assert store.size == live.log.size


async def test_the_oldest_make_room() -> None:
    store = MemoryStreamStore(max_streams=2)
    await finished(store, "1")
    await finished(store, "2")
    await finished(store, "3")
    assert [await store.open(name) is not None for name in "123"] == [False, True, True]
    small = MemoryStreamStore(max_bytes=1000)
    await finished(small, "1", "x" * 2000)
    assert small.size > 1000
    await finished(small, "2")
    assert await small.open("1") is None
    assert small.size < 1000


async def test_answers_being_written_are_never_forgotten() -> None:
    store = MemoryStreamStore(max_streams=1)
    await store.create("1", None)
    with pytest.raises(StoreError, match="full of answers being written: 1 of 1"):
        await store.create("2", None)


async def test_cancel_reaches_the_writer_and_others_do_not_mind() -> None:
    store, asked = MemoryStreamStore(), list[int]()
    writer = await store.create("s", None)
    assert writer is not None
    writer.log.on_cancel = lambda: asked.append(1)
    await store.cancel("s")
    await store.cancel("unknown")
    assert asked == [1]
    await store.close()


def test_bounds_that_cannot_work_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="max_streams"):
        MemoryStreamStore(max_streams=0)
    with pytest.raises(ConfigurationError, match="ttl"):
        MemoryStreamStore(ttl=math.nan)
