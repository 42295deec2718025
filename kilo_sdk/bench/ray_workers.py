"""Generators on a Ray cluster: beyond one machine, on an engine that exists.

Each worker is an actor with a core of its own, spread over the nodes. Its clock is another
machine's; ``crew`` finds the difference, as for processes of this one.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, Final

from kilo_sdk.bench.crew import InProcess, Worker
from kilo_sdk.bench.plan import Plan
from kilo_sdk.bench.result import Progress, Result
from kilo_sdk.config.extras import needs_extra
from kilo_sdk.errors import ConfigurationError, KiloError

with needs_extra("bench-ray", what="measuring from a Ray cluster"):
    import ray  # pyright: ignore[reportMissingImports]

__all__ = ["RayEngine", "RayWorker"]

_PROGRESS_S: Final = 0.25
_READY_S: Final = 120.0


class RayEngine:
    """Starts workers on a cluster; to be given to ``measure(engine=...)``.

    Args:
        address: Of the cluster; ``auto`` is the one of this machine, ``local`` starts one
            here.

    Raises:
        ConfigurationError: On the call: the cluster cannot be reached, or has fewer free
            cores than there are to be workers.
    """

    def __init__(self, address: str = "auto") -> None:
        self._address = address

    async def __call__(self, count: int) -> list[Worker]:
        """Start that many workers, at least one."""
        count = max(count, 1)
        try:
            ray.init(
                address=self._address,
                ignore_reinit_error=True,
                log_to_driver=False,
                logging_level="error",
                include_dashboard=None if self._address != "local" else False,
            )
        except (ConnectionError, ValueError, RuntimeError) as exc:
            raise ConfigurationError(
                f"the Ray cluster {self._address!r} cannot be reached: {exc}"
            ) from exc
        actor = ray.remote(num_cpus=1, scheduling_strategy="SPREAD")(_Actor)
        workers = [RayWorker(actor.remote()) for _ in range(count)]
        try:
            async with asyncio.timeout(_READY_S):
                await asyncio.gather(*(worker.clock() for worker in workers))
        except BaseException as exc:
            for worker in workers:
                await worker.close()
            if not isinstance(exc, TimeoutError):
                raise
            raise ConfigurationError(
                f"the Ray cluster has no {count} free cores for as many workers; ask for fewer "
                "with --workers"
            ) from exc
        return [*workers]

    def close(self) -> None:
        """Leave the cluster; one that was started here ends."""
        ray.shutdown()


class RayWorker:
    """Speaks with one actor."""

    def __init__(self, actor: Any) -> None:
        self._actor = actor

    async def clock(self) -> float:
        """Return the monotonic clock of its machine."""
        return float(await self._actor.clock.remote())

    async def run(
        self, plan: Plan, begin: float, on_progress: Callable[[Progress], None]
    ) -> Result:
        """Run a plan there.

        Raises:
            KiloError: As in the worker, or it is gone.
        """
        telling = asyncio.create_task(self._tell(on_progress))
        try:
            outcome = await self._actor.run.remote(plan, begin)
            on_progress(await self._actor.progress.remote())
        except ray.exceptions.RayActorError as exc:
            raise KiloError("a worker on the Ray cluster ended before its work was done") from exc
        finally:
            telling.cancel()
            await asyncio.gather(telling, return_exceptions=True)
        # Ray wraps what an actor raises; an error that is returned comes as it is.
        if isinstance(outcome, KiloError):
            raise outcome
        return outcome  # type: ignore[no-any-return]

    async def stop(self) -> None:
        """End the plan now; ``run`` returns what was measured."""
        await self._actor.stop.remote()

    async def close(self) -> None:
        """End the actor."""
        ray.kill(self._actor)

    async def _tell(self, on_progress: Callable[[Progress], None]) -> None:
        while True:
            await asyncio.sleep(_PROGRESS_S)
            on_progress(await self._actor.progress.remote())


class _Actor:
    """Runs there; its methods share the event loop of the actor."""

    def __init__(self) -> None:
        self._worker = InProcess()
        self._progress = Progress()

    async def clock(self) -> float:
        return time.monotonic()

    async def run(self, plan: Plan, begin: float) -> Result | KiloError:
        def note(progress: Progress) -> None:
            self._progress = progress

        self._progress = Progress()
        try:
            return await self._worker.run(plan, begin, note)
        except KiloError as error:
            return error

    async def progress(self) -> Progress:
        return self._progress

    async def stop(self) -> None:
        await self._worker.stop()
