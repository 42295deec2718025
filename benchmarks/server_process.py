"""A server in a process of its own, for as long as a measurement takes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def server(module: str, *arguments: str) -> Iterator[int]:
    """Run a module that serves and prints its port; yields that."""
    command = [sys.executable, "-m", module, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.terminate()


@contextmanager
def replay_server() -> Iterator[str]:
    """Run the replay server; yields its root URL."""
    with server("benchmarks.replay_server") as port:
        yield f"http://127.0.0.1:{port}/"
