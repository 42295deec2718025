"""Whatever a server sends, the error is the SDK's own and says what was seen."""

from __future__ import annotations

import asyncio
import gzip
import tracemalloc
from typing import Any

import aiohttp
import orjson
import pytest
from own_time import elapsed

from kilo_sdk import (
    APIConnectionError,
    APIStatusError,
    InsufficientCreditsError,
    InternalServerError,
    KiloClient,
    KiloError,
    ProtocolError,
    RateLimitError,
    RetryPolicy,
    ServiceUnavailableError,
    StreamError,
    StreamInterruptedError,
    StreamProtocolError,
    Timeouts,
    UpstreamError,
)

pytestmark = pytest.mark.anyio

ONE_TRY = RetryPolicy(max_attempts=1)
HTML = b"<!DOCTYPE html>\n<html><body><h1>Bad gateway</h1></body></html>\n"
BINARY = b"\xff\xfe\x00\x80" + bytes(range(128, 256))
WORD = b'data: {"id":"g","choices":[{"index":0,"delta":{"content":"word"}}]}\n\n'
DONE = b"data: [DONE]\n\n"
BODY = orjson.dumps({"id": "g", "choices": [{"index": 0, "message": {"content": "word"}}]})
JSON_TYPE = "application/json"
SSE_TYPE = "text/event-stream"
CREDIT = b'{"error":{"message":"no credit","code":402}}'


def http(body: bytes, kind: str | None = JSON_TYPE, status: str = "200 OK", *more: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *more]
    lines += [f"Content-Type: {kind}"] if kind else []
    return "\r\n".join([*lines, "", ""]).encode() + body


def chunked(data: bytes, kind: str = SSE_TYPE) -> bytes:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head.encode() + data


Kind = type[KiloError] | None

# What is sent, and what comes of it for create() and for a stream; None is the word.
ANSWERS: dict[str, tuple[bytes, Kind, Kind]] = {
    "the answer": (http(BODY), None, None),
    "the answer as a stream": (http(WORD + DONE, SSE_TYPE), None, None),
    "a stream called text": (http(WORD + DONE, "text/plain"), ProtocolError, None),
    "a stream of no type": (http(WORD + DONE, None), ProtocolError, None),
    "an answer called text": (http(BODY, "text/plain"), None, StreamProtocolError),
    "a page": (http(HTML, "text/html"), ProtocolError, StreamProtocolError),
    "a page called json": (http(HTML), ProtocolError, ProtocolError),
    "a page called a stream": (http(HTML, SSE_TYPE), StreamProtocolError, StreamProtocolError),
    "a page with a 502": (http(HTML, "text/html", "502 Bad"), UpstreamError, UpstreamError),
    "a page with a 503": (
        http(HTML, "text/html", "503 Busy"),
        ServiceUnavailableError,
        ServiceUnavailableError,
    ),
    "nothing with a 500": (http(b"", None, "500 No"), InternalServerError, InternalServerError),
    "nothing with a 599": (http(b"", None, "599 No"), InternalServerError, InternalServerError),
    "nothing with a 418": (http(b"", None, "418 No"), APIStatusError, APIStatusError),
    "binary with a 429": (http(BINARY, None, "429 No"), RateLimitError, RateLimitError),
    "half a json": (http(BODY[:20]), ProtocolError, ProtocolError),
    "no utf-8": (http(b'{"id": "\xff\xfe"}'), ProtocolError, ProtocolError),
    "binary": (http(BINARY), ProtocolError, ProtocolError),
    "a binary stream": (http(BINARY, SSE_TYPE), StreamProtocolError, StreamProtocolError),
    "a list": (http(b"[1]"), ProtocolError, ProtocolError),
    "a number": (http(b"1"), ProtocolError, ProtocolError),
    "null": (http(b"null"), ProtocolError, ProtocolError),
    "no choices": (http(b'{"id":"g"}'), ProtocolError, ProtocolError),
    "empty choices": (http(b'{"choices":[]}'), ProtocolError, ProtocolError),
    "a deep json": (http(b"[" * 100_000), ProtocolError, ProtocolError),
    "an error": (http(CREDIT), InsufficientCreditsError, InsufficientCreditsError),
    "an error called text": (
        http(CREDIT, "text/plain"),
        InsufficientCreditsError,
        InsufficientCreditsError,
    ),
    "an error as an event": (
        http(b"data: " + CREDIT + b"\n\n", SSE_TYPE),
        InsufficientCreditsError,
        InsufficientCreditsError,
    ),
    "an error without a code": (
        http(b'data: {"error":{"message":"odd"}}\n\n', SSE_TYPE),
        StreamError,
        StreamError,
    ),
    "an error in words": (http(b'{"error":"odd"}'), APIStatusError, APIStatusError),
    "an event that is no json": (
        http(WORD + b"data: {oops\n\n" + DONE, SSE_TYPE),
        StreamProtocolError,
        StreamProtocolError,
    ),
    "an event that is a list": (
        http(WORD + b"data: [1]\n\n" + DONE, SSE_TYPE),
        StreamProtocolError,
        StreamProtocolError,
    ),
    "nothing": (http(b"", None), ProtocolError, StreamInterruptedError),
    "nothing called json": (http(b""), ProtocolError, ProtocolError),
    "nothing called a stream": (
        http(b"", SSE_TYPE),
        StreamInterruptedError,
        StreamInterruptedError,
    ),
    "comments alone": (
        http(b": OPENROUTER PROCESSING\n\n" * 3, SSE_TYPE),
        StreamInterruptedError,
        StreamInterruptedError,
    ),
    "204": (b"HTTP/1.1 204 No Content\r\n\r\n", ProtocolError, ProtocolError),
    "202": (http(BODY, JSON_TYPE, "202 Accepted"), ProtocolError, ProtocolError),
    "304": (b"HTTP/1.1 304 Not Modified\r\n\r\n", ProtocolError, ProtocolError),
    "no http": (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", ProtocolError, ProtocolError),
    "a header that is none": (b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", ProtocolError, ProtocolError),
    "an endless header": (
        b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 100_000 + b"\r\n\r\n",
        ProtocolError,
        ProtocolError,
    ),
    "no answer": (b"", APIConnectionError, APIConnectionError),
    "half a header": (b"HTTP/1.1 200 OK\r\nConte", APIConnectionError, APIConnectionError),
    "less than promised": (
        http(BODY)[:-4],
        APIConnectionError,
        StreamInterruptedError,
    ),
    "a stream of less than promised": (
        http(WORD + DONE, SSE_TYPE)[: -len(DONE)],
        StreamInterruptedError,
        StreamInterruptedError,
    ),
    "a chunk without a size": (chunked(b"oops\r\n" + WORD), ProtocolError, ProtocolError),
    "gzip that is none": (
        http(BODY, JSON_TYPE, "200 OK", "Content-Encoding: gzip"),
        APIConnectionError,
        StreamInterruptedError,
    ),
    "half a gzip": (
        http(gzip.compress(BODY)[:40], JSON_TYPE, "200 OK", "Content-Encoding: gzip"),
        ProtocolError,
        ProtocolError,
    ),
    "gzip": (http(gzip.compress(BODY), JSON_TYPE, "200 OK", "Content-Encoding: gzip"), None, None),
    "a gzipped stream": (
        http(gzip.compress(WORD + DONE), SSE_TYPE, "200 OK", "Content-Encoding: gzip"),
        None,
        None,
    ),
}


async def text_of(client: KiloClient, *, stream: bool) -> str:
    if not stream:
        return (await client.chat.completions.create(messages="Hi", model="m/x")).text
    async with client.chat.completions.stream(messages="Hi", model="m/x") as opened:
        return (await opened.get_final_completion()).text


@pytest.mark.parametrize("stream", [False, True], ids=["create", "stream"])
@pytest.mark.parametrize("name", ANSWERS)
async def test_an_answer_of_any_kind(name: str, stream: bool, serve: Any) -> None:
    sent, *kinds = ANSWERS[name]
    kind = kinds[stream]

    async def answer(request: Any) -> None:
        await request.write(sent)
        request.cut()

    async with (
        serve(answer) as server,
        aiohttp.ClientSession() as session,
        KiloClient(base_url=server.base_url, retries=ONE_TRY, session=session) as client,
    ):
        if kind is None:
            assert await text_of(client, stream=stream) == "word"
        else:
            with pytest.raises(KiloError) as raised:
                await text_of(client, stream=stream)
            assert type(raised.value) is kind, (type(raised.value), str(raised.value))
            assert "m/x" in str(raised.value)
            assert raised.value.model == "m/x"  # type: ignore[attr-defined]
        assert len(server.calls) == 1
        assert session.connector is not None
        assert session.connector._acquired == set()


@pytest.mark.parametrize("stream", [False, True], ids=["create", "stream"])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed_and_the_key_stays(
    status: int, stream: bool, serve: Any
) -> None:
    async def good(request: Any) -> None:
        await request.write(http(BODY))

    async with serve(good) as other:

        async def answer(request: Any) -> None:
            where = f"Location: {other.base_url}chat/completions"
            await request.write(http(b"", None, f"{status} Moved", where))

        async with (
            serve(answer) as server,
            KiloClient("secret-key", base_url=server.base_url) as client,
        ):
            with pytest.raises(ProtocolError, match="redirects are not followed") as raised:
                await text_of(client, stream=stream)
            assert type(raised.value) is ProtocolError
            assert str(status) in str(raised.value)
            assert len(server.calls) == 1
        assert other.calls == []


BREACHES = {
    "no size": b"oops\r\n",
    "a size below zero": b"-1\r\n",
    "more than the size": b"5\r\nlonger than five\r\n",
    "the page of a proxy": http(HTML, "text/html", "502 Bad Gateway"),
}


@pytest.mark.parametrize("limits", ["the defaults", "no limits"])
async def test_http_that_breaks_in_mid_stream_is_a_cut(
    limits: str, serve: Any, stream_head: bytes
) -> None:
    """Within a second or two, although aiohttp tells a reader nothing of it."""

    async def answer(request: Any) -> None:
        await request.write(stream_head)
        await request.chunk(WORD)
        await asyncio.sleep(0.01)
        await request.write(BREACHES[request.headers["x-breach"]])
        await request.closed_at()

    none = Timeouts(connect=None, first_token=None, idle=None, stall=None, total=None)
    clocks = none if limits == "no limits" else None

    async def ask(client: KiloClient, breach: str) -> None:
        headers = {"X-Breach": breach}
        async with client.chat.completions.stream(messages="Hi", extra_headers=headers) as stream:
            with pytest.raises(StreamInterruptedError) as raised:
                await stream.get_final_completion()
        assert raised.value.partial is not None
        assert raised.value.partial.text == "word"
        assert isinstance(raised.value.__cause__, APIConnectionError)

    async with (
        serve(answer) as server,
        KiloClient(base_url=server.base_url, timeouts=clocks) as client,
    ):
        with elapsed(0, late=2):
            async with asyncio.TaskGroup() as group:
                for breach in BREACHES:
                    group.create_task(ask(client, breach))


@pytest.mark.parametrize("lead", [b"data: ", b": ", b""], ids=["data", "comment", "neither"])
async def test_a_line_without_end_is_given_up_before_it_fills_the_memory(
    lead: bytes, serve: Any, stream_head: bytes
) -> None:
    block = b"x" * 2**20
    sent = 0

    async def answer(request: Any) -> None:
        nonlocal sent
        await request.write(stream_head)
        await request.chunk(lead)
        while True:
            await request.chunk(block)
            sent += 1

    tracemalloc.start()
    try:
        async with (
            serve(answer) as server,
            KiloClient(base_url=server.base_url, retries=ONE_TRY) as client,
        ):
            with pytest.raises(StreamProtocolError, match="more than 67108864 bytes"):
                await text_of(client, stream=True)
            await asyncio.sleep(0.05)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert 64 <= sent <= 80
    assert peak < 3 * 64 * 2**20


async def test_a_body_past_the_limit_is_given_up(
    serve: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kilo_sdk.resources.chat._BODY_MAX", 2**20)

    async def answer(request: Any) -> None:
        await request.write(chunked(b"", JSON_TYPE))
        while True:
            await request.chunk(b" " * 2**16)

    async with serve(answer) as server, KiloClient(base_url=server.base_url) as client:
        with pytest.raises(ProtocolError, match="longer than 1048576 bytes"):
            await text_of(client, stream=False)
        assert len(server.calls) == 1


async def test_an_endless_error_body_is_given_up_and_its_status_kept(serve: Any) -> None:
    async def answer(request: Any) -> None:
        await request.write(chunked(b"", JSON_TYPE).replace(b"200 OK", b"404 Not Found"))
        while True:
            await request.chunk(b"x" * 2**16)

    async with serve(answer) as server, KiloClient(base_url=server.base_url) as client:
        with pytest.raises(APIStatusError) as raised:
            await text_of(client, stream=True)
        assert raised.value.status_code == 404
        assert server.connections == 1
