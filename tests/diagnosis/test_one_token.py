"""Facts about the smallest question: whom it is put to, and what goes out."""

from __future__ import annotations

import pytest

from kilo_sdk import KiloClient
from kilo_sdk.catalog import catalog_from_wire, static_catalog
from kilo_sdk.diagnosis.one_token import ask_for_one_token, free_models, paid_models
from kilo_sdk.emulator import LocalGateway
from kilo_sdk.emulator.model_list import built_in_models

CATALOG = catalog_from_wire({"data": built_in_models()}, bundled=static_catalog())


def test_the_cheapest_models_that_cost_something_come_first_and_the_auto_model_last() -> None:
    assert paid_models(CATALOG) == [
        "meta-llama/llama-3.2-1b-instruct",
        "qwen/qwq-32b",
        "kilo/auto",
    ]


def test_without_prices_the_auto_model_is_asked() -> None:
    assert paid_models(static_catalog()) == ["kilo/auto"]


def test_free_models_begin_with_the_gateways_own_choice() -> None:
    assert free_models(CATALOG) == ["kilo-auto/free", "mistralai/devstral-2512:free"]
    assert free_models(static_catalog()) == ["kilo-auto/free"]


def test_what_is_for_nothing_is_not_paid_and_images_are_asked_nothing() -> None:
    price = {"prompt": "0.000001", "completion": "0.000001"}
    listed = [
        {"id": "a/free", "pricing": {"prompt": "0", "completion": "0"}},
        {"id": "a/half-free", "pricing": {"prompt": "0", "completion": "0.1"}},
        {"id": "a/images", "pricing": price, "architecture": {"output_modalities": ["image"]}},
        {"id": "a/embed", "pricing": price},
    ]
    catalog = catalog_from_wire({"data": listed}, bundled=[])
    assert paid_models(catalog) == ["kilo/auto"]
    assert free_models(catalog) == ["a/free"]


@pytest.mark.anyio
async def test_one_token_is_asked_for_without_reasoning() -> None:
    async with (
        LocalGateway() as gateway,
        KiloClient("key", base_url=gateway.base_url, reasoning="high") as client,
    ):
        completion = await ask_for_one_token(client, "openai/gpt-5")
    payload = gateway.requests[-1].payload
    assert isinstance(payload, dict)
    assert payload["max_tokens"] == 1
    assert "reasoning" not in payload
    assert (completion.text, completion.finish_reason) == ("You", "length")
