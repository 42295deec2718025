"""How long Redis's client may take, and that it does not keep a task that was cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from kilo_sdk.event_loops import cancellations

__all__ = ["answered_within"]


@asynccontextmanager
async def answered_within(seconds: float) -> AsyncIterator[None]:
    """Limit what the block asks of Redis.

    Not anyio's limit, which would break off what Redis's client does to put things in order.

    Raises:
        TimeoutError: It took longer.
        asyncio.CancelledError: The task was cancelled and the block went on as if it had not
            been. Redis's client sends with ``asyncio.wait_for``, which keeps a cancellation that
            comes just after the last byte to itself (before Python 3.12): a task that waits
            for the next message would never end.
    """
    before = cancellations()
    async with asyncio.timeout(seconds):
        yield
    if cancellations() > before:
        raise asyncio.CancelledError
