"""How late a token is: from the server's write to the caller's hands, and what leaving takes.

    python -m benchmarks.latency kilo_sdk http://127.0.0.1:8000/ 1000 2 asyncio

The server stamps each token with the time of its writing, on the monotonic clock that all
processes of a machine share. Each contender has a process of its own, as it has where it is
used: Python's collector stops everything for as long as it takes to go through whatever was
imported, and would go through the peers' as well. It does so every hundred thousand objects,
which may fall behind the end of one wave of streams or before it: there is more than one.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import time
from typing import Any

import aiohttp
import attrs

from benchmarks.contenders import CONTENDERS
from benchmarks.sockets import allow_most_sockets

__all__ = ["Latencies", "Lateness", "lateness", "leaving", "many_streams"]

_TICK_S = 0.005
_WAVES = 2
# Streams that begin one after the other and outlast that, so that all are open for a while. Were
# they all to begin in one second, that would take most of a core, and what was measured would be
# how long a queue gets that is about to grow without end.
_BEGIN_S = 4
_TOKENS = 50
_PAUSE_MS = 100


@attrs.frozen
class Lateness:
    """What many streams at once meant for their tokens, over all waves.

    Attributes:
        first_ms: From sending a request to its first token, of 99 in 100 at most.
        token_ms: From the server's write of a token to the caller's hands, of 99 in 100 at most.
        stall_ms: The longest time in which the loop ran nothing else.
        server_percent: Which part of a core the server took meanwhile.
    """

    first_ms: float
    token_ms: float
    stall_ms: float
    server_percent: float


def lateness(
    contender: str, root: str, streams: int, *, waves: int = _WAVES, loop: str = "asyncio"
) -> Lateness:
    """Let one contender, in a new process, read waves of streams that are open together.

    Args:
        contender: Its name.
        root: The replay server's URL.
        streams: How many make a wave.
        waves: How many waves.
        loop: ``asyncio`` or ``uvloop``.
    """
    what = [contender, root, str(streams), str(waves), loop]
    command = [sys.executable, "-m", "benchmarks.latency", *what]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    return Lateness(**json.loads(run.stdout))


@attrs.frozen
class Latencies:
    """What many streams at once meant for their tokens, in seconds.

    Attributes:
        first: From sending each request to its first token.
        token: From the server's write of each token to the caller's hands.
        stall: The longest time in which the loop ran nothing else.
        server_busy: Which part of a core the server took meanwhile, from 0 to 1.
    """

    first: list[float]
    token: list[float]
    stall: float
    server_busy: float


async def many_streams(
    root: str, contender: str, streams: int, tokens: int, pause_ms: int, begin_s: float
) -> Latencies:
    """Let one contender read so many paced streams that begin within so many seconds."""
    first: list[float] = []
    token: list[float] = []
    async with CONTENDERS[contender](f"{root}stamped/{tokens}/{pause_ms}/") as tasks:
        task = tasks["typed"]

        async def one(position: int) -> None:
            await asyncio.sleep(begin_s * position / streams)
            sent = time.monotonic()
            began = False

            def told(text: str) -> None:
                nonlocal began
                now = time.monotonic()
                if not began:
                    began = True
                    first.append(now - sent)
                token.append(now - int(text) / 1e9)

            await task(told)

        busy, begun = await _busy(root), time.monotonic()
        ticker = asyncio.ensure_future(_longest_stall())
        try:
            await asyncio.gather(*(one(position) for position in range(streams)))
        finally:
            ticker.cancel()
        try:
            await ticker
        except asyncio.CancelledError as stopped:
            stall = float(stopped.args[0]) if stopped.args else 0.0
        busy = (await _busy(root) - busy) / (time.monotonic() - begun)
    assert (len(first), len(token)) == (streams, streams * tokens), "tokens were lost"
    return Latencies(first, token, stall, busy)


async def _in_waves(root: str, contender: str, streams: int, waves: int) -> Lateness:
    found = [
        await many_streams(root, contender, streams, _TOKENS, _PAUSE_MS, _BEGIN_S)
        for _ in range(waves)
    ]
    return Lateness(
        first_ms=_p99([one for wave in found for one in wave.first]) * 1e3,
        token_ms=_p99([one for wave in found for one in wave.token]) * 1e3,
        stall_ms=max(wave.stall for wave in found) * 1e3,
        server_percent=statistics.fmean(wave.server_busy for wave in found) * 100,
    )


def _p99(values: list[float]) -> float:
    return sorted(values)[int(len(values) * 0.99)]


async def _longest_stall() -> float:
    longest, due = 0.0, time.monotonic()
    try:
        while True:
            due = time.monotonic() + _TICK_S
            await asyncio.sleep(_TICK_S)
            longest = max(longest, time.monotonic() - due)
    except asyncio.CancelledError:
        raise asyncio.CancelledError(longest) from None


async def leaving(root: str, contender: str, times: int) -> float:
    """Return the median seconds from a task's cancellation to the server's seeing the close."""
    seconds: list[float] = []
    await _closes(root)  # those of measurements before this one
    async with CONTENDERS[contender](f"{root}stamped/100000/5/") as tasks:
        for _ in range(times):
            begun = asyncio.Event()

            def told(_: str, begun: asyncio.Event = begun) -> None:
                begun.set()

            reading = asyncio.ensure_future(tasks["typed"](told))
            await begun.wait()
            left = time.monotonic()
            reading.cancel()
            await asyncio.wait([reading])
            seconds.append(await _close_seen(root) - left)
    return statistics.median(seconds)


async def _close_seen(root: str) -> float:
    for _ in range(500):
        if times := await _closes(root):
            return times[0]
        await asyncio.sleep(0.01)
    return float("inf")  # five seconds went by and the connection is still open


async def _closes(root: str) -> list[float]:
    times: list[float] = await _asked(f"{root}closes/")
    return times


async def _busy(root: str) -> float:
    seconds: float = await _asked(f"{root}busy/")
    return seconds


async def _asked(url: str) -> Any:
    async with aiohttp.ClientSession() as session, session.post(url, data=b"{}") as response:
        return await response.json()


if __name__ == "__main__":
    allow_most_sockets()
    name, root, streams, waves, loop = sys.argv[1:]
    if loop == "uvloop":
        import uvloop

        uvloop.install()
    told = asyncio.run(_in_waves(root, name, int(streams), int(waves)))
    print(json.dumps(attrs.asdict(told)))
