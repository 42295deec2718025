"""Facts about ``client.providers``."""

from __future__ import annotations

from collections.abc import AsyncIterator

import orjson
import pytest

from kilo_sdk import KiloClient
from kilo_sdk.emulator import LocalGateway, RawReply
from kilo_sdk.errors import ProtocolError, ServiceUnavailableError
from kilo_sdk.retry import RetryPolicy

pytestmark = pytest.mark.anyio


@pytest.fixture
async def client(gateway: LocalGateway) -> AsyncIterator[KiloClient]:
    retries = RetryPolicy(max_attempts=1)
    async with KiloClient("key", base_url=gateway.base_url, retries=retries) as client:
        yield client


async def test_providers_are_asked_of_their_own_path(
    gateway: LocalGateway, client: KiloClient
) -> None:
    providers = await client.providers.list()
    assert {"Anthropic", "Google", "Kilo"} <= {provider.name for provider in providers}
    assert [(request.method, request.path) for request in gateway.requests] == [
        ("GET", "/api/gateway/providers")
    ]


async def test_providers_come_in_the_gateways_order_without_the_malformed(
    gateway: LocalGateway, client: KiloClient, caplog: pytest.LogCaptureFixture
) -> None:
    body = {"data": [{"name": "Z", "slug": "z"}, {"slug": None}, {"name": "A"}]}
    gateway.enqueue(RawReply(body=orjson.dumps(body)))
    providers = await client.providers.list()
    assert [(provider.name, provider.slug) for provider in providers] == [("Z", "z"), ("A", None)]
    (warning,) = (r.getMessage() for r in caplog.records if r.name == "kilo_sdk.catalog")
    assert warning == (
        "provider_entry.skipped index=1 reason=the entry has neither 'name' nor 'slug'"
    )


@pytest.mark.parametrize("body", [None, [], {}, {"data": None}, {"data": {"name": "A"}}])
async def test_providers_of_another_shape_are_a_protocol_error(
    body: object, gateway: LocalGateway, client: KiloClient
) -> None:
    gateway.enqueue(RawReply(body=orjson.dumps(body)))
    with pytest.raises(ProtocolError, match="without a 'data' list") as caught:
        await client.providers.list()
    assert caught.value.body == body


async def test_an_error_of_the_gateway_passes_through(
    gateway: LocalGateway, client: KiloClient
) -> None:
    gateway.enqueue(RawReply(status=503))
    with pytest.raises(ServiceUnavailableError):
        await client.providers.list()
