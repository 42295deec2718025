"""Facts about ``Lifetime``: open until its end, which ends every wait too."""

from __future__ import annotations

import asyncio
import time

import anyio
import anyio.lowlevel
import pytest

from kilo_sdk.errors import ConfigurationError
from kilo_sdk.lifetime import Lifetime

pytestmark = pytest.mark.anyio

LONG = 3600.0
WORDS = "the client is closed; make a new KiloClient"


def test_it_is_open_from_the_start_and_where_no_loop_runs() -> None:
    lifetime = Lifetime()
    assert not lifetime.over
    lifetime.check_open()


def test_it_ends_once_and_for_all() -> None:
    lifetime = Lifetime()
    lifetime.end()
    lifetime.end()
    assert lifetime.over
    with pytest.raises(ConfigurationError, match=WORDS):
        lifetime.check_open()


@pytest.mark.parametrize("seconds", [0.0, 0.02])
async def test_a_wait_lasts_as_long_as_it_is_told(seconds: float) -> None:
    started = time.monotonic()
    await Lifetime().sleep(seconds)
    assert time.monotonic() - started >= seconds - 0.002


async def test_a_wait_of_nothing_lets_other_tasks_run() -> None:
    ran: list[str] = []

    async def other() -> None:
        await anyio.lowlevel.checkpoint()
        ran.append("other")

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(other)
        for _ in range(5):
            await Lifetime().sleep(0)
        assert ran == ["other"]


async def test_the_end_ends_every_wait() -> None:
    lifetime = Lifetime()

    async def wait() -> None:
        with pytest.raises(ConfigurationError, match=WORDS):
            await lifetime.sleep(LONG)

    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            for _ in range(3):
                tasks.start_soon(wait)
            await anyio.wait_all_tasks_blocked()
            lifetime.end()


async def test_no_wait_begins_after_the_end() -> None:
    lifetime = Lifetime()
    lifetime.end()
    with anyio.fail_after(60), pytest.raises(ConfigurationError, match=WORDS):
        await lifetime.sleep(LONG)


async def test_a_wait_that_is_cancelled_stays_cancelled() -> None:
    waiting = asyncio.create_task(Lifetime().sleep(LONG))
    await anyio.wait_all_tasks_blocked()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


def test_it_may_end_in_another_loop_than_the_one_of_its_waits() -> None:
    lifetime = Lifetime()
    asyncio.run(lifetime.sleep(0.001))

    async def end() -> None:
        lifetime.end()

    asyncio.run(end())
    assert lifetime.over
