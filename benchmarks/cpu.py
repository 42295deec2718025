"""CPU time of the client per chunk, delta or completion, contenders in turn.

Time of the process, not of the clock on the wall: what the server and other processes take
does not count. Each contender's runs are interleaved with the others', so that a machine
that changes its speed changes it for all.
"""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Iterable

import attrs

from benchmarks.contenders import CONTENDERS, FLOOR, Task
from benchmarks.replay_server import text_of

__all__ = ["Case", "Figures", "measure"]

SLOW = 20
SLOW_REPEATS = 2

Figures = dict[str, list[float]]
"""Seconds per unit, one for each counted run, by contender."""


@attrs.frozen
class Case:
    """One thing to measure.

    Attributes:
        title: What the table says.
        task: Which of a contender's tasks.
        streams: How many run at once.
        units: Chunks, or completions, that one task brings.
        per_write: Events in one write of the server.
        pause_ms: Milliseconds between two writes.
        kind: What the chunks hold.
        target: Most times the hand-written loop, as the project sets itself; None for none.
    """

    title: str
    task: str
    streams: int
    units: int
    per_write: int = 50
    pause_ms: int = 0
    kind: str = "text"
    target: float | None = None

    @property
    def path(self) -> str:
        """What the replay server is asked for."""
        if self.task == "whole":
            return "whole/"
        return f"stream/{self.units}/{self.per_write}/{self.pause_ms}/{self.kind}/"

    @property
    def expected(self) -> str:
        """The text that the server sends."""
        return text_of(20) if self.task == "whole" else text_of(self.units, self.kind)


async def measure(
    case: Case, root: str, repeats: int, contenders: Iterable[str] = CONTENDERS
) -> Figures:
    """Run a case for every contender that has its task; the first round only warms up.

    The floor comes first in each round. One that takes more than ``SLOW`` times as long has
    ``SLOW_REPEATS`` counted runs.

    Raises:
        AssertionError: A contender lost or changed text.
    """
    figures: Figures = {}
    slow: set[str] = set()
    for repeat in range(repeats + 1):
        for name in contenders:
            # What is twenty times the floor needs no more precision, and takes all the time.
            if name in slow and repeat > SLOW_REPEATS:
                continue
            async with CONTENDERS[name](root + case.path) as tasks:
                task = tasks.get(case.task)
                if task is None:
                    continue
                await _checked(task, case)
                seconds = await _seconds(task, case)
            if repeat:
                figures.setdefault(name, []).append(seconds)
                if seconds > SLOW * figures[FLOOR][0]:
                    slow.add(name)
    return figures


async def _seconds(task: Task, case: Case) -> float:
    rounds = 10 if case.task == "whole" else 1
    gc.collect()
    before = time.process_time()
    for _ in range(rounds):
        await asyncio.gather(*(_checked(task, case) for _ in range(case.streams)))
    return (time.process_time() - before) / (rounds * case.streams * case.units)


async def _checked(task: Task, case: Case) -> None:
    texts: list[str] = []
    await task(texts.append)
    assert "".join(texts) == case.expected, "a contender lost or changed text"
