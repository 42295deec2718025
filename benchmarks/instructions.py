"""Count instructions per event and per completion, where time would measure the machine's mood.

    python -m benchmarks.instructions           # print the table
    python -m benchmarks.instructions --check   # and fail past the limits below
    python -m benchmarks.instructions --only relayed

Each figure is what valgrind's callgrind counts of a process once that is warm, divided by what it
did meanwhile: start and end are not in it, nor is what the kernel does. The limits are
ratios to the hand-written loop of the same run, with room for what releases of Python and
aiohttp change: they are there to notice a step back, not noise.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial

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
        count: How many are counted.
        limit: Most times the hand-written loop's instructions.
    """

    title: str
    task: str
    module: str
    count: int
    limit: float


CASES = (
    Case("typed chunk, one event per read", "typed", "benchmarks.lockstep", 400, 1.05),
    Case("reasoning chunk, decoded", "reasoning", "benchmarks.decoding", 1500, 1.35),
    Case("tool-call chunk, decoded", "tools", "benchmarks.decoding", 1500, 1.48),
    Case("completion, awaited", "whole", "benchmarks.awaiting", 120, 1.38),
)


@attrs.frozen
class RelayCase:
    """One thing to count in a server that relays.

    Attributes:
        title: What the table says.
        task: A token, or an answer that has one.
        count: How many are counted.
        limit: Most times the hand-written relay's instructions.
    """

    title: str
    task: str
    count: int
    limit: float


RELAY_CASES = (
    RelayCase("relayed token, one per frame", "token", 400, 1.18),
    RelayCase("relayed answer of one token", "answer", 60, 1.38),
)


def instructions(command: list[str]) -> int:
    """Return how many instructions a command takes while it has them counted."""
    valgrind = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
    result = subprocess.run(
        [*valgrind, "--instr-atstart=no", *command, "--counted"],
        capture_output=True,
        text=True,
        check=False,
    )
    found = _COLLECTED.search(result.stderr)
    if result.returncode or found is None:
        raise SystemExit(f"{' '.join(command)} failed under valgrind:\n{result.stderr}")
    return int(found[1])


def per_unit(case: Case, more: tuple[str, ...], contender: str) -> float:
    """Return the instructions that an event, or a completion, takes; ``more`` are options."""
    command = [sys.executable, "-m", case.module, contender, str(case.count), "--task", case.task]
    return instructions([*command, *more]) / case.count


def relayed(case: RelayCase, contender: str) -> float:
    """Return the instructions that a server takes for one of the case's units."""
    command = [sys.executable, "-m", "benchmarks.relay_lockstep", contender, str(case.count)]
    return instructions([*command, "--task", case.task]) / case.count


def main() -> None:
    """Count, print, and with ``--check`` fail past a limit."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.instructions", description=__doc__)
    parser.add_argument("--check", action="store_true", help="fail past the limits")
    parser.add_argument("--only", default="", help="cases whose title has this in it")
    arguments = parser.parse_args()
    if shutil.which("valgrind") is None:
        raise SystemExit("valgrind is not installed; on Debian: apt-get install valgrind")
    print(f"{'instructions':36}{'hand-written':>14}{'kilo_sdk':>12}{'ratio':>8}{'limit':>8}")
    failed = False

    def row(case: Case | RelayCase, names: tuple[str, str], count: Callable[[str], float]) -> None:
        nonlocal failed
        floor, own = pool.map(count, names)
        if own / floor > case.limit:
            # Where objects lie differs from process to process: a step back is there each time.
            floor, own = pool.map(count, names)
        failed = failed or own / floor > case.limit
        print(
            f"{case.title:36}{floor:14,.0f}{own:12,.0f}{own / floor:8.3f}{case.limit:8.2f}",
            flush=True,
        )

    with replay_server() as root, ThreadPoolExecutor(2) as pool:
        for case in (one for one in CASES if arguments.only in one.title):
            more = ("--url", f"{root}whole/") if case.task == "whole" else ()
            row(case, (FLOOR, "kilo_sdk"), partial(per_unit, case, more))
        for relay_case in (one for one in RELAY_CASES if arguments.only in one.title):
            row(relay_case, ("hand", "relay"), partial(relayed, relay_case))
    if arguments.check and failed:
        raise SystemExit("past a limit: something costs more than it did")


if __name__ == "__main__":
    main()
