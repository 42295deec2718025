"""Facts about fetching JSON: retries, errors inside a 200, the time that all of it may take."""

from __future__ import annotations

import asyncio
import os
from typing import Any

import anyio
import orjson
import pytest
from own_time import elapsed

from kilo_sdk import (
    APIStatusError,
    APITimeoutError,
    AuthenticationError,
    ConfigurationError,
    InsufficientCreditsError,
    KiloClient,
    NotFoundError,
    ProtocolError,
    RetryBudget,
    RetryPolicy,
    ServiceUnavailableError,
    Timeouts,
)
from kilo_sdk.emulator import LocalGateway, RawReply
from kilo_sdk.fetch import GatewayFetcher
from kilo_sdk.middleware.app_headers import AppHeaders
from kilo_sdk.middleware.auth import BearerAuth, TokenSource
from kilo_sdk.middleware.chain import RequestChain

pytestmark = pytest.mark.anyio

TICK = float(os.environ.get("KILO_TEST_TICK", "0.05"))


def reply(body: object, status: int = 200, **headers: str) -> RawReply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return RawReply(status=status, body=orjson.dumps(body), headers=named)


def refusal(status: int, words: str = "no", **headers: str) -> RawReply:
    return reply({"error": {"message": words, "code": status}}, status, **headers)


def fetcher(client: KiloClient, key: str | TokenSource | None = "key") -> GatewayFetcher:
    return GatewayFetcher(client, RequestChain((BearerAuth(key), AppHeaders())))


async def late_token() -> str:
    await anyio.sleep(60)
    return "late"


async def test_json_of_any_shape_comes_back(gateway: LocalGateway, client: KiloClient) -> None:
    for body in ({"data": [1]}, [1, 2], "text", 5, None, {"error": None}):
        gateway.enqueue(reply(body))
        assert await fetcher(client).get_json("models") == body


async def test_the_request_is_a_get_with_the_headers_of_the_client(
    gateway: LocalGateway, client: KiloClient
) -> None:
    await fetcher(client.with_options(headers={"X-Mine": "1"})).get_json("models")
    (request,) = gateway.requests
    assert (request.method, request.path) == ("GET", "/api/gateway/models")
    assert request.payload is None
    headers = dict(request.headers)
    assert headers.pop("user-agent").startswith("kilo-sdk-python/")
    del headers["host"], headers["accept-encoding"]
    assert headers == {
        "accept": "application/json",
        "authorization": "Bearer key",
        "x-kilo-retry-count": "0",
        "x-kilocode-feature": "direct-gateway",
        "x-mine": "1",
    }


async def test_an_absolute_url_is_taken_as_it_is(gateway: LocalGateway, client: KiloClient) -> None:
    url = gateway.base_url.replace("gateway/", "organizations/o1/models")
    assert isinstance(await fetcher(client).get_json(url), dict)
    assert gateway.requests[0].path == "/api/organizations/o1/models"


@pytest.mark.parametrize("status", [429, 500, 503, 524])
async def test_what_may_pass_is_tried_again(
    status: int, gateway: LocalGateway, client: KiloClient
) -> None:
    gateway.enqueue(refusal(status), reply({"error": {"message": "no", "code": status}}), reply(1))
    assert await fetcher(client).get_json("models") == 1
    counts = [request.headers["x-kilo-retry-count"] for request in gateway.requests]
    assert counts == ["0", "1", "2"]


@pytest.mark.parametrize(
    ("answer", "cls"),
    [
        (refusal(404), NotFoundError),
        (refusal(401), AuthenticationError),
        (reply({"error": {"message": "no", "code": 402}}), InsufficientCreditsError),
        (reply({"error": "odd"}), APIStatusError),
        (RawReply(body=b"<html>"), ProtocolError),
        (RawReply(body=b""), ProtocolError),
        (RawReply(status=204), ProtocolError),
        (RawReply(status=302, headers={"Location": "http://127.0.0.1:9/"}), ProtocolError),
    ],
)
async def test_what_stays_is_raised_at_once(
    answer: RawReply, cls: type[Exception], gateway: LocalGateway, client: KiloClient
) -> None:
    gateway.enqueue(answer, reply(1))
    with pytest.raises(cls) as raised:
        await fetcher(client).get_json("models")
    assert type(raised.value) is cls
    assert len(gateway.requests) == 1
    assert raised.value.request_id == "req-0-00000001"  # type: ignore[attr-defined]


async def test_the_last_failure_is_raised(gateway: LocalGateway, client: KiloClient) -> None:
    gateway.enqueue(refusal(500), refusal(500), refusal(503, "the third"))
    with pytest.raises(ServiceUnavailableError, match="the third"):
        await fetcher(client).get_json("models")


async def test_a_retry_takes_one_from_the_budget_unless_the_server_named_the_wait(
    gateway: LocalGateway, client: KiloClient
) -> None:
    budget = RetryBudget(1, per_answer=0, per_second=0)
    view = client.with_options(retry_budget=budget)
    gateway.enqueue(refusal(503, retry_after_ms="1"), refusal(503), reply(1))
    assert await fetcher(view).get_json("models") == 1
    assert (len(gateway.requests), budget.left) == (3, 0)
    gateway.enqueue(refusal(503))
    with pytest.raises(ServiceUnavailableError) as raised:
        await fetcher(view).get_json("models")
    assert raised.value.__notes__ == [budget.refusal]
    assert len(gateway.requests) == 4


async def test_a_token_source_is_asked_once_more_after_a_401(
    gateway: LocalGateway, client: KiloClient
) -> None:
    asked: list[int] = []

    async def token() -> str:
        asked.append(1)
        return f"token-{len(asked)}"

    gateway.enqueue(refusal(401), reply(1))
    assert await fetcher(client, token).get_json("models") == 1
    gateway.enqueue(refusal(401), refusal(401), reply(1))
    with pytest.raises(AuthenticationError):
        await fetcher(client, token).get_json("models")
    sent = [request.headers["authorization"] for request in gateway.requests]
    assert sent == [f"Bearer token-{number}" for number in (1, 2, 3, 4)]


async def test_connections_are_used_again(gateway: LocalGateway, client: KiloClient) -> None:
    for answer in (reply(1), refusal(404), reply(2)):
        gateway.enqueue(answer)
    await fetcher(client).get_json("models")
    with pytest.raises(NotFoundError):
        await fetcher(client).get_json("models")
    await fetcher(client).get_json("models")
    session = client.connections._session
    assert session is not None
    assert session.connector is not None
    assert sum(map(len, session.connector._conns.values())) == 1


async def test_the_timeout_is_for_all_of_it(gateway: LocalGateway, client: KiloClient) -> None:
    gateway.enqueue(RawReply(body=[b" "], ending="hang"))
    with elapsed(2 * TICK), pytest.raises(APITimeoutError) as raised:
        await fetcher(client).get_json("models", timeout=2 * TICK)
    assert raised.value.phase == "total"


async def test_a_wait_past_the_timeout_is_not_begun(
    gateway: LocalGateway, client: KiloClient
) -> None:
    gateway.enqueue(refusal(503, Retry_After="50"), reply(1))
    with elapsed(0), pytest.raises(ServiceUnavailableError):
        await fetcher(client).get_json("models", timeout=40)
    assert len(gateway.requests) == 1


async def test_the_timeout_is_for_the_token_too(gateway: LocalGateway, client: KiloClient) -> None:
    with elapsed(2 * TICK), pytest.raises(APITimeoutError) as raised:
        await fetcher(client, late_token).get_json("models", timeout=2 * TICK)
    assert raised.value.phase == "total"
    view = client.with_options(api_key=late_token, timeouts=Timeouts(total=2 * TICK))
    with elapsed(2 * TICK), pytest.raises(APITimeoutError) as raised:
        await view.chat.completions.create(messages="Hi", model="m/x")
    assert (raised.value.phase, raised.value.model) == ("total", "m/x")
    assert not gateway.requests


async def test_the_time_a_token_takes_is_no_time_to_the_first_token(
    gateway: LocalGateway, client: KiloClient
) -> None:
    async def token() -> str:
        await anyio.sleep(5 * TICK)
        return "key"

    view = client.with_options(api_key=token, timeouts=Timeouts(first_token=4 * TICK))
    await view.chat.completions.create(messages="Hi", model="openai/gpt-4.1")


async def test_cancelling_leaves_nothing_open(gateway: LocalGateway, client: KiloClient) -> None:
    gateway.enqueue(RawReply(body=[b" "], ending="hang"))
    with anyio.move_on_after(2 * TICK) as scope:
        await fetcher(client).get_json("models")
    assert scope.cancelled_caught
    await anyio.sleep(2 * TICK)
    assert gateway.requests[0].disconnected_at is not None


async def test_more_than_16_mib_is_too_much(gateway: LocalGateway, client: KiloClient) -> None:
    gateway.enqueue(reply("x" * (2**24 - 2)), reply("x" * (2**24 - 1)))
    assert await fetcher(client).get_json("models") == "x" * (2**24 - 2)
    with pytest.raises(ProtocolError, match="longer than 16777216 bytes; nothing of it was used"):
        await fetcher(client).get_json("models")


async def test_a_closed_client_fetches_nothing(gateway: LocalGateway, client: KiloClient) -> None:
    one: Any = fetcher(client)
    await client.close()
    with pytest.raises(ConfigurationError, match="the client is closed"):
        await one.get_json("models")
    assert not gateway.requests


async def test_closing_the_client_ends_the_wait_for_the_next_try(gateway: LocalGateway) -> None:
    policy = RetryPolicy(retry_after_max=3600)
    client = KiloClient("key", base_url=gateway.base_url, retries=policy)
    gateway.enqueue(refusal(503, retry_after="3600"), reply(1))
    fetching = asyncio.create_task(fetcher(client).get_json("models"))
    with anyio.fail_after(60):
        while not any(one.completed_at for one in gateway.requests):  # noqa: ASYNC110 - no event
            await anyio.sleep(TICK / 10)
        await client.close()
        with pytest.raises(ConfigurationError, match="the client is closed; make a new"):
            await fetching
    assert len(gateway.requests) == 1
