"""What is cancelled ends, though what it called went on."""

from __future__ import annotations

import asyncio

import pytest

from kilo_sdk.relay.redis_limits import answered_within

pytestmark = pytest.mark.anyio


async def test_what_is_answered_in_time_goes_on() -> None:
    async with answered_within(60):
        await asyncio.sleep(0)
        answer = "OK"
    assert answer == "OK"


async def test_what_takes_longer_is_given_up() -> None:
    with pytest.raises(TimeoutError):
        async with answered_within(0.01):
            await asyncio.Event().wait()


async def swallowed() -> None:
    with pytest.raises(asyncio.CancelledError):
        await asyncio.Event().wait()


async def test_a_cancellation_that_the_block_kept_ends_the_task_after_it() -> None:
    went_on: list[str] = []

    async def asks() -> None:
        async with answered_within(60):
            await swallowed()
            went_on.append("block")
        went_on.append("task")

    task = asyncio.create_task(asks())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert went_on == ["block"]


async def test_one_that_came_before_the_block_is_not_told_again() -> None:
    async def cleans_up() -> str:
        await swallowed()
        async with answered_within(60):
            await asyncio.sleep(0)
        return "clean"

    task = asyncio.create_task(cleans_up())
    await asyncio.sleep(0)
    task.cancel()
    assert await task == "clean"


async def test_an_expiry_that_the_block_kept_leaves_the_task_as_it_was() -> None:
    task = asyncio.current_task()
    assert task is not None
    async with answered_within(0.01):
        await swallowed()
    assert task.cancelling() == 0
