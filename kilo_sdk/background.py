"""Tasks that outlive the call that began them, and end with their client."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

import anyio

from kilo_sdk.lifetime import Lifetime

__all__ = ["BackgroundTasks"]

# How long a task that was cancelled may take to put things in order.
_ENDING_S: Final = 5.0

T = TypeVar("T")


class BackgroundTasks:
    """The tasks of one client, shared by all its views. ``close`` may be called twice.

    What a task raises is for whoever awaits it; where nobody does, it is the task's own
    part to log it.

    Args:
        lifetime: That of the client, which ``close`` ends.
    """

    __slots__ = ("_lifetime", "_tasks")

    def __init__(self, lifetime: Lifetime) -> None:
        self._lifetime = lifetime
        self._tasks: set[asyncio.Task[Any]] = set()

    def __len__(self) -> int:
        return len(self._tasks)

    def start(self, work: Coroutine[Any, Any, T], *, name: str) -> asyncio.Task[T]:
        """Begin a task on the running event loop.

        Raises:
            ConfigurationError: The client is closed.
        """
        if self._lifetime.over:
            # Never awaited, it would be warned of.
            work.close()
        self._lifetime.check_open()
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    async def close(self) -> None:
        """Cancel what still runs, and wait until it has ended; 5 seconds at most."""
        self._lifetime.end()
        running = asyncio.get_running_loop()
        # One that belongs to a loop that is gone can be neither cancelled nor awaited.
        tasks = [task for task in self._tasks if task.get_loop() is running]
        if tasks:
            with anyio.move_on_after(_ENDING_S, shield=True):
                try:
                    # A task that is cancelled before its first step does not even begin, and
                    # so puts nothing in order.
                    await asyncio.sleep(0)
                finally:
                    for task in tasks:
                        task.cancel()
                await asyncio.wait(tasks)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            # Looked at, or asyncio reports it as never retrieved.
            task.exception()
