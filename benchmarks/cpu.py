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

from benchmarks.contenders import CONTENDERS, Task
from benchmarks.replay_server import text_of

__all__ = ["Case", "Figures", "measure"]

# Seconds that one run of a contender may take, about: the slow have fewer streams in it.
RUN_S = 0.25

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
    """

    title: str
    task: str
    streams: int
    units: int
    per_write: int = 50
    pause_ms: int = 0
    kind: str = "text"

    @property
    def path(self) -> str:
        """What the replay server is asked for."""
        if self.task == "whole":
            return "whole/"
        return f"stream/{self.units}/{self.per_write}/{self.pause_ms}/{self.kind}/"

    @property
    def rounds(self) -> int:
        """How often a run repeats it: a completion is short, and the first few find cold caches."""
        return 50 if self.task == "whole" else 1

    @property
    def expected(self) -> str:
        """The text that the server sends."""
        return text_of(20) if self.task == "whole" else text_of(self.units, self.kind)


async def measure(
    case: Case, root: str, repeats: int, contenders: Iterable[str] = CONTENDERS
) -> Figures:
    """Run a case for every contender that has its task, the floor first in each round.

    The first round of a case without pauses warms up, and tells how many streams each contender
    gets through in ``RUN_S``: what is twenty times as slow is not twenty times as interesting.
    Each reads one at least, and streams of the same length.

    Raises:
        AssertionError: A contender lost or changed text.
    """
    figures: Figures = {}
    fitting: dict[str, int] = {}
    for repeat in range(1 if case.pause_ms else 0, repeats + 1):
        for name in contenders:
            async with CONTENDERS[name](root + case.path) as tasks:
                task = tasks.get(case.task)
                if task is None:
                    continue
                if not case.pause_ms:
                    await _checked(task, case)  # a connection, where runs are too short for theirs
                if repeat:
                    # How many there are at once is what a case with pauses is about.
                    seconds = await _seconds(task, case, fitting.get(name, case.streams))
                    figures.setdefault(name, []).append(seconds)
                else:
                    took = await _seconds(task, case, 1) * case.units * case.rounds
                    fitting[name] = max(1, min(case.streams, int(RUN_S / took)))
    return figures


async def _seconds(task: Task, case: Case, streams: int) -> float:
    # What other contenders imported is in nobody else's process: left to the collector, it would
    # take half a second of whoever makes the hundred thousandth object.
    gc.collect()
    gc.freeze()
    gc.collect()
    try:
        before = time.process_time()
        for _ in range(case.rounds):
            await asyncio.gather(*(_checked(task, case) for _ in range(streams)))
        return (time.process_time() - before) / (case.rounds * streams * case.units)
    finally:
        gc.unfreeze()


async def _checked(task: Task, case: Case) -> None:
    texts: list[str] = []
    await task(texts.append)
    assert "".join(texts) == case.expected, "a contender lost or changed text"
