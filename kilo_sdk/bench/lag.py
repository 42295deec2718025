"""How late the event loop of a generator is: the error of whatever it measures."""

from __future__ import annotations

import asyncio
import time
from typing import Final

from kilo_sdk.bench.histogram import Histogram

__all__ = ["sample_lag"]

_INTERVAL_S: Final = 0.02


async def sample_lag(lag: Histogram) -> None:
    """Note, fifty times a second until cancelled, how late a timer fires, in seconds.

    Timers of the loop are late by up to a millisecond by themselves.
    """
    while True:
        due = time.monotonic() + _INTERVAL_S
        await asyncio.sleep(_INTERVAL_S)
        lag.add(max(time.monotonic() - due, 0.0))
