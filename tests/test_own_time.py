"""The loop that the tests run in keeps its time, whatever else the machine does."""

from __future__ import annotations

import asyncio
import time

import anyio
import pytest
from own_time import OwnTimeLoop, elapsed, own_time_loop

pytestmark = pytest.mark.anyio


def be_kept_from_running(seconds: float) -> None:
    """What a loaded machine does to a thread."""
    time.sleep(seconds)


def work(seconds: float) -> None:
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


async def test_the_tests_run_in_it() -> None:
    assert type(asyncio.get_running_loop()) is OwnTimeLoop
    assert own_time_loop() is asyncio.get_running_loop()


async def test_a_wait_takes_as_long_as_told_by_either_clock() -> None:
    started, started_by_the_wall = anyio.current_time(), time.monotonic()
    await anyio.sleep(0.05)
    assert anyio.current_time() - started >= 0.05 - 0.002
    assert time.monotonic() - started_by_the_wall >= 0.05 - 0.002


async def test_work_takes_time() -> None:
    started = anyio.current_time()
    work(0.05)
    assert anyio.current_time() - started >= 0.05


async def test_a_wait_for_another_thread_takes_time() -> None:
    started, waits = anyio.current_time(), 0
    while anyio.current_time() - started < 0.05:
        await asyncio.to_thread(time.sleep, 0.02)
        waits += 1
    assert waits < 100


async def test_what_the_machine_does_meanwhile_takes_none() -> None:
    started = anyio.current_time()
    be_kept_from_running(1.0)
    assert anyio.current_time() - started < 0.5


async def test_a_deadline_does_not_pass_while_the_thread_is_kept_from_running() -> None:
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(0.1):
        loop.call_soon(be_kept_from_running, 0.5)
        await anyio.sleep(0.05)


async def test_no_time_goes_by_while_it_stands_still() -> None:
    rung: list[str] = []
    loop = own_time_loop()
    loop.call_later(0.02, rung.append, "soon")
    with loop.standing_still():
        started = loop.time()
        work(0.05)
        for _ in range(3):
            await asyncio.sleep(0)
        assert loop.time() == started
    assert rung == []
    assert loop.time() - started < 0.02
    with elapsed(0.02):
        await asyncio.sleep(0.02)
    assert rung == ["soon"]


async def test_it_goes_on_after_an_error_while_it_stood_still() -> None:
    loop = own_time_loop()
    with pytest.raises(LookupError), loop.standing_still():
        raise LookupError
    with elapsed(0.01):
        work(0.01)


@pytest.mark.parametrize(("at_least", "late"), [(0.05, 1.0), (0.0, 0.01)])
async def test_a_block_that_is_early_or_late_fails(at_least: float, late: float) -> None:
    with pytest.raises(AssertionError), elapsed(at_least, late=late):
        await anyio.sleep(0.02)


async def test_what_is_due_in_order_comes_in_order_after_a_pause() -> None:
    came: list[int] = []

    async def come(number: int) -> None:
        # Far enough apart for what Python itself may do between two of them.
        await anyio.sleep(number * 0.1)
        came.append(number)
        if number == 1:
            be_kept_from_running(0.5)
            await anyio.sleep(0.15)
            came.append(10)

    async with asyncio.TaskGroup() as group:
        for number in (3, 2, 1):
            group.create_task(come(number))
    assert came == [1, 2, 10, 3]
