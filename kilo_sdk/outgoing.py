"""Making a request ready to be sent: middleware, a check of the headers, the body's bytes.

What is refused here never left the machine.

Source: GATEWAY 2 (headers), GATEWAY 3 (body); RFC 9110 5.5 and 5.6.2 (what a header may hold).
"""

from __future__ import annotations

import re
from collections.abc import Awaitable
from math import inf, isfinite
from typing import Final, TypeVar
from urllib.parse import quote, urlsplit

import anyio
import orjson

from kilo_sdk.errors import ConfigurationError
from kilo_sdk.exchange import timeout_error
from kilo_sdk.middleware.base import OWN_HEADERS, OutgoingRequest
from kilo_sdk.middleware.chain import RequestChain
from kilo_sdk.routes import Route
from kilo_sdk.timeouts import CallClocks
from kilo_sdk.transports.base import CompletionCall

__all__ = [
    "begin_request",
    "check_destination",
    "check_headers",
    "encode_body",
    "quoted_path",
    "run_middleware",
    "within_total",
]

T = TypeVar("T")

# RFC 9110 5.6.2 (token) and 5.5 (field values; a tab is the one control character allowed).
_HEADER_NAME: Final = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_UNSENDABLE: Final = r"[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]"
# A wrong one lets a request end early, and its rest be taken for the next (RFC 9112 11.2).
_FRAMING: Final = frozenset({"content-length", "transfer-encoding"})
_SMALL_BODY: Final = 2048
# The SDK's own, and what else was found to be a header name; a caller who makes up new ones does
# not fill it.
_GOOD_NAMES: Final = set(OWN_HEADERS)
_GOOD_NAMES_MAX: Final = 256


def begin_request(
    call: CompletionCall, route: Route, clocks: CallClocks
) -> tuple[OutgoingRequest, Awaitable[None] | None]:
    """Return the request that a call becomes on its route, ready but for its body's bytes.

    Returns:
        The request, and what is to be awaited before it is ready; None where it is.

    Raises:
        APITimeoutError: As in ``run_middleware``.
        ConfigurationError: The call makes no request, or one that cannot be sent.
    """
    request = route.transport.prepare(call)
    return request, run_middleware(
        route.request_chain, request, clocks, model=call.ref.id, base_url=call.base_url
    )


def run_middleware(
    chain: RequestChain,
    request: OutgoingRequest,
    clocks: CallClocks,
    *,
    model: str | None,
    base_url: str,
) -> Awaitable[None] | None:
    """Let the middleware change the request, and check that it can be sent.

    Args:
        chain: What it passes.
        request: Changed in place.
        clocks: The clocks of the call.
        model: Id of the model that is asked, for errors.
        base_url: Where the client's key may go.

    Returns:
        What is to be awaited where a middleware has to wait; None when all is done.

    Raises:
        APITimeoutError: The total clock ran out, while a token was awaited for one.
        ConfigurationError: The headers cannot be sent, or the key would go elsewhere.
    """
    rest = chain.run(request)
    if rest is not None:
        return _run_rest(rest, chain, request, clocks, model=model, base_url=base_url)
    _check_sendable(chain, request, base_url)
    return None


async def _run_rest(
    rest: Awaitable[None],
    chain: RequestChain,
    request: OutgoingRequest,
    clocks: CallClocks,
    *,
    model: str | None,
    base_url: str,
) -> None:
    if clocks.total_left == inf:
        # The usual case: a scope that can never end costs more than the middleware.
        await rest
    else:
        await within_total(rest, clocks, model)
    _check_sendable(chain, request, base_url)


def _check_sendable(chain: RequestChain, request: OutgoingRequest, base_url: str) -> None:
    if request.headers != chain.sendable_headers:
        check_headers(request.headers)
        # A copy: what goes out is added to.
        chain.sendable_headers = dict(request.headers)
    if request.credential is not None and not request.url.startswith(base_url):
        check_destination(request, base_url)


async def within_total(work: Awaitable[T], clocks: CallClocks, model: str | None) -> T:
    """Wait for something on the total clock alone, and return it.

    Raises:
        APITimeoutError: The clock ran out.
    """
    started = anyio.current_time()
    try:
        with anyio.move_on_after(clocks.total_left):
            return await work
    finally:
        clocks.spend(anyio.current_time() - started)
    raise timeout_error(clocks, "total", model)


def check_destination(request: OutgoingRequest, base_url: str) -> None:
    """Refuse to send the client's key to another origin than the client's.

    A transport or a middleware may send a request elsewhere, with a credential of its own.

    Raises:
        ConfigurationError: The client's key is in it, and the URL is of another origin.
    """
    if request.credential not in request.headers.values():
        return
    if _origin(request.url) != _origin(base_url):
        raise ConfigurationError(
            "a transport or middleware sends the request to another scheme, host or port than "
            "base_url, and the client's key is in it; the key goes to base_url alone: remove or "
            "replace the Authorization header"
        )


def check_headers(headers: dict[str, str]) -> None:
    """Refuse what would let a value smuggle in another header.

    Raises:
        ConfigurationError: A name or a value is no text or has a control character in it, or
            says how long the body is.
    """
    try:
        # Names recur in every request, and nearly all values are printable ASCII.
        values = "".join(headers.values())
        if _GOOD_NAMES.issuperset(headers) and values.isascii() and values.isprintable():
            return
    except TypeError:
        pass  # one of them is no string: which, is told below
    for name, value in headers.items():
        if not isinstance(name, str) or not isinstance(value, str):
            raise ConfigurationError(f"header {name!r}: names and values are strings")
        if not re.fullmatch(_HEADER_NAME, name):
            raise ConfigurationError(f"{name!r} is no header name")
        if name.lower() in _FRAMING:
            raise ConfigurationError(
                f"header {name}: how long the body is follows from the body; leave it out"
            )
        if re.search(_UNSENDABLE, value):
            raise ConfigurationError(
                f"header {name}: line ends and other control characters are not allowed"
            )
    if len(_GOOD_NAMES) < _GOOD_NAMES_MAX:
        _GOOD_NAMES.update(headers)


def quoted_path(text: str, name: str, *, safe: str = "") -> str:
    """Return a value of the caller's as part of a URL's path, and no more than that.

    Args:
        text: The value.
        name: What it is, for the error.
        safe: What stands as it is; the slash, where it may have several segments.

    Raises:
        ConfigurationError: A segment of it would lead to another path.
    """
    segments = text.split("/") if "/" in safe else [text]
    if any(segment.strip() in ("", ".", "..") for segment in segments):
        raise ConfigurationError(f"{name} has a segment that is empty or made of dots alone")
    try:
        return quote(text, safe=safe)
    except UnicodeEncodeError as exc:
        raise ConfigurationError(f"{name} has a character that is no text") from exc


def encode_body(payload: dict[str, object]) -> bytes:
    """Return the payload as JSON.

    Raises:
        ConfigurationError: Something in it cannot be JSON, a number that is not finite
            included: it would go out as null, and mean something else.
    """
    try:
        body = orjson.dumps(payload)
        # Only where there is a null can there be one that was a number.
        if b"null" in body:
            _check_finite(payload)
        # What orjson returns keeps the buffer of 4 KiB that it was written into, which a
        # small request would hold as long as its stream is open.
        return bytes(memoryview(body)) if len(body) < _SMALL_BODY else body
    except TypeError as exc:
        problem = next((key for key, value in payload.items() if not _encodes(value)), None)
        where = f"parameter {problem!r}" if problem else "the request"
        raise ConfigurationError(f"{where} cannot be sent as JSON: {exc}") from exc


def _check_finite(payload: dict[str, object]) -> None:
    for key, value in payload.items():
        # A stack: what callers nest may be deeper than Python's own.
        pending: list[object] = [value]
        while pending:
            one = pending.pop()
            if isinstance(one, float):
                if not isfinite(one):
                    holds = "is" if one is value else "holds"
                    raise ConfigurationError(
                        f"parameter {key!r} {holds} {one}, which JSON cannot say"
                    )
            elif isinstance(one, dict):
                pending.extend(one.values())
            elif isinstance(one, list | tuple):
                pending.extend(one)


def _encodes(value: object) -> bool:
    try:
        orjson.dumps(value)
    except TypeError:
        return False
    return True


def _origin(url: str) -> tuple[str, str, int | None]:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "", url, None
    default = {"http": 80, "https": 443}.get(parts.scheme)
    return parts.scheme, (parts.hostname or "").lower(), port or default
