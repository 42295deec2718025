"""What an answer cost that does not say so: exact, and None where a needed price is unknown."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kilo_sdk.catalog.catalog import ModelCatalog
from kilo_sdk.cost.prices import FREE, NO_PRICES, PriceList, TokenPrices
from kilo_sdk.refs import ModelRef
from kilo_sdk.types.completion import ChatCompletion
from kilo_sdk.types.model_info import ModelInfo, Pricing
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


def cost(usage: Usage, **pricing: str) -> Decimal | None:
    return TokenPrices.of(model("a/b", pricing or CLAUDE)).cost_of(usage)


@pytest.mark.parametrize(
    ("usage", "dollars"),
    [
        (Usage(prompt_tokens=1000, completion_tokens=100), "0.0045"),
        (Usage(prompt_tokens=0, completion_tokens=0), "0"),
        (Usage(prompt_tokens=1, completion_tokens=0), "0.000003"),
        (Usage(prompt_tokens=1000, completion_tokens=0, cached_tokens=400), "0.00192"),
        (Usage(prompt_tokens=1000, completion_tokens=0, cache_write_tokens=400), "0.0033"),
        (
            Usage(
                prompt_tokens=1000,
                completion_tokens=10,
                cached_tokens=400,
                cache_write_tokens=500,
                reasoning_tokens=10,
            ),
            "0.002445",
        ),
        (Usage(prompt_tokens=10, completion_tokens=0, cached_tokens=400), "0.00012"),
        (Usage(prompt_tokens=1000, total_tokens=1100), "0.0045"),
        (Usage(completion_tokens=100, total_tokens=1100), "0.0045"),
    ],
)
def test_tokens_times_prices(usage: Usage, dollars: str) -> None:
    assert cost(usage) == Decimal(dollars)


def test_a_price_per_request_is_added_once() -> None:
    usage = Usage(prompt_tokens=10, completion_tokens=1)
    assert cost(usage, **CLAUDE, request="0.01") == Decimal("0.010045")


def test_cached_tokens_without_a_price_of_their_own_cost_what_input_costs() -> None:
    usage = Usage(prompt_tokens=10, completion_tokens=0, cached_tokens=4, cache_write_tokens=5)
    assert cost(usage, prompt="0.000001", completion="0.000002") == Decimal("0.00001")


@pytest.mark.parametrize(
    "usage",
    [
        Usage(),
        Usage(prompt_tokens=10),
        Usage(completion_tokens=10),
        Usage(total_tokens=10),
        Usage(prompt_tokens=-1, completion_tokens=1),
        Usage(prompt_tokens=10, total_tokens=5),
        Usage(prompt_tokens=10, completion_tokens=1, cached_tokens=-1),
        Usage(prompt_tokens=10, completion_tokens=1, is_byok=True),
    ],
)
def test_what_was_not_told_or_makes_no_sense_has_no_estimate(usage: Usage) -> None:
    assert cost(usage) is None
    assert FREE.cost_of(usage) == 0


@pytest.mark.parametrize(
    ("pricing", "dollars"),
    [
        ({"prompt": "0.000001"}, None),
        ({"completion": "0.000001"}, None),
        ({"prompt": "-1", "completion": "-1"}, None),
    ],
)
def test_a_price_that_is_needed_and_unknown_makes_the_cost_unknown(
    pricing: dict[str, str], dollars: None
) -> None:
    assert cost(Usage(prompt_tokens=1, completion_tokens=1), **pricing) is dollars


def test_a_price_that_is_not_needed_may_be_unknown() -> None:
    assert cost(Usage(prompt_tokens=5, completion_tokens=0), prompt="0.000001") == Decimal(
        "0.000005"
    )
    assert TokenPrices(completion=Decimal(2)).cost(0, 3) == Decimal("0.000006")
    assert TokenPrices(completion=Decimal(2)).cost(1, 3) is None


def test_known_are_prices_of_both_ways() -> None:
    assert TokenPrices(prompt=Decimal(1), completion=Decimal(1)).are_known
    assert FREE.are_known
    assert not TokenPrices(prompt=Decimal(1)).are_known
    assert not TokenPrices(completion=Decimal(1)).are_known


def test_output_is_added_to_a_cost() -> None:
    prices = TokenPrices(prompt=Decimal(1), completion=Decimal(8), request=Decimal(1))
    assert prices.add_output(Decimal("0.5"), 3) == Decimal("0.500024")
    assert prices.add_output(Decimal("0.5"), 0) == Decimal("0.5")
    assert prices.add_output(None, 3) is None
    assert TokenPrices().add_output(Decimal(1), 3) is None


TOKENS = st.integers(0, 2**63)
PRICE = st.none() | st.decimals(0, 10**9, places=12)


@given(
    prompt=TOKENS,
    completion=TOKENS,
    cached=TOKENS,
    written=TOKENS,
    price=st.lists(PRICE, min_size=5, max_size=5),
)
def test_an_estimate_is_exact(
    prompt: int, completion: int, cached: int, written: int, price: list[Decimal | None]
) -> None:
    info = ModelInfo(
        id="a/b",
        name="b",
        pricing=Pricing(
            prompt=price[0],
            completion=price[1],
            input_cache_read=price[2],
            input_cache_write=price[3],
            request=price[4],
        ),
    )
    told = TokenPrices.of(info).cost_of(
        Usage(
            prompt_tokens=prompt,
            completion_tokens=completion,
            cached_tokens=cached,
            cache_write_tokens=written,
        )
    )
    parts = [
        (max(prompt - cached - written, 0), price[0]),
        (completion, price[1]),
        (cached, price[0] if price[2] is None else price[2]),
        (written, price[0] if price[3] is None else price[3]),
    ]
    if any(tokens and price is None for tokens, price in parts):
        assert told is None
    else:
        exact = sum(Fraction(tokens) * Fraction(each or 0) / 10**6 for tokens, each in parts)
        assert told is not None
        assert Fraction(told) == exact + Fraction(price[4] or 0)


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
