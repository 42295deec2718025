"""A gateway with a fault proxy in front of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest
from fault_proxy import FaultProxy

from kilo_sdk.emulator import LocalGateway


@pytest.fixture(params=[False], ids=["in one piece"])
async def proxy(gateway: LocalGateway, request: pytest.FixtureRequest) -> AsyncIterator[FaultProxy]:
    """Answers come in one piece; event by event where a test asks for it."""
    port = urlsplit(gateway.base_url).port
    assert port is not None
    async with FaultProxy(port, by_event=request.param).running() as proxy:
        yield proxy
