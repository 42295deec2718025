"""Several generators as one: clocks compared, one beginning, results merged.

What a generator runs on - this process, another one, another machine - is the business of
the ``Worker``. Each has a clock of its own; the difference to ours is measured by asking
for its time, and taken off (Cristian's algorithm: half the shortest round trip bounds the
error).
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Final, Protocol, TypeVar

import anyio.lowlevel
import attrs

from kilo_sdk.bench.asking import open_client
from kilo_sdk.bench.generator import Generator
from kilo_sdk.bench.plan import Plan, Share
from kilo_sdk.bench.result import Progress, Result

__all__ = ["InProcess", "Worker", "compare_clock", "run_plan"]

_ROUND_TRIPS: Final = 8
# Until the load begins: each worker has opened its client by then.
_LEAD_S: Final = 0.25
_PROGRESS_S: Final = 0.25

_T = TypeVar("_T")


class Worker(Protocol):
    """One generator, wherever it runs. It runs one plan at a time."""

    async def clock(self) -> float:
        """Return its monotonic clock, in seconds."""
        ...

    async def run(
        self, plan: Plan, begin: float, on_progress: Callable[[Progress], None]
    ) -> Result:
        """Run a plan that begins at a time of its clock."""
        ...

    async def stop(self) -> None:
        """End the plan now, also where this overtakes ``run``; no other begins after it."""

    async def close(self) -> None:
        """End the worker."""


class InProcess:
    """A generator in this very event loop, which whoever shares the loop slows down."""

    def __init__(self) -> None:
        self._generator: Generator | None = None
        self._stopped = False

    async def clock(self) -> float:
        """Return the monotonic clock of this process."""
        return time.monotonic()

    async def run(
        self, plan: Plan, begin: float, on_progress: Callable[[Progress], None]
    ) -> Result:
        """Run a plan."""
        # anyio imports what it runs on when it is first used, and from 3.13 on Python what it
        # seeds chance with, for longer than many an answer takes: not in the first request.
        await anyio.lowlevel.checkpoint()
        random.Random("")  # noqa: S311
        async with open_client(plan.target) as client:
            self._generator = generator = Generator(client, plan)
            if self._stopped:
                generator.stop()
            telling = asyncio.create_task(_tell(generator, on_progress))
            try:
                return await generator.run(begin)
            finally:
                self._generator = None
                telling.cancel()
                await asyncio.gather(telling, return_exceptions=True)
                on_progress(generator.progress())

    async def stop(self) -> None:
        """End the plan now, or at once when it comes."""
        self._stopped = True
        if self._generator is not None:
            self._generator.stop()

    async def close(self) -> None:
        """Do nothing: there is nothing to close."""


async def _tell(generator: Generator, on_progress: Callable[[Progress], None]) -> None:
    while True:
        await asyncio.sleep(_PROGRESS_S)
        on_progress(generator.progress())


async def compare_clock(worker: Worker) -> tuple[float, float]:
    """Return a worker's clock minus ours, and by how much that may be wrong, in seconds."""
    best = (0.0, float("inf"))
    for _ in range(_ROUND_TRIPS):
        asked = time.monotonic()
        theirs = await worker.clock()
        answered = time.monotonic()
        error = (answered - asked) / 2
        if error < best[1]:
            best = (theirs - (asked + answered) / 2, error)
    return best


async def run_plan(
    plan: Plan,
    workers: Sequence[Worker],
    *,
    on_progress: Callable[[Progress], None],
    stop: asyncio.Event | None = None,
) -> Result:
    """Run a plan on several workers at once, each with its share.

    Args:
        plan: The whole plan; its own share is not looked at.
        workers: At least one. Those for whom nothing is left to do stay idle.
        on_progress: Told, a few times a second, how far all of them have come.
        stop: Ends the run early when set; what was measured is returned.

    Returns:
        What all of them measured, as one, in times of this process's clock.
    """
    crew = list(workers)[: _most_workers(plan)]
    clocks = await gather(compare_clock(worker) for worker in crew)
    begin = time.monotonic() + _LEAD_S
    told: dict[int, Progress] = {}

    async def work(index: int, worker: Worker) -> Result:
        offset, error = clocks[index]

        def note(progress: Progress) -> None:
            told[index] = progress
            on_progress(Progress.of_all(told.values()))

        part = attrs.evolve(plan, share=Share(index, len(crew)))
        result = await worker.run(part, begin + offset, note)
        result.started -= offset
        result.ended -= offset
        if len(crew) > 1:
            result.overhead.clock_error = error
        return result

    async def watch() -> None:
        if stop is not None:
            await stop.wait()
            await gather(worker.stop() for worker in crew)

    watching = asyncio.create_task(watch())
    try:
        first, *others = await gather(work(index, worker) for index, worker in enumerate(crew))
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
    for other in others:
        first.merge(other)
    return first


async def gather(work: Iterable[Awaitable[_T]]) -> list[_T]:
    """Wait for all; the first failure cancels the rest and is raised as it is."""

    async def run(one: Awaitable[_T]) -> _T:
        return await one

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(run(one)) for one in work]
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
    return [task.result() for task in tasks]


def _most_workers(plan: Plan) -> int:
    """Return how many workers a plan can keep busy."""
    limits = [plan.phases.requests]
    if not plan.load.is_open:
        limits.append(plan.load.concurrency)
    if plan.trace is not None:
        limits.append(len(plan.trace))
    return max(1, min(limit for limit in [*limits, 2**31] if limit is not None))
