"""Facts about limits: who goes when, what is learnt, and that nobody who leaves holds a place."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterator
from typing import Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kilo_sdk.cost.totals import CallRecord
from kilo_sdk.errors import (
    APIConnectionError,
    APIStatusError,
    ConfigurationError,
    RateLimitError,
)
from kilo_sdk.lifetime import Lifetime
from kilo_sdk.resilience.limits import Limits, Permit

SECOND = 1.0


class FakeLoop(asyncio.SelectorEventLoop):
    """A loop that does not wait: when nothing is ready, its clock jumps to the next timer."""

    def __init__(self) -> None:
        super().__init__()
        self._now = 1000.0

    def time(self) -> float:
        return self._now

    def _run_once(self) -> None:
        due = [timer.when() for timer in self._scheduled if not timer.cancelled()]
        if not self._ready and due:
            self._now = max(self._now, min(due))
        super()._run_once()


@pytest.fixture
def loop() -> Iterator[FakeLoop]:
    loop = FakeLoop()
    yield loop
    loop.close()


class Queue:
    """Calls that pass limits, and when each of them went."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.lifetime = Lifetime()
        self.started = asyncio.get_running_loop().time()
        self.went: list[int] = []
        self.times: list[float] = []
        self.most = 0

    def now(self) -> float:
        return asyncio.get_running_loop().time() - self.started

    async def call(self, name: int, *, takes: float = 0.0, tokens: int = 0) -> None:
        permit = await self.limits.enter(self.limits.next_order(), self.lifetime, tokens=tokens)
        self.went.append(name)
        self.times.append(self.now())
        self.most = max(self.most, self.limits.active)
        try:
            await asyncio.sleep(takes)
        finally:
            permit.release()

    async def all(self, count: int, **how: Any) -> None:
        async with asyncio.TaskGroup() as group:
            for name in range(count):
                group.create_task(self.call(name, **how))


async def enter(limits: Limits, lifetime: Lifetime | None = None) -> Permit:
    return await limits.enter(limits.next_order(), lifetime or Lifetime())


def test_no_more_are_under_way_than_allowed_and_they_go_in_order(loop: FakeLoop) -> None:
    async def scene() -> None:
        queue = Queue(Limits(max_concurrent=3))
        await queue.all(10, takes=SECOND)
        assert queue.most == 3
        assert queue.went == [*range(10)]
        assert queue.times == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3]
        assert (queue.limits.active, queue.limits.waiting) == (0, 0)

    loop.run_until_complete(scene())


def test_requests_flow_evenly_after_a_burst_of_a_tenth(loop: FakeLoop) -> None:
    async def scene() -> None:
        queue = Queue(Limits(requests_per_minute=60))
        await queue.all(10)
        assert queue.went == [*range(10)]
        assert queue.times == pytest.approx([0] * 6 + [1, 2, 3, 4])

    loop.run_until_complete(scene())


def test_less_than_one_request_a_second_is_a_limit_too(loop: FakeLoop) -> None:
    async def scene() -> None:
        queue = Queue(Limits(requests_per_minute=6))
        await queue.all(3)
        assert queue.times == pytest.approx([0, 10, 20])

    loop.run_until_complete(scene())


def test_tokens_are_overdrawn_once_and_then_waited_for(loop: FakeLoop) -> None:
    async def scene() -> None:
        queue = Queue(Limits(tokens_per_minute=6000))  # 100 a second, 600 at once
        await queue.all(4, tokens=500)
        # 600, 100, -400, ... : a call goes as soon as a single token is there.
        assert queue.times == pytest.approx([0, 0, 4.01, 9.01])

    loop.run_until_complete(scene())


def test_what_an_answer_took_puts_right_what_was_estimated(loop: FakeLoop) -> None:
    async def scene() -> None:
        limits = Limits(tokens_per_minute=6000)
        permit = await limits.enter(limits.next_order(), Lifetime(), tokens=100)
        permit.count(CallRecord(model="a/b", cost=None, prompt_tokens=200, completion_tokens=1400))
        permit.release()
        started = loop.time()
        await enter(limits)
        assert loop.time() - started == pytest.approx(10.01)

    loop.run_until_complete(scene())


def test_the_slowest_of_several_limits_counts(loop: FakeLoop) -> None:
    async def scene() -> None:
        queue = Queue(Limits(max_concurrent=1, requests_per_minute=60, tokens_per_minute=600000))
        await queue.all(9, takes=0.5, tokens=10)
        assert queue.most == 1
        # The bucket fills by a half while each call takes half a second.
        assert queue.times == pytest.approx([0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4])

    loop.run_until_complete(scene())


def test_a_call_that_is_repeated_comes_before_those_that_began_later(loop: FakeLoop) -> None:
    async def scene() -> None:
        limits, lifetime = Limits(max_concurrent=1), Lifetime()
        first, went = limits.next_order(), list[str]()
        permit = await limits.enter(first, lifetime)

        async def later(order: int, name: str) -> None:
            held = await limits.enter(order, lifetime)
            went.append(name)
            held.release()

        async with asyncio.TaskGroup() as group:
            group.create_task(later(limits.next_order(), "second"))
            group.create_task(later(limits.next_order(), "third"))
            await asyncio.sleep(0)
            group.create_task(later(first, "first again"))
            await asyncio.sleep(0)
            permit.release()
        assert went == ["first again", "second", "third"]

    loop.run_until_complete(scene())


@pytest.mark.parametrize("leaves", [0, 1, 2])
def test_who_is_cancelled_while_waiting_holds_up_nobody(loop: FakeLoop, leaves: int) -> None:
    async def scene() -> None:
        queue = Queue(Limits(max_concurrent=1))
        permit = await enter(queue.limits)
        tasks = [asyncio.ensure_future(queue.call(name)) for name in range(3)]
        await asyncio.sleep(0)
        assert queue.limits.waiting == 3
        tasks[leaves].cancel()
        await asyncio.sleep(0)
        assert queue.limits.waiting == 2
        permit.release()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert queue.went == [name for name in range(3) if name != leaves]
        assert tasks[leaves].cancelled()
        assert (queue.limits.active, queue.limits.waiting) == (0, 0)

    loop.run_until_complete(scene())


def test_who_is_cancelled_in_the_moment_of_its_turn_gives_it_on(loop: FakeLoop) -> None:
    async def scene() -> None:
        queue = Queue(Limits(max_concurrent=1))
        permit = await enter(queue.limits)
        first, second = (asyncio.ensure_future(queue.call(name)) for name in (1, 2))
        await asyncio.sleep(0)
        permit.release()  # the first is admitted, and has not run yet
        first.cancel()
        await asyncio.gather(first, second, return_exceptions=True)
        assert first.cancelled()
        assert queue.went == [2]
        assert queue.limits.active == 0

    loop.run_until_complete(scene())


def test_an_anyio_deadline_ends_the_wait_as_well(loop: FakeLoop) -> None:
    async def scene() -> None:
        limits = Limits(requests_per_minute=1)
        (await enter(limits)).release()
        with anyio.move_on_after(5) as scope:
            await enter(limits)
        assert scope.cancelled_caught
        assert (limits.active, limits.waiting) == (0, 0)

    loop.run_until_complete(scene())


def test_the_end_of_the_client_ends_every_wait(loop: FakeLoop) -> None:
    async def scene() -> None:
        queue = Queue(Limits(max_concurrent=1))
        permit = await enter(queue.limits)
        tasks = [asyncio.ensure_future(queue.call(name)) for name in range(3)]
        await asyncio.sleep(0)
        queue.lifetime.end()
        failures = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(one) for one in failures] == [ConfigurationError] * 3
        permit.release()
        assert (queue.limits.active, queue.limits.waiting) == (0, 0)
        with pytest.raises(ConfigurationError, match="closed"):
            await enter(queue.limits, queue.lifetime)

    loop.run_until_complete(scene())


def test_a_permit_that_is_given_back_twice_counts_once(loop: FakeLoop) -> None:
    async def scene() -> None:
        limits = Limits(max_concurrent=2)
        one, _other = await enter(limits), await enter(limits)
        one.release()
        one.release()
        assert limits.active == 1

    loop.run_until_complete(scene())


# What is learnt


def refusal(retry_after: float | None = None) -> RateLimitError:
    return RateLimitError("slow down", status_code=429, retry_after=retry_after)


def test_a_named_time_holds_up_everyone(loop: FakeLoop) -> None:
    async def scene() -> None:
        queue = Queue(Limits())
        permit = await enter(queue.limits)
        permit.refused(refusal(7))
        permit.release()
        await queue.all(2)
        assert queue.times == pytest.approx([7, 7])

    loop.run_until_complete(scene())


def test_a_named_time_counts_for_any_status_and_up_to_a_minute(loop: FakeLoop) -> None:
    async def scene() -> None:
        queue = Queue(Limits())
        permit = await enter(queue.limits)
        permit.refused(APIStatusError("busy", status_code=503, retry_after=3600))
        permit.release()
        await queue.all(1)
        assert queue.times == pytest.approx([60])

    loop.run_until_complete(scene())


def test_a_429_halves_what_may_be_under_way_once_for_all_that_were(loop: FakeLoop) -> None:
    async def scene() -> None:
        queue = Queue(Limits())
        permits = [await enter(queue.limits) for _ in range(8)]
        await asyncio.sleep(SECOND)
        for permit in permits:
            permit.refused(refusal())
            permit.release()
        await asyncio.sleep(SECOND)
        await queue.all(12, takes=SECOND)
        assert queue.most == 4

    loop.run_until_complete(scene())


def test_answers_bring_back_one_more_for_each_round(loop: FakeLoop) -> None:
    async def scene() -> None:
        limits = Limits()
        permits = [await enter(limits) for _ in range(4)]
        await asyncio.sleep(SECOND)
        permits[0].refused(refusal())
        for permit in permits:
            permit.release()
        await asyncio.sleep(SECOND)
        sizes = []
        for _ in range(4):
            queue = Queue(limits)
            await queue.all(8, takes=SECOND)
            sizes.append(queue.most)
            round_ = [await enter(limits) for _ in range(queue.most)]
            for permit in round_:
                permit.answered()
                permit.release()
        assert sizes == [2, 3, 4, 5]

    loop.run_until_complete(scene())


def test_a_single_call_is_always_allowed(loop: FakeLoop) -> None:
    async def scene() -> None:
        limits = Limits()
        for _ in range(5):
            permit = await enter(limits)
            await asyncio.sleep(SECOND)
            permit.refused(refusal())
            permit.release()
        await enter(limits)

    loop.run_until_complete(scene())


def test_other_failures_teach_nothing_and_neither_does_any_where_it_is_off(loop: FakeLoop) -> None:
    async def scene() -> None:
        for limits, error in (
            (Limits(), APIStatusError("no", status_code=500)),
            (Limits(), APIConnectionError("gone")),
            (Limits(learn=False), refusal(30)),
        ):
            queue = Queue(limits)
            permits = [await enter(limits) for _ in range(4)]
            await asyncio.sleep(SECOND)
            for permit in permits:
                permit.refused(error)
                permit.release()
            queue.started = loop.time()
            await queue.all(6, takes=SECOND)
            assert queue.times == [0] * 6

    loop.run_until_complete(scene())


@given(
    st.integers(1, 4),
    st.lists(st.tuples(st.floats(0, 3), st.floats(0, 5), st.booleans()), max_size=30),
)
def test_whatever_comes_and_leaves_the_limit_holds_and_nobody_is_forgotten(
    most: int, calls: list[tuple[float, float, bool]]
) -> None:
    async def scene() -> None:
        queue = Queue(Limits(max_concurrent=most, requests_per_minute=600))
        tasks = []
        for name, (pause, takes, leaves) in enumerate(calls):
            await asyncio.sleep(pause)
            task = asyncio.ensure_future(queue.call(name, takes=takes))
            tasks.append(task)
            if leaves:
                asyncio.get_running_loop().call_later(takes / 2, task.cancel)
        await asyncio.gather(*tasks, return_exceptions=True)
        assert queue.most <= most
        assert queue.went == sorted(queue.went)
        stayed = {name for name, (_, _, leaves) in enumerate(calls) if not leaves}
        assert stayed <= set(queue.went)
        assert queue.limits.waiting == 0

    loop = FakeLoop()
    try:
        loop.run_until_complete(scene())
    finally:
        loop.close()


@pytest.mark.parametrize("value", [0, -1, 1.5, "2", True])
def test_a_number_at_once_is_a_whole_number_from_one(value: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"Limits\(max_concurrent=.*whole number from 1"):
        Limits(max_concurrent=value)


@pytest.mark.parametrize("name", ["requests_per_minute", "tokens_per_minute"])
@pytest.mark.parametrize("value", [0, -1, "2", True, math.nan, math.inf])
def test_a_number_per_minute_is_above_zero(name: str, value: Any) -> None:
    with pytest.raises(ConfigurationError, match=rf"Limits\({name}=.*number above 0"):
        Limits(**{name: value})


@pytest.mark.anyio
async def test_who_is_cancelled_in_the_step_that_lets_him_go_does_not_go() -> None:
    limits, lifetime = Limits(max_concurrent=1), Lifetime()
    first = await limits.enter(limits.next_order(), lifetime)
    went: list[Permit] = []

    async def wait() -> None:
        went.append(await limits.enter(limits.next_order(), lifetime))

    async with anyio.create_task_group() as group:
        group.start_soon(wait)
        await anyio.wait_all_tasks_blocked()
        assert limits.waiting == 1
        first.release()
        group.cancel_scope.cancel()
    assert went == []
    assert (limits.active, limits.waiting) == (0, 0)
