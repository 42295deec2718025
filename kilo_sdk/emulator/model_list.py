"""The models the embedded gateway lists unless it is given others.

Entries have the shape of the gateway's own list; prices and limits are made up, but
plausible. Source: GATEWAY 9 (model list).
"""

from __future__ import annotations

from typing import Any

__all__ = ["built_in_models"]

_SAMPLING = ("max_tokens", "temperature", "top_p", "stop", "seed", "response_format")
_TOOLS = ("tools", "tool_choice", "parallel_tool_calls")
_REASONING = ("reasoning", "include_reasoning")


def _entry(
    id_: str,
    name: str,
    *,
    context: int,
    output: int,
    prices: tuple[str, str] | None,
    inputs: tuple[str, ...] = ("text",),
    outputs: tuple[str, ...] = ("text",),
    parameters: tuple[str, ...] = (*_SAMPLING, *_TOOLS),
    preferred: int | None = None,
) -> dict[str, Any]:
    vendor, _, model = id_.partition("/")
    free = id_.endswith((":free", "/free"))
    prompt, completion = prices or ("-1", "-1")
    entry: dict[str, Any] = {
        "id": id_,
        "canonical_slug": id_.partition(":")[0],
        "name": name,
        "created": 1_767_225_600,
        "description": f"{name}, as the embedded gateway plays it.",
        "context_length": context,
        "architecture": {
            "modality": "+".join(inputs) + "->" + "+".join(outputs),
            "input_modalities": list(inputs),
            "output_modalities": list(outputs),
            "tokenizer": "Other",
            "instruct_type": None,
        },
        "top_provider": {
            "context_length": context,
            "max_completion_tokens": output,
            "is_moderated": vendor == "openai",
        },
        "pricing": {
            "prompt": prompt,
            "completion": completion,
            "request": "0",
            "image": "0",
            "web_search": "0",
            "internal_reasoning": "0",
            "input_cache_read": "0",
            "input_cache_write": "0",
        },
        "supported_parameters": list(parameters),
        "default_parameters": {},
        "per_request_limits": None,
        "supported_voices": None,
        "links": {"details": f"/api/gateway/models/{vendor}/{model}/endpoints"},
        "isFree": free,
        "mayTrainOnYourPrompts": free,
        "hasUserByokAvailable": False,
    }
    if preferred is not None:
        entry["preferredIndex"] = preferred
    return entry


def built_in_models() -> list[dict[str, Any]]:
    """Return a fresh list of the built-in entries, in the order they are listed."""
    both = (*_SAMPLING, *_TOOLS, *_REASONING)
    sight = ("text", "image")
    return [
        _entry(
            "kilo/auto",
            "Kilo Auto",
            context=1_000_000,
            output=128_000,
            prices=None,
            inputs=sight,
            parameters=both,
            preferred=0,
        ),
        _entry(
            "kilo-auto/free",
            "Kilo Auto Free",
            context=256_000,
            output=32_000,
            prices=("0", "0"),
            preferred=1,
        ),
        _entry(
            "anthropic/claude-sonnet-4",
            "Anthropic: Claude Sonnet 4",
            context=1_000_000,
            output=64_000,
            prices=("0.000003", "0.000015"),
            inputs=sight,
            parameters=both,
            preferred=2,
        ),
        _entry(
            "anthropic/claude-opus-4.5",
            "Anthropic: Claude Opus 4.5",
            context=200_000,
            output=64_000,
            prices=("0.000005", "0.000025"),
            inputs=sight,
            parameters=both,
        ),
        _entry(
            "google/gemini-3-pro-preview",
            "Google: Gemini 3 Pro Preview",
            context=1_048_576,
            output=65_536,
            prices=("0.000002", "0.000012"),
            inputs=(*sight, "file", "audio", "video"),
            parameters=both,
            preferred=3,
        ),
        _entry(
            "openai/gpt-5",
            "OpenAI: GPT-5",
            context=400_000,
            output=128_000,
            prices=("0.00000125", "0.00001"),
            inputs=(*sight, "file"),
            parameters=both,
            preferred=4,
        ),
        _entry(
            "openai/gpt-4.1",
            "OpenAI: GPT-4.1",
            context=1_047_576,
            output=32_768,
            prices=("0.000002", "0.000008"),
            inputs=(*sight, "file"),
        ),
        _entry(
            "x-ai/grok-code-fast-1",
            "xAI: Grok Code Fast 1",
            context=256_000,
            output=10_000,
            prices=("0.0000002", "0.0000015"),
            parameters=both,
        ),
        _entry(
            "mistralai/devstral-2512:free",
            "Mistral: Devstral 2 2512 (free)",
            context=262_144,
            output=65_536,
            prices=("0", "0"),
        ),
        _entry(
            "deepseek/deepseek-v3.2",
            "DeepSeek: DeepSeek V3.2",
            context=163_840,
            output=65_536,
            prices=("0.00000025", "0.00000038"),
            parameters=both,
        ),
        _entry(
            "qwen/qwen3-coder",
            "Qwen: Qwen3 Coder",
            context=262_144,
            output=262_144,
            prices=("0.00000022", "0.00000095"),
        ),
        _entry(
            "qwen/qwq-32b",
            "Qwen: QwQ 32B",
            context=131_072,
            output=32_768,
            prices=("0.00000015", "0.0000004"),
            parameters=both,
        ),
        _entry(
            "meta-llama/llama-3.2-1b-instruct",
            "Meta: Llama 3.2 1B Instruct",
            context=60_000,
            output=8_192,
            prices=("0.000000027", "0.0000002"),
            parameters=_SAMPLING,
        ),
        _entry(
            "google/gemini-2.5-flash-image",
            "Google: Gemini 2.5 Flash Image",
            context=32_768,
            output=32_768,
            prices=("0.0000003", "0.0000025"),
            inputs=sight,
            outputs=sight,
            parameters=_SAMPLING,
        ),
        _entry(
            "black-forest-labs/flux.2-pro",
            "Black Forest Labs: FLUX.2 Pro",
            context=46_864,
            output=46_864,
            prices=None,
            inputs=sight,
            outputs=("image",),
            parameters=("seed",),
        ),
        _entry(
            "openai/text-embedding-3-small",
            "OpenAI: Text Embedding 3 Small",
            context=8_192,
            output=8_192,
            prices=("0.00000002", "0"),
            outputs=("embeddings",),
            parameters=(),
        ),
    ]
