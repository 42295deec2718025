"""What the relay serves, and what it says of the rest."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from kilo_sdk import ConfigurationError, KiloClient
from kilo_sdk.relay import RelayLimits, WebSocketRelay
from kilo_sdk.relay.aiohttp_socket import AiohttpSocket
from kilo_sdk.relay.asgi_socket import ASGISocket
from kilo_sdk.relay.serving import socket_of

LIMITS = RelayLimits()


class Connection:
    """As frameworks hand it to an endpoint."""

    def __init__(self, kind: str) -> None:
        self.scope = {"type": kind, "path": "/ws", "headers": []}

    async def receive(self) -> dict[str, Any]:
        return {}

    async def send(self, message: dict[str, Any]) -> None:
        pass


def test_requests_and_connections_are_served() -> None:
    request = make_mocked_request("GET", "/ws?user=anna")
    socket, _ = socket_of(request, None, LIMITS)
    assert isinstance(socket, AiohttpSocket)
    assert socket.handshake.query == {"user": "anna"}
    prepared, response = socket_of(web.WebSocketResponse(), request, LIMITS)
    assert isinstance(prepared, AiohttpSocket)
    assert isinstance(response(), web.WebSocketResponse)
    asgi, nothing = socket_of(Connection("websocket"), None, LIMITS)
    assert isinstance(asgi, ASGISocket)
    assert nothing() is None


@pytest.mark.parametrize(
    ("given", "is_accepted", "words"),
    [
        ("socket", False, "not str"),
        (Connection("http"), False, "this connection is no web socket"),
        (web.WebSocketResponse(), False, "does not say who connects"),
        (make_mocked_request("GET", "/"), True, "send needs the socket"),
    ],
)
def test_the_rest_is_refused_in_words(given: object, is_accepted: bool, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        socket_of(given, None, LIMITS, is_accepted=is_accepted)


@pytest.mark.anyio
async def test_a_stream_that_cannot_be_sent_is_closed(client: KiloClient) -> None:
    relay = WebSocketRelay(client)
    async with client.chat.completions.stream(messages="hi") as stream:
        with pytest.raises(ConfigurationError, match="not int"):
            await relay.send(stream, 7)  # type: ignore[arg-type]
        assert stream.closed


@pytest.mark.anyio
async def test_a_stream_whose_framing_is_not_installed_is_closed(
    client: KiloClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "msgpack", None)
    relay = WebSocketRelay(client)
    async with client.chat.completions.stream(messages="hi") as stream:
        with pytest.raises(ConfigurationError, match="msgpack"):
            await relay.send(stream, Connection("websocket"), framing="msgpack")
        assert stream.closed
