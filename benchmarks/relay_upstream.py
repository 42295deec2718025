"""A gateway whose tokens tell when they were written, at a pace, in a process of its own.

``/paced/{events}/{per_write}/{pause_ms}/chat/completions`` streams that many chunks, so many in
one write, with a pause between writes. The text of a chunk is the time in nanoseconds, on a clock
that the processes of one machine share.
"""

from __future__ import annotations

import asyncio
import sys
import time

from benchmarks.replay_server import STREAM_HEAD, chunked, event
from benchmarks.sockets import allow_most_sockets

_MARK = "@@@"
_BEFORE, _AFTER = event({"role": "assistant", "content": _MARK}).split(_MARK.encode())
_END = event({"role": "assistant", "content": ""}, "stop") + b"data: [DONE]\n\n"


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer the requests of one connection."""
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            lengths = [
                line for line in head.lower().split(b"\r\n") if line[:15] == b"content-length:"
            ]
            await reader.readexactly(int(lengths[0][15:]) if lengths else 0)
            events, per_write, pause_ms = map(int, head.split(b"/", 5)[2:5])
            writer.write(STREAM_HEAD)
            for at in range(0, events, per_write):
                now = b" %d" % time.monotonic_ns()
                count = min(per_write, events - at)
                writer.write(chunked((_BEFORE + now + _AFTER) * count))
                await writer.drain()
                if pause_ms:
                    await asyncio.sleep(pause_ms / 1000)
            writer.write(chunked(_END) + b"0\r\n\r\n")
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def main() -> None:
    """Listen on a free port, print it, and serve until killed."""
    allow_most_sockets()
    server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=8192)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
