"""How often the SDK tried again for the task that runs, read off its log.

Retrying is the SDK's own business and not told to callers; its logger says each time
``retry.waiting`` in the task that waits.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

import attrs

__all__ = ["RetryCount", "counting_retries", "retries_of_this_task"]

_LOGGER: Final = "kilo_sdk.attempts"
_EVENT: Final = "retry.waiting"


@attrs.define(slots=True)
class RetryCount:
    """Tries after the first, of one request."""

    count: int = 0


_current: ContextVar[RetryCount | None] = ContextVar("kilo_sdk_bench_retries", default=None)


def retries_of_this_task() -> RetryCount:
    """Return a count, from 0, of what the running task retries from now on."""
    count = RetryCount()
    _current.set(count)
    return count


class _Counter(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        count = _current.get()
        if count is not None and str(record.msg).startswith(_EVENT):
            count.count += 1


@contextmanager
def counting_retries() -> Iterator[None]:
    """Count the retries of tasks that asked for it, in the block."""
    logger = logging.getLogger(_LOGGER)
    counter, level = _Counter(logging.INFO), logger.level
    logger.addHandler(counter)
    if not logger.isEnabledFor(logging.INFO):
        logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.setLevel(level)
        logger.removeHandler(counter)
