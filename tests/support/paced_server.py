"""A server that does what a script says and writes down when it did: the truth about a load.

Its clock is the one that generators on this machine use, so that what it wrote down and what
they measured can be compared.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final, Literal, Self

import attrs
import orjson

_HEAD: Final = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
)
_REFUSAL: Final = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: application/json\r\n"
    b"Content-Length: 2\r\n\r\n{}"
)


@attrs.frozen
class Script:
    """What happens to one request.

    Attributes:
        pauses: Seconds before each chunk, one chunk each.
        per_write: Chunks that go out together.
        fate: A whole answer, a refusal, or one that breaks off after its chunks.
    """

    pauses: Sequence[float] = (0.0,) * 5
    per_write: int = 1
    fate: Literal["whole", "refused", "cut"] = "whole"


@attrs.define
class Served:
    """When what happened to one request, seconds on the monotonic clock."""

    arrived: float
    writes: list[float] = attrs.field(factory=list)


class PacedServer:
    """Serves by a script; stops all writing while it is told to stall.

    Args:
        script: Given the number of a request, from 0, says what happens to it.
    """

    def __init__(self, script: Callable[[int], Script]) -> None:
        self._script = script
        self._tasks: set[asyncio.Task[None]] = set()
        self.served: list[Served] = []
        self.base_url = ""
        self.running = asyncio.Event()
        self.running.set()

    @classmethod
    @asynccontextmanager
    async def serving(cls, script: Callable[[int], Script]) -> AsyncIterator[Self]:
        paced = cls(script)
        server = await asyncio.start_server(paced._connected, "127.0.0.1", 0, backlog=1024)
        paced.base_url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        try:
            yield paced
        finally:
            server.close()
            for task in paced._tasks:
                task.cancel()
            await asyncio.gather(*paced._tasks, return_exceptions=True)

    def ttfts(self) -> list[float]:
        return [one.writes[0] - one.arrived for one in self.served if one.writes]

    def gaps(self) -> list[float]:
        return [
            later - earlier
            for one in self.served
            for earlier, later in zip(one.writes, one.writes[1:], strict=False)
        ]

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                lines = [line.partition(b":") for line in head.lower().split(b"\r\n")]
                length = next(int(value) for name, _, value in lines if name == b"content-length")
                await reader.readexactly(length)
                served = Served(time.monotonic())
                self.served.append(served)
                script = self._script(len(self.served) - 1)
                if script.fate == "refused":
                    await self.running.wait()
                    writer.write(_REFUSAL)
                    continue
                writer.write(_HEAD)
                for number, pause in enumerate(script.pauses):
                    await asyncio.sleep(pause)
                    await self.running.wait()
                    served.writes.append(time.monotonic())
                    writer.write(_framed(_event(f" w{number}") * script.per_write))
                if script.fate == "cut":
                    return
                tokens = len(script.pauses) * script.per_write
                writer.write(_framed(_ending(tokens)) + b"0\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


def _framed(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def _event(text: str) -> bytes:
    choice = {"index": 0, "delta": {"role": "assistant", "content": text}, "finish_reason": None}
    return b"data: " + orjson.dumps({"id": "gen-1", "model": "a/b", "choices": [choice]}) + b"\n\n"


def _ending(tokens: int) -> bytes:
    choice = {"index": 0, "delta": {"content": ""}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 3, "completion_tokens": tokens, "total_tokens": tokens + 3}
    last = {"id": "gen-1", "model": "a/b", "choices": [choice], "usage": usage}
    return b"data: " + orjson.dumps(last) + b"\n\ndata: [DONE]\n\n"
