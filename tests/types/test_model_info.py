"""Facts about reading models, endpoints and providers off the wire."""

from __future__ import annotations

import copy
import pickle
import re
from decimal import Context, Decimal, localcontext
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kilo_sdk.refs import ModelRef
from kilo_sdk.types.model_info import ModelEndpoint, ModelInfo, Pricing, ProviderInfo

SONNET: dict[str, Any] = {
    "id": "anthropic/claude-sonnet-4",
    "name": "Anthropic: Claude Sonnet 4",
    "created": 1747930371,
    "description": "A model.",
    "context_length": 200000,
    "architecture": {
        "input_modalities": ["text", "image"],
        "output_modalities": ["text"],
        "tokenizer": "Claude",
    },
    "top_provider": {
        "context_length": 180000,
        "max_completion_tokens": 64000,
        "is_moderated": False,
    },
    "pricing": {
        "prompt": "0.000003",
        "completion": "0.000015",
        "request": "0",
        "image": "0.0048",
        "web_search": "0.01",
        "internal_reasoning": "0.000015",
        "input_cache_read": "0.0000003",
        "input_cache_write": "0.00000375",
    },
    "supported_parameters": ["max_tokens", "include_reasoning", "tools"],
    "preferredIndex": 1,
    "isFree": False,
    "mayTrainOnYourPrompts": False,
}

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


def test_a_whole_entry_is_read_field_by_field() -> None:
    before = copy.deepcopy(SONNET)
    info = ModelInfo.from_wire(SONNET)
    assert info.id == "anthropic/claude-sonnet-4"
    assert info.ref == "kilocode/anthropic/claude-sonnet-4"
    assert ModelRef.parse(info.ref).id == info.id
    assert info.name == "Anthropic: Claude Sonnet 4"
    assert info.vendor == "anthropic"
    assert info.context_window == 200000
    assert info.max_output_tokens == 64000
    assert info.input_modalities == ("text", "image")
    assert info.output_modalities == ("text",)
    assert info.supports_reasoning is True
    assert info.supports_tools is True
    assert info.supports_images is True
    assert info.supported_parameters == ("max_tokens", "include_reasoning", "tools")
    assert info.is_free is False
    assert info.raw["preferredIndex"] == 1
    assert before == SONNET


def test_token_prices_are_per_million_and_unit_prices_as_they_are() -> None:
    pricing = ModelInfo.from_wire(SONNET).pricing
    shown = {
        field.name: str(getattr(pricing, field.name))
        for field in attrs.fields(Pricing)
        if field.name != "raw"
    }
    assert shown == {
        "prompt": "3",
        "completion": "15",
        "request": "0",
        "image": "0.0048",
        "web_search": "0.01",
        "internal_reasoning": "15",
        "input_cache_read": "0.3",
        "input_cache_write": "3.75",
    }
    assert pricing.raw == SONNET["pricing"]


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("0.000003", "3"),
        ("0.00000025", "0.25"),
        ("0.00025", "250"),
        ("3e-6", "3"),
        ("3E-06", "3"),
        ("0.0000030000", "3"),
        ("0", "0"),
        ("0.000", "0"),
        ("-0", "0"),
        ("+.000001", "1"),
        ("1.", "1000000"),
        (0, "0"),
        (0.000003, "3"),
        (1e-07, "0.1"),
        ("1E+2", "100000000"),
        (
            "0.0000000000012345678901234567890123456789012",
            "0.0000012345678901234567890123456789012",
        ),
    ],
)
def test_a_price_is_exact_and_prints_plainly(sent: object, shown: str) -> None:
    price = Pricing.from_wire({"prompt": sent}).prompt
    assert price == Decimal(shown)
    assert str(price) == shown


@pytest.mark.parametrize(
    "sent",
    [
        None,
        "",
        " ",
        "-1",
        "-0.000001",
        -1,
        -0.5,
        "free",
        "NaN",
        "sNaN",
        "Infinity",
        "-inf",
        float("nan"),
        float("inf"),
        "1_000",
        "1,5",
        "0x10",
        "٣",
        "1e999999999",
        "9" * 1000,
        "1\n",
        True,
        False,
        [],
        {},
        ["0.1"],
    ],
)
def test_a_price_that_is_no_plain_number_is_unknown(sent: object) -> None:
    pricing = Pricing.from_wire({"prompt": sent, "image": sent})
    assert pricing.prompt is None
    assert pricing.image is None


@pytest.mark.parametrize("pricing", [None, "free", [], 0, True])
def test_pricing_that_is_no_object_has_no_price(pricing: object) -> None:
    assert Pricing.from_wire(pricing) == Pricing()


@given(st.decimals(min_value=0, max_value=10**6, allow_nan=False, allow_infinity=False, places=18))
def test_no_price_is_ever_rounded(price: Decimal) -> None:
    read = Pricing.from_wire({"prompt": f"{price:f}"}).prompt
    assert read is not None
    with localcontext(Context(prec=100)):
        assert read / 1_000_000 == price
    assert "E+" not in str(read)


def test_prices_do_not_depend_on_the_callers_decimal_context() -> None:
    with localcontext(Context(prec=2)):
        assert Pricing.from_wire({"prompt": "0.000123456"}).prompt == Decimal("123.456")


def test_only_an_id_is_needed() -> None:
    info = ModelInfo.from_wire({"id": "a/b"})
    assert info == ModelInfo(id="a/b", name="a/b")
    assert info.raw == {"id": "a/b"}
    assert info.context_window is None
    assert info.max_output_tokens is None
    assert info.input_modalities == ()
    assert info.output_modalities == ()
    assert info.supports_reasoning is False
    assert info.supports_tools is True
    assert info.supports_images is False
    assert info.pricing == Pricing()
    assert info.is_free is False


def test_fields_that_are_null_or_of_the_wrong_type_are_unknown() -> None:
    fields = [key for key in SONNET if key != "id"]
    for wrong in (None, "x", 7.5, -1, [1, None], {"x": 1}):
        entry = {"id": "a/b", **dict.fromkeys(fields, wrong)}
        info = ModelInfo.from_wire(entry)
        assert info.name == (wrong if isinstance(wrong, str) else "a/b")
        assert info.context_window is None
        assert info.max_output_tokens is None
        assert info.input_modalities == ()
        assert info.pricing == Pricing()
        assert info.supports_tools is True
        assert info.raw is entry


def test_the_prefix_of_a_ref_is_no_part_of_the_id() -> None:
    assert ModelInfo.from_wire({"id": "kilocode/kilo/auto"}).id == "kilo/auto"


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (None, "a JSON object, not NoneType"),
        ("a/b", "a JSON object, not str"),
        ([], "a JSON object, not list"),
        ({}, "no 'id'"),
        ({"name": "A"}, "no 'id'"),
        ({"id": None}, "not NoneType"),
        ({"id": 7}, "not int"),
        ({"id": ["a/b"]}, "not list"),
        ({"id": ""}, "is no model ref"),
        ({"id": "claude"}, "'claude' is no model ref"),
        ({"id": "/b"}, "is no model ref"),
        ({"id": "a/"}, "is no model ref"),
        ({"id": "a/b c"}, "is no model ref"),
        ({"id": "a/b\x1b[2J"}, "control characters"),
    ],
)
def test_an_entry_that_names_no_model_is_refused_with_the_reason(entry: object, words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        ModelInfo.from_wire(entry)


@pytest.mark.parametrize(
    ("own", "top", "window"),
    [
        (200000, 180000, 200000),
        (None, 180000, 180000),
        (0, 180000, 180000),
        (128000.0, None, 128000),
        (True, None, None),
        (-5, -5, None),
        ("128000", None, None),
        (0.5, float("nan"), None),
    ],
)
def test_the_context_window_is_the_models_own_before_its_top_providers(
    own: object, top: object, window: int | None
) -> None:
    entry = {"id": "a/b", "context_length": own, "top_provider": {"context_length": top}}
    assert ModelInfo.from_wire(entry).context_window == window


@pytest.mark.parametrize(
    ("parameters", "reasoning", "tools"),
    [
        (None, False, True),
        ([], False, True),
        (["tools"], False, True),
        (["reasoning"], True, False),
        (["include_reasoning", "tools"], True, True),
        (["reasoning_effort"], False, False),
        ([None, 7], False, True),
    ],
)
def test_abilities_follow_supported_parameters(
    parameters: object, reasoning: bool, tools: bool
) -> None:
    info = ModelInfo.from_wire({"id": "a/b", "supported_parameters": parameters})
    assert (info.supports_reasoning, info.supports_tools) == (reasoning, tools)


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ({}, None),
        ({"supported_parameters": None}, None),
        ({"supported_parameters": "tools"}, None),
        ({"supported_parameters": []}, ()),
        ({"supported_parameters": [None]}, ()),
        ({"supported_parameters": ["seed", 7, "tools"]}, ("seed", "tools")),
    ],
)
def test_parameters_that_are_not_told_are_none_and_an_empty_list_is_empty(
    entry: dict[str, Any], told: tuple[str, ...] | None
) -> None:
    assert ModelInfo.from_wire({"id": "a/b", **entry}).supported_parameters == told
    assert ModelEndpoint.from_wire(entry).supported_parameters == told


def test_a_model_that_asks_something_per_request_is_not_free() -> None:
    entry = {"id": "a/b", "pricing": {"prompt": "0", "completion": "0", "request": "0.01"}}
    assert ModelInfo.from_wire(entry).is_free is False
    entry = {"id": "a/b", "pricing": {"prompt": "0", "completion": "0", "request": "0"}}
    assert ModelInfo.from_wire(entry).is_free is True


@pytest.mark.parametrize(
    ("id_", "is_free", "prompt", "completion", "expected"),
    [
        ("a/b", True, "1", "1", True),
        ("a/b:free", False, "0", "0", False),
        ("a/b", None, "0", "0.0", True),
        ("a/b", "true", "1", "0", False),
        ("a/b", None, "0", None, False),
        ("a/b", None, None, None, False),
        ("a/b", None, "-1", "-1", False),
        ("a/b:free", None, None, None, True),
        ("a/b:free", 0, "1", "1", True),
        ("a/free", None, None, None, False),
    ],
)
def test_free_is_what_the_gateway_says_else_zero_prices_else_the_tag(
    id_: str, is_free: object, prompt: object, completion: object, expected: bool
) -> None:
    entry = {
        "id": id_,
        "isFree": is_free,
        "pricing": {"prompt": prompt, "completion": completion},
    }
    assert ModelInfo.from_wire(entry).is_free is expected


@given(json_values, st.dictionaries(st.sampled_from(sorted(SONNET)), json_values))
def test_any_json_is_read_or_refused_with_a_value_error(junk: object, fields: Any) -> None:
    for entry in (junk, fields, {**fields, "id": "a/b"}, {**SONNET, **fields}):
        try:
            info = ModelInfo.from_wire(entry)
        except ValueError:
            continue
        assert ModelRef.parse(info.ref).id == info.id
    assert ModelInfo.from_wire({**fields, "id": "a/b"}).id == "a/b"


@pytest.mark.parametrize(
    "value",
    [
        ModelInfo.from_wire(SONNET),
        Pricing.from_wire(SONNET["pricing"]),
        ModelEndpoint.from_wire({"provider_name": "P", "pricing": {"prompt": "0.1"}}),
        ProviderInfo.from_wire({"name": "P"}),
    ],
    ids=lambda value: type(value).__name__,
)
def test_values_are_frozen_hashable_and_copy(value: Any) -> None:
    assert pickle.loads(pickle.dumps(value)) == value
    assert copy.deepcopy(value) == value
    assert hash(copy.deepcopy(value)) == hash(value)
    assert "raw" not in repr(value)
    assert attrs.evolve(value, raw={}) == value
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        value.raw = {}
    with pytest.raises((AttributeError, TypeError)):
        value.colour = "red"


def test_an_endpoint_is_read_field_by_field() -> None:
    entry = {
        "name": "Anthropic | anthropic/claude-sonnet-4",
        "provider_name": "Anthropic",
        "tag": "anthropic",
        "context_length": 200000,
        "max_completion_tokens": 64000,
        "quantization": None,
        "status": -2,
        "supported_parameters": ["tools"],
        "pricing": {"prompt": "0.000003"},
        "uptime_last_30m": 99.5,
    }
    endpoint = ModelEndpoint.from_wire(entry)
    assert endpoint.raw["uptime_last_30m"] == 99.5
    assert endpoint == ModelEndpoint(
        name="Anthropic | anthropic/claude-sonnet-4",
        provider_name="Anthropic",
        tag="anthropic",
        context_window=200000,
        max_output_tokens=64000,
        quantization=None,
        status=-2,
        supported_parameters=("tools",),
        pricing=Pricing(prompt=Decimal(3)),
    )


def test_an_endpoint_without_a_single_field_is_all_unknown() -> None:
    assert ModelEndpoint.from_wire({}) == ModelEndpoint()
    odd: dict[str, Any] = {"name": [], "provider_name": 7, "status": "up", "pricing": None}
    assert ModelEndpoint.from_wire(odd) == ModelEndpoint()


def test_an_endpoint_that_is_no_object_is_refused() -> None:
    with pytest.raises(ValueError, match="an endpoint is described by a JSON object, not str"):
        ModelEndpoint.from_wire("Anthropic")


def test_a_provider_is_read_field_by_field() -> None:
    entry = {
        "name": "Google Vertex",
        "slug": "google-vertex",
        "privacy_policy_url": "https://example.com/privacy",
        "terms_of_service_url": "https://example.com/terms",
        "status_page_url": None,
        "headquarters": "US",
    }
    provider = ProviderInfo.from_wire(entry)
    assert provider.raw["headquarters"] == "US"
    assert provider == ProviderInfo(
        name="Google Vertex",
        slug="google-vertex",
        privacy_policy_url="https://example.com/privacy",
        terms_of_service_url="https://example.com/terms",
    )


def test_a_provider_needs_a_name_or_a_slug() -> None:
    assert ProviderInfo.from_wire({"slug": "x", "name": ""}).name == "x"
    assert ProviderInfo.from_wire({"name": "X", "slug": 5}).slug is None
    with pytest.raises(ValueError, match="neither 'name' nor 'slug'"):
        ProviderInfo.from_wire({"name": None})
    with pytest.raises(ValueError, match="a provider is described by a JSON object, not list"):
        ProviderInfo.from_wire([])
