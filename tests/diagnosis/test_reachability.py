"""Facts about asking whether anybody is there."""

from __future__ import annotations

import time

import pytest

from kilo_sdk import KiloClient, Timeouts
from kilo_sdk.diagnosis import reachability
from kilo_sdk.diagnosis.reachability import reach
from kilo_sdk.emulator import LocalGateway, RawReply
from kilo_sdk.errors import APIConnectionError, APITimeoutError

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("status", [200, 401, 500])
async def test_whatever_is_answered_somebody_is_there(status: int) -> None:
    async with (
        LocalGateway() as gateway,
        KiloClient("sk-secret", base_url=gateway.base_url, headers={"X-Mine": "1"}) as client,
    ):
        gateway.enqueue(RawReply(status=status, body=[b" "], ending="hang"))
        before = time.time()
        reply = await reach(client)
    assert 0 < reply.seconds < 60
    assert before <= reply.at <= time.time()
    assert reply.date is not None
    assert reply.date.endswith("GMT")
    (request,) = gateway.requests
    assert "authorization" not in request.headers


async def test_nobody_is_there() -> None:
    async with LocalGateway() as gateway:
        base_url = gateway.base_url
    async with KiloClient("key", base_url=base_url) as client:
        with pytest.raises(APIConnectionError):
            await reach(client)


async def test_silence_has_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reachability, "_TIMEOUTS", Timeouts(total=0.2))
    async with (
        LocalGateway(models_fault="delay=600") as gateway,
        KiloClient("key", base_url=gateway.base_url) as client,
    ):
        with pytest.raises(APITimeoutError):
            await reach(client)
