"""What aiohttp and the operating system raise, and which of the SDK's errors it means.

Source: GATEWAY 5 (a connection may break at any point).
"""

from __future__ import annotations

from typing import Final

import aiohttp
from aiohttp.http_exceptions import HttpProcessingError

from kilo_sdk.errors import (
    APIConnectionError,
    APIError,
    APITimeoutError,
    ConfigurationError,
    KiloError,
    ProtocolError,
)

__all__ = ["FOREIGN_ERRORS", "api_error_of", "never_sent"]

# Most specific first: several of these classes are also TimeoutError or OSError.
_ERROR_TABLE: Final[tuple[tuple[type[BaseException], type[KiloError], str], ...]] = (
    (aiohttp.ServerTimeoutError, APITimeoutError, "no connection in time"),
    (aiohttp.ClientConnectorCertificateError, APIConnectionError, "the certificate is not valid"),
    (aiohttp.ClientConnectorDNSError, APIConnectionError, "the host name was not found"),
    (aiohttp.ClientProxyConnectionError, APIConnectionError, "the proxy cannot be reached"),
    (aiohttp.ClientHttpProxyError, APIConnectionError, "the proxy did not let the call through"),
    (aiohttp.ClientSSLError, APIConnectionError, "TLS failed"),
    (aiohttp.ClientConnectorError, APIConnectionError, "the host cannot be reached"),
    (aiohttp.ServerDisconnectedError, APIConnectionError, "the server closed the connection"),
    (aiohttp.ServerFingerprintMismatch, APIConnectionError, "the certificate is another one"),
    (aiohttp.ClientPayloadError, APIConnectionError, "the answer was cut"),
    (aiohttp.ClientOSError, APIConnectionError, "the connection broke"),
    (aiohttp.ClientConnectionError, APIConnectionError, "the connection failed"),
    (aiohttp.NonHttpUrlClientError, ConfigurationError, "the URL is not http or https"),
    (aiohttp.InvalidURL, ConfigurationError, "the URL is not valid"),
    (aiohttp.ClientResponseError, ProtocolError, "the answer is not HTTP as it should be"),
    (aiohttp.ClientError, APIConnectionError, "the request failed"),
    (TimeoutError, APITimeoutError, "no connection in time"),
    (OSError, APIConnectionError, "the connection broke"),
    # What aiohttp says when the session was closed under a request.
    (RuntimeError, APIConnectionError, "the connection was closed"),
)
FOREIGN_ERRORS: Final = (aiohttp.ClientError, TimeoutError, OSError, RuntimeError)
"""What a request or a read may raise that is not the SDK's own."""

_UNCONNECTED: Final = (aiohttp.ClientConnectorError, aiohttp.ClientConnectorCertificateError)

_NO_CONNECTION: Final = (
    *_UNCONNECTED,
    aiohttp.ClientProxyConnectionError,
    aiohttp.ClientHttpProxyError,
    aiohttp.ClientSSLError,
    aiohttp.ServerTimeoutError,
)


def never_sent(error: KiloError) -> bool:
    """Whether a request failed for want of a connection: nobody has seen it."""
    return isinstance(error.__cause__, _NO_CONNECTION)


def api_error_of(exc: BaseException, *, model: str | None) -> KiloError:
    """Translate what aiohttp or the operating system raised.

    Only the host, the class name and the system's own words go into the message: aiohttp's
    texts may hold whole URLs or header lines. What it keeps of the request, the key among
    it, is taken out of ``exc``, which a log may show as the cause.
    """
    for foreign, own, words in _ERROR_TABLE:
        if isinstance(exc, foreign):
            message = f"{words} ({_detail(exc)})"
            if model:
                message = f"{message}; model {model}"
            _forget_request(exc)
            if issubclass(own, APITimeoutError):
                return own(message, phase="connect", model=model)
            return own(message, model=model) if issubclass(own, APIError) else own(message)
    raise AssertionError(f"{type(exc).__name__} is not a foreign error") from exc


def _detail(exc: BaseException) -> str:
    """Say where and why, as far as that is known without aiohttp's texts."""
    if isinstance(exc, aiohttp.ClientHttpProxyError) and hasattr(exc, "status"):
        wants = ", it wants a user and a password" if exc.status == 407 else ""
        return f"status {exc.status}{wants}"
    # Where there is no number the words are aiohttp's.
    said = exc.strerror if isinstance(exc, OSError) and exc.errno is not None else None
    while isinstance(behind := exc.__cause__ or exc.__context__, HttpProcessingError):
        exc = behind  # which rule of HTTP was broken
    host = _host_of(exc)
    return ": ".join(part for part in (host, said or type(exc).__name__) if part)


def _host_of(exc: BaseException) -> str | None:
    """The host that no connection came to, a proxy's included; its user is no part of it."""
    if getattr(exc, "_conn_key", None) is None or not isinstance(exc, _UNCONNECTED):
        return None
    return f"{exc.host}:{exc.port}"


def _forget_request(exc: BaseException) -> None:
    """Take the key and a proxy's password out of what aiohttp keeps of the request."""
    if isinstance(exc, aiohttp.ClientResponseError):
        info = getattr(exc, "request_info", None)
        if info is not None:
            url, headers = info.real_url.with_user(None), info.headers.copy()
            headers.clear()
            proxied = type(info.headers)(headers)
            exc.request_info = aiohttp.RequestInfo(url, info.method, proxied, url)
            exc.args = (exc.request_info, exc.history)
    elif isinstance(exc, _UNCONNECTED):
        key = getattr(exc, "_conn_key", None)
        if key is not None:
            exc._conn_key = key._replace(proxy=None, proxy_auth=None)
            exc.args = (exc._conn_key, exc.args[1])
