"""How late a token is: from the server's write to the caller's hands, and what leaving takes.

The server stamps each token with the time of its writing, on the monotonic clock that all
processes of a machine share.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from typing import Any

import aiohttp
import attrs

from benchmarks.contenders import CONTENDERS

__all__ = ["Latencies", "leaving", "many_streams"]

_TICK_S = 0.005


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
    root: str, contender: str, streams: int, tokens: int, pause_ms: int
) -> Latencies:
    """Let one contender read so many paced streams that begin within one second."""
    first: list[float] = []
    token: list[float] = []
    async with CONTENDERS[contender](f"{root}stamped/{tokens}/{pause_ms}/") as tasks:
        task = tasks["typed"]

        async def one(position: int) -> None:
            await asyncio.sleep(position / streams)
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
