"""What is told about models: rows for people, objects for programs.

Prices are US dollars per million tokens, as JSON numbers with every digit the gateway
sent. What is not known is a dash, or null. Nothing here prints.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, Final

import attrs
import orjson

from kilo_sdk.catalog.catalog import ModelCatalog
from kilo_sdk.types.model_info import ModelEndpoint, ModelInfo, Pricing

__all__ = [
    "ENDPOINT_NUMBERS",
    "MODEL_NUMBERS",
    "endpoint_object",
    "endpoint_rows",
    "list_words",
    "model_facts",
    "model_object",
    "model_rows",
]

_UNKNOWN: Final = "-"
_MODEL_HEADER: Final = ("MODEL", "CONTEXT", "OUTPUT", "$ IN", "$ OUT", "CAN")
MODEL_NUMBERS: Final = (1, 2, 3, 4)
"""The columns of ``model_rows`` that hold numbers."""

_ENDPOINT_HEADER: Final = ("PROVIDER", "TAG", "CONTEXT", "OUTPUT", "$ IN", "$ OUT", "PRECISION", "")
ENDPOINT_NUMBERS: Final = (2, 3, 4, 5)
"""The columns of ``endpoint_rows`` that hold numbers."""

_OTHER_PRICES: Final = (
    ("input_cache_read", "cache read"),
    ("input_cache_write", "cache write"),
    ("internal_reasoning", "reasoning"),
)
_PRICES_PER_ONE: Final = (("request", "request"), ("image", "image"), ("web_search", "search"))


def model_rows(models: Iterable[ModelInfo]) -> list[Sequence[str]]:
    """Return a header and a row for each model: limits in tokens, prices per million."""
    return [_MODEL_HEADER, *map(_model_row, models)]


def _model_row(model: ModelInfo) -> Sequence[str]:
    return (
        model.id,
        _count(model.context_window),
        _count(model.max_output_tokens),
        _amount(model.pricing.prompt),
        _amount(model.pricing.completion),
        " ".join(_abilities(model)),
    )


def _abilities(model: ModelInfo) -> list[str]:
    known = (
        (model.supports_reasoning, "reasoning"),
        (model.supports_tools, "tools"),
        (model.supports_images, "images"),
        (model.is_free, "free"),
    )
    return [word for has, word in known if has]


def model_facts(model: ModelInfo) -> list[tuple[str, str]]:
    """Return what is known of a model, as names and values."""
    return [
        ("ref", model.ref),
        ("name", model.name),
        ("context", _tokens(model.context_window)),
        ("max output", _tokens(model.max_output_tokens)),
        ("takes", ", ".join(model.input_modalities) or _UNKNOWN),
        ("gives", ", ".join(model.output_modalities) or _UNKNOWN),
        ("can", ", ".join(_abilities(model)) or _UNKNOWN),
        ("price", _price_words(model.pricing)),
        ("parameters", _parameter_words(model.supported_parameters)),
    ]


def endpoint_rows(endpoints: Iterable[ModelEndpoint]) -> list[Sequence[str]]:
    """Return a header and a row for each provider's offer of a model."""
    return [_ENDPOINT_HEADER, *map(_endpoint_row, endpoints)]


def _endpoint_row(endpoint: ModelEndpoint) -> Sequence[str]:
    return (
        endpoint.provider_name or endpoint.name or _UNKNOWN,
        endpoint.tag or _UNKNOWN,
        _count(endpoint.context_window),
        _count(endpoint.max_output_tokens),
        _amount(endpoint.pricing.prompt),
        _amount(endpoint.pricing.completion),
        endpoint.quantization or _UNKNOWN,
        "degraded" if (endpoint.status or 0) < 0 else "",
    )


def list_words(shown: int, catalog: ModelCatalog) -> str:
    """Say how many models are shown, of which list, and why of that."""
    count = "1 model" if shown == 1 else f"{shown} models"
    if catalog.failure is None:
        words = f"{count}; prices are US dollars per million tokens"
        if shown < len(catalog):
            words = f"{count} of {len(catalog)}; prices are US dollars per million tokens"
        return words
    serving = "the list bundled with the SDK"
    if catalog.source == "gateway" and catalog.fetched_at is not None:
        when = catalog.fetched_at.astimezone()
        serving = f"the list of {when:%Y-%m-%d %H:%M}"
    return f"the gateway's list cannot be had: {catalog.failure}; {count} of {serving}"


def model_object(model: ModelInfo) -> dict[str, Any]:
    """Return a model as ``--json`` prints it."""
    return {
        "id": model.id,
        "ref": model.ref,
        "name": model.name,
        "vendor": model.vendor,
        "context_window": model.context_window,
        "max_output_tokens": model.max_output_tokens,
        "input_modalities": model.input_modalities,
        "output_modalities": model.output_modalities,
        "supports_reasoning": model.supports_reasoning,
        "supports_tools": model.supports_tools,
        "supports_images": model.supports_images,
        "supported_parameters": model.supported_parameters,
        "is_free": model.is_free,
        "pricing": _pricing_object(model.pricing),
    }


def endpoint_object(endpoint: ModelEndpoint) -> dict[str, Any]:
    """Return a provider's offer as ``--json`` prints it."""
    return {
        "provider_name": endpoint.provider_name,
        "name": endpoint.name,
        "tag": endpoint.tag,
        "context_window": endpoint.context_window,
        "max_output_tokens": endpoint.max_output_tokens,
        "quantization": endpoint.quantization,
        "status": endpoint.status,
        "supported_parameters": endpoint.supported_parameters,
        "pricing": _pricing_object(endpoint.pricing),
    }


def _pricing_object(pricing: Pricing) -> dict[str, Any]:
    return {
        field.name: _exact_number(getattr(pricing, field.name))
        for field in attrs.fields(Pricing)
        if field.name != "raw"
    }


def _exact_number(price: Decimal | None) -> orjson.Fragment | None:
    # A float would not hold every price; JSON's own numbers do.
    return None if price is None else orjson.Fragment(f"{price:f}")


def _price_words(pricing: Pricing) -> str:
    if pricing.prompt is None or pricing.completion is None:
        return "not told"
    million = [f"${_amount(pricing.prompt)} in", f"${_amount(pricing.completion)} out"]
    million += [
        f"${_amount(price)} {words}"
        for name, words in _OTHER_PRICES
        if (price := getattr(pricing, name))
    ]
    per_one = [
        f"${_amount(price)} per {words}"
        for name, words in _PRICES_PER_ONE
        if (price := getattr(pricing, name))
    ]
    return "; ".join([", ".join(million) + " per million tokens", *per_one])


def _parameter_words(parameters: tuple[str, ...] | None) -> str:
    return "not told" if parameters is None else ", ".join(sorted(parameters)) or "none"


def _count(number: int | None) -> str:
    return _UNKNOWN if number is None else f"{number:,}"


def _tokens(number: int | None) -> str:
    return "not told" if number is None else f"{number:,} tokens"


def _amount(price: Decimal | None) -> str:
    return _UNKNOWN if price is None else f"{price:f}"
