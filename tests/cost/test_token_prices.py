"""What tokens cost: exact, and None where a needed price is unknown."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kilo_sdk.cost.token_prices import FREE, TokenPrices
from kilo_sdk.types.model_info import ModelInfo, Pricing
from kilo_sdk.types.usage import Usage

CLAUDE = {
    "prompt": "0.000003",
    "completion": "0.000015",
    "input_cache_read": "0.0000003",
    "input_cache_write": "0.00000375",
}


def cost(usage: Usage, **pricing: str) -> Decimal | None:
    return TokenPrices.of(ModelInfo.from_wire({"id": "a/b", "pricing": pricing or CLAUDE})).cost_of(
        usage
    )


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
