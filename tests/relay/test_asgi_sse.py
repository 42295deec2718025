"""ASGI's side of the events, message by message; the rest is in the exchange."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from kilo_sdk.relay.asgi_sse import ASGISSEPeer
from kilo_sdk.relay.refusals import RelayRefusedError
from kilo_sdk.relay.sockets import SocketClosedError

pytestmark = pytest.mark.anyio


class Server:
    def __init__(self, *incoming: dict[str, Any]) -> None:
        self.incoming = list(incoming)
        self.sent: list[Any] = []
        self.is_gone = False

    async def receive(self) -> Any:
        return self.incoming.pop(0)

    async def send(self, message: Any) -> None:
        if self.is_gone:
            raise OSError
        self.sent.append(message)

    def peer(self) -> ASGISSEPeer:
        return ASGISSEPeer({"type": "http", "method": "POST"}, self.receive, self.send)


async def test_a_body_comes_in_parts_and_is_limited() -> None:
    parts = [
        {"type": "http.request", "body": b"ab", "more_body": True},
        {"type": "http.request", "body": b"cd"},
    ]
    assert await Server(*parts).peer().body(4) == b"abcd"
    with pytest.raises(RelayRefusedError) as refused:
        await Server(*parts).peer().body(3)
    assert refused.value.code == "too_big"
    with pytest.raises(RelayRefusedError):
        await Server(parts[0], {"type": "http.disconnect"}).peer().body(4)


async def test_a_stream_has_a_beginning_parts_and_an_end() -> None:
    server = Server({"type": "http.request"}, {"type": "http.disconnect"})
    peer = server.peer()
    await peer.finish()
    await peer.begin()
    await peer.send(b"x")
    await peer.finish()
    with anyio.fail_after(60):
        await peer.gone()
    start, part, end = server.sent
    assert (start["status"], dict(start["headers"])[b"cache-control"]) == (200, b"no-store")
    assert (part["body"], part["more_body"]) == (b"x", True)
    assert end == {"type": "http.response.body", "body": b""}
    server.is_gone = True
    with pytest.raises(SocketClosedError):
        await peer.send(b"y")
