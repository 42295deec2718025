"""A deadline ends a wait as ``asyncio.timeout_at`` does, and in no other way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from math import inf
from typing import Any

import pytest

from kilo_sdk.deadline import Deadlines

pytestmark = pytest.mark.anyio
SOON = 0.01


@asynccontextmanager
async def own(when: float | None) -> Any:
    deadlines = Deadlines(asyncio.get_running_loop())
    with deadlines.at(inf if when is None else when) as deadline:
        yield lambda: deadline.expired
    deadlines.close()


@asynccontextmanager
async def standard(when: float | None) -> Any:
    async with asyncio.timeout_at(when) as scope:
        yield scope.expired


Scope = Callable[[float | None], AbstractAsyncContextManager[Callable[[], bool]]]
both = pytest.mark.parametrize("scope", [own, standard])


def after(seconds: float) -> float:
    return asyncio.get_running_loop().time() + seconds


@both
async def test_a_wait_that_ends_in_time_is_left_alone(scope: Scope) -> None:
    async with scope(after(10)) as expired:
        await asyncio.sleep(0)
    assert not expired()


@both
async def test_a_wait_without_a_time_has_no_end(scope: Scope) -> None:
    async with scope(None) as expired:
        await asyncio.sleep(SOON)
    assert not expired()


@both
@pytest.mark.parametrize("seconds", [SOON, 0.0, -1.0])
async def test_a_wait_that_is_too_long_is_a_timeout(scope: Scope, seconds: float) -> None:
    with pytest.raises(TimeoutError):
        async with scope(after(seconds)) as expired:
            await asyncio.sleep(10)
    assert expired()
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    await asyncio.sleep(0)  # nothing of it comes later


@both
async def test_an_error_inside_passes(scope: Scope) -> None:
    with pytest.raises(ValueError, match="own"):
        async with scope(after(10)):
            raise ValueError("own")


@both
async def test_a_cancellation_from_elsewhere_stays_one(scope: Scope) -> None:
    async def wait() -> None:
        async with scope(after(10)):
            await asyncio.sleep(10)

    task = asyncio.ensure_future(wait())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@both
async def test_a_cancellation_beside_the_expiry_stays_one(scope: Scope) -> None:
    async def wait() -> None:
        async with scope(after(SOON)):
            try:
                await asyncio.sleep(10)
            finally:
                # The other one comes while the expiry is on its way out.
                task.cancel()

    task = asyncio.ensure_future(wait())
    with pytest.raises(asyncio.CancelledError):
        await task


@both
async def test_a_task_that_was_cancelled_before_can_still_time_out(scope: Scope) -> None:
    async def wait() -> str:
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            try:
                async with scope(after(SOON)):
                    await asyncio.sleep(10)
            except TimeoutError:
                return "timed out"
        return "not at all"

    task = asyncio.ensure_future(wait())
    await asyncio.sleep(0)
    task.cancel()
    assert await task == "timed out"


@both
async def test_one_inside_the_other_ends_alone(scope: Scope) -> None:
    async with scope(after(10)) as outer:
        with pytest.raises(TimeoutError):
            async with scope(after(SOON)) as inner:
                await asyncio.sleep(10)
        assert inner()
    assert not outer()


async def outlasted(deadlines: Deadlines, seconds: float) -> float | None:
    """Wait until the deadline; return how late it came, or None for a wait that ended before."""
    loop = asyncio.get_running_loop()
    when = loop.time() + seconds
    try:
        with deadlines.at(when):
            await asyncio.sleep(0.2)
    except TimeoutError:
        return loop.time() - when
    return None


async def test_many_waits_end_each_at_its_time_in_any_order() -> None:
    deadlines = Deadlines(asyncio.get_running_loop())
    seconds = [0.09, 0.03, 0.06, 10.0, 0.03, 0.12, 0.0]
    late = await asyncio.gather(*(outlasted(deadlines, one) for one in seconds))
    assert late.pop(3) is None
    assert all(one is not None and -0.01 < one < 0.1 for one in late)


async def test_a_timer_that_finds_nobody_is_not_set_again() -> None:
    loop = asyncio.get_running_loop()
    deadlines = Deadlines(loop)
    with deadlines.at(loop.time() + SOON):
        pass
    await asyncio.sleep(3 * SOON)
    with pytest.raises(TimeoutError), deadlines.at(loop.time() + SOON):
        await asyncio.sleep(10)


async def test_a_wait_without_end_has_no_timer_beside_one_that_has() -> None:
    deadlines = Deadlines(asyncio.get_running_loop())
    with deadlines.at(inf) as endless:
        assert await outlasted(deadlines, SOON) is not None
        await asyncio.sleep(SOON)
    assert not endless.expired


async def test_closing_ends_every_wait_at_once_and_takes_the_timer_back() -> None:
    loop = asyncio.get_running_loop()
    deadlines = Deadlines(loop)
    begun = loop.time()

    async def wait(when: float) -> None:
        with deadlines.at(when):
            await asyncio.sleep(10)

    waits = [asyncio.create_task(wait(when)) for when in (begun + 600, inf)]
    await asyncio.sleep(SOON)
    deadlines.close()
    ended = await asyncio.gather(*waits, return_exceptions=True)
    assert [type(one) for one in ended] == [TimeoutError] * 2
    assert loop.time() - begun < 10
    assert not [one for one in loop._scheduled if not one.cancelled()]  # type: ignore[attr-defined]


async def test_a_deadline_outside_a_task_is_refused() -> None:
    loop = asyncio.get_running_loop()
    told: asyncio.Future[str] = loop.create_future()

    def enter() -> None:
        try:
            with Deadlines(loop).at(loop.time() + 1):
                pass
        except RuntimeError as error:
            told.set_result(str(error))

    loop.call_soon(enter)
    assert await told == "a deadline belongs to a task"
