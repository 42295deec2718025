"""Starting a module of this package as a process of its own, to be spoken with through pipes."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from typing import IO

__all__ = ["start_child"]


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
        env={**os.environ, "PYTHONPATH": path},
    )
