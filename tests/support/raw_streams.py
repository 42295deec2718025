"""Streams as a raw server sends them, and a client that reads one."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import orjson

from kilo_sdk import KiloClient, RetryPolicy
from kilo_sdk.emulator import RawReply
from kilo_sdk.streaming import CompletionStream

TICK = float(os.environ.get("KILO_TEST_TICK", "0.05"))
AT_ONCE = RetryPolicy(max_attempts=3, wait_initial=0, wait_max=0)
DONE = b"data: [DONE]\n\n"
USAGE = {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8, "cost": 0.001425}


def chunk(content: str | None = None, *, index: int = 0, **more: Any) -> dict[str, Any]:
    """A wire chunk; ``finish_reason`` and ``usage`` stand where they belong."""
    usage = {"usage": more.pop("usage")} if "usage" in more else {}
    finish_reason = more.pop("finish_reason", None)
    delta = ({} if content is None else {"content": content}) | more
    choice = {"index": index, "delta": delta, "finish_reason": finish_reason}
    return {"id": "gen-1", "model": "m/x", "created": 7, "choices": [choice], **usage}


def event(wire: dict[str, Any]) -> bytes:
    return b"data: " + orjson.dumps(wire) + b"\n\n"


def tool(arguments: str, **more: Any) -> list[dict[str, Any]]:
    name = {"name": more.pop("name")} if "name" in more else {}
    return [{"index": 0, "function": {"arguments": arguments, **name}, **more}]


ANSWER = [
    chunk("", role="assistant"),
    chunk(reasoning="Hm, "),
    chunk(reasoning="well."),
    chunk("Let"),
    chunk(" me"),
    chunk(" look."),
    chunk(tool_calls=tool('{"q"', id="c1", name="search")),
    chunk(tool_calls=tool(": 1}")),
    chunk("", finish_reason="tool_calls"),
    chunk("", usage=USAGE),
]


def reply(chunks: Sequence[dict[str, Any]] = ANSWER, end: bytes = DONE, **more: Any) -> RawReply:
    """A stream of these chunks, each in a write of its own."""
    return RawReply(body=[*map(event, chunks), end], **more)


async def open_stream(client: KiloClient, **more: Any) -> CompletionStream:
    """Ask for a stream; ``more`` are options of the call."""
    return await client.chat.completions.create(messages="Hi", model="m/x", stream=True, **more)
