"""Whether the replay server is faster than those who read from it, by the clock on the wall.

What a reader that only counts bytes gets in a second is what the server can give.
"""

from __future__ import annotations

import socket
import time
from urllib.parse import urlsplit

from benchmarks.contenders import CONTENDERS
from benchmarks.cpu import Case
from benchmarks.replay_server import STREAM_HEAD, writes

__all__ = ["drained_per_second", "taken_per_second"]


def drained_per_second(root: str, case: Case) -> float:
    """Return the events per second of one stream whose reader looks at nothing."""
    parts = STREAM_HEAD, *writes(case.units, case.per_write, case.kind)
    rest = sum(map(len, parts))
    url = urlsplit(root + case.path)
    request = f"POST {url.path}chat/completions HTTP/1.1\r\nContent-Length: 0\r\n\r\n"
    with socket.create_connection((url.hostname, url.port)) as connection:
        begun = time.perf_counter()
        connection.sendall(request.encode())
        while rest > 0:
            data = connection.recv(262_144)
            assert data, "the server closed in mid-stream"
            rest -= len(data)
        return case.units / (time.perf_counter() - begun)


async def taken_per_second(contender: str, case: Case, root: str) -> float:
    """Return the events per second of one stream that a contender reads."""
    async with CONTENDERS[contender](root + case.path) as tasks:
        begun = time.perf_counter()
        await tasks[case.task](lambda _: None)
        return case.units / (time.perf_counter() - begun)
