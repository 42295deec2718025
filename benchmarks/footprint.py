"""What a client holds and how long its import takes, each measured in a process of its own.

python -m benchmarks.footprint kilo_sdk http://127.0.0.1:8000/ 1000
"""

from __future__ import annotations

import asyncio
import gc
import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Sequence

import attrs

from benchmarks.contenders import CONTENDERS
from benchmarks.sockets import allow_most_sockets

__all__ = ["Held", "held_per_stream", "import_seconds"]

WARM_STREAMS = 50
IMPORTS = {
    "aiohttp": "import aiohttp",
    "kilo_sdk": "import kilo_sdk",
    "openai": "import openai",
    "openrouter": "import openrouter",
    "litellm": "import litellm",
    "anthropic": "import anthropic",
}


def import_seconds(names: Sequence[str], times: int) -> dict[str, list[float]]:
    """Return the seconds that imports take in new processes, in turn; Python's start aside.

    Modules are compiled beforehand, as pip does when it installs them, whatever the
    environment says of bytecode.
    """
    code = "import time; t = time.perf_counter(); {}; print(time.perf_counter() - t)"
    seconds: dict[str, list[float]] = {name: [] for name in names}
    with tempfile.TemporaryDirectory() as compiled:
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": compiled}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        for repeat in range(times + 1):
            for name in names:
                run = subprocess.run(
                    [sys.executable, "-c", code.format(IMPORTS[name])],
                    capture_output=True,
                    text=True,
                    check=True,
                    env=environment,
                )
                if repeat:  # the first compiles
                    seconds[name].append(float(run.stdout.splitlines()[-1]))
    return seconds


@attrs.frozen
class Held:
    """What one more open stream holds that has read a token.

    Attributes:
        size: Bytes of memory, its socket's included.
        objects: How many objects that Python's collector counts and looks through.
    """

    size: float
    objects: float


def held_per_stream(contender: str, root: str, streams: int) -> Held:
    """Let one contender, in a new process, open so many streams."""
    command = [sys.executable, "-m", "benchmarks.footprint", contender, root, str(streams)]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    return Held(**json.loads(run.stdout))


def _resident_bytes() -> int:
    with open("/proc/self/statm", encoding="ascii") as statm:
        return int(statm.read().split()[1]) * resource.getpagesize()


async def _hold(contender: str, root: str, streams: int) -> Held:
    async with CONTENDERS[contender](f"{root}stamped/100000/60000/") as tasks:
        # Each stream brings its first token and then nothing for a minute.
        reading: list[asyncio.Future[None]] = []
        sizes: list[int] = []
        objects: list[int] = []
        for count in (WARM_STREAMS, streams):
            begun = asyncio.Semaphore(0)

            def told(_: str, begun: asyncio.Semaphore = begun) -> None:
                begun.release()

            for _ in range(count):
                reading.append(asyncio.ensure_future(tasks["typed"](told)))
                await asyncio.sleep(0.0005)
            for _ in range(count):
                await asyncio.wait_for(begun.acquire(), 60)
            sizes.append(_resident_bytes())
            gc.collect()
            objects.append(len(gc.get_objects()))
        for reader in reading:
            reader.cancel()
        await asyncio.gather(*reading, return_exceptions=True)
    return Held((sizes[1] - sizes[0]) / streams, (objects[1] - objects[0]) / streams)


if __name__ == "__main__":
    allow_most_sockets()
    held = asyncio.run(_hold(sys.argv[1], sys.argv[2], int(sys.argv[3])))
    print(json.dumps(attrs.asdict(held)))
