"""Facts about ``client.models``: discovery, its fallback, one model and its endpoints."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import anyio
import attrs
import orjson
import pytest

from kilo_sdk import CatalogOptions, KiloClient
from kilo_sdk.background import BackgroundTasks
from kilo_sdk.catalog import static_catalog
from kilo_sdk.catalog.cache import CatalogCache
from kilo_sdk.emulator import LocalGateway, RawReply
from kilo_sdk.errors import (
    APIError,
    ConfigurationError,
    NotFoundError,
    ProtocolError,
    RateLimitError,
)
from kilo_sdk.lifetime import Lifetime
from kilo_sdk.refs import ModelRef
from kilo_sdk.resources import models as models_module
from kilo_sdk.resources.models import ModelsResource, models_url
from kilo_sdk.retry import RetryPolicy

pytestmark = pytest.mark.anyio

BASE = "https://api.kilo.ai/api/gateway/"
ONE_TRY = RetryPolicy(max_attempts=1)
LIST: list[dict[str, Any]] = [
    {"id": "anthropic/claude-sonnet-4", "context_length": 200000},
    {"id": "anthropic/claude-opus-4"},
    {"id": "google/gemini-3-pro-preview"},
    {"id": "anthropic/claude-sonnet-4.5"},
    {"id": "anthropic/claude-haiku-4"},
    {"id": "mistralai/devstral:free"},
]


@pytest.fixture
async def gateway() -> AsyncIterator[LocalGateway]:
    async with LocalGateway(models=LIST) as gateway:
        yield gateway


@pytest.fixture
async def client(gateway: LocalGateway) -> AsyncIterator[KiloClient]:
    async with KiloClient("key", base_url=gateway.base_url, retries=ONE_TRY) as client:
        yield client


def reply(body: object, status: int = 200) -> RawReply:
    return RawReply(status=status, body=orjson.dumps(body))


@attrs.define
class Recorder:
    """A fetcher that writes down what it was asked."""

    asked: list[tuple[str, float | None]] = attrs.field(factory=list)

    def check_usable(self) -> None:
        return None

    async def get_json(
        self, path: str, *, timeout: float | None = None, model: str | None = None
    ) -> object:
        self.asked.append((path, timeout))
        return {"data": LIST}


@pytest.mark.parametrize(
    ("base_url", "organization_id", "url"),
    [
        (BASE, None, "models"),
        (BASE, "", "models"),
        (BASE, "o1", "https://api.kilo.ai/api/organizations/o1/models"),
        (BASE.rstrip("/"), "o1", "https://api.kilo.ai/api/organizations/o1/models"),
        (
            "https://api.kilo.ai/api/openrouter/",
            "o1",
            "https://api.kilo.ai/api/organizations/o1/models",
        ),
        ("http://127.0.0.1:8080/gateway", "o1", "http://127.0.0.1:8080/organizations/o1/models"),
        (BASE, "a/../b?c#d", "https://api.kilo.ai/api/organizations/a%2F..%2Fb%3Fc%23d/models"),
        ("https://openrouter.ai/api/v1/", "o1", "models"),
        ("https://example.com/my-gateway/", "o1", "models"),
        ("https://gateway/", "o1", "models"),
        ("https://openrouter", "o1", "models"),
    ],
)
def test_an_organisations_list_is_beside_the_gateway(
    base_url: str, organization_id: str | None, url: str
) -> None:
    assert models_url(base_url, organization_id) == url


async def test_discovery_is_given_five_seconds() -> None:
    fetcher = Recorder()
    for organization_id in (None, "o1"):
        cache = CatalogCache(BackgroundTasks(Lifetime()), CatalogOptions())
        await ModelsResource(
            fetcher, base_url=BASE, organization_id=organization_id, cache=cache
        ).list()
    assert fetcher.asked == [
        ("models", 5.0),
        ("https://api.kilo.ai/api/organizations/o1/models", 5.0),
    ]


async def test_list_gives_the_gateways_models_then_the_bundled_it_lacks(
    gateway: LocalGateway, client: KiloClient
) -> None:
    catalog = await client.models.list()
    assert catalog.source == "gateway"
    assert [model.id for model in catalog] == [
        *(entry["id"] for entry in LIST),
        *(model.id for model in static_catalog()),
    ]
    assert [(request.method, request.path) for request in gateway.requests] == [
        ("GET", "/api/gateway/models")
    ]


async def test_the_embedded_gateways_own_list_is_read_whole() -> None:
    async with LocalGateway() as gateway, KiloClient("key", base_url=gateway.base_url) as client:
        catalog = await client.models.list()
    sonnet = catalog.get("kilocode/anthropic/claude-sonnet-4")
    assert sonnet is not None
    assert (sonnet.pricing.prompt, sonnet.pricing.completion) == (Decimal(3), Decimal(15))
    assert (sonnet.supports_reasoning, sonnet.supports_tools) == (True, True)
    assert sonnet.max_output_tokens == 64_000
    auto = catalog.get("kilo/auto")
    assert auto is not None
    assert auto.pricing.prompt is None
    assert auto.is_free is False


async def test_list_of_an_organisation_asks_its_own_endpoint(gateway: LocalGateway) -> None:
    async with KiloClient("key", base_url=gateway.base_url, organization_id="o 1") as client:
        catalog = await client.models.list()
    assert catalog.source == "gateway"
    (request,) = gateway.requests
    assert request.path == "/api/organizations/o 1/models"
    assert request.headers["authorization"] == "Bearer key"
    assert request.headers["x-kilocode-organizationid"] == "o 1"


@pytest.mark.parametrize(
    "answer",
    [
        reply({"error": "Model list unavailable", "message": "later"}, status=503),
        reply({"error": {"code": 401, "message": "bad key"}}, status=401),
        reply({"error": "Not found", "message": "no such organisation"}, status=404),
        reply({"error": {"code": 500, "message": "no"}}),
        reply({"data": []}),
        reply({"data": [{"name": "no id"}, None]}),
        reply({"data": {"id": "a/b"}}),
        reply([]),
        reply(None),
        RawReply(body=b"<!doctype html><title>Bad gateway</title>"),
        RawReply(body=b""),
        RawReply(body=[b'{"data": [{"id"'], ending="cut"),
        RawReply(body=[b'{"data": [{"id"'], ending="reset"),
        RawReply(status=302, headers={"Location": "/api/openrouter/models"}),
    ],
)
async def test_list_falls_back_to_the_bundled_catalogue_with_a_warning(
    answer: RawReply,
    gateway: LocalGateway,
    client: KiloClient,
    caplog: pytest.LogCaptureFixture,
) -> None:
    gateway.enqueue(answer)
    catalog = await client.models.list()
    assert catalog == static_catalog()
    assert catalog.source == "static"
    assert catalog.fetched_at is None
    last = caplog.records[-1]
    assert (last.name, last.levelno) == ("kilo_sdk.catalog", logging.WARNING)
    assert last.getMessage().startswith("discovery.failed serving=static reason=")


async def test_list_falls_back_when_nobody_listens() -> None:
    async with LocalGateway() as gateway:
        base_url = gateway.base_url
    async with KiloClient("key", base_url=base_url, retries=ONE_TRY) as client:
        assert (await client.models.list()).source == "static"


@pytest.mark.parametrize(
    "answer",
    [
        RawReply(body=[60.0, b"{}"]),
        RawReply(body=[b" ", 0.1] * 600),
        RawReply(body=[b'{"data": ['], ending="hang"),
    ],
    ids=["silent", "trickling", "hanging"],
)
async def test_list_falls_back_when_its_time_is_over(
    answer: RawReply,
    gateway: LocalGateway,
    client: KiloClient,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(models_module, "_DISCOVERY_TIMEOUT", 0.3)
    gateway.enqueue(answer)
    with anyio.fail_after(20):
        assert (await client.models.list()).source == "static"


async def test_list_tries_again_within_its_time(gateway: LocalGateway) -> None:
    gateway.enqueue(reply({"error": "busy"}, status=503))
    retries = RetryPolicy(max_attempts=2, wait_initial=0)
    async with KiloClient("key", base_url=gateway.base_url, retries=retries) as client:
        assert (await client.models.list()).source == "gateway"
    assert [request.headers["x-kilo-retry-count"] for request in gateway.requests] == ["0", "1"]


async def test_list_does_not_wait_for_a_server_that_asks_for_more_than_its_time(
    gateway: LocalGateway,
) -> None:
    gateway.enqueue(RawReply(status=429, headers={"Retry-After": "30"}, body=b"{}"))
    async with KiloClient("key", base_url=gateway.base_url) as client:
        with anyio.fail_after(20):
            assert (await client.models.list()).source == "static"
    assert len(gateway.requests) == 1


async def test_list_does_not_hide_that_the_client_is_closed(client: KiloClient) -> None:
    await client.close()
    with pytest.raises(ConfigurationError, match="closed"):
        await client.models.list()


async def test_a_cancelled_list_closes_its_connection_and_the_next_is_well(
    gateway: LocalGateway, client: KiloClient
) -> None:
    gateway.enqueue(RawReply(body=[b" "], ending="hang"))
    with anyio.move_on_after(0.2) as scope:
        await client.models.list()
        pytest.fail("list() came back although the answer never ended")
    assert scope.cancelled_caught
    with anyio.fail_after(20):
        while gateway.requests[0].disconnected_at is None:  # noqa: ASYNC110 - a plain attribute
            await anyio.sleep(0.01)
    assert (await client.models.list()).source == "gateway"


@pytest.mark.parametrize(
    "ref",
    [
        "anthropic/claude-sonnet-4",
        "kilocode/anthropic/claude-sonnet-4",
        ModelRef("anthropic/claude-sonnet-4"),
    ],
)
async def test_get_gives_the_model_of_that_name(ref: str | ModelRef, client: KiloClient) -> None:
    model = await client.models.get(ref)
    assert (model.id, model.context_window) == ("anthropic/claude-sonnet-4", 200000)


async def test_get_of_an_unknown_model_names_up_to_three_like_it(client: KiloClient) -> None:
    with pytest.raises(NotFoundError) as caught:
        await client.models.get("kilocode/anthropic/claude-sonet-4")
    assert caught.value.message == (
        "no model anthropic/claude-sonet-4 in the gateway's model list; did you mean "
        "anthropic/claude-sonnet-4, anthropic/claude-sonnet-4.5, anthropic/claude-opus-4?"
    )
    assert caught.value.status_code == 404
    assert caught.value.model == "anthropic/claude-sonet-4"
    with pytest.raises(NotFoundError) as caught:
        await client.models.get("qqq/zzz")
    assert caught.value.message == "no model qqq/zzz in the gateway's model list"


async def test_get_asks_once_for_many_models(gateway: LocalGateway, client: KiloClient) -> None:
    for entry in LIST:
        assert (await client.models.get(entry["id"])).id == entry["id"]
    assert len(gateway.requests) == 1


async def test_get_says_when_only_the_bundled_list_was_searched(
    gateway: LocalGateway, client: KiloClient
) -> None:
    gateway.enqueue(*[reply({"error": "down"}, status=503)] * 2)
    assert (await client.models.get("kilo/auto")).name == "Kilo Auto"
    with pytest.raises(NotFoundError, match="in the bundled model list, which serves while"):
        await client.models.get("anthropic/claude-sonnet-4")


@pytest.mark.parametrize("ref", ["", "claude", "a b/c"])
async def test_a_name_no_model_can_have_is_refused_before_anything_is_sent(
    ref: str, gateway: LocalGateway, client: KiloClient
) -> None:
    with pytest.raises(ConfigurationError, match="is no model ref"):
        await client.models.get(ref)
    with pytest.raises(ConfigurationError, match="is no model ref"):
        await client.models.endpoints(ref)
    assert not gateway.requests


async def test_endpoints_come_in_the_gateways_order_without_the_malformed(
    gateway: LocalGateway, client: KiloClient, caplog: pytest.LogCaptureFixture
) -> None:
    entries = [
        {"provider_name": "Anthropic", "pricing": {"prompt": "0.000003"}, "context_length": 200000},
        "junk",
        {"provider_name": "Amazon Bedrock", "status": -1},
    ]
    gateway.enqueue(reply({"data": {"id": "a/b", "endpoints": entries}}))
    first, second = await client.models.endpoints("a/b")
    assert (first.provider_name, first.context_window) == ("Anthropic", 200000)
    assert first.pricing.prompt == Decimal(3)
    assert (second.provider_name, second.status) == ("Amazon Bedrock", -1)
    (warning,) = (r.getMessage() for r in caplog.records if r.name == "kilo_sdk.catalog")
    assert warning == (
        "endpoint_entry.skipped index=1 reason=an endpoint is described by a JSON object, not str"
    )


async def test_a_tag_is_part_of_the_path_of_endpoints(
    gateway: LocalGateway, client: KiloClient
) -> None:
    (endpoint,) = await client.models.endpoints("kilocode/mistralai/devstral:free")
    assert endpoint.provider_name == "Mistral"
    assert gateway.requests[0].path == "/api/gateway/models/mistralai/devstral:free/endpoints"


async def test_a_model_nobody_serves_has_no_endpoints(
    gateway: LocalGateway, client: KiloClient
) -> None:
    gateway.enqueue(reply({"data": {"endpoints": []}}))
    assert await client.models.endpoints("a/b") == []


async def test_a_name_cannot_leave_the_path_of_endpoints(
    gateway: LocalGateway, client: KiloClient
) -> None:
    gateway.enqueue(reply({"data": {"endpoints": []}}))
    await client.models.endpoints("a/b?c=d#e%2e")
    assert gateway.requests[0].path == "/api/gateway/models/a/b?c=d#e%2e/endpoints"


@pytest.mark.parametrize(
    "body", [None, [], {}, {"data": []}, {"data": {}}, {"data": {"endpoints": None}}]
)
async def test_endpoints_of_another_shape_are_a_protocol_error(
    body: object, gateway: LocalGateway, client: KiloClient
) -> None:
    gateway.enqueue(reply(body))
    with pytest.raises(ProtocolError) as caught:
        await client.models.endpoints("a/b")
    assert caught.value.message == "the endpoints of a/b came without a 'data.endpoints' list"
    assert caught.value.body == body
    assert caught.value.model == "a/b"


async def test_an_error_of_the_gateway_passes_through_endpoints(
    gateway: LocalGateway, client: KiloClient
) -> None:
    with pytest.raises(NotFoundError, match="nobody/knows"):
        await client.models.endpoints("nobody/knows")
    gateway.enqueue(reply({"error": {"code": 429, "message": "slow down"}}))
    with pytest.raises(RateLimitError, match="slow down"):
        await client.models.endpoints("a/b")


@pytest.mark.parametrize(
    "answer",
    [
        reply({"error": "Not found"}, 404),
        reply({"error": {"message": "anthropic/claude-sonet-4 is not a valid model ID"}}, 400),
    ],
)
async def test_endpoints_of_an_unknown_model_name_it_and_what_may_have_been_meant(
    answer: RawReply, gateway: LocalGateway, client: KiloClient
) -> None:
    wanted = "anthropic/claude-sonet-4"
    await client.models.list()
    gateway.enqueue(answer)
    with pytest.raises(APIError) as caught:
        await client.models.endpoints(wanted)
    assert caught.value.model == wanted
    assert f"model {wanted}, request id " in caught.value.message
    meant = "; did you mean anthropic/claude-sonnet-4, anthropic/claude-sonnet-4.5, "
    assert meant in caught.value.message


@pytest.mark.parametrize(
    "answer",
    [
        reply({"error": {"message": "no", "code": 402}}),
        reply({"error": {"message": "no", "code": 402}}, 402),
        RawReply(body=b"<html>"),
        RawReply(status=302),
    ],
)
async def test_every_failure_of_endpoints_names_the_model(
    answer: RawReply, gateway: LocalGateway, client: KiloClient
) -> None:
    gateway.enqueue(answer)
    with pytest.raises(APIError) as caught:
        await client.models.endpoints("a/b")
    assert caught.value.model == "a/b"
    assert "model a/b" in caught.value.message
    assert "did you mean" not in caught.value.message
