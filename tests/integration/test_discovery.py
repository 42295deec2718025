"""Whatever the server does, the model list is there in time, and the log says what went wrong."""

from __future__ import annotations

import asyncio
import gzip
import re
import socket
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import orjson
import pytest

from kilo_sdk import KiloClient, ModelCatalog, RetryPolicy
from kilo_sdk.catalog import static_catalog
from kilo_sdk.emulator import LocalGateway
from kilo_sdk.resources import models as models_module

pytestmark = pytest.mark.anyio

ONE_TRY = RetryPolicy(max_attempts=1)
ENTRY = b'{"id": "a/b", "name": "' + b"x" * 1000 + b'"}'
MIB = 2**20


def head(*lines: str, status: str = "200 OK") -> bytes:
    return "\r\n".join((f"HTTP/1.1 {status}", *lines, "", "")).encode()


def whole(body: bytes, *lines: str, status: str = "200 OK") -> bytes:
    kind = "Content-Type: application/json"
    return head(kind, f"Content-Length: {len(body)}", *lines, status=status) + body


async def listed(base_url: str, **options: Any) -> ModelCatalog:
    async with KiloClient("key", base_url=base_url, retries=ONE_TRY, **options) as client:
        with anyio.fail_after(60):
            return await client.models.list()


def reason(caplog: pytest.LogCaptureFixture) -> str:
    """Why discovery failed, as the one warning of it says."""
    (said,) = (r.getMessage() for r in caplog.records if "discovery" in r.getMessage())
    found = re.fullmatch(r"discovery.failed serving=static reason=(.*) next_try_in=10", said)
    assert found, said
    return found[1]


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (whole(b"<!doctype html><title>Bad gateway</title>"), "the answer is no JSON, but "),
        (whole(b""), "the answer is no JSON, but "),
        (whole(b'{"data": [{"id": "a/b"}'), "the answer is no JSON, but "),
        (whole('{"data": []}'.encode("utf-16")), "the answer is no JSON, but "),
        (whole(b"[" * 100_000), "the answer is no JSON, but "),
        (whole(b'{"data": []}'), "the list is empty"),
        (whole(b'{"data": [{}, null, {"id": 5}]}'), "none of the 3 entries describes a model"),
        (whole(b"[]"), "the answer is no JSON object, but list"),
        (whole(b'{"error": {"code": 429, "message": "slow down"}}'), "rate limit reached"),
        (whole(b'{"error": "no"}', status="403 Forbidden"), "not allowed"),
        (whole(b"<h1>nginx</h1>", status="502 Bad Gateway"), "the upstream failed"),
        (head("Location: http://127.0.0.1:9/", status="302 Found"), "the server answered 302"),
        (whole(b"", status="204 No Content"), "the server answered 204"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "the answer is not HTTP as it should be"),
        (b"", "the server closed the connection"),
        (head("Content-Length: 100") + b'{"data"', "the answer was cut"),
        (whole(b"no gzip", "Content-Encoding: gzip"), "the answer was cut"),
        (
            whole(gzip.compress(b'{"data": [' + ENTRY * 99)[:-20], "Content-Encoding: gzip"),
            "the answer ",
        ),
    ],
)
async def test_a_bad_answer_leaves_the_bundled_list_and_says_what_it_was(
    answer: bytes, why: str, serve: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async def handler(call: Any) -> None:
        await call.write(answer)
        call.cut()

    async with serve(handler) as server:
        catalog = await listed(server.base_url)
    assert catalog == static_catalog()
    assert reason(caplog).startswith(why)


async def test_half_a_list_is_better_than_none(
    serve: Any, caplog: pytest.LogCaptureFixture
) -> None:
    data: list[Any] = [{"id": "a/b", "pricing": "?"}, {"id": 7}, None, {"id": "c/d"}, {"id": "a/b"}]

    async def handler(call: Any) -> None:
        await call.write(whole(orjson.dumps({"data": data})))

    async with serve(handler) as server:
        catalog = await listed(server.base_url)
    assert catalog.source == "gateway"
    assert [model.id for model in catalog][:3] == ["a/b", "c/d", "kilo/auto"]
    assert len([m for m in caplog.messages if m.startswith("model_entry.skipped")]) == 2


async def with_a_length(call: Any) -> None:
    body = b'{"data": [' + b",".join([ENTRY] * (50 * MIB // len(ENTRY))) + b"]}"
    await call.write(whole(body))


async def in_chunks_without_end(call: Any) -> None:
    await call.write(head("Content-Type: application/json", "Transfer-Encoding: chunked"))
    await call.chunk(b'{"data": [')
    while True:
        await call.chunk((ENTRY + b",") * 1000)


async def as_a_gzip_bomb(call: Any) -> None:
    bomb = gzip.compress(b'{"data": [' + b" " * (64 * MIB), 1)
    await call.write(whole(bomb, "Content-Encoding: gzip"))


@pytest.mark.parametrize("handler", [with_a_length, in_chunks_without_end, as_a_gzip_bomb])
async def test_a_giant_is_not_read_to_its_end(
    handler: Callable[[Any], Awaitable[None]],
    serve: Any,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(models_module, "_DISCOVERY_TIMEOUT", 60.0)
    async with serve(handler) as server:
        catalog = await listed(server.base_url)
        assert catalog.source == "static"
    assert reason(caplog) == "the answer is longer than 16777216 bytes; nothing of it was used"


async def says_nothing(call: Any) -> None:
    await call.reader.read()


async def drips_its_head(call: Any) -> None:
    await call.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        await call.write(b"X-Drip: 1\r\n")
        await asyncio.sleep(0.02)


async def drips_its_body(call: Any) -> None:
    await call.write(head("Content-Length: 1000000"))
    while True:
        await call.write(b" ")
        await asyncio.sleep(0.02)


async def drips_an_error(call: Any) -> None:
    await call.write(head("Content-Length: 1000000", status="500 Internal Server Error"))
    while True:
        await call.write(b" ")
        await asyncio.sleep(0.02)


async def asks_for_patience(call: Any) -> None:
    await call.write(whole(b"{}", "Retry-After: 1", status="503 Service Unavailable"))


@pytest.mark.parametrize("handler", [says_nothing, drips_its_head, drips_its_body])
async def test_the_deadline_is_for_all_of_it(
    handler: Callable[[Any], Awaitable[None]],
    serve: Any,
    tick: float,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(models_module, "_DISCOVERY_TIMEOUT", 4 * tick)
    async with serve(handler) as server:
        assert (await listed(server.base_url)).source == "static"
    assert "(total timeout)" in reason(caplog)


async def test_the_deadline_is_for_the_words_of_an_error_too(
    serve: Any, tick: float, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models_module, "_DISCOVERY_TIMEOUT", 40 * tick)
    async with serve(drips_an_error) as server:
        assert (await listed(server.base_url)).source == "static"
    assert reason(caplog).startswith("the server failed (status 500)")


async def test_the_deadline_is_for_retries_too(serve: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models_module, "_DISCOVERY_TIMEOUT", 0.9)
    async with serve(asks_for_patience) as server:
        async with KiloClient("key", base_url=server.base_url) as client:
            assert (await client.models.list()).source == "static"
        assert len(server.calls) == 1


async def test_the_deadline_is_for_waiting_for_a_free_connection(
    tick: float, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models_module, "_DISCOVERY_TIMEOUT", 4 * tick)
    async with (
        LocalGateway(fault="comments") as gateway,
        KiloClient("key", base_url=gateway.base_url, max_connections=1) as client,
        client.chat.completions.stream(messages="Hi", model="openai/gpt-4.1"),
    ):
        assert (await client.models.list()).source == "static"
        assert [request.method for request in gateway.requests] == ["POST"]
    assert "timeout" in reason(caplog)


async def test_a_server_that_never_accepts_is_given_up(
    tick: float, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models_module, "_DISCOVERY_TIMEOUT", 4 * tick)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert (await listed(f"http://127.0.0.1:{port}/api/gateway/")).source == "static"
    assert "(total timeout)" in reason(caplog)


async def test_a_refused_connection_says_so(caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert (await listed(f"http://127.0.0.1:{port}/api/gateway/")).source == "static"
    assert reason(caplog).startswith("the host cannot be reached")


async def test_an_outage_does_not_cost_its_deadline_at_each_call(
    serve: Any, tick: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(models_module, "_DISCOVERY_TIMEOUT", 4 * tick)
    async with (
        serve(says_nothing) as server,
        KiloClient("key", base_url=server.base_url, retries=ONE_TRY) as client,
    ):
        for _ in range(100):
            assert (await client.models.list()).source == "static"
        assert len(server.calls) == 1
