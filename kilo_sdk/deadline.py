"""A time at which a wait ends: what ``asyncio.timeout_at`` does, for a wait in every call.

Its rules of cancellation are the standard library's, to the letter; what it does without is
the states and coroutines of a scope that can be moved.

Source: CPython's ``asyncio.timeouts`` (how an expiry is told from another cancellation).
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

__all__ = ["Deadline"]


class Deadline:
    """Cancels the current task at a time, and turns that into a ``TimeoutError``.

    To be entered once, by a task: ``with Deadline(loop, when):`` around what is awaited.

    Args:
        loop: The running loop.
        when: On the clock of the loop; None for never.

    Attributes:
        expired: Whether the time came before the block was left.

    Raises:
        TimeoutError: On leaving a block that ended for no other reason.
    """

    __slots__ = ("_before", "_loop", "_task", "_timer", "_when", "expired")

    def __init__(self, loop: asyncio.AbstractEventLoop, when: float | None) -> None:
        self._loop = loop
        self._when = when
        self.expired = False

    def __enter__(self) -> Self:
        self._timer: asyncio.TimerHandle | None = None
        if self._when is not None:
            task = asyncio.current_task(self._loop)
            if task is None:
                raise RuntimeError("a deadline belongs to a task")
            self._task = task
            # Who cancelled the task before this began is none of its business.
            self._before = task.cancelling()
            self._timer = self._loop.call_at(self._when, self._expire)
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()
            if (
                self.expired
                # A task that somebody else cancelled meanwhile is cancelled, late or not.
                and self._task.uncancel() <= self._before
                and exc_type is asyncio.CancelledError
            ):
                raise TimeoutError from exc

    def _expire(self) -> None:
        self.expired = True
        self._task.cancel()
