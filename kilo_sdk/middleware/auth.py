"""Puts the key into the request, asking for it where it comes from a callable.

The one middleware that may have to wait. The key is never part of a message, a repr or a log line.

Source: GATEWAY 2 (``Authorization``).
"""

from __future__ import annotations

import inspect
import ipaddress
from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import TypeAlias
from urllib.parse import urlsplit

from kilo_sdk.errors import ConfigurationError, KiloError
from kilo_sdk.middleware.base import OutgoingRequest

__all__ = ["BearerAuth", "TokenSource", "is_loopback", "key_problem", "refuse_clear_text"]

TokenSource: TypeAlias = Callable[[], str | Awaitable[str]]
"""A plain or coroutine function that returns the current token."""


class BearerAuth:
    """Sets ``Authorization: Bearer TOKEN``; a request middleware.

    With a key its header wins over a caller's own ``Authorization``, whatever its case.
    Without one the call is anonymous: no header is set and a caller's own one stays.

    A callable is asked each time a request is built. One object may serve any number of
    tasks at once, provided the callable may.

    Args:
        source: The key, a callable that returns the current one, or None.
        allow_insecure: Send the key over plain http to another machine all the same.
        is_bound: Whether the key goes to the client's base URL alone, as the client's own does.

    Raises:
        ConfigurationError: A string no header can carry (empty, or with white space,
            control or non-ASCII characters), or a source of another kind. What a callable
            returns is checked in the same way when it is asked.
    """

    __slots__ = ("_allow_insecure", "_is_bound", "_source", "_static")
    sets_headers_alone = True

    def __init__(
        self,
        source: str | TokenSource | None,
        *,
        allow_insecure: bool = False,
        is_bound: bool = False,
    ) -> None:
        self._allow_insecure = allow_insecure
        self._is_bound = is_bound
        self._static: str | None = None
        self._source: TokenSource | None = None
        if isinstance(source, str):
            self._static = _header_value(source, "the key")
        elif callable(source):
            self._source = source
        elif source is not None:
            raise ConfigurationError(
                f"the key is a string or a callable that returns one, not {type(source).__name__}"
            )

    def __repr__(self) -> str:
        if self._source is not None:
            return "BearerAuth(<token source>)"
        return "BearerAuth(None)" if self._static is None else "BearerAuth(<key>)"

    def on_request(self, request: OutgoingRequest, /) -> Awaitable[None] | None:
        """Set the header; where there is a source, return what asks it first.

        Raises:
            ConfigurationError: The source failed (its own exception is the cause), or
                returned what no header can carry; or the key would travel in the clear.
            KiloError: The source raised one; it passes as it is.
        """
        value = self._static
        if value is None:
            return None if self._source is None else self._ask_and_set(request, self._source)
        self._set(request, value)
        return None

    async def _ask_and_set(self, request: OutgoingRequest, source: TokenSource) -> None:
        self._set(request, _header_value(await _ask(source), "the token source's key"))

    def _set(self, request: OutgoingRequest, value: str) -> None:
        if not self._allow_insecure:
            refuse_clear_text(request.url)
        request.set_header("Authorization", value)
        if self._is_bound:
            request.credential = value

    def on_unauthorized(self) -> bool:
        """Whether building the request again may bring another token: with a source, yes."""
        return self._source is not None


@lru_cache(maxsize=128)
def refuse_clear_text(url: str) -> None:
    """Refuse a URL over which a key would travel in the clear.

    Raises:
        ConfigurationError: Plain http to another machine.
    """
    if url.startswith("https://"):
        return
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme != "https" and not is_loopback(host):
        raise ConfigurationError(
            f"the URL is plain http and {host} is not this machine: the key would travel in "
            "the clear; use https, or allow_insecure=True where the network is yours"
        )


@lru_cache(maxsize=128)
def is_loopback(host: str) -> bool:
    """Whether a host, as it stands in a URL, is this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


async def _ask(source: TokenSource) -> object:
    try:
        token = source()
        return await token if inspect.isawaitable(token) else token
    except KiloError:
        raise
    except Exception as exc:
        # Its words may hold a credential, so only its class is named here.
        raise ConfigurationError(f"the token source failed: {type(exc).__name__}") from exc


def _header_value(token: object, name: str) -> str:
    if not isinstance(token, str):
        raise ConfigurationError(f"{name} is no string but {type(token).__name__}")
    problem = key_problem(token)
    if problem:
        raise ConfigurationError(f"{name} {problem}")
    return f"Bearer {token}"


def key_problem(token: str) -> str | None:
    """Say what keeps a token out of a header, never showing any of it."""
    if not token:
        return "is empty; for anonymous calls give None"
    if token.isascii() and token.isprintable() and " " not in token:
        return None
    if token.endswith(("\n", "\r")):
        return "ends in a newline; strip it"
    if token != token.strip():
        return "has white space around it; strip it"
    if any(c.isspace() for c in token):
        return "has white space inside; give the key alone, without 'Bearer'"
    if not token.isascii():
        return "has a non-ASCII character; copy it again from where it was issued"
    return "has a control character; copy it again from where it was issued"
