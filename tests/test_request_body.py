"""A body is sent as aiohttp's own would be, whatever its size, and again when it is asked for."""

from __future__ import annotations

from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from kilo_sdk.request_body import RequestBody

pytestmark = pytest.mark.anyio


@pytest.fixture
async def echo() -> AsyncIterator[str]:
    """The URL of a server that answers with what it was sent, and of which type that was."""

    async def answer(request: web.Request) -> web.Response:
        size = request.headers["Content-Length"]
        return web.Response(
            body=await request.read(), headers={"X-Was": f"{size} {request.content_type}"}
        )

    app = web.Application(client_max_size=2**26)
    app.router.add_post("/", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    yield f"http://{host}:{port}/"
    await runner.cleanup()


@pytest.mark.parametrize("size", [0, 1, 2**16 - 1, 2**16, 2**16 + 1, 3 * 2**20 + 7])
async def test_what_arrives_is_what_was_to_be_sent(echo: str, size: int) -> None:
    data = (b"0123456789abcdef" * (size // 16 + 1))[:size]
    body = RequestBody(data)
    async with aiohttp.ClientSession() as session:
        for _ in range(2):
            async with session.post(echo, data=body) as response:
                assert await response.read() == data
                assert response.headers["X-Was"] == f"{size} application/json"


async def test_the_requests_own_type_wins(echo: str) -> None:
    headers = {"Content-Type": "text/plain"}
    async with (
        aiohttp.ClientSession() as session,
        session.post(echo, data=RequestBody(b"{}"), headers=headers) as response,
    ):
        assert response.headers["X-Was"] == "2 text/plain"


class Written:
    """Takes down what a body writes."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []

    async def write(self, part: bytes | memoryview) -> None:
        self.parts.append(bytes(part))


@given(st.integers(0, 2**18), st.one_of(st.none(), st.integers(0, 2**18)))
async def test_no_part_is_larger_than_the_writer_takes_at_once(
    size: int, content_length: int | None
) -> None:
    data = bytes(range(256)) * (size // 256) + b"." * (size % 256)
    written = Written()
    await RequestBody(data).write_with_length(written, content_length)  # type: ignore[arg-type]
    assert b"".join(written.parts) == data[:content_length]
    assert max(map(len, written.parts)) <= 2**16


async def test_a_middleware_of_aiohttp_may_look_at_it(echo: str) -> None:
    seen: list[tuple[bytes, str]] = []

    async def looks(
        request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        assert isinstance(request.body, aiohttp.Payload)
        seen.append((await request.body.as_bytes(), request.body.decode()))
        assert (request.body.filename, request.body.encoding) == (None, None)
        return await handler(request)

    async with (
        aiohttp.ClientSession(middlewares=[looks]) as session,
        session.post(echo, data=RequestBody(b'{"a":1}')) as response,
    ):
        assert await response.read() == b'{"a":1}'
    assert seen == [(b'{"a":1}', '{"a":1}')]
