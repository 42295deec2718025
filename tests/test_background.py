"""Facts about tasks that end with their client."""

from __future__ import annotations

import asyncio
import gc

import anyio
import pytest

from kilo_sdk.background import BackgroundTasks
from kilo_sdk.errors import ConfigurationError
from kilo_sdk.lifetime import Lifetime

pytestmark = pytest.mark.anyio


@pytest.fixture
def tasks() -> BackgroundTasks:
    return BackgroundTasks(Lifetime())


async def test_a_task_runs_and_is_forgotten_when_it_is_done(tasks: BackgroundTasks) -> None:
    async def work() -> int:
        return 7

    task = tasks.start(work(), name="seven")
    assert len(tasks) == 1
    assert task.get_name() == "seven"
    assert await task == 7
    await asyncio.sleep(0)
    assert len(tasks) == 0


async def test_closing_cancels_what_runs_and_waits_until_it_has_ended() -> None:
    lifetime = Lifetime()
    tasks = BackgroundTasks(lifetime)
    ended: list[str] = []

    async def work() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            await asyncio.sleep(0.01)
            ended.append("in order")

    task = tasks.start(work(), name="long")
    await asyncio.sleep(0)
    await tasks.close()
    assert ended == ["in order"]
    assert task.cancelled()
    assert lifetime.over
    await tasks.close()
    assert ended == ["in order"]


async def test_a_task_that_was_only_just_begun_puts_things_in_order_too(
    tasks: BackgroundTasks,
) -> None:
    ended: list[str] = []

    async def work() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            ended.append("in order")

    tasks.start(work(), name="new")
    await tasks.close()
    assert ended == ["in order"]


async def test_closing_under_cancellation_ends_the_tasks_all_the_same(
    tasks: BackgroundTasks,
) -> None:
    task = tasks.start(anyio.sleep_forever(), name="long")
    with anyio.CancelScope() as scope:
        scope.cancel()
        await tasks.close()
    assert task.cancelled()


async def test_nothing_is_begun_after_the_end(tasks: BackgroundTasks) -> None:
    await tasks.close()
    with pytest.raises(ConfigurationError, match="the client is closed"):
        tasks.start(anyio.sleep_forever(), name="late")
    gc.collect()  # a coroutine that is never awaited would be warned of, which is an error
    assert len(tasks) == 0


async def test_a_failure_that_nobody_awaits_is_not_reported_by_the_loop(
    tasks: BackgroundTasks,
) -> None:
    reported: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, what: reported.append(what))

    async def work() -> None:
        raise ValueError("mine")

    tasks.start(work(), name="fails")
    await asyncio.sleep(0.01)
    gc.collect()
    assert reported == []


def test_a_task_of_a_loop_that_is_gone_does_not_keep_close_from_ending() -> None:
    tasks = BackgroundTasks(Lifetime())

    async def begin() -> None:
        tasks.start(anyio.sleep_forever(), name="long")

    asyncio.run(begin())
    asyncio.run(tasks.close())
    assert len(tasks) == 0
