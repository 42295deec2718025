from __future__ import annotations

from decimal import Decimal

import pytest

from kilo_sdk.emulator.model_list import built_in_models
from kilo_sdk.emulator.models import EmulatedModel, endpoints_of, providers_of


def test_prices_are_read_per_token() -> None:
    entry = {"id": "a/b", "pricing": {"prompt": "0.000003", "completion": "0.000015"}}
    model = EmulatedModel.from_entry(entry)
    assert (model.prompt_price, model.completion_price) == (
        Decimal("0.000003"),
        Decimal("0.000015"),
    )


@pytest.mark.parametrize("price", ["-1", "much", "NaN", None, "Infinity"])
def test_a_price_that_is_none_costs_nothing(price: object) -> None:
    model = EmulatedModel.from_entry({"id": "a/b", "pricing": {"prompt": price}})
    assert model.prompt_price == 0


@pytest.mark.parametrize(
    ("parameters", "tools", "reasoning"),
    [
        ([], True, False),
        (None, True, False),
        (["tools", "reasoning"], True, True),
        (["include_reasoning"], False, True),
        (["temperature"], False, False),
    ],
)
def test_what_a_model_can_do_stands_in_its_parameters(
    parameters: object, tools: bool, reasoning: bool
) -> None:
    model = EmulatedModel.from_entry({"id": "a/b", "supported_parameters": parameters})
    assert (model.supports_tools, model.supports_reasoning) == (tools, reasoning)


@pytest.mark.parametrize(
    ("entry", "free"),
    [({"id": "a/b:free"}, True), ({"id": "a/b", "isFree": True}, True), ({"id": "a/b"}, False)],
)
def test_a_free_model_says_so(entry: dict[str, object], free: bool) -> None:
    assert EmulatedModel.from_entry(entry).is_free is free


@pytest.mark.parametrize(
    ("id_", "style"),
    [
        ("anthropic/claude-sonnet-4", "anthropic"),
        ("kilo/auto", "anthropic"),
        ("google/gemini-3-pro-preview", "google"),
        ("openai/gpt-5", "openai"),
        ("x-ai/grok-code-fast-1", "xai"),
        ("deepseek/deepseek-v3.2", "plain"),
        ("qwen/qwen3-coder", "plain"),
        ("qwen/qwq-32b", "tags"),
    ],
)
def test_a_model_reasons_as_its_vendor_does(id_: str, style: str) -> None:
    assert EmulatedModel.from_entry({"id": id_}).style == style


def test_a_model_has_the_endpoint_of_its_provider() -> None:
    entry = next(one for one in built_in_models() if one["id"] == "anthropic/claude-sonnet-4")
    data = endpoints_of(entry)
    assert data["id"] == "anthropic/claude-sonnet-4"
    assert [
        (end["provider_name"], end["context_length"], end["max_completion_tokens"])
        for end in data["endpoints"]
    ] == [("Anthropic", 1_000_000, 64_000)]


def test_each_provider_is_listed_once() -> None:
    models = [EmulatedModel.from_entry({"id": id_}) for id_ in ("openai/a", "openai/b", "x-ai/c")]
    assert [(one["name"], one["slug"]) for one in providers_of(models)] == [
        ("OpenAI", "openai"),
        ("xAI", "xai"),
    ]
