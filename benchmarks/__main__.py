"""Measure CPU time per chunk and per completion, as ratios to a hand-written loop.

    python -m benchmarks            # about two minutes
    python -m benchmarks --short    # about twenty seconds

All contenders run in one process against one replay server in another, in turn and
repeatedly; what is printed is the median of the runs and the ratio of the medians.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import attrs

from benchmarks.contenders import CONTENDERS, Task
from benchmarks.replay_server import text_of

FLOOR = "hand-written"


@attrs.frozen
class Case:
    """One thing to measure.

    Attributes:
        title: What the table says.
        task: Which of a contender's tasks.
        path: What the replay server is asked for.
        streams: How many run at once.
        units: Chunks, or completions, that one task brings.
    """

    title: str
    task: str
    path: str
    streams: int
    units: int


def cases(scale: int) -> list[Case]:
    """Return the cases; ``scale`` makes each run longer."""
    many = 500 * scale
    return [
        Case("typed chunk, 50 events per read", "typed", f"stream/{many}/50/0", 10, many),
        Case("text delta, 50 events per read", "text", f"stream/{many}/50/0", 10, many),
        Case("coalesced delta, 50 events per read", "coalesced", f"stream/{many}/50/0", 10, many),
        Case("typed chunk, 1 event per read", "typed", f"stream/{50 * scale}/1/5", 100, 50 * scale),
        Case("completion, awaited", "whole", "whole", 20, 1),
    ]


@contextmanager
def replay_server() -> Iterator[str]:
    """Run the replay server in a process of its own; yields its root URL."""
    command = [sys.executable, "-m", "benchmarks.replay_server"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}/"
        finally:
            process.terminate()


async def run(task: Task, case: Case, rounds: int) -> float:
    """Return the CPU seconds of this process per chunk or completion."""
    expected = text_of(20 if case.task == "whole" else case.units)
    gc.collect()
    before = time.process_time()
    for _ in range(rounds):
        texts = await asyncio.gather(*(task() for _ in range(case.streams)))
        assert all(text == expected for text in texts), "a contender lost or changed text"
    return (time.process_time() - before) / (rounds * case.streams * case.units)


async def measure(case: Case, root: str, repeats: int) -> dict[str, list[float]]:
    """Return each contender's figures, its runs interleaved with the others'."""
    rounds = 10 if case.task == "whole" else 1
    figures: dict[str, list[float]] = {}
    for repeat in range(repeats + 1):
        for name, contender in CONTENDERS.items():
            async with contender(f"{root}{case.path}/") as tasks:
                if case.task not in tasks:
                    continue
                await tasks[case.task]()
                seconds = await run(tasks[case.task], case, rounds)
            if repeat:  # the first round warms up
                figures.setdefault(name, []).append(seconds)
    return figures


def main() -> None:
    """Run every case and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--short", action="store_true", help="fewer and shorter runs")
    parser.add_argument("--only", default="", help="cases whose title has this in it")
    arguments = parser.parse_args()
    scale, repeats = (2, 5) if arguments.short else (10, 9)
    print(f"Python {platform.python_version()}, CPU microseconds per unit, median of {repeats}")
    print(f"{'':40}{'':14}{'median':>9}{'min':>9}{'max':>9}{'ratio':>8}")
    with replay_server() as root:
        for case in cases(scale):
            if arguments.only not in case.title:
                continue
            figures = asyncio.run(measure(case, root, repeats))
            floor = statistics.median(figures[FLOOR])
            for name, seconds in figures.items():
                median = statistics.median(seconds)
                print(
                    f"{case.title:40}{name:14}{median * 1e6:9.2f}{min(seconds) * 1e6:9.2f}"
                    f"{max(seconds) * 1e6:9.2f}{median / floor:8.2f}"
                )


if __name__ == "__main__":
    main()
