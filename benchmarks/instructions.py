"""Count instructions per event and per completion, where time would measure the machine's mood.

    python -m benchmarks.instructions           # print the table
    python -m benchmarks.instructions --check   # and fail past the limits below

Each figure is the difference between a long and a short run under valgrind's callgrind,
divided by what the long run did more: start and end cancel out. What the kernel does is not
counted. The limits are ratios to the hand-written loop of the same run, with room for what
releases of Python and aiohttp change: they are there to notice a step back, not noise.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import attrs

from benchmarks.contenders import FLOOR
from benchmarks.server_process import replay_server

_COLLECTED = re.compile(r"Collected\s*:\s*(\d+)")


@attrs.frozen
class Case:
    """One thing to count.

    Attributes:
        title: What the table says.
        task: Which of a contender's tasks.
        module: What runs it, with the contender's name and a count.
        short: Count of the short run.
        long: Count of the long run.
        limit: Most times the hand-written loop's instructions.
    """

    title: str
    task: str
    module: str
    short: int
    long: int
    limit: float


CASES = (
    Case("typed chunk, one event per read", "typed", "benchmarks.lockstep", 100, 500, 1.10),
    Case("completion, awaited", "whole", "benchmarks.awaiting", 30, 150, 1.75),
)


def instructions(command: list[str]) -> int:
    """Return how many instructions a command takes as a whole."""
    result = subprocess.run(
        ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", *command],
        capture_output=True,
        text=True,
        check=False,
    )
    found = _COLLECTED.search(result.stderr)
    if result.returncode or found is None:
        raise SystemExit(f"{' '.join(command)} failed under valgrind:\n{result.stderr}")
    return int(found[1])


def per_unit(case: Case, contender: str, *more: str) -> float:
    """Return the instructions that one more event, or completion, takes."""

    def run(count: int) -> int:
        command = [sys.executable, "-m", case.module, contender, str(count), "--task", case.task]
        return instructions([*command, *more])

    return (run(case.long) - run(case.short)) / (case.long - case.short)


def main() -> None:
    """Count, print, and with ``--check`` fail past a limit."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.instructions", description=__doc__)
    parser.add_argument("--check", action="store_true", help="fail past the limits")
    arguments = parser.parse_args()
    if shutil.which("valgrind") is None:
        raise SystemExit("valgrind is not installed; on Debian: apt-get install valgrind")
    print(f"{'instructions':36}{'hand-written':>14}{'kilo_sdk':>12}{'ratio':>8}{'limit':>8}")
    failed = False
    with replay_server() as root, ThreadPoolExecutor(2) as pool:
        for case in CASES:
            more = ("--url", f"{root}whole/") if case.task == "whole" else ()
            counts = [pool.submit(per_unit, case, name, *more) for name in (FLOOR, "kilo_sdk")]
            floor, own = (count.result() for count in counts)
            ratio = own / floor
            failed = failed or ratio > case.limit
            print(f"{case.title:36}{floor:14,.0f}{own:12,.0f}{ratio:8.3f}{case.limit:8.2f}")
    if arguments.check and failed:
        raise SystemExit("past a limit: something costs more than it did")


if __name__ == "__main__":
    main()
