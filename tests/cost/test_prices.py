"""What an answer cost that does not say so: by the catalogue's prices."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from kilo_sdk.catalog.catalog import ModelCatalog
from kilo_sdk.cost.prices import NO_PRICES, PriceList
from kilo_sdk.cost.token_prices import FREE
from kilo_sdk.refs import ModelRef
from kilo_sdk.types.completion import ChatCompletion
from kilo_sdk.types.model_info import ModelInfo
from kilo_sdk.types.usage import Usage

CLAUDE = {
    "prompt": "0.000003",
    "completion": "0.000015",
    "input_cache_read": "0.0000003",
    "input_cache_write": "0.00000375",
}


def model(id_: str, pricing: dict[str, str] | None = None, **more: Any) -> ModelInfo:
    return ModelInfo.from_wire({"id": id_, "pricing": pricing or {}, **more})


CATALOG = ModelCatalog(
    [
        model("anthropic/claude", CLAUDE),
        model("openai/gpt", {"prompt": "0.000002", "completion": "0.000008"}),
        model("openai/gpt:free", {"prompt": "0", "completion": "0"}),
        model("openai/gpt:thinking", {"prompt": "0.000004", "completion": "0.000016"}),
        model("kilo-auto/free", CLAUDE, isFree=True),
        model("kilo/auto", {"prompt": "-1", "completion": "-1"}),
        model("vendor/trial:free", CLAUDE, isFree=False),
    ],
    source="gateway",
)
PRICES = PriceList(lambda: CATALOG)


@pytest.mark.parametrize(
    ("asked", "answered", "prompt"),
    [
        ("openai/gpt", None, "2"),
        ("openai/gpt", "", "2"),
        ("openai/gpt", "openai/gpt", "2"),
        ("openai/gpt", "anthropic/claude", "3"),
        ("openai/gpt", "gpt-2026-01-01", "2"),
        ("openai/gpt", "other/unknown", "2"),
        ("openai/gpt", "openai/gpt:free", "0"),
        ("openai/gpt:thinking", "openai/gpt", "4"),
        ("openai/gpt:free", "openai/gpt", "0"),
        ("kilo/auto", "anthropic/claude", "3"),
        ("kilo-auto/free", "anthropic/claude", "0"),
        ("kilo/auto", "kilo/auto", None),
        ("vendor/trial:free", None, "3"),
        ("other/unknown", "openai/gpt", "2"),
        ("other/unknown:free", "openai/gpt", "0"),
    ],
)
def test_the_price_is_that_of_the_model_that_answered_else_of_the_one_asked(
    asked: str, answered: str | None, prompt: str | None
) -> None:
    found = PRICES.find(ModelRef(asked), answered)
    assert found is not None
    assert found.prompt == (None if prompt is None else Decimal(prompt))
    assert found.is_free == (prompt == "0")


def test_a_model_that_is_in_no_catalogue_has_no_price() -> None:
    assert PRICES.find(ModelRef("other/unknown"), "other/unknown-2") is None
    assert NO_PRICES.find(ModelRef("openai/gpt")) is None
    assert NO_PRICES.find(ModelRef("openai/gpt:free")) is FREE


def test_a_list_is_empty_until_the_catalogue_is_there() -> None:
    catalogs: list[ModelCatalog] = []
    prices = PriceList(lambda: catalogs[0] if catalogs else None)
    assert prices.is_empty
    assert prices.find(ModelRef("openai/gpt")) is None
    catalogs.append(CATALOG)
    assert not prices.is_empty
    assert prices.find(ModelRef("openai/gpt")) is not None


def completion(usage: Usage | None, answered: str | None = "openai/gpt") -> ChatCompletion:
    return ChatCompletion("g", answered, None, None, [], usage)


def test_what_the_gateway_reported_stays_and_is_no_estimate() -> None:
    reported = completion(Usage(prompt_tokens=5, completion_tokens=5, cost=Decimal("0.5")))
    assert PRICES.price(reported, ModelRef("openai/gpt")) is reported
    assert reported.usage is not None
    assert not reported.usage.cost_is_estimated


def test_a_missing_cost_is_estimated_and_says_so() -> None:
    plain = completion(Usage(prompt_tokens=5, completion_tokens=5, raw={"prompt_tokens": 5}))
    priced = PRICES.price(plain, ModelRef("openai/gpt")).usage
    assert priced is not None
    assert (priced.cost, priced.cost_is_estimated) == (Decimal("0.00005"), True)
    assert priced.raw == {"prompt_tokens": 5}
    assert plain.usage is not None
    assert plain.usage.cost is None


@pytest.mark.parametrize(
    "usage", [None, Usage(), Usage(prompt_tokens=1), Usage(prompt_tokens=1, is_byok=True)]
)
def test_without_an_estimate_the_completion_is_the_same(usage: Usage | None) -> None:
    plain = completion(usage)
    assert PRICES.price(plain, ModelRef("openai/gpt")) is plain
    assert NO_PRICES.price(plain, ModelRef("openai/gpt")) is plain
