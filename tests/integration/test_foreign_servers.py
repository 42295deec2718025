"""Servers that the SDK's authors did not write: starlette and sse-starlette under uvicorn."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import orjson
import pytest

from kilo_sdk import KiloClient, RateLimitError, RetryPolicy, StreamInterruptedError

pytest.importorskip("sse_starlette", reason="the foreign server is not installed")
uvicorn = pytest.importorskip("uvicorn", reason="the foreign server is not installed")

from sse_starlette import EventSourceResponse, ServerSentEvent  # noqa: E402
from starlette.applications import Starlette  # noqa: E402
from starlette.requests import Request  # noqa: E402
from starlette.responses import JSONResponse, Response, StreamingResponse  # noqa: E402
from starlette.routing import Route  # noqa: E402

pytestmark = pytest.mark.anyio

WORDS = ["Grüß", " dich", ",\u2028", " [DONE]", "\n", " 🦊"]
TOOL = {"index": 0, "id": "c1", "function": {"name": "f", "arguments": '{"a":1}'}}


def chunk(finish_reason: str | None = None, **delta: Any) -> str:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    return orjson.dumps({"id": "g", "model": "m/x", "choices": [choice]}).decode()


CHUNKS = [*(chunk(content=word) for word in WORDS), chunk(tool_calls=[TOOL]), chunk("tool_calls")]


@asynccontextmanager
async def served(app: Any) -> AsyncIterator[str]:
    """Run an application under uvicorn; gives its base URL."""
    config = uvicorn.Config(app, log_config=None, lifespan="off", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = asyncio.create_task(server.serve([listener]))
        try:
            while not server.started:  # noqa: ASYNC110 - it tells no event
                await anyio.sleep(0.005)
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/api/gateway/"
        finally:
            server.should_exit = True
            await serving


def application(answer: Any) -> Starlette:
    return Starlette(routes=[Route("/api/gateway/chat/completions", answer, methods=["POST"])])


def check(completion: Any) -> None:
    assert completion.text == "".join(WORDS)
    assert [(call.id, call.arguments) for call in completion.tool_calls] == [("c1", '{"a":1}')]
    assert completion.finish_reason == "tool_calls"


@pytest.mark.parametrize("sep", ["\r\n", "\n", "\r"])
@pytest.mark.parametrize("pause", [0, 0.005])
async def test_events_of_sse_starlette_with_any_line_end(sep: str, pause: float) -> None:
    async def answer(_: Request) -> Response:
        async def events() -> AsyncIterator[ServerSentEvent]:
            yield ServerSentEvent(comment="OPENROUTER PROCESSING", sep=sep)
            for number, data in enumerate(CHUNKS):
                yield ServerSentEvent(data, id=str(number), event="message", retry=5, sep=sep)
                await anyio.sleep(pause)
            yield ServerSentEvent("[DONE]", sep=sep)

        return EventSourceResponse(events(), sep=sep, ping=1)

    async with served(application(answer)) as base_url, KiloClient(base_url=base_url) as client:
        for _ in range(2):
            async with client.chat.completions.stream(messages="Hi") as stream:
                assert [text async for text in stream.text_deltas()] == WORDS
                check(await stream.get_final_completion())


@pytest.mark.parametrize("size", [1, 3, 7, 1000])
async def test_a_stream_cut_into_pieces_of_any_size(size: int) -> None:
    whole = b"".join(f"data: {data}\r\n\r\n".encode() for data in [*CHUNKS, "[DONE]"])

    async def answer(_: Request) -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            for start in range(0, len(whole), size):
                yield whole[start : start + size]

        return StreamingResponse(pieces(), media_type="text/event-stream; charset=utf-8")

    async with served(application(answer)) as base_url, KiloClient(base_url=base_url) as client:
        check(await client.chat.completions.create(messages="Hi"))
        stream = await client.chat.completions.create(messages="Hi", stream=True)
        check(await stream.get_final_completion())


async def test_an_application_that_breaks_in_mid_stream_is_a_cut() -> None:
    async def answer(_: Request) -> Response:
        async def events() -> AsyncIterator[bytes]:
            yield f"data: {CHUNKS[0]}\n\n".encode()
            raise RuntimeError("the application broke")

        return StreamingResponse(events(), media_type="text/event-stream")

    async with served(application(answer)) as base_url, KiloClient(base_url=base_url) as client:
        async with client.chat.completions.stream(messages="Hi") as stream:
            with pytest.raises(StreamInterruptedError) as raised:
                await stream.get_final_completion()
        assert raised.value.partial is not None
        assert raised.value.partial.text == WORDS[0]


async def test_an_application_hears_that_its_reader_left() -> None:
    left = asyncio.Event()

    async def answer(_: Request) -> Response:
        async def events() -> AsyncIterator[str]:
            try:
                yield CHUNKS[0]
                await anyio.sleep(600)
            finally:
                left.set()

        return EventSourceResponse(events())

    async with served(application(answer)) as base_url, KiloClient(base_url=base_url) as client:
        async with client.chat.completions.stream(messages="Hi") as stream:
            await anext(stream)
        with anyio.fail_after(10):
            await left.wait()


async def test_json_and_refusals() -> None:
    async def answer(request: Request) -> Response:
        asked = await request.json()
        if asked["model"] == "m/busy":
            error = {"error": "Rate limit exceeded", "message": "Slow down."}
            return JSONResponse(error, 429, {"Retry-After": "7"})
        message = {"role": "assistant", "content": asked["messages"][0]["content"] + "!"}
        return JSONResponse({"id": "g", "choices": [{"index": 0, "message": message}]})

    async with (
        served(application(answer)) as base_url,
        KiloClient(base_url=base_url, retries=RetryPolicy(max_attempts=1)) as client,
    ):
        completions = client.chat.completions
        assert (await completions.create(messages="Grüß", model="m/x")).text == "Grüß!"
        with pytest.raises(RateLimitError, match="Slow down") as raised:
            await completions.create(messages="Hi", model="m/busy")
        assert raised.value.retry_after == 7.0
