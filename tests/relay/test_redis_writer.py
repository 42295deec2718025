"""Batches, beats and retries; the scripts themselves are tested with a real Redis."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from kilo_sdk.relay import StreamLog
from kilo_sdk.relay.events import Ended, RelayEvent, Text
from kilo_sdk.relay.redis_keys import FENCED, RedisKeys, unpacked
from kilo_sdk.relay.redis_outage import RedisOutage
from kilo_sdk.relay.redis_writer import RedisWriter

pytestmark = pytest.mark.anyio


class Scripts:
    """A log that keeps what follows what it has; it fails when told to, before or after that."""

    def __init__(self) -> None:
        self.batches: list[tuple[int, int, str]] = []
        self.events: list[RelayEvent] = []
        self.beats = 0
        self.answer: Any = 1
        self.failures = 0
        self.lost_replies = 0

    async def append(self, *, keys: list[str], args: list[Any]) -> Any:
        if self.failures:
            self.failures -= 1
            raise OSError("refused")
        token, after, *_, seq, data, state = args
        assert token == "token"
        events = unpacked(data)
        self.batches.append((seq, len(events), state))
        if after == len(self.events):
            self.events += events
        if self.lost_replies:
            self.lost_replies -= 1
            raise OSError("reset")
        return [self.answer, len(self.events)]

    async def heartbeat(self, *, keys: list[str], args: list[Any]) -> Any:
        self.beats += 1
        return self.answer

    def writer(self, **options: float) -> RedisWriter:
        return RedisWriter(
            StreamLog("s"),
            RedisKeys.of("p:", "s"),
            "token",
            append=self.append,
            heartbeat=self.heartbeat,
            errors=(OSError,),
            outage=RedisOutage(),
            **{"ttl": 10.0, "writer_timeout": 4.0, "flush_interval": 0.0, **options},
        )


async def test_what_waits_goes_in_one_batch_and_the_end_is_waited_for() -> None:
    scripts = Scripts()
    writer = scripts.writer()
    for _ in range(700):
        writer.append(Text("a"))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(writer.run)
        await writer.end(Ended())
    assert scripts.batches == [(500, 500, ""), (701, 201, "done")]


async def test_a_quiet_writer_says_that_it_lives_and_learns_who_reads() -> None:
    scripts = Scripts()
    writer = scripts.writer(writer_timeout=0.08)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(writer.run)
        await anyio.sleep(0.1)
        assert scripts.beats >= 2
        assert writer.is_wanted
        scripts.answer = 0
        await anyio.sleep(0.1)
        assert not writer.is_wanted
        await writer.end(Ended())


async def test_a_writer_that_is_never_quiet_learns_who_reads_with_what_it_copies() -> None:
    scripts = Scripts()
    writer = scripts.writer(writer_timeout=60)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(writer.run)
        for scripts.answer in (1, 0):
            writer.append(Text("a"))
            await anyio.sleep(0.05)
            assert writer.is_wanted is bool(scripts.answer)
        await writer.end(Ended())
    assert not scripts.beats


async def test_a_failure_is_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    scripts = Scripts()
    scripts.failures = 2
    writer = scripts.writer()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(writer.run)
        await writer.end(Ended("cancelled"))
    assert scripts.batches == [(1, 1, "cancelled")]
    told = [record.getMessage() for record in caplog.records]
    assert told == ["store.failed stream=s OSError", "store.back stream=s"]


async def test_a_batch_whose_reply_was_lost_is_not_stored_twice_with_what_came_meanwhile() -> None:
    scripts = Scripts()
    scripts.lost_replies = 1
    writer = scripts.writer()
    writer.append(Text("a"))
    writer.append(Text("b"))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(writer.run)
        with anyio.fail_after(60):
            while not scripts.batches:  # noqa: ASYNC110 - the script tells no event
                await anyio.sleep(0.005)
            writer.append(Text("c"))
            await writer.end(Ended())
    assert scripts.batches == [(2, 2, ""), (4, 4, "done"), (4, 2, "done")]
    assert scripts.events == list(writer.log.events)


async def test_what_redis_lost_is_stored_again() -> None:
    scripts = Scripts()
    writer = scripts.writer()
    for text in "abc":
        writer.append(Text(text))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(writer.run)
        with anyio.fail_after(60):
            while not scripts.batches:  # noqa: ASYNC110 - the script tells no event
                await anyio.sleep(0.005)
            # One took its place that had not heard of the last two yet.
            del scripts.events[1:]
            await writer.end(Ended())
    assert scripts.batches == [(3, 3, ""), (4, 1, "done"), (4, 3, "done")]
    assert scripts.events == list(writer.log.events)


async def test_a_writer_that_was_given_up_waits_for_its_end_with_nobody_elsewhere() -> None:
    scripts = Scripts()
    writer = scripts.writer()
    writer.append(Text("a"))
    over = anyio.Event()

    async def run() -> None:
        await writer.run()
        over.set()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run)
        with anyio.fail_after(60):
            while not writer.is_wanted:  # noqa: ASYNC110 - the script tells no event
                await anyio.sleep(0.005)
            scripts.answer = FENCED
            writer.append(Text("b"))
            while writer.is_wanted:  # noqa: ASYNC110 - the script tells no event
                await anyio.sleep(0.005)
            writer.append(Text("c"))
            await anyio.sleep(0.05)
            assert not over.is_set(), "whoever reads it here may still stop it"
            await writer.end(Ended())
            await over.wait()
    assert [seq for seq, *_ in scripts.batches] == [1, 2]
    assert list(writer.log.events) == [Text("a"), Text("b"), Text("c"), Ended()]


async def test_the_end_does_not_wait_for_a_writer_that_was_given_up() -> None:
    scripts = Scripts()
    scripts.answer = FENCED
    writer = scripts.writer()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(writer.run)
        with anyio.fail_after(60):
            await writer.end(Ended())
