"""What is told of a Redis that is away, and how often it is tried again."""

from __future__ import annotations

import logging
from typing import Final

__all__ = ["RedisOutage"]

_log: Final = logging.getLogger("kilo_sdk.relay")
_FIRST_S: Final = 0.1


class RedisOutage:
    """One for all tasks of a store: where a thousand of them fail, its beginning and end are told.

    Each task says of itself what it is, in words for the operator, that fit no other.
    """

    def __init__(self) -> None:
        self._waits: dict[str, float] = {}

    def failed(self, task: str, error: Exception, *, most: float) -> float:
        """Take note that Redis failed a task.

        Args:
            task: Which one.
            error: How.
            most: Longest time between two tries, in seconds.

        Returns:
            Seconds until it is to try again: twice as many each time.
        """
        if not self._waits:
            _log.warning("store.failed %s %s", task, type(error).__name__)
        wait = min(self._waits.get(task, _FIRST_S), most)
        self._waits[task] = 2 * wait
        return wait

    def reached(self, task: str) -> None:
        """Take note that Redis did what a task asked."""
        if task in self._waits:
            self.forget(task)
            if not self._waits:
                _log.warning("store.back %s", task)

    def forget(self, task: str) -> None:
        """Take note that a task is over; one that never failed is fine."""
        self._waits.pop(task, None)
