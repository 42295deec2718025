from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import attrs
import pytest

from kilo_sdk import ConfigurationError
from kilo_sdk.bench.crew import run_plan
from kilo_sdk.bench.lengths import Lengths
from kilo_sdk.bench.load import Load
from kilo_sdk.bench.plan import Phases, Plan, Target
from kilo_sdk.bench.result import Progress
from kilo_sdk.bench.worker_process import ProcessWorker, WorkerDiedError
from kilo_sdk.bench.workload import Workload
from kilo_sdk.emulator import LocalGateway

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def workers(count: int) -> AsyncIterator[list[ProcessWorker]]:
    started = [await ProcessWorker.start() for _ in range(count)]
    try:
        yield started
    finally:
        for worker in started:
            await worker.close()


def plan_for(base_url: str, load: str = "concurrency:4", **phases: float) -> Plan:
    return Plan(
        target=Target(base_url=base_url, model="openai/gpt-4.1"),
        workload=Workload(output_tokens=Lengths("fixed", 5)),
        load=Load.parse(load),
        phases=Phases(**phases),  # type: ignore[arg-type]
    )


async def test_processes_measure_as_one_and_lose_nothing() -> None:
    told: list[Progress] = []
    async with LocalGateway() as gateway, workers(2) as crew:
        assert abs(await crew[0].clock() - time.monotonic()) < 5
        plan = plan_for(gateway.base_url, requests=31)
        result = await run_plan(plan, crew, on_progress=told.append)
        counts = result.tally.counts
        assert (counts.sent, counts.completed, counts.output_tokens) == (31, 31, 155)
        assert len(gateway.requests) == 31
        assert result.tally.histograms["ttft"].count == 31
        assert result.tally.histograms["itl"].count == 31 * 4
        # A worker runs the next plan too; Ctrl-C at the terminal is not for it.
        os.kill(crew[0]._process.pid, signal.SIGINT)
        again = await run_plan(
            plan_for(gateway.base_url, requests=4), crew, on_progress=told.append
        )
        assert again.tally.counts.completed == 4
    assert told[-1].completed == 4


async def test_an_error_of_the_worker_is_raised_here() -> None:
    async with workers(1) as crew:
        plan = plan_for("not a url", requests=1)
        with pytest.raises(ConfigurationError, match="base_url"):
            await run_plan(plan, crew, on_progress=lambda _: None)


async def test_a_worker_that_dies_is_told_of() -> None:
    async with LocalGateway(ttft=60) as gateway, workers(1) as crew:
        running = asyncio.create_task(
            run_plan(plan_for(gateway.base_url, duration=60.0), crew, on_progress=lambda _: None)
        )
        while not gateway.open_streams:  # noqa: ASYNC110 - it tells no event
            await asyncio.sleep(0.01)
        os.kill(crew[0]._process.pid, signal.SIGKILL)
        with pytest.raises(WorkerDiedError, match="ended before its work was done"):
            await asyncio.wait_for(running, 30)
        await crew[0].stop()


async def test_a_mistake_in_the_work_is_told_in_its_words() -> None:
    plan = attrs.evolve(plan_for("http://127.0.0.1:9/", requests=1), workload="no workload")
    async with workers(1) as crew:
        with pytest.raises(WorkerDiedError, match="last words: AttributeError: 'str' object has"):
            await run_plan(plan, crew, on_progress=lambda _: None)


async def test_a_worker_ends_with_whoever_started_it() -> None:
    worker = await ProcessWorker.start()
    await worker.clock()
    process = worker._process
    await worker.close()
    assert process.returncode == 0


async def test_a_worker_that_has_not_begun_is_not_waited_for() -> None:
    worker = await ProcessWorker.start()
    process = worker._process
    await worker.close()
    assert process.returncode == -signal.SIGKILL
