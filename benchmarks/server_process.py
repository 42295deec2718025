"""The replay server in a process of its own, for as long as a measurement takes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def replay_server() -> Iterator[str]:
    """Run the replay server; yields its root URL."""
    command = [sys.executable, "-m", "benchmarks.replay_server"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}/"
        finally:
            process.terminate()
