"""What aiohttp's side of the events does when its client is gone; the rest is in the exchange."""

from __future__ import annotations

import asyncio
import logging
from typing import Any
from unittest import mock

import anyio
import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from kilo_sdk import KiloClient
from kilo_sdk.relay import WebSocketRelay
from kilo_sdk.relay.aiohttp_sse import AiohttpSSEPeer

pytestmark = pytest.mark.anyio


async def test_a_client_that_left_is_gone() -> None:
    transport = mock.Mock()
    transport.is_closing.return_value = False
    peer = AiohttpSSEPeer(make_mocked_request("GET", "/", transport=transport))
    with anyio.move_on_after(0.1) as waited:
        await peer.gone()
    assert waited.cancelled_caught
    transport.is_closing.return_value = True
    with anyio.fail_after(60):
        await peer.gone()


async def test_an_answer_without_a_body_has_none() -> None:
    peer = AiohttpSSEPeer(make_mocked_request("DELETE", "/"))
    await peer.respond(204, b"")
    response: Any = peer.response
    assert (peer.method, response.status, response.body) == ("DELETE", 204, None)


async def test_dropping_a_client_drops_what_it_did_not_take() -> None:
    transport = mock.Mock()
    AiohttpSSEPeer(make_mocked_request("GET", "/", transport=transport)).abort()
    transport.abort.assert_called_once_with()


@pytest.mark.parametrize(
    ("header", "rest"),
    [("Content-Length: 100", b"{"), ("Transfer-Encoding: chunked", b"no size\r\n")],
)
async def test_a_request_that_is_broken_off_is_no_error_of_the_server(
    header: str,
    rest: bytes,
    client: KiloClient,
    servers: Any,
    caplog: pytest.LogCaptureFixture,
    eventually: Any,
) -> None:
    relay, began, statuses = WebSocketRelay(client), anyio.Event(), list[int]()

    async def handle(request: web.Request) -> web.StreamResponse:
        began.set()
        response = await relay.serve_sse(request)
        statuses.append(response.status)
        return response

    app = web.Application()
    app.router.add_post("/sse", handle)
    async with servers.aiohttp(app) as port:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"POST /sse HTTP/1.1\r\nHost: app\r\n{header}\r\n\r\n".encode())
        with anyio.fail_after(60):
            await began.wait()
        writer.write(rest)
        await writer.drain()
        writer.close()
        await eventually(lambda: statuses)
    assert statuses == [400]
    assert [one.message for one in caplog.records if one.levelno >= logging.ERROR] == []
