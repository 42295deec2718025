"""Have callgrind count the instructions of a part of a process: ``--instr-atstart=no``.

    python -m benchmarks.counting PID        # turns it on or off, as each line of its input says

What is not counted runs several times as fast, and a process that warms up uncounted need not
run twice. Who turns it is a process beside the one that is counted, or what it takes to ask
valgrind would be counted as well.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["Counting", "counting"]


class Counting:
    """Counts the instructions of a process, or with no process does nothing."""

    def __init__(self, pid: int) -> None:
        self._pid = pid

    def turn(self, state: str) -> None:
        """Begin (``on``) or stop (``off``)."""
        if self._pid:
            command = ["callgrind_control", f"--instr={state}", str(self._pid)]
            subprocess.run(command, check=True, capture_output=True)


class _Beside(Counting):
    """Counts those of this process, which waits while another one turns it on or off."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def turn(self, state: str) -> None:
        """Begin (``on``) or stop (``off``)."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(state.encode() + b"\n")
        assert self._process.stdout.readline() == b"done\n"


@contextmanager
def counting(is_counted: bool) -> Iterator[Counting]:
    """Count instructions of this process between ``turn("on")`` and ``turn("off")``, or none."""
    if not is_counted:
        yield Counting(0)
        return
    command = [sys.executable, "-m", "benchmarks.counting", str(os.getpid())]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, bufsize=0, stdin=pipe, stdout=pipe) as process:
        yield _Beside(process)


if __name__ == "__main__":
    for line in sys.stdin:
        Counting(int(sys.argv[1])).turn(line.strip())
        sys.stdout.write("done\n")
        sys.stdout.flush()
