"""Starting a module of this package as a process of its own, to be spoken with through pipes.

It ends when its standard input does, and at no other's bidding: a signal that ends a run goes
to all of its processes at once, be it from Ctrl-C, ``timeout`` or a service manager, and what
is under way then is still to be answered and told.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from typing import IO, Final

__all__ = ["ENDINGS", "ignore_endings", "start_child"]

ENDINGS: Final = tuple(
    signal.Signals[name] for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)
"""Signals that ask a run to end: Ctrl-C, whoever runs it, the terminal that goes away."""


def ignore_endings() -> None:
    """Leave it to who started this process to say when it ends."""
    for one in ENDINGS:
        signal.signal(one, signal.SIG_IGN)


async def start_child(module: str, *arguments: str, stderr: IO[bytes] | None = None) -> Process:
    """Start ``python -m module`` with pipes for its standard input and output.

    Args:
        module: Its name.
        arguments: Of its command line; everyone on the machine can read them.
        stderr: Where its standard error goes; None is where ours goes.
    """
    # It imports what we would, also where sys.path was changed by hand.
    path = os.pathsep.join(filter(None, sys.path))
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        *arguments,
        stdin=PIPE,
        stdout=PIPE,
        stderr=stderr,
        # A terminal's Ctrl-C comes while it is still importing, too.
        process_group=0,
        env={**os.environ, "PYTHONPATH": path},
    )
