"""What the embedded gateway reads out of an entry of its model list.

Source: GATEWAY 9 (model list), GATEWAY 6 (which format a vendor reasons in).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Literal

import attrs

__all__ = ["EmulatedModel", "ReasoningStyle", "endpoints_of", "providers_of"]

ReasoningStyle = Literal["anthropic", "google", "openai", "xai", "plain", "tags"]
"""Which vendor's ``reasoning_details`` a model's reasoning is written in.

``plain`` is text without signatures; ``tags`` is no detail at all, but text between
``<think>`` and ``</think>`` in the content.
"""

_REASONING = ("reasoning", "include_reasoning")
_PROVIDERS = {
    "anthropic": "Anthropic",
    "google": "Google",
    "openai": "OpenAI",
    "x-ai": "xAI",
    "mistralai": "Mistral",
    "deepseek": "DeepSeek",
    "qwen": "Alibaba",
    "meta-llama": "Meta",
    "kilo": "Kilo",
    "kilo-auto": "Kilo",
}
_STYLES: dict[str, ReasoningStyle] = {
    "anthropic": "anthropic",
    "google": "google",
    "openai": "openai",
    "x-ai": "xai",
    "kilo": "anthropic",
    "kilo-auto": "anthropic",
}
_TAGGED = "qwq"


@attrs.frozen(slots=True)
class EmulatedModel:
    """What answering takes to know about a model, read from its list entry.

    Attributes:
        id: Gateway id, ``vendor/model[:tag]``.
        provider: Who is said to have answered, such as ``Anthropic``.
        prompt_price: US dollars per prompt token; 0 where the entry tells none.
        completion_price: US dollars per completion token; 0 where the entry tells none.
        supports_reasoning: Whether it reasons (GATEWAY 9).
        supports_tools: Whether it takes tools (GATEWAY 9).
        is_free: Whether it answers without a key.
        style: The format of its reasoning (GATEWAY 6).
    """

    id: str
    provider: str
    prompt_price: Decimal
    completion_price: Decimal
    supports_reasoning: bool
    supports_tools: bool
    is_free: bool
    style: ReasoningStyle

    @classmethod
    def from_entry(cls, entry: Mapping[str, Any]) -> EmulatedModel:
        """Read a list entry as leniently as a client would; only ``id`` is needed."""
        id_: str = entry["id"]
        vendor = id_.partition("/")[0]
        pricing = entry.get("pricing")
        prices = pricing if isinstance(pricing, Mapping) else {}
        listed = entry.get("supported_parameters")
        parameters = listed if isinstance(listed, list) else []
        return cls(
            id=id_,
            provider=_PROVIDERS.get(vendor, vendor),
            prompt_price=_price(prices.get("prompt")),
            completion_price=_price(prices.get("completion")),
            supports_reasoning=any(name in parameters for name in _REASONING),
            supports_tools=not parameters or "tools" in parameters,
            is_free=bool(entry.get("isFree")) or id_.endswith(":free"),
            style="tags" if _TAGGED in id_ else _STYLES.get(vendor, "plain"),
        )

    @property
    def vendor(self) -> str:
        """What stands before the first slash of the id."""
        return self.id.partition("/")[0]


def _price(told: object) -> Decimal:
    try:
        price = Decimal(str(told))
    except InvalidOperation:
        return Decimal(0)
    return price if price.is_finite() and price > 0 else Decimal(0)


def endpoints_of(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return the ``data`` of ``models/{vendor}/{model}/endpoints``: one provider (GATEWAY 1)."""
    provider = EmulatedModel.from_entry(entry).provider
    top = entry.get("top_provider") or {}
    return {
        "id": entry["id"],
        "name": entry.get("name"),
        "created": entry.get("created"),
        "description": entry.get("description"),
        "architecture": entry.get("architecture"),
        "endpoints": [
            {
                "name": f"{provider} | {entry['id']}",
                "model_id": entry["id"],
                "model_name": entry.get("name"),
                "context_length": entry.get("context_length"),
                "pricing": entry.get("pricing"),
                "provider_name": provider,
                "tag": provider.lower(),
                "quantization": "unknown",
                "max_completion_tokens": top.get("max_completion_tokens"),
                "max_prompt_tokens": None,
                "supported_parameters": entry.get("supported_parameters"),
                "supports_implicit_caching": False,
                "status": 0,
                "uptime_last_30m": 100.0,
                "uptime_last_5m": 100.0,
                "uptime_last_1d": 100.0,
                "latency_last_30m": None,
                "throughput_last_30m": None,
            }
        ],
    }


def providers_of(models: Iterable[EmulatedModel]) -> list[dict[str, Any]]:
    """Return the ``data`` of ``providers``: each provider once, by name (GATEWAY 1)."""
    return [
        {
            "name": name,
            "slug": name.lower(),
            "privacy_policy_url": None,
            "terms_of_service_url": None,
            "status_page_url": None,
        }
        for name in sorted({model.provider for model in models})
    ]
