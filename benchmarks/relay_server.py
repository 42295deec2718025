"""The server under test: the relay and a careful hand-written one, in one aiohttp process.

    python -m benchmarks.relay_server BASE_URL [--uvloop]

``/relay`` is ``WebSocketRelay`` as it comes. ``/hand`` is what a careful author writes: a frame per
token, a write that waits for the peer, and a reader beside it that stops the answer when the
client leaves or cancels. Both read the gateway with the SDK, so that what differs is the relay.
``/cpu`` tells CPU seconds, ``/memory`` bytes; apart, for what memory takes to look at is no work
of a relay.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import resource
import socket
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import orjson
from aiohttp import WSMsgType, web

from benchmarks.sockets import allow_most_sockets
from kilo_sdk import KiloClient
from kilo_sdk.relay import MemoryStreamStore, PromptPolicy, RelayLimits, WebSocketRelay


def hand_written(client: KiloClient):
    """Return a handler that relays without the relay."""

    async def answer(ws: web.WebSocketResponse, message: dict) -> None:
        async with client.chat.completions.stream(messages=message["messages"]) as stream:
            async for text in stream.text_deltas():
                await ws.send_str(orjson.dumps({"type": "text", "text": text}).decode())
            completion = await stream.get_final_completion()
        done = {"type": "done", "finish_reason": completion.finish_reason}
        await ws.send_str(orjson.dumps(done).decode())

    async def handle(request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse(heartbeat=20.0, compress=False)
        await ws.prepare(request)
        task: asyncio.Task[None] | None = None
        try:
            async for frame in ws:
                if frame.type is not WSMsgType.TEXT:
                    break
                message = orjson.loads(frame.data)
                if message["type"] == "prompt" and (task is None or task.done()):
                    task = asyncio.create_task(answer(ws, message))
                elif message["type"] == "cancel" and task is not None:
                    task.cancel()
        finally:
            if task is not None:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError, ConnectionError):
                    await task
        return ws

    return handle


def resident_bytes() -> int:
    """Return the memory of this process that is in use."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize()


async def cpu(_: web.Request) -> web.Response:
    """Tell the CPU seconds of this process."""
    return web.Response(body=orjson.dumps(time.process_time()))


async def memory(_: web.Request) -> web.Response:
    """Tell the bytes of memory of this process."""
    return web.Response(body=orjson.dumps(resident_bytes()))


@contextlib.asynccontextmanager
async def application(base_url: str, listener: socket.socket | None = None) -> AsyncIterator[int]:
    """Serve both on a socket, or else on a free port; yields the port."""
    async with KiloClient("key", base_url=base_url, default_model="replay/model") as client:
        # A stalled reader is to stay, for what it costs is measured; and a browser in step asks
        # as fast as it is answered.
        limits = RelayLimits(
            send_timeout=None,
            max_waiting_bytes=2**40,
            idle_timeout=None,
            messages_per_second=1e6,
        )
        # What ended is not kept, as the hand-written one keeps nothing.
        store = MemoryStreamStore(ttl=0)
        relay = WebSocketRelay(client, prepare=PromptPolicy(), limits=limits, store=store, linger=0)
        app = web.Application()
        app.router.add_get("/relay", relay.serve)
        app.router.add_get("/hand", hand_written(client))
        app.router.add_get("/cpu", cpu)
        app.router.add_get("/memory", memory)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        listening = listener or socket.create_server(("127.0.0.1", 0), backlog=8192)
        await web.SockSite(runner, listening, backlog=8192).start()
        try:
            yield runner.addresses[0][1]
        finally:
            await runner.cleanup()


async def main(base_url: str) -> None:
    """Print the port, and serve until killed."""
    allow_most_sockets()
    async with application(base_url) as port:
        sys.stdout.write(f"{port}\n")
        sys.stdout.flush()
        await asyncio.Event().wait()


if __name__ == "__main__":
    if "--uvloop" in sys.argv[2:]:
        import uvloop

        uvloop.run(main(sys.argv[1]))
    else:
        asyncio.run(main(sys.argv[1]))
