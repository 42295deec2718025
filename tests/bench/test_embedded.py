from __future__ import annotations

from asyncio.subprocess import Process

import pytest

from kilo_sdk import ConfigurationError, KiloClient
from kilo_sdk.bench import embedded
from kilo_sdk.bench.child import start_child
from kilo_sdk.bench.embedded import GatewayPace, embedded_gateway
from kilo_sdk.bench.report import ServerCounts

pytestmark = pytest.mark.anyio


async def test_it_answers_and_counts() -> None:
    pace = GatewayPace(ttft=0.0, tokens_per_second=None, fault="status=503;times=1")
    async with embedded_gateway(pace) as gateway:
        async with KiloClient("k", base_url=gateway.base_url) as client:
            for _ in range(2):
                await client.chat.completions.create(messages="hi")
        assert gateway.counts is None
    assert gateway.counts == ServerCounts(requests=3, completions=2)


async def test_a_pace_that_cannot_be_is_told_in_words() -> None:
    with pytest.raises(ConfigurationError, match="no fault word"):
        async with embedded_gateway(GatewayPace(fault="nonsense=1")):
            pass


async def test_an_error_in_the_block_ends_it_too() -> None:
    with pytest.raises(RuntimeError, match="mine"):
        async with embedded_gateway(GatewayPace()):
            raise RuntimeError("mine")


async def test_a_gateway_that_dies_takes_nothing_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[Process] = []

    async def start(*arguments: str) -> Process:
        started.append(await start_child(*arguments))
        return started[-1]

    monkeypatch.setattr(embedded, "start_child", start)
    async with embedded_gateway(GatewayPace()) as gateway:
        started[0].kill()
    assert gateway.counts is None
