from __future__ import annotations

import asyncio
import logging

import pytest

from kilo_sdk import KiloClient, RetryPolicy
from kilo_sdk.bench.retry_count import RetryCount, counting_retries, retries_of_this_task
from kilo_sdk.emulator import LocalGateway, RawReply

pytestmark = pytest.mark.anyio


async def test_each_task_counts_its_own() -> None:
    refusals = [RawReply(status=503), RawReply(status=503), RawReply(status=503)]
    async with LocalGateway() as gateway:
        gateway.enqueue(*refusals)
        policy = RetryPolicy(max_attempts=4, wait_initial=0)
        async with KiloClient("k", base_url=gateway.base_url, retries=policy) as client:

            async def ask() -> RetryCount:
                count = retries_of_this_task()
                await client.chat.completions.create(messages="hi")
                return count

            with counting_retries():
                counts = await asyncio.gather(ask(), ask())
        assert sum(count.count for count in counts) == 3 == len(gateway.requests) - 2


def test_the_logger_is_left_as_it_was() -> None:
    logger = logging.getLogger("kilo_sdk.attempts")
    before = (logger.level, list(logger.handlers))
    with counting_retries():
        assert logger.isEnabledFor(logging.INFO)
    assert (logger.level, list(logger.handlers)) == before
