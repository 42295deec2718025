"""A generator in a process of its own: both ends of the pipe.

Messages are pickles, each behind its length; both ends are this very module, and nothing
else has the pipe. The key goes through it too, so that it is in no list of processes.
The worker ends with its pipe, however that comes about.
"""

from __future__ import annotations

import asyncio
import gc
import os
import pickle
import struct
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import IO, Any, Final, Self

from kilo_sdk.bench.child import ignore_endings, start_child
from kilo_sdk.bench.crew import InProcess
from kilo_sdk.bench.plan import Plan
from kilo_sdk.bench.result import Progress, Result
from kilo_sdk.errors import KiloError

__all__ = ["ProcessWorker", "WorkerDiedError", "main"]

_LENGTH: Final = struct.Struct(">I")
_CLOSE_S: Final = 5.0
_SHOWN: Final = 500


class WorkerDiedError(KiloError):
    """A worker process ended before its work was done."""


class ProcessWorker:
    """Starts a worker process and speaks with it; for one task at a time but for ``stop``."""

    def __init__(self, process: asyncio.subprocess.Process, complaints: IO[bytes]) -> None:
        self._process = process
        self._complaints = complaints
        self._is_ready = False

    @classmethod
    async def start(cls) -> Self:
        """Start a process; it is ready when ``clock`` has answered."""
        complaints = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the worker
        process = await start_child("kilo_sdk.bench.worker_process", stderr=complaints)
        return cls(process, complaints)

    async def clock(self) -> float:
        """Return its monotonic clock."""
        await self._send("clock")
        _, value = await self._receive()
        self._is_ready = True
        return float(value)

    async def run(
        self, plan: Plan, begin: float, on_progress: Callable[[Progress], None]
    ) -> Result:
        """Run a plan there.

        Raises:
            KiloError: As in the worker.
            WorkerDiedError: It is gone.
        """
        await self._send("run", plan, begin)
        while True:
            kind, value = await self._receive()
            if kind == "progress":
                on_progress(value)
            elif kind == "failed":
                raise value
            else:
                return value  # type: ignore[no-any-return]

    async def stop(self) -> None:
        """End the plan now; ``run`` returns what was measured."""
        with suppress(WorkerDiedError):
            await self._send("stop")

    async def close(self) -> None:
        """End the process, at once if need be or if it has not begun to work."""
        process = self._process
        if process.stdin is not None:
            process.stdin.close()
        try:
            async with asyncio.timeout(_CLOSE_S if self._is_ready else 0):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
            self._complaints.close()
            transport = getattr(process, "_transport", None)
            if transport is not None:
                transport.close()

    async def _send(self, *message: object) -> None:
        assert self._process.stdin is not None  # noqa: S101 - it was started with a pipe
        data = pickle.dumps(message)
        try:
            self._process.stdin.write(_LENGTH.pack(len(data)) + data)
            await self._process.stdin.drain()
        except (ConnectionError, RuntimeError) as exc:
            raise self._died() from exc

    async def _receive(self) -> Any:
        assert self._process.stdout is not None  # noqa: S101 - it was started with a pipe
        try:
            head = await self._process.stdout.readexactly(_LENGTH.size)
            data = await self._process.stdout.readexactly(_LENGTH.unpack(head)[0])
        except asyncio.IncompleteReadError as exc:
            raise self._died() from exc
        return pickle.loads(data)  # noqa: S301 - written by our own process

    def _died(self) -> WorkerDiedError:
        self._complaints.seek(0)
        lines = self._complaints.read().decode(errors="replace").splitlines()
        # The picture of an exception group ends in a rule, and its lines begin with bars.
        words = [found for line in lines if (found := line.strip(" |+-"))]
        said = f"; its last words: {words[-1][:_SHOWN]}" if words else ""
        return WorkerDiedError(f"a worker process ended before its work was done{said}")


class _Pipe:
    """The worker's end."""

    def __init__(self, reader: IO[bytes], writer: IO[bytes]) -> None:
        self._reader = reader
        self._writer = writer
        self.messages: asyncio.Queue[tuple[Any, ...] | None] = asyncio.Queue()

    def send(self, kind: str, value: object) -> None:
        data = pickle.dumps((kind, value))
        self._writer.write(_LENGTH.pack(len(data)) + data)
        self._writer.flush()

    def listen(self, loop: asyncio.AbstractEventLoop) -> None:
        """Hand on what comes, on a thread: pipes can be awaited on few platforms."""
        message: tuple[Any, ...] | None
        while True:
            head = self._reader.read(_LENGTH.size)
            if len(head) < _LENGTH.size:
                message = None
            else:
                message = pickle.loads(self._reader.read(*_LENGTH.unpack(head)))  # noqa: S301
            with suppress(RuntimeError):  # the loop is gone, and so is who would listen
                loop.call_soon_threadsafe(self.messages.put_nowait, message)
            if message is None:
                return


async def _serve(pipe: _Pipe) -> None:
    loop = asyncio.get_running_loop()
    threading.Thread(target=pipe.listen, args=(loop,), daemon=True).start()
    worker = InProcess()
    # A mistake in the work ends the process, and its words reach who started it.
    async with asyncio.TaskGroup() as group:
        running: asyncio.Task[None] | None = None
        while (message := await pipe.messages.get()) is not None:
            kind, *arguments = message
            if kind == "clock":
                pipe.send("clock", time.monotonic())
            elif kind == "run":
                running = group.create_task(_run(worker, pipe, *arguments))
            elif kind == "stop":
                await worker.stop()
        if running is not None:
            running.cancel()


async def _run(worker: InProcess, pipe: _Pipe, plan: Plan, begin: float) -> None:
    # What lives for the whole run need not be looked through for garbage again and again.
    gc.collect()
    gc.freeze()
    try:
        result = await worker.run(plan, begin, lambda progress: pipe.send("progress", progress))
    except KiloError as error:
        pipe.send("failed", error)
    else:
        pipe.send("result", result)
    finally:
        gc.unfreeze()


def main() -> None:
    """Serve as a worker on standard input and output."""
    ignore_endings()
    reader = os.fdopen(os.dup(0), "rb")
    writer = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what anyone prints goes where errors go, and not among the messages
    with suppress(BrokenPipeError):
        asyncio.run(_serve(_Pipe(reader, writer)))


if __name__ == "__main__":
    main()
