from __future__ import annotations

from decimal import Decimal
from typing import get_args

from kilo_sdk.catalog import ModelCatalog
from kilo_sdk.emulator.model_list import built_in_models
from kilo_sdk.emulator.models import EmulatedModel, ReasoningStyle
from kilo_sdk.types.model_info import ModelInfo


def test_ids_are_unique_and_name_their_vendor() -> None:
    ids = [entry["id"] for entry in built_in_models()]
    assert len(set(ids)) == len(ids) >= 10
    assert all(id_.count("/") == 1 for id_ in ids)


def test_the_models_of_the_documentation_are_there() -> None:
    assert {entry["id"] for entry in built_in_models()} >= {
        "kilo/auto",
        "kilo-auto/free",
        "anthropic/claude-sonnet-4",
        "google/gemini-3-pro-preview",
        "openai/gpt-5",
        "openai/gpt-4.1",
        "x-ai/grok-code-fast-1",
        "mistralai/devstral-2512:free",
    }


def test_every_way_to_reason_has_a_model_that_takes_tools() -> None:
    able = [EmulatedModel.from_entry(entry) for entry in built_in_models()]
    styles = {one.style for one in able if one.supports_reasoning and one.supports_tools}
    assert styles == set(get_args(ReasoningStyle))


def test_prices_are_decimal_strings() -> None:
    for entry in built_in_models():
        for price in entry["pricing"].values():
            assert isinstance(price, str)
            assert Decimal(price).is_finite()


def test_one_chat_model_takes_no_tools() -> None:
    without = [
        one["id"]
        for one in built_in_models()
        if one["architecture"]["output_modalities"] == ["text"]
        and "tools" not in one["supported_parameters"]
    ]
    assert without == ["meta-llama/llama-3.2-1b-instruct"]


def test_some_are_no_chat_models() -> None:
    catalog = ModelCatalog(map(ModelInfo.from_wire, built_in_models()), source="gateway")
    left_out = {model.id for model in catalog} - {model.id for model in catalog.chat_models()}
    assert left_out == {"black-forest-labs/flux.2-pro", "openai/text-embedding-3-small"}


def test_every_call_gives_a_list_of_its_own() -> None:
    built_in_models()[0]["id"] = "changed"
    assert built_in_models()[0]["id"] == "kilo/auto"
