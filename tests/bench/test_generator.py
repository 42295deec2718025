from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import attrs
import pytest

from kilo_sdk.bench.asking import open_client
from kilo_sdk.bench.datasets import DatasetEntry, TraceEntry
from kilo_sdk.bench.generator import Generator
from kilo_sdk.bench.lengths import Lengths
from kilo_sdk.bench.load import Load
from kilo_sdk.bench.plan import Phases, Plan, Share, Target
from kilo_sdk.bench.result import Result
from kilo_sdk.bench.workload import Workload, synthetic_tools
from kilo_sdk.emulator import LocalGateway

pytestmark = pytest.mark.anyio

SHORT = Workload(input_tokens=Lengths("fixed", 8), output_tokens=Lengths("fixed", 4))


@pytest.fixture
async def gateway() -> AsyncIterator[LocalGateway]:
    async with LocalGateway(keepalive_comments=0) as gateway:
        yield gateway


def plan_for(gateway: LocalGateway, load: str, workload: Workload = SHORT, **more: Any) -> Plan:
    share = more.pop("share", Share())
    trace = more.pop("trace", None)
    target = Target(
        base_url=gateway.base_url, model="openai/gpt-4.1", retries=more.pop("retries", 0)
    )
    return Plan(
        target=target,
        workload=workload,
        load=Load.parse(load),
        phases=Phases(**more),
        share=share,
        trace=trace,
    )


async def ran(plan: Plan) -> Result:
    async with open_client(plan.target) as client:
        return await Generator(client, plan).run(time.monotonic())


async def test_a_closed_loop_keeps_its_number_under_way(gateway: LocalGateway) -> None:
    result = await ran(plan_for(gateway, "concurrency:3", requests=20))
    counts = result.tally.counts
    assert (counts.sent, counts.completed, counts.output_tokens) == (20, 20, 80)
    assert len(gateway.requests) == gateway.completions_served == 20
    assert gateway.peak_streams <= 3 == result.overhead.peak_in_flight


async def test_an_open_loop_sends_when_requests_are_due(gateway: LocalGateway) -> None:
    began = asyncio.get_running_loop().time()
    result = await ran(plan_for(gateway, "constant:50", duration=0.5))
    assert result.tally.counts.sent == 25 == len(gateway.requests)
    assert result.seconds == pytest.approx(0.5)
    arrived = [request.arrived - began for request in gateway.requests]
    for number, offset in enumerate(arrived):
        assert offset >= number / 50 - 0.01


async def test_what_is_sent_in_warm_up_and_cool_down_does_not_count(gateway: LocalGateway) -> None:
    plan = plan_for(gateway, "constant:50", duration=0.2, warmup=0.2, cooldown=0.1)
    counts = (await ran(plan)).tally.counts
    assert (counts.sent, counts.sent_in_all, len(gateway.requests)) == (10, 25, 25)
    assert counts.completed == 10


async def test_bound_by_a_count_load_goes_on_in_cool_down(gateway: LocalGateway) -> None:
    plan = plan_for(gateway, "constant:100", requests=10, warmup=0.1, cooldown=0.1)
    counts = (await ran(plan)).tally.counts
    assert (counts.sent, counts.completed) == (10, 10)
    assert counts.sent_in_all == len(gateway.requests) > 20


async def test_shares_together_send_the_schedule_once(gateway: LocalGateway) -> None:
    whole = plan_for(gateway, "poisson:60", duration=0.5)
    counts = (await ran(whole)).tally.counts
    bodies = Counter(str(request.payload["messages"]) for request in gateway.requests)
    gateway.requests.clear()
    parts = [attrs.evolve(whole, share=Share(index, 3)) for index in range(3)]
    results = await asyncio.gather(*map(ran, parts))
    assert sum(result.tally.counts.sent for result in results) == counts.sent
    assert Counter(str(request.payload["messages"]) for request in gateway.requests) == bodies


async def test_turns_follow_each_other_with_the_history(gateway: LocalGateway) -> None:
    workload = attrs.evolve(SHORT, turns=3)
    counts = (await ran(plan_for(gateway, "concurrency:1", workload, requests=3))).tally.counts
    assert counts.completed == 3
    roles = [[one["role"] for one in request.payload["messages"]] for request in gateway.requests]
    assert roles == [
        ["user"],
        ["user", "assistant", "user"],
        ["user", "assistant", "user", "assistant", "user"],
    ]


async def test_tool_calls_get_results(gateway: LocalGateway) -> None:
    workload = attrs.evolve(SHORT, turns=2, tools=synthetic_tools(1))
    await ran(plan_for(gateway, "concurrency:1", workload, requests=2))
    roles = [one["role"] for one in gateway.requests[1].payload["messages"]]
    assert roles == ["user", "assistant", "tool", "user"]


async def test_a_trace_is_replayed_in_time(gateway: LocalGateway) -> None:
    said = DatasetEntry((({"role": "user", "content": "hi"},),))
    trace = (TraceEntry(0.0, 5, 3), TraceEntry(0.2, None, 2, said))
    result = await ran(plan_for(gateway, "trace:x", trace=trace))
    first, second = gateway.requests
    assert second.arrived - first.arrived >= 0.15
    assert first.payload["max_tokens"] == 3
    assert (second.payload["messages"][0]["content"], second.payload["max_tokens"]) == ("hi", 2)
    assert result.tally.counts.completed == 2


async def test_stopping_keeps_what_was_measured() -> None:
    async with LocalGateway(ttft=0.05) as gateway:
        plan = plan_for(gateway, "concurrency:2", duration=60.0)
        async with open_client(plan.target) as client:
            generator = Generator(client, plan)
            running = asyncio.create_task(generator.run(time.monotonic()))
            while generator.progress().completed < 4:  # noqa: ASYNC110 - it tells no event
                await asyncio.sleep(0.01)
            generator.stop()
            result = await asyncio.wait_for(running, 10)
    counts = result.tally.counts
    assert result.stopped
    assert counts.completed >= 4
    assert counts.sent == counts.completed + counts.unfinished
    assert result.seconds < 30


async def test_stopping_ends_the_wait_for_what_is_under_way() -> None:
    async with LocalGateway(ttft=60) as gateway:
        plan = plan_for(gateway, "concurrency:2", requests=2, drain=60.0)
        async with open_client(plan.target) as client:
            generator = Generator(client, plan)
            running = asyncio.create_task(generator.run(time.monotonic()))
            while gateway.open_streams < 2:  # noqa: ASYNC110 - it tells no event
                await asyncio.sleep(0.01)
            generator.stop()
            result = await asyncio.wait_for(running, 10)
        while gateway.open_streams:  # noqa: ASYNC110 - it tells no event
            await asyncio.sleep(0.01)
    assert result.tally.counts.unfinished == 2


async def test_the_drain_has_an_end() -> None:
    async with LocalGateway(ttft=60) as gateway:
        plan = plan_for(gateway, "concurrency:2", duration=0.1, drain=0.1)
        result = await asyncio.wait_for(ran(plan), 20)
    assert result.tally.counts.unfinished == 2


async def test_failures_and_retries_are_counted(gateway: LocalGateway) -> None:
    async with LocalGateway(fault="status=503;retry_after=0;times=3") as failing:
        counts = (await ran(plan_for(failing, "concurrency:1", requests=4, retries=1))).tally.counts
        assert len(failing.requests) == 6
    # The first request fails twice; the second once.
    assert (counts.completed, counts.failed, counts.retries) == (3, 1, 2)


async def test_a_rate_that_cannot_be_sent_ends_in_time(gateway: LocalGateway) -> None:
    plan = plan_for(gateway, "constant:1000000", duration=0.3, drain=0.0)
    result = await asyncio.wait_for(ran(plan), 60)
    assert result.tally.counts.window_sent < 150_000
    assert result.tally.counts.sent > 0
