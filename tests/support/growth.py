"""Whether work grows in proportion to its size, measured so that a loaded machine cannot fail it.

Only the thread's own CPU time counts, so what other processes take does not. Eight times the
size is eight times the work where it is linear and 64 times where it is quadratic: the bound
stands far from both. A round that was disturbed all the same is measured again.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable

TIMES = 8
BOUND = 24.0
ROUNDS = 5


def assert_linear(work: Callable[[int], object], size: int) -> None:
    """Fail when eight times the size takes far more than eight times the work.

    Args:
        work: Does an amount of work that ``size`` stands for; what it has to set up for that
            counts as well, so keep it small beside the work.
        size: The smaller size. It should take some milliseconds, and be large enough for the
            part that must not grow to outweigh the rest if it did.
    """
    growth = float("inf")
    for _ in range(ROUNDS):
        # As many small runs as one large run is worth; the least is what the work takes.
        small = min(_seconds(work, size) for _ in range(TIMES))
        growth = min(growth, _seconds(work, TIMES * size) / small)
        if growth < BOUND:
            return
    raise AssertionError(f"{TIMES} times the size took {growth:.0f} times the work")


def _seconds(work: Callable[[int], object], size: int) -> float:
    """CPU seconds of this thread, without what collecting other tests' garbage would add."""
    collects = gc.isenabled()
    gc.disable()
    try:
        began = time.thread_time()
        work(size)
        return time.thread_time() - began
    finally:
        if collects:
            gc.enable()
