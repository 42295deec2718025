"""Every status of GATEWAY 8, for every kind of call, with and without what a server adds."""

from __future__ import annotations

import asyncio
from itertools import product
from typing import Any

import pytest
from fault_proxy import Fault, FaultProxy

from kilo_sdk import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    AuthenticationError,
    BadRequestError,
    InsufficientCreditsError,
    InternalServerError,
    KiloClient,
    KiloError,
    NotFoundError,
    PermissionDeniedError,
    ProtocolError,
    RateLimitError,
    RetryPolicy,
    ServiceUnavailableError,
    Timeouts,
    UpstreamError,
)

pytestmark = pytest.mark.anyio

MODEL = "openai/gpt-4.1"
CLASSES: dict[int, type[KiloError]] = {
    302: ProtocolError,
    400: BadRequestError,
    401: AuthenticationError,
    402: InsufficientCreditsError,
    403: PermissionDeniedError,
    404: NotFoundError,
    408: APIStatusError,
    409: APIStatusError,
    422: APIStatusError,
    429: RateLimitError,
    500: InternalServerError,
    502: UpstreamError,
    503: ServiceUnavailableError,
    504: InternalServerError,
    520: InternalServerError,
    529: InternalServerError,
}
RETRIED = {408, 409, 429, 500, 502, 503, 504, 520, 529}
BODIES = (
    '{"error": {"message": "no", "code": 0}}',
    '{"error": "Not today", "message": "no"}',
    "<html><title>No</title></html>",
    "",
)
WAITS = (
    {},
    {"Retry-After": "0"},
    {"retry-after-ms": "1"},
    {"Retry-After": "86400"},
    {"x-should-retry": "false"},
    {"x-should-retry": "true"},
)
FAR = {"Retry-After": "86400"}


async def ask(client: KiloClient, kind: str) -> None:
    match kind:
        case "create":
            await client.chat.completions.create(messages="Hi", model=MODEL)
        case "stream":
            async with client.chat.completions.stream(messages="Hi", model=MODEL) as stream:
                await stream.get_final_completion()
        case "endpoints":
            await client.models.endpoints(MODEL)
        case "providers":
            await client.providers.list()


def is_retried(status: int, headers: dict[str, str]) -> bool:
    if headers == FAR:
        return False
    decided = headers.get("x-should-retry")
    if decided is not None and status >= 400:
        return decided == "true"
    return status in RETRIED


async def check(proxy: FaultProxy, status: int, headers: Any, body: str, kind: str) -> None:
    for hit in (1, 9):
        name = f"{status} {headers} {body} {kind} {hit}"
        fault = Fault(status=status, headers=headers, body=body, tries=hit)
        async with KiloClient(
            "key",
            base_url=proxy.base_url,
            headers={"X-Fault": fault.to_header(), "X-Call": name},
            retries=RetryPolicy(max_attempts=2, wait_initial=0),
        ) as client:
            error: KiloError | None = None
            try:
                await ask(client, kind)
            except KiloError as raised:
                error = raised
            tries = len(proxy.forwarded[name])
            retried = is_retried(status, headers)
            assert tries == 1 + retried, name
            assert (error is None) is (retried and hit == 1), name
            if error is not None:
                assert type(error) is CLASSES[status], name
                assert not isinstance(error, APIStatusError) or error.status_code == status
            session = client.connections._session
            assert session is not None
            assert session.connector is not None
            assert session.connector._acquired == set()


@pytest.mark.parametrize("status", CLASSES)
async def test_a_status(status: int, proxy: FaultProxy) -> None:
    async with asyncio.TaskGroup() as group:
        for headers, body in product(WAITS, BODIES):
            for kind in ("create", "stream", "endpoints", "providers"):
                group.create_task(check(proxy, status, headers, body, kind))


@pytest.mark.parametrize("status", CLASSES)
async def test_a_model_list_that_fails_is_the_bundled_one(status: int, proxy: FaultProxy) -> None:
    fault = Fault(status=status)
    async with KiloClient(
        "key",
        base_url=proxy.base_url,
        headers={"X-Fault": fault.to_header()},
        retries=RetryPolicy(max_attempts=1),
    ) as client:
        assert (await client.models.list()).source == "static"


@pytest.mark.parametrize("kind", ["create", "stream", "endpoints", "providers"])
@pytest.mark.parametrize(
    ("on_accept", "error"),
    [
        ("cut", APIConnectionError),
        ("reset", APIConnectionError),
        ("garbage", ProtocolError),
        ("stall", APITimeoutError),
    ],
)
async def test_a_connection_that_is_no_good_from_the_start(
    on_accept: str, error: type[KiloError], kind: str, proxy: FaultProxy
) -> None:
    proxy.on_accept = on_accept
    async with KiloClient(
        "key",
        base_url=proxy.base_url,
        retries=RetryPolicy(max_attempts=3, wait_initial=0),
        timeouts=Timeouts(first_token=0.1),
    ) as client:
        with pytest.raises(KiloError) as raised:
            await ask(client, kind)
    assert type(raised.value) is error
    # What changes nothing on the server is sent twice by aiohttp itself when a connection breaks.
    sent = 2 if error is APIConnectionError and kind in ("endpoints", "providers") else 1
    assert proxy.connections == (1 if error is ProtocolError else 3 * sent)
