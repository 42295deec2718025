"""Event loops: a client belongs to one, and is told the time and who is cancelled by it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import NoReturn

from kilo_sdk.errors import ConfigurationError

__all__ = ["cancellations", "check_loop", "clock_of", "refuse_loop"]


def clock_of(loop: asyncio.AbstractEventLoop) -> Callable[[], float]:
    """Return what tells the time of a loop.

    Loops of asyncio ask the same clock, in a function of their own.
    """
    return monotonic if type(loop).time is asyncio.BaseEventLoop.time else loop.time


def cancellations() -> int:
    """Return how often the running task was cancelled, less how often that was taken back."""
    task = asyncio.current_task()
    return 0 if task is None else task.cancelling()


def check_loop(loop: asyncio.AbstractEventLoop) -> None:
    """Refuse to go on in another event loop.

    Raises:
        ConfigurationError: ``loop`` is not the running one.
    """
    if asyncio.get_running_loop() is not loop:
        refuse_loop()


def refuse_loop() -> NoReturn:
    """Say that another event loop cannot go on.

    Raises:
        ConfigurationError: Each time.
    """
    raise ConfigurationError(
        "the client belongs to another event loop; make one KiloClient per event loop "
        "(each asyncio.run has its own)"
    )
