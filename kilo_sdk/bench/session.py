"""A whole session: every model under every load, as often as asked, into one report."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias, TypeVar

import attrs

from kilo_sdk.bench.asking import open_client
from kilo_sdk.bench.crew import InProcess, Worker, gather, run_plan
from kilo_sdk.bench.datasets import TraceEntry, load_trace
from kilo_sdk.bench.environment import describe_environment, usable_cores
from kilo_sdk.bench.load import Load
from kilo_sdk.bench.objectives import Objectives
from kilo_sdk.bench.plan import Phases, Plan, Target
from kilo_sdk.bench.report import Measurement, Report, measurement_of
from kilo_sdk.bench.result import Progress, Result
from kilo_sdk.bench.search import FixedLoads, Search
from kilo_sdk.bench.worker_process import ProcessWorker
from kilo_sdk.bench.workload import Workload
from kilo_sdk.errors import ConfigurationError, KiloError
from kilo_sdk.resilience.try_report import TryReport
from kilo_sdk.types.wire import WireMessage

__all__ = ["Engine", "Observer", "Session", "check_target", "measure", "start_processes"]

_REQUESTS: Final = 100
_PROCESSES_PER_CORE: Final = 8
_LEAST_MOST_PROCESSES: Final = 16

_T = TypeVar("_T")

Engine: TypeAlias = Callable[[int], Awaitable[list[Worker]]]
"""Starts that many workers."""


class Observer:
    """Told how a session goes; each method does nothing until it is overridden."""

    def began(self, model: str, load: str, repetition: int, repetitions: int) -> None:
        """A repetition begins; the first has the number 1."""

    def progressed(self, progress: Progress) -> None:
        """It has come so far; told a few times a second."""

    def measured(self, measurement: Measurement) -> None:
        """All repetitions of a load are done."""


@attrs.frozen(kw_only=True)
class Session:
    """What to measure.

    Attributes:
        target: Who is asked; its model is replaced by each of ``models``.
        models: Model refs.
        workload: What is asked.
        searches: Loads, or searches over them; each runs on every model.
        phases: How long each load runs; where they say neither how many requests nor how long,
            100 requests, or all of a trace.
        objectives: What makes a request good, or None.
        repetitions: How often each load runs; from 2 on there are confidence intervals.
        workers: Processes that send the load; 0 sends it from this event loop.
        seed: What send times are drawn from; each repetition has its own.
        settings: What was asked for in words, for the report.
    """

    target: Target
    models: Sequence[str]
    workload: Workload = attrs.field(factory=Workload)
    searches: Sequence[Search] = (FixedLoads((Load.closed(8),)),)
    phases: Phases = attrs.field(factory=Phases)
    objectives: Objectives | None = None
    repetitions: int = 1
    workers: int = 1
    seed: int = 0
    settings: dict[str, str] = attrs.field(factory=dict)

    def __attrs_post_init__(self) -> None:
        if not self.models or isinstance(self.models, str):
            raise ConfigurationError("models is a list of at least one model ref")
        if self.repetitions < 1 or self.workers < 0:
            raise ConfigurationError("repetitions is 1 or more, workers 0 or more")
        if self.objectives is not None and not self.workload.stream:
            never = self.objectives.of_streams()
            if never:
                raise ConfigurationError(
                    f"an answer that is not streamed has no {' and no '.join(never)}, which every "
                    "answer would pass; objectives without streaming are e2e and stream_rate"
                )


async def measure(
    session: Session,
    *,
    observer: Observer | None = None,
    stop: asyncio.Event | None = None,
    engine: Engine | None = None,
) -> Report:
    """Run a session.

    Every model is asked once beforehand, so that a wrong key or name ends it at once.

    Args:
        session: What to measure.
        observer: Told how it goes.
        stop: Ends it early when set; what was measured is in the report.
        engine: Starts the workers, given their number; default: processes of this machine.

    Raises:
        APIError: The check beforehand failed.
        ConfigurationError: What was asked for cannot work, such as more processes than this
            machine can run at once.
        WorkerDiedError: A worker process ended before its work was done, and nothing had been
            measured yet; what had been is returned, with ``failure`` in the report.
    """
    observer, stop = observer or Observer(), stop or asyncio.Event()
    if engine is None:
        _check_processes(session.workers)
        engine = start_processes
    started = datetime.now(UTC).isoformat(timespec="seconds")
    traces = _load_traces(session)
    measurements: list[Measurement] = []
    findings: list[str] = []
    failure: str | None = None
    checks = 0
    for model in session.models:
        target = attrs.evolve(session.target, model=model)
        checks += await _unless_stopped(check_target(target, session.workload), stop) or 1
    # Whoever leaves need not wait for workers to be ready; without any, nothing is measured.
    workers = await _unless_stopped(engine(session.workers), stop) or []
    try:
        for model in session.models:
            for search in session.searches:
                finding = await _search(
                    session, model, search, traces, workers, observer, stop, measurements
                )
                if finding is not None:
                    findings.append(f"{model}: {finding}")
    except KiloError as error:
        if not measurements:
            raise
        failure = str(error)  # what was measured until then is not lost with it
    finally:
        await gather(worker.close() for worker in workers)
    return Report(
        started=started,
        settings=dict(session.settings),
        environment=describe_environment(),
        measurements=measurements,
        findings=findings,
        checks=checks,
        interrupted=stop.is_set(),
        failure=failure,
    )


async def check_target(target: Target, workload: Workload) -> int:
    """Ask a target once, for as little as it takes to see that it answers.

    Returns:
        How many requests that took: one, and the retries of it.

    Raises:
        APIError: It does not; the message says why.
    """
    tries: list[TryReport] = []
    async with open_client(target) as client:
        question: list[WireMessage] = [{"role": "user", "content": "Say hi in 1 word."}]
        # With tools and extra fields: a target that refuses them is to say so now. Reasoning
        # would need more tokens than a check should cost.
        options: dict[str, Any] = {
            "max_tokens": 16,
            "tools": list(workload.tools) or None,
            "extra_body": workload.extra_body,
            "on_try": tries.append,
        }
        if workload.stream:
            async with client.chat.completions.stream(messages=question, **options) as stream:
                await stream.get_final_completion()
        else:
            await client.chat.completions.create(messages=question, **options)
    return len(tries)


async def _unless_stopped(work: Awaitable[_T], stop: asyncio.Event) -> _T | None:
    """Do some work; leave it, with None, when the session is stopped before or meanwhile."""
    doing, stopping = asyncio.ensure_future(work), asyncio.ensure_future(stop.wait())
    if stop.is_set():
        doing.cancel()
    try:
        await asyncio.wait([doing, stopping], return_when=asyncio.FIRST_COMPLETED)
    finally:
        doing.cancel()
        stopping.cancel()
        await asyncio.wait([doing, stopping])
    return None if doing.cancelled() else doing.result()


async def _search(
    session: Session,
    model: str,
    search: Search,
    traces: dict[str, tuple[TraceEntry, ...]],
    workers: Sequence[Worker],
    observer: Observer,
    stop: asyncio.Event,
    measurements: list[Measurement],
) -> str | None:
    """Measure what a search asks for, into ``measurements``, and return what it found."""
    taken: list[Measurement] = []
    while not stop.is_set() and (load := search.next_load(taken)) is not None:
        plan = _plan_of(session, model, load, traces)
        results: list[Result] = []
        try:
            await _repeat(session, plan, workers, observer, stop, results)
        finally:
            if results:
                measurement = measurement_of(plan, results, workers=session.workers)
                observer.measured(measurement)
                taken.append(measurement)
                measurements.append(measurement)
    # What was cut short leaves requests unfinished that might have been good.
    return search.finding(taken[:-1] if stop.is_set() else taken)


async def _repeat(
    session: Session,
    plan: Plan,
    workers: Sequence[Worker],
    observer: Observer,
    stop: asyncio.Event,
    results: list[Result],
) -> None:
    """Run a plan as often as asked for, into ``results``."""
    for repetition in range(session.repetitions):
        observer.began(plan.target.model, str(plan.load), repetition + 1, session.repetitions)
        seeded = attrs.evolve(plan, seed=session.seed + repetition)
        results.append(await run_plan(seeded, workers, on_progress=observer.progressed, stop=stop))
        if stop.is_set():
            break


def _plan_of(
    session: Session, model: str, load: Load, traces: dict[str, tuple[TraceEntry, ...]]
) -> Plan:
    trace = None if load.trace is None else traces[load.trace]
    phases = session.phases
    if trace is None and phases.requests is None and phases.duration is None:
        phases = attrs.evolve(phases, requests=_REQUESTS)
    return Plan(
        target=attrs.evolve(session.target, model=model),
        workload=session.workload,
        load=load,
        phases=phases,
        objectives=session.objectives,
        trace=trace,
        seed=session.seed,
    )


def _load_traces(session: Session) -> dict[str, tuple[TraceEntry, ...]]:
    loads = [
        load
        for search in session.searches
        if isinstance(search, FixedLoads)
        for load in search.loads
    ]
    return {load.trace: tuple(load_trace(load.trace)) for load in loads if load.trace is not None}


async def start_processes(count: int) -> list[Worker]:
    """Start that many worker processes on this machine; none is 0, a generator in this one.

    Returns:
        Workers that are ready.
    """
    if count == 0:
        return [InProcess()]
    started: list[Worker] = []
    try:
        while len(started) < count:
            started.append(await ProcessWorker.start())
        await gather(worker.clock() for worker in started)
    except BaseException:
        await gather(worker.close() for worker in started)
        raise
    return started


def _check_processes(count: int) -> None:
    cores = usable_cores() or 1
    most = max(_LEAST_MOST_PROCESSES, _PROCESSES_PER_CORE * cores)
    if count > most:
        raise ConfigurationError(
            f"{count} worker processes on {cores} cores would only wait for one another; workers "
            f"is at most {most} here, and more machines work together on a Ray cluster (--ray)"
        )
