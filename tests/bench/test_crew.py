from __future__ import annotations

import asyncio
import os
import sys
import time
from asyncio.subprocess import PIPE
from collections.abc import Callable

import pytest

from kilo_sdk.bench.crew import InProcess, compare_clock, gather, run_plan
from kilo_sdk.bench.lengths import Lengths
from kilo_sdk.bench.load import Load
from kilo_sdk.bench.plan import Phases, Plan, Target
from kilo_sdk.bench.result import Progress, Result
from kilo_sdk.bench.workload import Workload
from kilo_sdk.emulator import LocalGateway

pytestmark = pytest.mark.anyio


class Elsewhere(InProcess):
    """A worker whose clock is another one, as on another machine."""

    def __init__(self, offset: float) -> None:
        super().__init__()
        self.offset = offset

    async def clock(self) -> float:
        return time.monotonic() + self.offset

    async def run(
        self, plan: Plan, begin: float, on_progress: Callable[[Progress], None]
    ) -> Result:
        result = await super().run(plan, begin - self.offset, on_progress)
        result.started += self.offset
        result.ended += self.offset
        return result


def plan_for(gateway: LocalGateway, load: str, **phases: float) -> Plan:
    return Plan(
        target=Target(base_url=gateway.base_url, model="openai/gpt-4.1"),
        workload=Workload(output_tokens=Lengths("fixed", 4)),
        load=Load.parse(load),
        phases=Phases(**phases),  # type: ignore[arg-type]
    )


async def test_the_difference_of_clocks_is_found() -> None:
    offset, error = await compare_clock(Elsewhere(5000.0))
    assert 0 <= error < 1
    assert abs(offset - 5000.0) <= error + 1e-6


async def test_workers_with_other_clocks_run_one_schedule_at_one_time() -> None:
    workers = [Elsewhere(1000.0), Elsewhere(-500.0)]
    began = time.monotonic()
    async with LocalGateway() as gateway:
        result = await run_plan(
            plan_for(gateway, "constant:40", duration=0.5), workers, on_progress=lambda _: None
        )
        assert len(gateway.requests) == 20 == result.tally.counts.sent
    assert began < result.started < time.monotonic()
    assert result.seconds == pytest.approx(0.5, abs=0.05)
    assert result.overhead.clock_error > 0


@pytest.mark.parametrize(
    ("load", "phases"), [("concurrency:2", {"requests": 9}), ("constant:99", {"requests": 2})]
)
async def test_no_more_workers_run_than_there_is_work_for(
    load: str, phases: dict[str, float]
) -> None:
    workers = [InProcess() for _ in range(5)]
    told: list[Progress] = []
    async with LocalGateway() as gateway:
        result = await run_plan(plan_for(gateway, load, **phases), workers, on_progress=told.append)
    assert result.tally.counts.completed == phases["requests"]
    assert told[-1].completed == phases["requests"]


@pytest.mark.parametrize(
    ("load", "phases"),
    [
        ("concurrency:2", {"requests": 9}),
        ("concurrency:1", {"requests": 3, "warmup": 0.3}),
        ("constant:50", {"duration": 1.2, "warmup": 0.1, "cooldown": 0.1}),
    ],
)
async def test_how_much_is_done_grows_to_all_of_it(load: str, phases: dict[str, float]) -> None:
    told: list[Progress] = []
    async with LocalGateway(ttft=0.1) as gateway:
        plan = plan_for(gateway, load, **phases)
        await run_plan(plan, [InProcess(), InProcess()], on_progress=told.append)
    shares = [one.share_done for one in told]
    assert shares[-1] == 1.0
    assert 0 <= min(shares) < 1
    if "warmup" not in phases or "requests" not in phases:
        return
    # What the warm-up sends is none of the three requests.
    assert any(one.completed and one.share_done == 0 for one in told)


FIRST_REQUEST = """
import asyncio, sys, time
from kilo_sdk.bench.crew import InProcess
from kilo_sdk.bench.load import Load
from kilo_sdk.bench.plan import Phases, Plan, Target
from kilo_sdk.bench.workload import Workload

async def main():
    begin = time.monotonic() + 2.0
    loaded = []
    asyncio.get_running_loop().call_at(begin - 0.01, lambda: loaded.extend(sys.modules))
    plan = Plan(
        target=Target(base_url=sys.argv[1], api_key="k"), workload=Workload(),
        load=Load.closed(1), phases=Phases(requests=1),
    )
    result = await InProcess().run(plan, begin, lambda progress: None)
    assert result.tally.counts.completed == 1
    print(sorted(set(sys.modules) - set(loaded)), end="")

asyncio.run(main())
"""


async def test_nothing_is_imported_while_the_first_request_runs() -> None:
    async with LocalGateway() as gateway:
        process = await asyncio.create_subprocess_exec(
            *[sys.executable, "-c", FIRST_REQUEST, gateway.base_url],
            stdout=PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        out, _ = await process.communicate()
    assert (process.returncode, out) == (0, b"[]")


async def test_stopping_reaches_every_worker() -> None:
    stop = asyncio.Event()
    async with LocalGateway() as gateway:
        plan = plan_for(gateway, "concurrency:4", duration=60.0)

        def note(progress: Progress) -> None:
            if progress.completed > 10:
                stop.set()

        result = await asyncio.wait_for(
            run_plan(plan, [InProcess(), InProcess()], on_progress=note, stop=stop), 30
        )
    assert result.stopped
    assert result.tally.counts.completed > 10


async def test_a_stop_may_overtake_the_plan_that_it_ends() -> None:
    worker = InProcess()
    await worker.stop()
    async with LocalGateway() as gateway:
        plan = plan_for(gateway, "concurrency:1", duration=60.0)
        running = worker.run(plan, time.monotonic(), lambda _: None)
        result = await asyncio.wait_for(running, 30)
    assert result.stopped
    assert result.tally.counts.sent_in_all == 0


async def test_the_first_failure_is_raised_as_it_is() -> None:
    async def fail() -> None:
        raise LookupError("first")

    with pytest.raises(LookupError, match="first"):
        await gather([fail(), asyncio.sleep(60)])  # type: ignore[list-item]
