"""A proxy on real sockets that breaks answers on their way, where and as it is told.

It stands between a client and a server. What to break comes with each request, in the header
``X-Fault``, so that thousands of different calls can go through one proxy at the same time.
It remembers to the byte what it let through: that, and not the client, says what the client
can have seen.
"""

from __future__ import annotations

import asyncio
import re
import socket
import struct
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import attrs
import orjson

__all__ = ["Fault", "FaultProxy", "Forwarded"]

GARBAGE = b"\xff\xfe<{[\x00"
PAGE = b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>\r\n"
SPLIT_BYTES = 400
DELAY_S = 0.005


@attrs.frozen
class Fault:
    """What goes wrong with an answer, and where.

    Attributes:
        kind: ``delay``, ``split`` (single bytes), ``cut`` (FIN), ``reset`` (RST),
            ``half-close`` (FIN, and the rest stays open), ``stall``, ``corrupt``, ``page``
            (another proxy's page in the middle), or ``none``.
        phase: ``request`` (before any byte), ``head``, ``body`` (before the first event),
            ``event`` (inside one), ``between`` (after one), ``finish`` (before the chunk
            with the finish_reason), ``done`` (before ``[DONE]``), ``end`` (before the end of
            the body), ``half`` (in the middle of the body).
        count: For ``event`` and ``between``: how many whole events pass before.
        tries: How many tries of the call are hit; later ones pass.
        status: Answer with this status and nothing of the server's.
        headers: More header lines for that answer.
    """

    kind: str = "none"
    phase: str = "request"
    count: int = 0
    tries: int = 1000
    status: int = 0
    headers: dict[str, str] = attrs.field(factory=dict)
    body: str = '{"error": {"message": "no", "code": 0}}'

    def to_header(self) -> str:
        return orjson.dumps(attrs.asdict(self)).decode()

    @classmethod
    def of(cls, headers: dict[str, str]) -> Fault:
        """What the headers of a request ask for."""
        text = headers.get("x-fault")
        fault = cls(**orjson.loads(text)) if text else cls()
        tried = int(headers.get("x-kilo-retry-count", "0"))
        return fault if tried < fault.tries else cls()

    def position(self, answer: bytes) -> int | None:
        """How many bytes of the whole answer pass; None where it has no such place."""
        body = answer.index(b"\r\n\r\n") + 4
        if self.phase == "request":
            return 0
        if self.phase == "head":
            return 25
        if self.phase == "body":
            return body
        if self.phase == "half":
            return (body + len(answer)) // 2
        if self.phase == "end":
            return answer.rindex(b"0\r\n\r\n") if answer.endswith(b"0\r\n\r\n") else None
        starts = [one.start() for one in re.finditer(rb"data: ", answer)]
        if self.phase == "done":
            return starts[-1] if starts else None
        if self.phase == "finish":
            found = re.search(rb'"finish_reason":"', answer)
            return max(s for s in starts if s < found.start()) if found else None
        if self.count >= len(starts) - 2:
            return None
        start = starts[self.count]
        if self.phase == "event":
            return start + 30
        assert self.phase == "between", self.phase
        return answer.index(b"\n\n", start) + 2


@attrs.define
class Request:
    raw: bytes
    headers: dict[str, str]


@attrs.define
class Forwarded:
    """What of one answer reached the client's side, faults included.

    Attributes:
        data: Every byte, as written.
        request: The headers of the request, names in lower case.
        unreadable: Whether a fault hit it before its body began: nobody can read it.
        stopped: Whether the server's side says nothing more, without having closed.
        closed: Whether it is over: answered in full, or the connection is closed.
    """

    data: bytearray
    request: dict[str, str]
    unreadable: bool = False
    stopped: bool = False
    closed: bool = False

    def events(self) -> list[Any]:
        """The JSON of each whole event, read in the plainest way; ``[DONE]`` as a string."""
        _, _, rest = bytes(self.data).partition(b"\r\n\r\n")
        body = b""
        while found := re.match(rb"([0-9a-f]+)\r\n", rest):
            size = int(found[1], 16)
            body += rest[found.end() : found.end() + size]
            if len(rest) < found.end() + size + 2:
                break
            rest = rest[found.end() + size + 2 :]
        events: list[Any] = []
        for block in body.split(b"\n\n")[:-1]:
            text = block.removeprefix(b"data: ")
            if text == block:
                continue  # a comment
            try:
                events.append("[DONE]" if text == b"[DONE]" else orjson.loads(text))
            except orjson.JSONDecodeError:
                break
        return events


@attrs.define(eq=False)
class FaultProxy:
    """Forwards to a server on this machine.

    Attributes:
        upstream: The server's port.
        on_accept: What happens to a connection before it has asked anything: None, ``cut``,
            ``reset``, ``stall`` or ``garbage``.
        by_event: Whether each event is written by itself.
        turns: How many turns of the event loop stand between two writes.
        forwarded: What went through, per value of the header ``X-Call``, one entry a try.
    """

    upstream: int
    on_accept: str | None = None
    by_event: bool = False
    turns: int = 3
    port: int = 0
    connections: int = 0
    forwarded: defaultdict[str, list[Forwarded]] = attrs.field(factory=lambda: defaultdict(list))
    _tasks: set[asyncio.Task[Any]] = attrs.field(factory=set)
    _closing: bool = False

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api/gateway/"

    @property
    def open_connections(self) -> int:
        """How many connections clients hold."""
        return len(self._tasks)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[FaultProxy]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=1024)
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

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        try:
            if self.on_accept is not None:
                await self._greet(reader, writer)
                return
            while (request := await _read_request(reader)) is not None:
                answer = Forwarded(bytearray(), request.headers)
                self.forwarded[request.headers.get("x-call", "")].append(answer)
                try:
                    if not await self._answer(request, answer, reader, writer):
                        return
                finally:
                    answer.closed = True
        except (OSError, asyncio.IncompleteReadError):
            pass  # the client left
        except asyncio.CancelledError:
            if not self._closing:  # asyncio.streams would log the end of a cancelled task
                raise
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _greet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.on_accept == "reset":
            _reset(writer)
        elif self.on_accept == "garbage":
            writer.write(GARBAGE * 3 + b"\r\n\r\n")
            await writer.drain()
        elif self.on_accept == "stall":
            await _until_closed(reader)

    async def _answer(
        self,
        request: Request,
        answer: Forwarded,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> bool:
        """Answer one request; True when the connection can be used again."""
        fault = Fault.of(request.headers)
        if fault.status:
            writer.write(_status_answer(fault))
            await writer.drain()
            return True
        whole = await self._ask(request)
        at = fault.position(whole) if fault.kind != "none" else None
        harmless = fault.kind in ("none", "delay", "split")
        answer.unreadable = not harmless and fault.phase in ("request", "head")
        await self._write(writer, answer, whole[:at])
        if at is None:
            return True
        rest = whole[at:]
        match fault.kind:
            case "delay":
                await asyncio.sleep(DELAY_S)
                await self._write(writer, answer, rest)
                return True
            case "split":
                for byte in rest[:SPLIT_BYTES]:
                    await self._write(writer, answer, bytes((byte,)))
                await self._write(writer, answer, rest[SPLIT_BYTES:])
                return True
            case "corrupt":
                await self._write(writer, answer, GARBAGE + rest[len(GARBAGE) :])
            case "page":
                await self._write(writer, answer, PAGE)
            case "reset":
                _reset(writer)
            case "half-close":
                writer.write_eof()
                await _until_closed(reader)
            case "stall":
                answer.stopped = True
                await _until_closed(reader)
            case kind:
                assert kind == "cut", kind
        return False

    async def _ask(self, request: Request) -> bytes:
        """Let the server answer in full."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.upstream)
        try:
            writer.write(request.raw.replace(b"\r\n", b"\r\nConnection: close\r\n", 1))
            whole = await reader.read()
        finally:
            writer.close()
        return whole.replace(b"\r\nConnection: close\r\n", b"\r\n", 1)

    async def _write(self, writer: asyncio.StreamWriter, answer: Forwarded, data: bytes) -> None:
        parts = re.split(rb"(?<=\n\n\r\n)", data) if self.by_event else (data,)
        for part in filter(None, parts):
            answer.data += part
            writer.write(part)
            await writer.drain()
            # A client in the same loop gets its turn: each write is a read of its own.
            for _ in range(self.turns):
                await asyncio.sleep(0)


async def _read_request(reader: asyncio.StreamReader) -> Request | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    pairs = (line.split(": ", 1) for line in head.decode().split("\r\n")[1:-2])
    headers = {name.lower(): value for name, value in pairs}
    return Request(head + await reader.readexactly(int(headers.get("content-length", 0))), headers)


def _status_answer(fault: Fault) -> bytes:
    lines = "".join(f"{name}: {value}\r\n" for name, value in fault.headers.items())
    body = fault.body.encode()
    return (
        f"HTTP/1.1 {fault.status} X\r\nContent-Type: application/json\r\n{lines}"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body


async def _until_closed(reader: asyncio.StreamReader) -> None:
    while await reader.read(65536):
        pass


def _reset(writer: asyncio.StreamWriter) -> None:
    sock: socket.socket = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
