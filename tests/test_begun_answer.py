"""Facts about what a try that was answered leaves to be read."""

from __future__ import annotations

import pytest

from kilo_sdk import KiloClient, ModelRef
from kilo_sdk.emulator import LocalGateway

pytestmark = pytest.mark.anyio


async def test_an_answer_is_the_models_that_gave_it() -> None:
    async with (
        LocalGateway() as gateway,
        KiloClient("key", base_url=gateway.base_url) as client,
    ):
        opening = client.chat.completions.stream(
            messages="Hi", model="acme/none", fallback_models=["openai/gpt-4.1"]
        )
        answer = await opening._attempts.open()
        assert answer.context.ref == ModelRef("openai/gpt-4.1")
        assert answer.context.request_id == "req-0-00000002"
        assert answer.exchange.status == 200
        assert answer.context.transport is client.transport_for(answer.context.ref)
        answer.exchange.close()
