"""An event loop on a clock of its own, so that a loaded machine cannot make a test too late.

The loop's time is the CPU time of its thread and the time it chose to wait. What other processes
take from the machine is neither: a test that is held up for a second finds its deadlines where
they were. Sockets, timers and the code under test are the real ones.
"""

from __future__ import annotations

import asyncio
import selectors
import time
from collections.abc import Iterator
from contextlib import contextmanager

import anyio


class OwnTimeLoop(asyncio.SelectorEventLoop):
    """An asyncio loop whose time stands still while its thread is kept from running.

    A second by this clock is a second or more by the wall's. Work of other threads and
    processes goes by only while the loop waits: a test that blocks the loop for them has to
    wait for what they do, and not for a time.
    """

    def __init__(self) -> None:
        self._waits = _MeasuredSelector()
        self._stands_at: float | None = None
        self._stood = 0.0
        super().__init__(self._waits)

    def time(self) -> float:
        """Seconds; as little related to those of another loop as the clock of another machine."""
        if self._stands_at is not None:
            return self._stands_at
        return self._waits.seconds + time.thread_time() - self._stood

    @contextmanager
    def standing_still(self) -> Iterator[None]:
        """No time goes by in the block: bytes come and go, and no timer runs out.

        Wait inside it with ``await asyncio.sleep(0)``, for every other sleep is endless.
        """
        self._stands_at = stood_from = self.time()
        try:
            yield
        finally:
            self._stands_at = None
            self._stood += self.time() - stood_from


def own_time_loop() -> OwnTimeLoop:
    """The loop that runs."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, OwnTimeLoop)
    return loop


@contextmanager
def elapsed(at_least: float, *, late: float = 1.0) -> Iterator[None]:
    """What the block does takes as long as told, by the clock of the loop that runs.

    Args:
        at_least: Seconds; no timer is early by more than the resolution of a clock.
        late: Most seconds that it may take beyond that.
    """
    started = anyio.current_time()
    yield
    took = anyio.current_time() - started
    assert at_least - 0.002 <= took <= at_least + late


class _MeasuredSelector(selectors.DefaultSelector):
    """Adds up how long it was asked to wait and did."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds = 0.0

    def select(
        self, timeout: float | None = None
    ) -> list[tuple[selectors.SelectorKey, selectors._EventMask]]:
        began = time.monotonic()
        try:
            return super().select(timeout)
        finally:
            waited = time.monotonic() - began
            # The system wakes a thread when it has a core for it, which may be much later.
            self.seconds += waited if timeout is None else min(waited, max(timeout, 0.0))
