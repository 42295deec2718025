"""A response that is no answer, read and turned into the exception that tells why.

Source: GATEWAY 8.
"""

from __future__ import annotations

import time
from typing import Final

from kilo_sdk.error_mapping import error_from_response
from kilo_sdk.errors import APIError, ProtocolError
from kilo_sdk.exchange import Exchange

__all__ = ["failure_of", "request_id_of"]

_ERROR_BODY_MAX: Final = 4 * 2**20
# A body that is not whole is no JSON, and of text no more is read or kept.
_BEGINNING_MAX: Final = 64 * 2**10


async def failure_of(exchange: Exchange, *, model: str | None) -> APIError:
    """Read the answer of a request that failed and return it as an exception.

    A body that breaks off, stands still or has no end is told as far as it came.
    """
    body = await _read_explanation(exchange)
    status = exchange.status
    if status >= 400:
        await exchange.finish()
        return error_from_response(
            status,
            exchange.headers,
            body,
            model=model,
            now=time.time(),
            key=exchange.key_sent(),
        )
    exchange.close()
    request_id = request_id_of(exchange)
    message = f"the server answered {status} where 200 was expected"
    if "Location" in exchange.headers:
        message = (
            f"the server answered {status} and points elsewhere; redirects are not followed, "
            "so that the key stays where it was meant to go: set base_url to the new address"
        )
    if model:
        message = f"{message}; model {model}"
    if request_id:
        message = f"{message}; request id {request_id}"
    return ProtocolError(message, request_id=request_id, model=model)


async def _read_explanation(exchange: Exchange) -> bytes:
    """Return what comes of the body; of one past 4 MiB the first 64 KiB."""
    parts: list[bytes] = []
    left = _ERROR_BODY_MAX
    exchange.start_wait()
    try:
        while left >= 0 and (data := await exchange.read()):
            exchange.go_on()
            parts.append(data)
            left -= len(data)
    except APIError:
        # The status says enough; what went wrong with its explanation does not matter.
        pass
    finally:
        exchange.stop_wait()
    body = b"".join(parts)
    if left >= 0:
        return body
    exchange.close()
    return body[:_BEGINNING_MAX]


def request_id_of(exchange: Exchange) -> str | None:
    """Return the gateway's id of the request, where the response headers name one."""
    headers = exchange.headers
    return headers.get("request-id") or headers.get("x-request-id")
