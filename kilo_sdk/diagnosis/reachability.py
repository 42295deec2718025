"""Whether anybody answers at the base URL, asked without a key.

Source: GATEWAY 1 (``GET models`` needs none).
"""

from __future__ import annotations

import time
from typing import Final

import attrs

from kilo_sdk.client import KiloClient
from kilo_sdk.timeouts import CallClocks, Timeouts
from kilo_sdk.transports.base import join_url

__all__ = ["Reply", "reach"]

_TIMEOUTS: Final = Timeouts(connect=10, first_token=15, total=15)


@attrs.frozen(slots=True)
class Reply:
    """That somebody answered, whatever it was.

    Attributes:
        seconds: From the call to the headers of the answer, connecting included.
        date: The ``Date`` header, or None.
        at: When the headers came, in seconds since the epoch.
    """

    seconds: float
    date: str | None
    at: float


async def reach(client: KiloClient) -> Reply:
    """Ask the gateway for anything, within 15 seconds; its answer is not read.

    Raises:
        APIError: Nobody answered, or not in HTTP.
        ConfigurationError: The client cannot be used.
    """
    started = time.monotonic()
    exchange = await client.connections.send(
        "GET",
        join_url(client.base_url, "models"),
        headers={"Accept": "application/json"},
        body=None,
        clocks=CallClocks(_TIMEOUTS),
    )
    try:
        return Reply(time.monotonic() - started, exchange.headers.get("Date"), time.time())
    finally:
        exchange.close()
