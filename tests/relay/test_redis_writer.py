"""Batches, beats and retries; the scripts themselves are tested with a real Redis."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from kilo_sdk.relay import StreamLog
from kilo_sdk.relay.events import Ended, Text
from kilo_sdk.relay.redis_keys import FENCED, RedisKeys, unpacked
from kilo_sdk.relay.redis_writer import RedisWriter

pytestmark = pytest.mark.anyio


class Scripts:
    """Keeps what it is given, and fails when told to."""

    def __init__(self) -> None:
        self.batches: list[tuple[int, int, str]] = []
        self.beats = 0
        self.answer: Any = 1
        self.failures = 0

    async def append(self, *, keys: list[str], args: list[Any]) -> Any:
        if self.failures:
            self.failures -= 1
            raise OSError("refused")
        token, *_, seq, data, state = args
        assert token == "token"
        self.batches.append((seq, len(unpacked(data)), state))
        return self.answer

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
    assert caplog.text.count("store.failed stream=s OSError") == 2


async def test_a_writer_that_was_given_up_stops() -> None:
    scripts = Scripts()
    scripts.answer = FENCED
    writer = scripts.writer()
    writer.append(Text("a"))
    with anyio.fail_after(60):
        await writer.run()
        await writer.end(Ended())
