"""What aiohttp and the operating system raise, and which of the SDK's errors it means.

Source: GATEWAY 5 (a connection may break at any point).
"""

from __future__ import annotations

from typing import Final

import aiohttp

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

_NO_CONNECTION: Final = (
    aiohttp.ClientConnectorError,
    aiohttp.ClientConnectorCertificateError,
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

    Only the class name and the system's own words go into the message: aiohttp's texts
    may hold whole URLs or header lines.
    """
    for foreign, own, words in _ERROR_TABLE:
        if isinstance(exc, foreign):
            detail = exc.strerror if isinstance(exc, OSError) and exc.strerror else ""
            message = f"{words} ({detail or type(exc).__name__})"
            if model:
                message = f"{message}; model {model}"
            if issubclass(own, APITimeoutError):
                return own(message, phase="connect", model=model)
            return own(message, model=model) if issubclass(own, APIError) else own(message)
    raise AssertionError(f"{type(exc).__name__} is not a foreign error") from exc
