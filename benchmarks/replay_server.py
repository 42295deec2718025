"""A server that is not the bottleneck: canned answers over plain asyncio streams.

It runs in a process of its own and writes bytes that were encoded before the first
request. ``/stream/{events}/{per_write}/{pause_ms}/chat/completions`` streams that many
chunks, so many in one write, with a pause between writes; ``/whole/chat/completions``
answers with one completion.
"""

from __future__ import annotations

import asyncio
import sys
from functools import lru_cache

import orjson

_HEAD = {
    "id": "gen-1767693133-JyoxLtwNTEDg78GZIF1p",
    "provider": "Replay",
    "model": "replay/model",
    "object": "chat.completion.chunk",
    "created": 1767693133,
}
WORDS = (" the", " quick", " brown", " fox", " jumps", " over", "\n", " a", " caf\u00e9", ' "so"')


def event(delta: dict[str, object], finish: str | None = None, **more: object) -> bytes:
    """Return one event in the gateway's shape."""
    choice = {
        "index": 0,
        "delta": delta,
        "finish_reason": finish,
        "native_finish_reason": finish,
        "logprobs": None,
    }
    return b"data: " + orjson.dumps({**_HEAD, "choices": [choice], **more}) + b"\n\n"


def text_of(events: int) -> str:
    """Return the text that so many chunks hold."""
    return "".join(WORDS[n % len(WORDS)] for n in range(events))


@lru_cache
def writes(events: int, per_write: int) -> list[bytes]:
    """Return what is written, chunked framing included."""
    words = [event({"role": "assistant", "content": word}) for word in WORDS]
    usage = {"prompt_tokens": 7, "completion_tokens": events, "total_tokens": 7 + events}
    parts = [
        b"".join(words[n % len(words)] for n in range(at, min(at + per_write, events)))
        for at in range(0, events, per_write)
    ]
    parts.append(
        event({"role": "assistant", "content": ""}, "stop")
        + event({"role": "assistant", "content": ""}, usage=usage)
        + b"data: [DONE]\n\n"
    )
    return [b"%x\r\n%b\r\n" % (len(part), part) for part in parts]


_STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
)
_BODY = orjson.dumps(
    {
        **_HEAD,
        "object": "chat.completion",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": text_of(20), "refusal": None},
                "finish_reason": "stop",
                "native_finish_reason": "stop",
                "logprobs": None,
            }
        ],
        "usage": {"prompt_tokens": 7, "completion_tokens": 20, "total_tokens": 27},
    }
)
_WHOLE = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (
    len(_BODY),
    _BODY,
)


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer the requests of one connection."""
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            length = 0
            for line in head.split(b"\r\n"):
                name, _, value = line.partition(b":")
                if name.lower() == b"content-length":
                    length = int(value)
            await reader.readexactly(length)
            path = head.split(b" ", 2)[1].decode().strip("/").split("/")
            if path[0] == "whole":
                writer.write(_WHOLE)
            else:
                events, per_write, pause_ms = (int(part) for part in path[1:4])
                writer.write(_STREAM_HEAD)
                for part in writes(events, per_write):
                    writer.write(part)
                    if pause_ms:
                        await asyncio.sleep(pause_ms / 1000)
                    await writer.drain()
                writer.write(b"0\r\n\r\n")
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def main() -> None:
    """Listen on a free port, print it, and serve until killed."""
    server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=4096)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
