"""How long an answer without a reader goes on."""

from __future__ import annotations

import math

import anyio
import pytest

from kilo_sdk.relay import MemoryStreamStore, StreamWriter
from kilo_sdk.relay import linger as module
from kilo_sdk.relay.linger import Linger

pytestmark = pytest.mark.anyio


class Reader:
    def grown(self, size: int) -> None:
        pass


async def writer() -> StreamWriter:
    made = await MemoryStreamStore().create("s", None)
    assert made is not None
    return made


async def test_without_patience_the_last_reader_to_leave_ends_it() -> None:
    made, ended = await writer(), list[int]()
    one, two = Reader(), Reader()
    made.log.watch(one)
    made.log.watch(two)
    linger = Linger(made, 0, lambda: ended.append(1))
    linger.start()
    made.log.unwatch(one)
    assert not ended
    made.log.unwatch(two)
    assert ended == [1]
    linger.stop()


async def test_with_patience_it_waits_for_a_reader_to_come_back() -> None:
    made, ended = await writer(), list[int]()
    reader = Reader()
    made.log.watch(reader)
    linger = Linger(made, 0.05, lambda: ended.append(1))
    linger.start()
    made.log.unwatch(reader)
    made.log.watch(reader)
    await anyio.sleep(0.1)
    assert not ended
    made.log.unwatch(reader)
    await anyio.sleep(0.1)
    assert ended == [1]
    linger.stop()


async def test_a_reader_elsewhere_keeps_it_going() -> None:
    made, ended = await writer(), list[int]()
    made.is_wanted = True
    reader = Reader()
    made.log.watch(reader)
    linger = Linger(made, 0.03, lambda: ended.append(1))
    linger.start()
    made.log.unwatch(reader)
    await anyio.sleep(0.1)
    assert not ended
    made.is_wanted = False
    await anyio.sleep(0.1)
    assert ended == [1]
    linger.stop()


async def test_a_first_reader_has_time_to_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_FIRST_READER_S", 0.05)
    made, ended = await writer(), list[int]()
    linger = Linger(made, 0, lambda: ended.append(1))
    linger.start()
    assert not ended
    await anyio.sleep(0.1)
    assert ended == [1]
    linger.stop()


async def test_endless_patience_and_an_end_in_time() -> None:
    made, ended = await writer(), list[int]()
    reader = Reader()
    made.log.watch(reader)
    endless = Linger(made, math.inf, lambda: ended.append(1))
    endless.start()
    made.log.unwatch(reader)
    endless.stop()
    short = Linger(made, 0.02, lambda: ended.append(1))
    made.log.watch(reader)
    short.start()
    made.log.unwatch(reader)
    short.stop()
    await anyio.sleep(0.05)
    assert not ended
