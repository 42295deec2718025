from __future__ import annotations

import asyncio
import time

import pytest

from kilo_sdk.bench.histogram import Histogram
from kilo_sdk.bench.lag import sample_lag

pytestmark = pytest.mark.anyio


async def test_a_loop_that_is_held_up_is_late() -> None:
    lag = Histogram()
    sampler = asyncio.create_task(sample_lag(lag))
    try:
        await asyncio.sleep(0.05)
        time.sleep(0.15)  # noqa: ASYNC251 - holding the loop up is the point
        while lag.maximum is None or lag.maximum < 0.1:  # noqa: ASYNC110 - it tells no event
            await asyncio.sleep(0.005)
    finally:
        sampler.cancel()
    assert lag.maximum >= 0.1
