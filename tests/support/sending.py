"""Sending a request straight through ``Connections``, beneath the client."""

from __future__ import annotations

import anyio
import pytest

from kilo_sdk import APITimeoutError, Timeouts
from kilo_sdk.emulator import LocalGateway, RawReply
from kilo_sdk.errors import TimeoutPhase
from kilo_sdk.exchange import Exchange
from kilo_sdk.http import Connections
from kilo_sdk.timeouts import CallClocks


async def send(
    connections: Connections,
    gateway: LocalGateway,
    *,
    body: bytes = b"{}",
    model: str | None = None,
    timeouts: Timeouts | None = None,
    key: str | None = None,
) -> Exchange:
    """Post a body to the gateway's chat completions."""
    authorization = {} if key is None else {"Authorization": f"Bearer {key}"}
    clocks = CallClocks(timeouts or Timeouts())
    clocks.begin_try()
    return await connections.send(
        "POST",
        gateway.base_url + "chat/completions",
        headers={"Content-Type": "application/json", **authorization},
        body=body,
        clocks=clocks,
        model=model,
    )


async def send_for_endless_answer(connections: Connections, gateway: LocalGateway) -> Exchange:
    """Let the gateway answer with one event, and say no more."""
    gateway.enqueue(RawReply(body=[b"data: 1\n\n"], ending="hang"))
    return await send(connections, gateway)


async def seconds_until_timeout(exchange: Exchange, phase: TimeoutPhase) -> float:
    """Read on, inside a wait, until a clock of the call runs out; return how long that took."""
    began = anyio.current_time()
    with pytest.raises(APITimeoutError) as raised:
        await exchange.read()
    exchange.stop_wait()
    assert raised.value.phase == phase
    return anyio.current_time() - began
