from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from kilo_sdk import AuthenticationError, ConfigurationError, NotFoundError
from kilo_sdk.bench.crew import InProcess, Worker
from kilo_sdk.bench.lengths import Lengths
from kilo_sdk.bench.load import Load
from kilo_sdk.bench.objectives import Objectives
from kilo_sdk.bench.plan import Phases, Target
from kilo_sdk.bench.report import Measurement
from kilo_sdk.bench.result import Progress, Result
from kilo_sdk.bench.search import FixedLoads, MaxRate
from kilo_sdk.bench.session import Observer, Session, check_target, measure, start_processes
from kilo_sdk.bench.worker_process import ProcessWorker, WorkerDiedError
from kilo_sdk.bench.workload import Workload, synthetic_tools
from kilo_sdk.emulator import LocalGateway

pytestmark = pytest.mark.anyio


def session_for(gateway: LocalGateway, **more: Any) -> Session:
    return Session(
        **{
            "target": Target(base_url=gateway.base_url, api_key="k"),
            "models": ["openai/gpt-4.1"],
            "workload": Workload(output_tokens=Lengths("fixed", 3)),
            "phases": Phases(requests=6),
            "workers": 0,
            **more,
        }
    )


class Watching(Observer):
    def __init__(self) -> None:
        self.seen: list[Any] = []

    def began(self, model: str, load: str, repetition: int, repetitions: int) -> None:
        self.seen.append((model, load, repetition, repetitions))

    def progressed(self, progress: Progress) -> None:
        self.last = progress

    def measured(self, measurement: Measurement) -> None:
        self.seen.append(measurement.load)


async def test_every_model_is_measured_under_every_load() -> None:
    watching = Watching()
    searches = [FixedLoads((Load.closed(2), Load.parse("constant:50")))]
    models = ["openai/gpt-4.1", "qwen/qwen3-coder"]
    async with LocalGateway() as gateway:
        session = session_for(gateway, models=models, searches=searches, repetitions=2)
        report = await measure(session, observer=watching)
        assert len(gateway.requests) == 2 * 2 * 2 * 6 + report.checks
    assert [(one.model, one.load) for one in report.measurements] == [
        (model, load) for model in models for load in ("concurrency:2", "constant:50")
    ]
    assert watching.seen[:3] == [
        ("openai/gpt-4.1", "concurrency:2", 1, 2),
        ("openai/gpt-4.1", "concurrency:2", 2, 2),
        "concurrency:2",
    ]
    assert watching.last.completed == 6
    assert report.measurements[0].counts.completed == 12
    assert report.measurements[0].metrics["ttft"].mean.low is not None
    assert not report.interrupted


async def test_a_target_that_refuses_ends_it_before_any_load() -> None:
    async with LocalGateway(api_keys=["right"]) as gateway:
        with pytest.raises(AuthenticationError):
            await measure(session_for(gateway))
    async with LocalGateway() as gateway:
        with pytest.raises(NotFoundError, match="no/such-model"):
            await measure(session_for(gateway, models=["no/such-model"]))
        assert len(gateway.requests) == 1


async def test_the_check_asks_as_the_workload_does() -> None:
    async with LocalGateway() as gateway:
        target = Target(base_url=gateway.base_url, model="openai/gpt-4.1")
        assert await check_target(target, Workload(stream=False)) == 1
        await check_target(target, Workload(tools=synthetic_tools(1)))
        await check_target(target, Workload(extra_body={"top_p": 0.5}))
        sent = [one.payload for one in gateway.requests]
        assert [bool(one.get("stream")) for one in sent] == [False, True, True]
        assert [one.get("tools") for one in sent] == [None, synthetic_tools(1), None]
        assert [one.get("top_p") for one in sent] == [None, None, 0.5]


async def test_what_a_check_sent_again_is_counted_with_it() -> None:
    async with LocalGateway(fault="status=503;retry_after=0;times=1") as gateway:
        target = Target(base_url=gateway.base_url, api_key="k", retries=1)
        report = await measure(session_for(gateway, target=target))
        assert (len(gateway.requests), report.checks) == (8, 2)


async def test_stopping_ends_the_session_with_what_there_is() -> None:
    stop = asyncio.Event()

    class Stopping(Observer):
        def progressed(self, progress: Progress) -> None:
            if progress.completed > 3:
                stop.set()

    async with LocalGateway() as gateway:
        session = session_for(gateway, phases=Phases(duration=60.0), repetitions=3)
        report = await asyncio.wait_for(measure(session, observer=Stopping(), stop=stop), 30)
    assert report.interrupted
    assert len(report.measurements) == 1
    assert report.measurements[0].counts.completed > 3


async def test_a_target_that_never_answers_can_be_left() -> None:
    stop = asyncio.Event()

    async def engine(count: int) -> list[Worker]:
        pytest.fail("nobody is to wait for workers")

    async with LocalGateway(ttft=60) as gateway:
        running = asyncio.create_task(measure(session_for(gateway), stop=stop, engine=engine))
        while not gateway.open_streams:  # noqa: ASYNC110 - it tells no event
            await asyncio.sleep(0.01)
        stop.set()
        report = await asyncio.wait_for(running, 30)
    assert (report.interrupted, report.measurements) == (True, [])


async def test_workers_that_are_not_ready_can_be_left() -> None:
    stop = asyncio.Event()
    left: list[int] = []

    async def engine(count: int) -> list[Worker]:
        stop.set()
        try:
            await asyncio.sleep(60)
        finally:
            left.append(count)
        return []

    async with LocalGateway() as gateway:
        running = measure(session_for(gateway, workers=2), stop=stop, engine=engine)
        report = await asyncio.wait_for(running, 30)
    assert (report.interrupted, report.measurements, left) == (True, [], [2])


async def test_an_engine_that_cannot_start_says_why() -> None:
    async def engine(count: int) -> list[Worker]:
        raise ConfigurationError(f"no room for {count}")

    async with LocalGateway() as gateway:
        with pytest.raises(ConfigurationError, match="no room for 3"):
            await measure(session_for(gateway, workers=3), engine=engine)


async def test_more_processes_than_the_machine_can_run_are_refused_before_anything_is_sent() -> (
    None
):
    async with LocalGateway() as gateway:
        with pytest.raises(ConfigurationError, match="9999 worker processes on"):
            await measure(session_for(gateway, workers=9999))
        assert not gateway.requests


async def test_another_engine_may_run_the_workers() -> None:
    asked: list[int] = []

    async def engine(count: int) -> list[Worker]:
        asked.append(count)
        return [InProcess() for _ in range(count)]

    async with LocalGateway() as gateway:
        report = await measure(session_for(gateway, workers=2), engine=engine)
    assert asked == [2]
    assert report.measurements[0].generator.workers == 2


class Mortal(InProcess):
    """Dies when it is to run one plan more than it has lives."""

    def __init__(self, lives: int) -> None:
        super().__init__()
        self.lives = lives

    async def run(self, *arguments: Any) -> Result:
        self.lives -= 1
        if self.lives < 0:
            raise WorkerDiedError("a worker is gone")
        return await super().run(*arguments)


@pytest.mark.parametrize(("lives", "sent"), [(1, [6]), (2, [12]), (3, [12, 6])])
async def test_what_was_measured_before_a_worker_dies_is_kept(lives: int, sent: list[int]) -> None:
    async def engine(_: int) -> list[Worker]:
        return [Mortal(lives)]

    searches = [FixedLoads((Load.closed(2), Load.closed(3)))]
    async with LocalGateway() as gateway:
        session = session_for(gateway, searches=searches, repetitions=2)
        report = await measure(session, engine=engine)
    assert [one.counts.completed for one in report.measurements] == sent
    assert report.failure == "a worker is gone"
    assert not report.interrupted


async def test_a_worker_that_dies_before_anything_was_measured_is_an_error() -> None:
    async def engine(_: int) -> list[Worker]:
        return [Mortal(0)]

    async with LocalGateway() as gateway:
        with pytest.raises(WorkerDiedError, match="a worker is gone"):
            await measure(session_for(gateway), engine=engine)


async def test_a_load_that_was_cut_short_is_no_ground_for_a_finding() -> None:
    stop = asyncio.Event()

    class Stopping(Observer):
        def began(self, model: str, load: str, repetition: int, repetitions: int) -> None:
            if load == "poisson:2":
                stop.set()

    async with LocalGateway() as gateway:
        session = session_for(
            gateway,
            searches=[MaxRate()],
            phases=Phases(requests=2),
            objectives=Objectives.parse("e2e:60s"),
        )
        report = await asyncio.wait_for(measure(session, observer=Stopping(), stop=stop), 60)
    assert [one.load for one in report.measurements] == ["poisson:1", "poisson:2"]
    assert report.findings == [
        "openai/gpt-4.1: highest rate that meets e2e:60000ms for 95% of requests: 1 requests a "
        "second (none that fails was found)"
    ]


async def test_a_session_says_what_it_lacks() -> None:
    async with LocalGateway() as gateway:
        with pytest.raises(ConfigurationError, match="at least one model"):
            session_for(gateway, models=[])
        with pytest.raises(ConfigurationError, match="repetitions"):
            session_for(gateway, repetitions=0)
        with pytest.raises(ConfigurationError, match="not streamed has no ttft and no itl,"):
            session_for(
                gateway,
                workload=Workload(stream=False),
                objectives=Objectives.parse("ttft:1s,itl:1s,e2e:1s"),
            )


def trace_of(tmp_path: Path, requests: int) -> FixedLoads:
    path = tmp_path / "trace.jsonl"
    line = '{"timestamp": 0, "input_length": 4, "output_length": 2}\n'
    path.write_text(line * requests)
    return FixedLoads((Load.parse(f"trace:{path}"),))


@pytest.mark.parametrize(("phases", "sent"), [(Phases(), 120), (Phases(requests=7), 7)])
async def test_a_trace_is_over_with_its_last_request_or_before(
    tmp_path: Path, phases: Phases, sent: int
) -> None:
    async with LocalGateway() as gateway:
        session = session_for(gateway, phases=phases, searches=[trace_of(tmp_path, 120)])
        (taken,) = (await measure(session)).measurements
    assert taken.counts.completed == sent


async def test_a_load_without_an_end_takes_a_hundred_requests() -> None:
    async with LocalGateway() as gateway:
        (taken,) = (await measure(session_for(gateway, phases=Phases()))).measurements
    assert taken.counts.completed == 100


async def test_processes_that_were_started_are_ready() -> None:
    started = await start_processes(2)
    try:
        assert [isinstance(worker, ProcessWorker) for worker in started] == [True, True]
        times = await asyncio.gather(*(worker.clock() for worker in started))
        assert max(times) - min(times) < 5
    finally:
        for worker in started:
            await worker.close()


async def test_without_processes_it_is_this_one() -> None:
    (worker,) = await start_processes(0)
    assert isinstance(worker, InProcess)
