"""Pages of which origins may ask, and what their browsers are told of it.

Source: RFC 6454 7 (the Origin header), WHATWG Fetch 3.2 (the CORS protocol).
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from kilo_sdk.errors import ConfigurationError
from kilo_sdk.relay.sockets import Handshake

__all__ = ["PREFLIGHT_HEADERS", "Origins"]

PREFLIGHT_HEADERS: Final = {
    "Access-Control-Allow-Methods": "GET, POST, DELETE",
    "Access-Control-Allow-Headers": "Content-Type, Last-Event-ID, Authorization",
    "Access-Control-Max-Age": "600",
}
"""What a page of an origin that may ask may do, beside what every page may."""


class Origins:
    """Which pages may ask.

    A browser sends the origin, and a page cannot forge it; without the check any page in the
    world could ask in the name of whoever is logged in. What is no browser sends none.

    Args:
        named: Such as ``https://app.example``; ``"*"`` is any. None: the origin's host must
            be the one that was asked for.

    Raises:
        ConfigurationError: It is one string.
    """

    def __init__(self, named: Collection[str] | None) -> None:
        if isinstance(named, str):
            raise ConfigurationError("origins is a list of origins, not one string")
        self._is_any = named is not None and "*" in named
        self._named = None if named is None else frozenset(named) - {"*"}

    def allow(self, handshake: Handshake) -> bool:
        """Return whether the page that connects may do so."""
        origin = handshake.origin
        if origin is None or self._is_any:
            return True
        if self._named is not None:
            return origin in self._named
        # Not parsed: a stranger may send what is no address at all.
        authority = origin.partition("://")[2].lower()
        return authority != "" and authority == handshake.headers.get("host", "").lower()

    def sharing(self, handshake: Handshake) -> dict[str, str]:
        """Return the headers by which a browser lets a page of another origin read an answer.

        An origin that is named may also send cookies, as it may with a web socket. With ``*``
        none may: every page in the world would read what belongs to whoever is logged in.
        """
        if self._named is None:
            return {}
        headers = {"Vary": "Origin"}
        if (origin := handshake.origin) is not None:
            if origin in self._named:
                headers["Access-Control-Allow-Origin"] = origin
                headers["Access-Control-Allow-Credentials"] = "true"
            elif self._is_any:
                headers["Access-Control-Allow-Origin"] = "*"
        return headers
