"""What the relay needs of a socket, whatever server it belongs to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from http.cookies import SimpleCookie
from typing import Final, Protocol

import attrs

__all__ = [
    "Handshake",
    "RelaySocket",
    "SocketClosedError",
    "close_reason",
    "headers_of",
]

# A control frame carries 125 bytes, and two of them are the code: RFC 6455 5.5.
_REASON_BYTES: Final = 123


class SocketClosedError(Exception):
    """The peer is gone. Stays inside the relay."""


@attrs.frozen(kw_only=True)
class Handshake:
    """Who is at the door: what an auth hook decides by.

    Attributes:
        path: The path that was asked for.
        headers: Names in lower case; of repeated ones, the values in one line.
        query: Of repeated names, the last.
        remote: The peer's address, or None where it is not known.
        subprotocols: Those that the client offers.
    """

    path: str
    headers: Mapping[str, str] = attrs.field(repr=False)
    query: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    remote: str | None = None
    subprotocols: Sequence[str] = attrs.field(default=(), repr=False)

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies, read one by one: what others have set for a host is no one's choice."""
        cookies: dict[str, str] = {}
        for part in self.headers.get("cookie", "").split(";"):
            name, separator, value = part.partition("=")
            if separator:
                cookies[name.strip()] = _unquoted(value.strip())
        return cookies

    @property
    def origin(self) -> str | None:
        """Where the page that connects is from; None for a client that is no browser."""
        return self.headers.get("origin")


class RelaySocket(Protocol):
    """A web socket of some server. One task receives, one sends, any may close.

    Attributes:
        handshake: How it began.
    """

    handshake: Handshake

    async def accept(self, subprotocol: str | None) -> None:
        """Answer the handshake."""
        ...

    async def refuse(self) -> None:
        """Answer the handshake with 403; close with 1008 where it was answered before."""
        ...

    async def receive(self) -> str | bytes:
        """Return the next message.

        Raises:
            SocketClosedError: There will be none.
        """
        ...

    async def send(self, frame: bytes, *, is_text: bool) -> None:
        """Send one frame, and wait while the peer does not take it.

        Raises:
            SocketClosedError: The peer is gone.
        """
        ...

    def at_once(self, *, is_text: bool) -> Callable[[bytes], bool] | None:
        """Return what sends a frame without waiting; None where the server has no such way.

        It returns False, and has not sent the frame, when that would have to wait, or the peer
        is gone.
        """
        ...

    async def close(self, code: int, reason: str) -> None:
        """Close it; doing so twice is fine."""
        ...

    def abort(self) -> None:
        """Drop the connection, and whatever was not taken."""
        ...


def _unquoted(value: str) -> str:
    """Return the value of a cookie without the quotes that Python's servers put around some."""
    if len(value) < 2 or not value.startswith('"') or not value.endswith('"'):
        return value
    jar = SimpleCookie(f"x={value}")
    return jar["x"].value if "x" in jar else value


def headers_of(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return headers by their names in lower case.

    Of a name that is repeated the values are joined: with HTTP/2 a browser may send each cookie
    in a field of its own.

    Source: RFC 9110 5.2, RFC 9113 8.2.3.
    """
    headers: dict[str, str] = {}
    for given, value in pairs:
        name = given.lower()
        before = headers.get(name)
        between = "; " if name == "cookie" else ", "
        headers[name] = value if before is None else f"{before}{between}{value}"
    return headers


def close_reason(words: str) -> str:
    """Return as much of the words as the frame that closes a socket can carry.

    One that is longer breaks the protocol, and the peer never learns the code.
    """
    return words.encode("utf-8", "replace")[:_REASON_BYTES].decode("utf-8", "ignore")
