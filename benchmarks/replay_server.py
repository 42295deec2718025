"""A server that is not the bottleneck: canned answers over plain asyncio streams.

It runs in a process of its own and writes bytes that were encoded before the first
request. What it answers stands in the path before ``chat/completions``, or before
``v1/messages`` for a client that speaks Anthropic's protocol (``text`` and ``whole``):

- ``stream/{events}/{per_write}/{pause_ms}/{kind}``: so many chunks, so many in one write,
  with a pause between writes. Kinds: ``text``; ``ticking`` (``created`` differs from chunk to
  chunk, so that no two are alike but for their text); ``reasoning``; ``tools`` (the arguments
  of one call); and a number (a text that long in every chunk).
- ``stamped/{events}/{pause_ms}``: each chunk's text is the time at which it was written,
  nanoseconds on the monotonic clock that all processes of a machine share.
- ``whole``: one completion that is no stream.
- ``closes``: a JSON list of the times at which clients left in mid-answer; asking empties it.
- ``busy``: the seconds of CPU time that the server has taken so far, as JSON.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from functools import lru_cache

import orjson

from benchmarks import messages_wire

_HEAD = {
    "id": "gen-1767693133-JyoxLtwNTEDg78GZIF1p",
    "provider": "Replay",
    "model": "replay/model",
    "object": "chat.completion.chunk",
    "created": 1767693133,
}
WORDS = (" the", " quick", " brown", " fox", " jumps", " over", "\n", " a", " caf\u00e9", ' "so"')
STREAM_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
)
_LAST_HEAD = STREAM_HEAD.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
_END = b"0\r\n\r\n"
MESSAGES_KIND = "messages"


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


def chunked(data: bytes) -> bytes:
    """Return the bytes as one chunk of HTTP/1.1's framing."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def words(count: int) -> list[str]:
    """Return that many words."""
    return [WORDS[n % len(WORDS)] for n in range(count)]


def text_of(events: int, kind: str = "text") -> str:
    """Return the text that so many chunks hold."""
    if kind.isdigit():
        return ("x" * int(kind)) * events
    return "" if kind in ("reasoning", "tools") else "".join(words(events))


def _event_of(kind: str, number: int, word: str) -> bytes:
    if kind == MESSAGES_KIND:
        return messages_wire.text_event(word)
    if kind == "ticking":
        return event({"role": "assistant", "content": word}, created=1767693133 + number)
    if kind == "reasoning":
        detail = {"type": "reasoning.text", "text": word, "index": 0, "format": "unknown"}
        delta = {"role": "assistant", "content": "", "reasoning": word}
        return event({**delta, "reasoning_details": [detail]})
    if kind == "tools":
        call: dict[str, object] = {
            "index": 0,
            "function": {"arguments": orjson.dumps(word).decode()},
        }
        if not number:
            call = {**call, "id": "call_1", "type": "function"}
            call["function"] = {"name": "fill", "arguments": ""}
        return event({"role": "assistant", "content": None, "tool_calls": [call]})
    return event({"role": "assistant", "content": "x" * int(kind) if kind.isdigit() else word})


@lru_cache(maxsize=64)
def writes(events: int, per_write: int, kind: str = "text") -> list[bytes]:
    """Return what is written, chunked framing included."""
    parts = [
        b"".join(
            _event_of(kind, number, WORDS[number % len(WORDS)])
            for number in range(at, min(at + per_write, events))
        )
        for at in range(0, events, per_write)
    ]
    if kind == MESSAGES_KIND:
        ends = messages_wire.first_events(), messages_wire.last_events(events)
        return list(map(chunked, (ends[0], *parts, ends[1])))
    usage = {"prompt_tokens": 7, "completion_tokens": events, "total_tokens": 7 + events}
    parts.append(
        event({"role": "assistant", "content": ""}, "stop")
        + event({"role": "assistant", "content": ""}, usage=usage)
        + b"data: [DONE]\n\n"
    )
    return list(map(chunked, parts))


_BODY = orjson.dumps(
    {
        **_HEAD,
        "object": "chat.completion",
        "system_fingerprint": None,  # the openrouter client wants it to be there
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


def _json(body: bytes) -> bytes:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    return head % len(body) + body


_WHOLE = _json(_BODY)
_WHOLE_MESSAGE = _json(messages_wire.message(text_of(20)))
_closes: list[float] = []


async def _stamps(events: int, pause: float) -> AsyncIterator[bytes]:
    for _ in range(events):
        yield chunked(event({"role": "assistant", "content": f"{time.monotonic_ns()} "}))
        await asyncio.sleep(pause)
    for part in writes(0, 1):
        yield part


async def _paced(parts: list[bytes], pause: float) -> AsyncIterator[bytes]:
    for part in parts:
        yield part
        if pause:
            await asyncio.sleep(pause)


async def _answer(path: list[str], writer: asyncio.StreamWriter) -> None:
    if path[0] == "whole":
        writer.write(_WHOLE_MESSAGE if path[-1] == MESSAGES_KIND else _WHOLE)
    elif path[0] == "busy":
        writer.write(_json(orjson.dumps(time.process_time())))
    elif path[0] == "closes":
        writer.write(_json(orjson.dumps(_closes)))
        _closes.clear()
    else:
        if path[0] == "stamped":
            parts = _stamps(int(path[1]), int(path[2]) / 1000)
        else:
            kind = path[4] if path[4] != "chat" else "text"
            kind = MESSAGES_KIND if path[-1] == MESSAGES_KIND else kind
            parts = _paced(writes(int(path[1]), int(path[2]), kind), int(path[3]) / 1000)
        writer.write(_LAST_HEAD if path[0] == "stamped" else STREAM_HEAD)
        async for part in parts:
            if writer.transport.is_closing():
                return
            writer.write(part)
            await writer.drain()
        writer.write(_END)
    await writer.drain()


async def _watch_for_leaving(
    reader: asyncio.StreamReader, transport: asyncio.WriteTransport
) -> None:
    # The end of the request's connection is seen at once, not at the next write.
    if not await reader.read(1):
        _closes.append(time.monotonic())
        transport.abort()


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
            if path[0] != "stamped":
                await _answer(path, writer)
                continue
            watch = asyncio.ensure_future(_watch_for_leaving(reader, writer.transport))
            try:
                await _answer(path, writer)
            finally:
                watch.cancel()
            return  # what the watch may have read of another request is not there any more
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def main() -> None:
    """Listen on a free port, print it, and serve until killed."""
    server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=16384)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
