"""Facts about finding out whether a key is good: by what the gateway makes of it."""

from __future__ import annotations

import socket
from typing import Any

import orjson
import pytest

from kilo_sdk import KiloClient
from kilo_sdk.catalog import catalog_from_wire, static_catalog
from kilo_sdk.diagnosis.key_check import KeyVerdict, check_key
from kilo_sdk.emulator import LocalGateway, RawReply
from kilo_sdk.emulator.model_list import built_in_models
from kilo_sdk.errors import APIConnectionError, InsufficientCreditsError

pytestmark = pytest.mark.anyio

CATALOG = catalog_from_wire({"data": built_in_models()}, bundled=static_catalog())
CHEAPEST = "meta-llama/llama-3.2-1b-instruct"
KEY = "sk-good"


def refusal(status: int, error: Any = None, **headers: str) -> RawReply:
    body = {"error": error or {"message": "no", "code": status}}
    return RawReply(status=status, headers=headers, body=orjson.dumps(body))


async def verdict(*replies: RawReply, key: str = KEY, **options: Any) -> tuple[KeyVerdict, int]:
    """What is found out, and how many calls that took."""
    async with (
        LocalGateway(api_keys=[KEY]) as gateway,
        KiloClient(key, base_url=gateway.base_url, **options) as client,
    ):
        gateway.enqueue(*replies)
        found = await check_key(client, CATALOG)
        return found, len(gateway.requests)


async def test_a_good_key_gets_an_answer_of_the_cheapest_model() -> None:
    found, calls = await verdict()
    assert (found.standing, found.model, found.error, calls) == ("accepted", CHEAPEST, None, 1)
    assert found.completion is not None


async def test_a_wrong_key_is_refused_at_the_first_call() -> None:
    found, calls = await verdict(key="sk-wrong")
    assert (found.standing, found.completion, calls) == ("refused", None, 1)
    assert "Invalid API key" in str(found.error)
    assert "sk-wrong" not in repr(found)


async def test_an_empty_account_has_a_good_key() -> None:
    found, calls = await verdict(refusal(402))
    assert (found.standing, calls) == ("accepted", 1)
    assert isinstance(found.error, InsufficientCreditsError)


@pytest.mark.parametrize("status", [400, 403, 404])
async def test_what_is_about_a_model_leads_to_the_next(status: int) -> None:
    found, calls = await verdict(refusal(status))
    assert (found.standing, found.model, calls) == ("accepted", "qwen/qwq-32b", 2)


@pytest.mark.parametrize(
    "error",
    [
        {"message": "[BYOK] Your API key is invalid", "code": 401},
        {"message": "enough", "code": "PROMOTION_MODEL_LIMIT_REACHED"},
    ],
)
async def test_a_401_about_something_else_is_no_verdict(error: Any) -> None:
    found, calls = await verdict(refusal(401, error))
    assert (found.standing, calls) == ("accepted", 2)


async def test_when_none_of_the_models_tells_it_stays_unknown() -> None:
    found, calls = await verdict(refusal(404), refusal(403), refusal(404))
    assert (found.standing, found.model, calls) == ("unknown", "kilo/auto", 3)
    assert "status 404" in str(found.error)


async def test_a_page_of_html_is_no_verdict() -> None:
    page = RawReply(headers={"Content-Type": "text/html"}, body=b"<!doctype html><p>Sign in")
    found, calls = await verdict(page, page, page)
    assert (found.standing, calls) == ("unknown", 3)


async def test_a_network_that_is_not_there_is_asked_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    async with KiloClient(KEY, base_url=f"http://127.0.0.1:{port}/") as client:
        found = await check_key(client, CATALOG)
    assert (found.standing, found.model) == ("unknown", CHEAPEST)
    assert isinstance(found.error, APIConnectionError)


async def test_a_gateway_that_stumbles_once_is_asked_again() -> None:
    found, calls = await verdict(refusal(500))
    assert (found.standing, found.model, calls) == ("accepted", CHEAPEST, 2)
