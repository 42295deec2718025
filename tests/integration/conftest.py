"""What the integration tests share: a server of exact bytes, and one unit of time."""

from __future__ import annotations

import asyncio
import os
import socket
import struct
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias

import anyio
import attrs
import orjson
import pytest

ROOT = Path(__file__).parents[2]
# For the benchmarks. Last, so that what is installed as kilo_sdk stays what is tested.
sys.path.append(str(ROOT))
TICK = float(os.environ.get("KILO_TEST_TICK", "0.05"))

STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
)


@attrs.define(eq=False)
class Call:
    """One request, and the bare connection to answer it on."""

    target: str
    headers: dict[str, str]
    payload: Any
    connection: int
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def write(self, *parts: bytes) -> None:
        """Write bytes as they are, in one go."""
        self.writer.write(b"".join(parts))
        await self.writer.drain()

    async def chunk(self, *parts: bytes) -> None:
        """Write each part as a chunk of a chunked body, all in one go."""
        await self.write(*(b"%x\r\n%s\r\n" % (len(part), part) for part in parts if part))

    async def end(self) -> None:
        """End a chunked body in good order."""
        await self.write(b"0\r\n\r\n")

    def cut(self) -> None:
        """Close with FIN."""
        self.writer.close()

    def reset(self) -> None:
        """Close with RST."""
        sock: socket.socket = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def closed_at(self) -> float:
        """Wait until the client closes; return when, in the loop's time."""
        try:
            while await self.reader.read(65536):
                pass
        except ConnectionError:
            pass
        return asyncio.get_running_loop().time()


Handler: TypeAlias = Callable[[Call], Awaitable[None]]


@attrs.define(eq=False)
class RawServer:
    """Serves what its handler writes; remembers calls and counts connections."""

    handler: Handler
    calls: list[Call] = attrs.field(factory=list)
    connections: int = 0
    port: int = 0
    _tasks: set[asyncio.Task[None]] = attrs.field(factory=set)
    _closing: bool = False

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api/gateway/"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        connection = self.connections
        try:
            while not writer.is_closing():
                head = await reader.readuntil(b"\r\n\r\n")
                first, *lines = head.decode().split("\r\n")[:-2]
                pairs = (line.split(": ", 1) for line in lines)
                headers = {name.lower(): value for name, value in pairs}
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                payload = orjson.loads(body) if body else None
                call = Call(first.split()[1], headers, payload, connection, reader, writer)
                self.calls.append(call)
                await self.handler(call)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        except asyncio.CancelledError:
            if not self._closing:  # asyncio.streams would log the end of a cancelled task
                raise
        finally:
            self._tasks.discard(task)
            writer.close()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[RawServer]:
        server = await asyncio.start_server(self.serve, "127.0.0.1", 0, backlog=512)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            self._closing = True
            server.close()
            tasks = list(self._tasks)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


@pytest.fixture
def serve() -> Callable[[Handler], AbstractAsyncContextManager[RawServer]]:
    """``async with serve(handler) as server``."""
    return lambda handler: RawServer(handler).running()


@pytest.fixture
def tick() -> float:
    """Seconds: the unit of every wait; KILO_TEST_TICK stretches it for slow machines."""
    return TICK


@pytest.fixture
def stream_head() -> bytes:
    """Status line and headers of an event stream with a chunked body."""
    return STREAM_HEAD


@pytest.fixture
def eventually() -> Callable[[Callable[[], object]], Awaitable[None]]:
    """Wait until something holds; fail when it never does."""

    async def wait(holds: Callable[[], object]) -> None:
        with anyio.fail_after(30):
            while not holds():  # noqa: ASYNC110 - what is waited for tells no event
                await anyio.sleep(TICK / 50)

    return wait


@pytest.fixture(scope="session")
def recordings() -> Path:
    """Recorded answers of the gateway; tests that want them are skipped without."""
    path = Path(os.environ.get("KILO_RECORDINGS") or ROOT.parent / "shared" / "recordings")
    if not path.is_dir():
        pytest.skip(f"no recordings in {path}; KILO_RECORDINGS says where they are")
    return path
