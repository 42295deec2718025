"""Times at which waits end: what ``asyncio.timeout_at`` does, for a wait in every call.

Its rules of cancellation are the standard library's, to the letter; what it does without is
the states and coroutines of a scope that can be moved, and a timer for each wait.

Source: CPython's ``asyncio.timeouts`` (how an expiry is told from another cancellation).
"""

from __future__ import annotations

import asyncio
from math import inf
from types import TracebackType
from typing import Self

__all__ = ["Deadline", "Deadlines"]


class Deadlines:
    """The waits of one event loop that end at a time, over one timer.

    Nearly every wait is over long before its time. The timer stands at the earliest time that
    it was set to and is not taken back when a wait ends: it finds out what is left when it
    fires, which with waits of minutes is once in minutes, however many there were.

    Args:
        loop: The loop that they run in.
    """

    __slots__ = ("_due", "_loop", "_timer", "_waits")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waits: set[Deadline] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._due = inf

    def at(self, when: float) -> Deadline:
        """Return what ends the current task's wait at a time: ``with deadlines.at(when):``.

        Args:
            when: On the clock of the loop; ``inf`` for never.
        """
        return Deadline(self, when)

    def close(self) -> None:
        """End every wait now, as if its time had come, and let the loop go."""
        waits, self._waits = self._waits, set()
        if not self._loop.is_closed():
            for wait in waits:
                wait.expire()
        if self._timer is not None:
            self._timer.cancel()
            self._timer, self._due = None, inf

    def _set_timer(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._due = when
        self._timer = self._loop.call_at(when, self._expire)

    def _expire(self) -> None:
        # The loop may fire a shade early, by its clock's resolution.
        now = max(self._loop.time(), self._due)
        self._timer, self._due = None, inf
        over = {one for one in self._waits if one.when <= now}
        self._waits -= over
        for wait in over:
            wait.expire()
        due = min((wait.when for wait in self._waits), default=inf)
        if due < inf:
            self._set_timer(due)


class Deadline:
    """Cancels the current task at a time, and turns that into a ``TimeoutError``.

    To be entered once, by a task.

    Attributes:
        when: The time.
        expired: Whether it came, or ``Deadlines.close``, before the block was left.

    Raises:
        TimeoutError: On leaving a block that ended for no other reason.
    """

    __slots__ = ("_among", "_before", "_task", "expired", "when")

    def __init__(self, among: Deadlines, when: float) -> None:
        self._among = among
        self.when = when
        self.expired = False

    def __enter__(self) -> Self:
        among = self._among
        task = asyncio.current_task(among._loop)
        if task is None:
            raise RuntimeError("a deadline belongs to a task")
        self._task = task
        among._waits.add(self)
        if self.when < among._due:
            among._set_timer(self.when)
        # Who cancelled the task before this began is none of its business.
        self._before = task.cancelling()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if not self.expired:
            self._among._waits.discard(self)
        elif (
            # A task that somebody else cancelled meanwhile is cancelled, late or not.
            self._task.uncancel() <= self._before and exc_type is asyncio.CancelledError
        ):
            raise TimeoutError from exc

    def expire(self) -> None:
        """The time has come."""
        self.expired = True
        self._task.cancel()
