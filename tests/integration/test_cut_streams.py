"""A stream cut at every byte, in three manners: whole or interrupted, and no token lost."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Literal

import orjson
import pytest

from kilo_sdk import (
    APIConnectionError,
    KiloClient,
    KiloError,
    ProtocolError,
    RetryPolicy,
    StreamInterruptedError,
)
from kilo_sdk.types.completion import ChatCompletion
from kilo_sdk.types.events import Finished, ReasoningDelta, TextDelta, ToolCallDelta, ToolCallDone

pytestmark = pytest.mark.anyio

TICK = float(os.environ.get("KILO_TEST_TICK", "0.05"))

Manner = Literal["end", "cut", "reset"]


def event(*, usage: Any = None, finish_reason: str | None = None, **delta: Any) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    chunk = {"id": "gen-1", "model": "m/x", "choices": [choice]}
    return b"data: " + orjson.dumps(chunk | ({"usage": usage} if usage else {})) + b"\n\n"


def call(arguments: str, **more: Any) -> dict[str, Any]:
    function = {"arguments": arguments} | {k: v for k, v in more.items() if k == "name"}
    return {"index": 0, "function": function} | ({"id": more["id"]} if "id" in more else {})


EVENTS = (
    b": OPENROUTER PROCESSING\n\n",
    event(role="assistant", content=""),
    event(reasoning="Hm"),
    event(content="Grüß"),
    event(content=" dich"),
    event(tool_calls=[call('{"a"', id="c1", name="f")]),
    event(tool_calls=[call(":1}")]),
    event(finish_reason="tool_calls"),
    event(usage={"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3, "cost": 0.25}),
    b"data: [DONE]\n\n",
)
STREAM = b"".join(EVENTS)
ENDS = [sum(map(len, EVENTS[: count + 1])) for count in range(len(EVENTS))]
"""Where each event, its blank line included, is over."""


def parsed(length: int) -> list[dict[str, Any]]:
    """The chunks that are whole within the first bytes, read in the plainest way."""
    whole = STREAM[:length].split(b"\n\n")[:-1]
    data = [part.removeprefix(b"data: ") for part in whole if part.startswith(b"data: ")]
    return [orjson.loads(one) for one in data if one != b"[DONE]"]


def is_whole(length: int) -> bool:
    """Whether the answer may pass for complete when it ends there (GATEWAY 5)."""
    if length >= len(STREAM) - len(b"\n\n"):
        return True  # a whole ``data: [DONE]`` counts without its blank line
    return length in ENDS[7:]


def expected_partial(length: int) -> tuple[str, str | None, list[tuple[str, str]], int]:
    deltas = [chunk["choices"][0]["delta"] for chunk in parsed(length)]
    calls = [one["function"]["arguments"] for d in deltas for one in d.get("tool_calls", ())]
    return (
        "".join(delta.get("content", "") for delta in deltas),
        "".join(delta.get("reasoning", "") for delta in deltas) or None,
        [("c1", "".join(calls))] if calls else [],
        len(deltas),
    )


def shown(completion: ChatCompletion) -> tuple[str, str | None, list[tuple[str, str]]]:
    calls = [(one.id, one.arguments) for one in completion.tool_calls]
    return completion.text, completion.reasoning, calls


async def check_cut(client: KiloClient, manner: Manner, length: int, *, hold: bool) -> None:
    where = f"{manner} after {length} bytes: ...{STREAM[:length][-30:]!r}"
    text, reasoning, calls, chunks = expected_partial(length)
    events: list[Any] = []
    error: KiloError | None = None
    target = {"X-Cut": f"{manner} {length} {int(hold)}"}
    async with client.chat.completions.stream(messages="Hi", extra_headers=target) as stream:
        try:
            if hold:
                # All that follows, the end too, arrives while the caller holds this chunk.
                first = await anext(stream)
                assert first.choices[0].delta.role == "assistant"
                await asyncio.sleep(TICK / 2)
            async for one in stream.events():
                events.append(one)  # noqa: PERF401 - what came before an error is kept
        except KiloError as exc:
            error = exc

        def seen(kind: type) -> list[Any]:
            return [one for one in events if isinstance(one, kind)]

        assert "".join(one.text for one in seen(TextDelta)) == text, where
        assert "".join(one.text for one in seen(ReasoningDelta)) == (reasoning or ""), where
        pieces = "".join(one.arguments for one in seen(ToolCallDelta))
        assert pieces == (calls[0][1] if calls else ""), where
        if is_whole(length):
            assert error is None, where
            (done,) = seen(ToolCallDone)
            assert done.tool_call.arguments == '{"a":1}', where
            (finished,) = seen(Finished)
            assert finished is events[-1]
            assert finished.finish_reason == "tool_calls"
            assert (finished.completion.usage is not None) == (length >= ENDS[8]), where
            assert await stream.get_final_completion() is finished.completion
            assert shown(finished.completion) == (text, reasoning, calls), where
        else:
            assert type(error) is StreamInterruptedError, (where, error)
            assert seen(ToolCallDone) == seen(Finished) == [], where
            assert error.partial is not None, where
            assert shown(error.partial) == (text, reasoning, calls), where
            assert shown(stream.partial) == (text, reasoning, calls), where
            assert (error.partial.id is None) == (chunks == 0), where
            with pytest.raises(StreamInterruptedError) as again:
                await stream.get_final_completion()
            assert again.value is error


def near_the_ends() -> list[int]:
    """Lengths around the end of each event, from the first chunk on."""
    near = {end + off for end in ENDS[1:] for off in (-3, -2, -1, 0, 1)}
    return sorted(length for length in near if ENDS[1] <= length <= len(STREAM))


@pytest.mark.parametrize("manner", ["end", "cut", "reset"])
@pytest.mark.parametrize(
    ("arrival", "lengths"),
    [
        ("in one read", range(len(STREAM) + 1)),
        ("event by event", near_the_ends()),
        ("while a chunk is held", near_the_ends()),
    ],
)
async def test_a_stream_cut_anywhere_is_whole_or_interrupted(
    manner: Manner, arrival: str, lengths: Sequence[int], serve: Any, stream_head: bytes
) -> None:
    hold = arrival == "while a chunk is held"

    async def answer(request: Any) -> None:
        told, length, held = request.headers["x-cut"].split()
        data = STREAM[: int(length)]
        await request.write(stream_head)
        if held == "1":
            await request.chunk(data[: ENDS[1]])
            await asyncio.sleep(TICK / 4)
            await request.chunk(data[ENDS[1] :])
        elif arrival == "in one read":
            await request.chunk(data)
        else:
            for start, end in pairwise([0, *ENDS]):
                await request.chunk(data[start:end])
                await asyncio.sleep(0)
        if told == "end":
            await request.end()
        elif told == "cut":
            request.cut()
        else:
            request.reset()

    async with (
        serve(answer) as server,
        KiloClient(base_url=server.base_url, retries=RetryPolicy(max_attempts=1)) as client,
    ):
        left = iter(lengths)

        async def work() -> None:
            for length in left:
                await check_cut(client, manner, length, hold=hold)

        async with asyncio.TaskGroup() as group:
            for _ in range(16):
                group.create_task(work())
        assert len(server.calls) == len(lengths)


BODY = orjson.dumps(
    {"id": "g", "choices": [{"index": 0, "message": {"content": "whole"}}], "usage": None}
)


@pytest.mark.parametrize("manner", ["end", "cut", "reset"])
async def test_a_body_cut_anywhere_is_no_answer(manner: Manner, serve: Any) -> None:
    async def answer(request: Any) -> None:
        told, length = request.headers["x-cut"].split()
        await request.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n"
        )
        await request.chunk(BODY[: int(length)])
        if told == "end":
            await request.end()
        elif told == "cut":
            request.cut()
        else:
            request.reset()

    kind = ProtocolError if manner == "end" else APIConnectionError
    async with (
        serve(answer) as server,
        KiloClient(base_url=server.base_url, retries=RetryPolicy(max_attempts=1)) as client,
    ):
        for length in range(len(BODY)):
            headers = {"X-Cut": f"{manner} {length}"}
            with pytest.raises(KiloError) as raised:
                await client.chat.completions.create(messages="Hi", extra_headers=headers)
            assert type(raised.value) is kind, (length, raised.value)
