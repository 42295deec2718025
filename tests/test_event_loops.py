"""A loop's own clock tells the time, and no other loop than the first goes on."""

from __future__ import annotations

import asyncio
from time import monotonic

import pytest
from own_time import OwnTimeLoop

from kilo_sdk import ConfigurationError
from kilo_sdk.event_loops import cancellations, check_loop, clock_of, refuse_loop


def test_loops_of_asyncio_are_asked_without_a_call_of_theirs() -> None:
    loop = asyncio.new_event_loop()
    assert clock_of(loop) is monotonic
    loop.close()


def test_a_loop_with_a_clock_of_its_own_is_asked_itself() -> None:
    loop = OwnTimeLoop()
    assert clock_of(loop) == loop.time
    loop.close()


async def _count() -> list[int]:
    counts = [cancellations()]
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.Event().wait()
    counts.append(cancellations())
    task.uncancel()
    return [*counts, cancellations()]


def test_a_cancellation_counts_until_it_is_taken_back() -> None:
    assert asyncio.run(_count()) == [0, 1, 0]


async def _check(loop: asyncio.AbstractEventLoop) -> None:
    check_loop(loop)


def test_the_running_loop_goes_on_and_another_is_refused() -> None:
    with asyncio.Runner() as one, asyncio.Runner() as other:
        one.run(_check(one.get_loop()))
        with pytest.raises(ConfigurationError, match="belongs to another event loop"):
            other.run(_check(one.get_loop()))


def test_the_refusal_says_what_to_do() -> None:
    with pytest.raises(ConfigurationError, match="one KiloClient per event loop"):
        refuse_loop()
