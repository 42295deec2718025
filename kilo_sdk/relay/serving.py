"""From what an app hands over to the socket that the relay serves, whatever its server."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from kilo_sdk.errors import ConfigurationError
from kilo_sdk.relay.aiohttp_socket import AiohttpSocket, is_request, is_socket
from kilo_sdk.relay.asgi_socket import ASGIConnection, ASGISocket
from kilo_sdk.relay.limits import RelayLimits
from kilo_sdk.relay.sockets import RelaySocket

if TYPE_CHECKING:
    from aiohttp import web

__all__ = ["socket_of"]

_ACCEPTED = (
    "the relay serves the request of an aiohttp.web handler, or the socket of an ASGI framework"
)


def socket_of(
    given: object,
    request: web.Request | None,
    limits: RelayLimits,
    *,
    is_accepted: bool = False,
) -> tuple[RelaySocket, Callable[[], web.StreamResponse | None]]:
    """Return the socket, and what gives the response that the app's handler is to return.

    Args:
        given: What the app has.
        request: Of a prepared ``WebSocketResponse``.
        limits: What the server is to enforce.
        is_accepted: Whether the handshake is over.

    Raises:
        ConfigurationError: It is no socket; the message says what is.
    """
    if is_socket(given):
        if request is None and not is_accepted:
            raise ConfigurationError(
                "a prepared WebSocketResponse does not say who connects: give serve the "
                "handler's request alone, and it makes the handshake itself; or both, "
                "serve(socket, request=request)"
            )
        prepared = AiohttpSocket(request, limits, given)
        return prepared, lambda: prepared.response
    if is_request(given):
        if is_accepted:
            raise ConfigurationError("send needs the socket, prepared: it is no request")
        fresh = AiohttpSocket(given, limits)
        return fresh, lambda: fresh.response
    if isinstance(given, ASGIConnection):
        if given.scope.get("type") != "websocket":
            raise ConfigurationError(f"{_ACCEPTED}; this connection is no web socket")
        socket = ASGISocket(given.scope, given.receive, given.send, is_accepted=is_accepted)
        return socket, lambda: None
    raise ConfigurationError(f"{_ACCEPTED}, not {type(given).__name__}")
