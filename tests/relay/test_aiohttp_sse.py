"""What aiohttp's side of the events does when its client is gone; the rest is in the exchange."""

from __future__ import annotations

from typing import Any
from unittest import mock

import anyio
import pytest
from aiohttp.test_utils import make_mocked_request

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
