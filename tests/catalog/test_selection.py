"""Facts about choosing models by what they can do and cost."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kilo_sdk.catalog.selection import Criteria, is_chat_model, sort_models
from kilo_sdk.errors import ConfigurationError
from kilo_sdk.types.model_info import ModelInfo, Pricing

prices = st.none() | st.decimals(0, 100, places=2)
models = st.builds(
    lambda number, prompt, completion, flags, context: ModelInfo(
        id=f"v{number % 3}/m{number}",
        name=f"M{number % 4}",
        context_window=context,
        supports_reasoning=flags[0],
        supports_tools=flags[1],
        is_free=flags[2],
        pricing=Pricing(prompt=prompt, completion=completion),
    ),
    st.integers(0, 99),
    prices,
    prices,
    st.tuples(st.booleans(), st.booleans(), st.booleans()),
    st.none() | st.integers(1, 10**6),
)


def model(id_: str = "v/m", **fields: Any) -> ModelInfo:
    return ModelInfo(id=id_, name=fields.pop("name", id_), **fields)


@pytest.mark.parametrize(
    ("entry", "is_chat"),
    [
        ({}, True),
        ({"output_modalities": ("text",)}, True),
        ({"output_modalities": ("image", "text")}, True),
        ({"output_modalities": ("image",)}, False),
        ({"output_modalities": ("audio",)}, False),
        ({"output_modalities": ("embeddings",)}, False),
        ({"output_modalities": ("text", "embeddings")}, False),
        ({"input_modalities": ("text", "image")}, True),
        ({"input_modalities": ("audio",), "output_modalities": ("text",)}, False),
        ({"id_": "openai/text-embedding-3-small"}, False),
        ({"id_": "openai/Text-Embedding-3", "output_modalities": ("text",)}, False),
        ({"id_": "mistralai/codestral-embed-2505"}, False),
        ({"id_": "v/nomic_embed:free"}, False),
        ({"id_": "embedded/chat"}, True),
        ({"id_": "v/unembedded"}, True),
    ],
)
def test_what_takes_and_gives_text_is_a_chat_model(entry: dict[str, Any], is_chat: bool) -> None:
    assert is_chat_model(model(**entry)) is is_chat


@pytest.mark.parametrize(
    ("asked", "fits"),
    [
        ({}, True),
        ({"reasoning": True}, True),
        ({"reasoning": False}, False),
        ({"tools": False}, True),
        ({"tools": True}, False),
        ({"images": True}, True),
        ({"free": False}, True),
        ({"free": True}, False),
        ({"vendor": "Acme"}, True),
        ({"vendor": ["other", " ACME "]}, True),
        ({"vendor": ("other",)}, False),
        ({"vendor": []}, False),
        ({"parameters": "seed"}, True),
        ({"parameters": {"seed", "reasoning"}}, True),
        ({"parameters": ["seed", "top_k"]}, False),
        ({"max_input_price": 3}, True),
        ({"max_input_price": "3.0"}, True),
        ({"max_input_price": Decimal("2.99")}, False),
        ({"max_input_price": 2.5}, False),
        ({"max_output_price": 1000}, False),
        ({"min_context": 200_000}, True),
        ({"min_context": 200_001}, False),
        ({"min_output": 0}, True),
        ({"min_output": 1}, False),
        ({"reasoning": True, "vendor": "acme", "max_input_price": 3, "min_context": 1}, True),
        ({"reasoning": True, "vendor": "acme", "max_input_price": 2, "min_context": 1}, False),
    ],
)
def test_a_model_fits_when_it_meets_all_of_it(asked: dict[str, Any], fits: bool) -> None:
    one = model(
        "acme/m",
        context_window=200_000,
        supports_reasoning=True,
        supports_tools=False,
        supports_images=True,
        supported_parameters=("seed", "reasoning"),
        pricing=Pricing(prompt=Decimal(3)),
    )
    assert Criteria.checked(**asked).fits(one) is fits


def test_what_is_not_known_fits_no_limit() -> None:
    unknown = model()
    for asked in ("max_input_price", "max_output_price"):
        assert not Criteria.checked(**{asked: 10**9}).fits(unknown)
    assert not Criteria.checked(min_context=1).fits(unknown)
    assert not Criteria.checked(parameters="seed").fits(unknown)


@given(st.lists(models, max_size=8), st.decimals(0, 100, places=2))
def test_a_price_limit_lets_through_what_is_known_not_to_be_above_it(
    many: list[ModelInfo], limit: Decimal
) -> None:
    criteria = Criteria.checked(max_input_price=limit, free=True)
    for one in many:
        known = one.pricing.prompt is not None and one.pricing.prompt <= limit
        assert criteria.fits(one) is (known and one.is_free)


@pytest.mark.parametrize("name", ["max_input_price", "max_output_price"])
@pytest.mark.parametrize("value", [-1, "cheap", "", float("nan"), "sNaN", "inf", True, [], b"1"])
def test_a_price_that_is_no_amount_is_refused(name: str, value: Any) -> None:
    with pytest.raises(ConfigurationError, match=rf"{name}=.*US dollars per million tokens"):
        Criteria.checked(**{name: value})


@pytest.mark.parametrize("value", [-1, 1.5, "8k", True])
def test_a_size_that_is_no_number_of_tokens_is_refused(value: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"min_context=.* tokens from 0 up"):
        Criteria.checked(min_context=value)


@pytest.mark.parametrize("value", [1, "yes", 0])
def test_a_flag_is_true_false_or_none(value: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"reasoning=.* True, False and None"):
        Criteria.checked(reasoning=value)


@pytest.mark.parametrize("value", [7, [7], [None]])
def test_a_vendor_is_a_name_or_several(value: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"vendor=.* a name or a list of names"):
        Criteria.checked(vendor=value)


A = model("v/a", name="b", context_window=8, pricing=Pricing(prompt=Decimal(2), completion=None))
B = model("v/b", name="A", context_window=None, max_output_tokens=5)
C = model(
    "v/c", name="a", context_window=32, pricing=Pricing(prompt=Decimal(1), completion=Decimal(9))
)
D = model(
    "v/d", name="c", max_output_tokens=9, pricing=Pricing(prompt=Decimal(1), completion=Decimal(4))
)


@pytest.mark.parametrize(
    ("key", "rising", "falling"),
    [
        ("price", [D, C, A, B], [C, D, A, B]),
        ("context", [A, C, B, D], [C, A, B, D]),
        ("max_output", [B, D, A, C], [D, B, A, C]),
        ("name", [B, C, A, D], [D, A, B, C]),
    ],
)
def test_models_are_sorted_with_the_unknown_last_and_equals_in_order(
    key: Any, rising: list[ModelInfo], falling: list[ModelInfo]
) -> None:
    assert sort_models([A, B, C, D], key, descending=False) == rising
    assert sort_models([A, B, C, D], key, descending=True) == falling


def test_a_key_that_is_none_is_refused_with_those_that_are() -> None:
    wrong: Any = "cost"
    with pytest.raises(ConfigurationError) as raised:
        sort_models([A], wrong, descending=False)
    assert raised.value.message == (
        "sort_by('cost'): accepted are price, context, max_output, name"
    )


@given(st.lists(models, max_size=10), st.sampled_from(["price", "context", "name"]), st.booleans())
def test_sorting_loses_nothing_and_does_not_depend_on_the_order_it_finds(
    many: list[ModelInfo], key: Any, descending: bool
) -> None:
    done = sort_models(many, key, descending=descending)
    assert sorted(done, key=many.index) == sorted(many, key=many.index)
    assert sort_models(done, key, descending=descending) == done
