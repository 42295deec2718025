"""What an answer has cost while it is being written."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kilo_sdk.catalog.catalog import ModelCatalog
from kilo_sdk.chunk_template import ChunkTemplate
from kilo_sdk.cost.prices import NO_PRICES, PriceList
from kilo_sdk.cost.running import RunningCost
from kilo_sdk.refs import ModelRef
from kilo_sdk.types.model_info import ModelInfo

GPT, CHEAP, AUTO = ModelRef("openai/gpt"), ModelRef("openai/cheap"), ModelRef("kilo/auto")
CATALOG = ModelCatalog(
    [
        ModelInfo.from_wire({"id": GPT.id, "pricing": {"prompt": "0.01", "completion": "1"}}),
        ModelInfo.from_wire({"id": CHEAP.id, "pricing": {"prompt": "0.001", "completion": "0.1"}}),
        ModelInfo.from_wire({"id": AUTO.id}),
    ],
    source="gateway",
)
PRICES = PriceList(lambda: CATALOG)


def chunk(text: str = "", **top: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {"content": text}}], **top}


def test_it_begins_with_the_prompt() -> None:
    assert RunningCost(PRICES, GPT, 7).cost == Decimal("0.07")


def test_four_bytes_of_output_are_a_token_however_they_are_cut() -> None:
    whole, pieces = RunningCost(PRICES, GPT, 0), RunningCost(PRICES, GPT, 0)
    whole.add([chunk("abcdefghi")])
    for letter in "abcdefghi":
        pieces.add([chunk(letter)])
    assert whole.cost == pieces.cost == 3


def test_chunks_that_only_differ_in_their_text_count_the_same() -> None:
    template = ChunkTemplate(b"", b"", chunk("x"), [])
    running = RunningCost(PRICES, GPT, 0)
    running.add([(template, "abcd"), (template, "éé")])
    assert running.cost == 2


def test_the_model_that_answers_names_the_price_of_prompt_and_output() -> None:
    running = RunningCost(PRICES, AUTO, 10)
    assert running.cost is None
    running.add([chunk("abcd", model=CHEAP.id)])
    assert running.cost == Decimal("0.11")
    running.add([chunk("abcd", model=GPT.id)])  # the first to say who answers is right
    assert running.cost == Decimal("0.21")


def test_an_unknown_name_leaves_the_price_of_the_model_asked() -> None:
    running = RunningCost(PRICES, GPT, 10)
    running.add([chunk("abcd", model="gpt-2026-01-01")])
    assert running.cost == Decimal("1.1")


@pytest.mark.parametrize(
    ("usage", "cost"),
    [
        ({"cost": 0.5}, "2.5"),
        ({"prompt_tokens": 50, "completion_tokens": 1}, "3.5"),
        ({"cost": 0.5, "prompt_tokens": 50, "completion_tokens": 1}, "2.5"),
        ({"total_tokens": 50}, "5.1"),
        ({}, "5.1"),
        ("none", "5.1"),
    ],
)
def test_a_usage_takes_the_estimates_place_and_what_follows_is_added(usage: Any, cost: str) -> None:
    running = RunningCost(PRICES, GPT, 10)
    running.add([chunk("a" * 8), chunk("a" * 4, usage=usage), chunk("a" * 8)])
    assert running.cost == Decimal(cost)


def test_a_reported_cost_counts_where_no_price_is_known() -> None:
    running = RunningCost(NO_PRICES, GPT, 10)
    running.add([chunk("abcd")])
    assert running.cost is None
    running.add([chunk(usage={"cost": "0.25"})])
    assert running.cost == Decimal("0.25")


@given(st.lists(st.text(max_size=9), max_size=30), st.integers(0, 10**6))
def test_it_never_falls_without_a_usage(texts: list[str], prompt: int) -> None:
    running = RunningCost(PRICES, GPT, prompt)
    before = running.cost or Decimal(0)
    for text in texts:
        running.add([chunk(text)])
        assert running.cost is not None
        assert running.cost >= before
        before = running.cost
    size = sum(len(text.encode("utf-8", "surrogatepass")) for text in texts)
    assert before == Decimal(prompt) / 100 + -(-size // 4)
