"""The beginning of an answer in a request: whose models go on with it, and how.

A conversation that ends in an assistant's message asks to have it gone on with, of Claude as it
is, of others with a mark in it. All others answer anew. Source: Anthropic, 'Prefill Claude's
response', and what its API says; DeepSeek and Mistral, ``prefix``; Moonshot and Alibaba,
``partial``; GATEWAY 8 (an upstream's words).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import orjson

from kilo_sdk.emulator.models import EmulatedModel
from kilo_sdk.emulator.refusals import Refusal

__all__ = ["after_prefix", "check_prefix", "echoes_prefix", "prefix_of"]

_MARKS = {
    "deepseek": "prefix",
    "mistralai": "prefix",
    "moonshotai": "partial",
    "qwen": "partial",
}
_VERSION = re.compile(r"claude\D*?(\d{1,2})(?:[.-](\d{1,2}))?(?!\d)")


def check_prefix(payload: Mapping[str, Any], model: EmulatedModel) -> None:
    """Check that a model takes the beginning that a request gives it.

    Raises:
        Refusal: 400 in the words of the model's upstream.
    """
    prefix = prefix_of(payload, model)
    if prefix is None or model.vendor != "anthropic":
        return
    version = _VERSION.search(model.id)
    if version is not None and (int(version[1]), int(version[2] or 0)) >= (4, 6):
        raise _upstream_refusal(
            model,
            "This model does not support assistant message prefill. The conversation must end "
            "with a user message.",
        )
    if prefix != prefix.rstrip():
        raise _upstream_refusal(
            model, "messages: final assistant content cannot end with trailing whitespace"
        )
    last = len(payload["messages"]) - 1
    if _is_told_to_think(payload) and not payload["messages"][last].get("reasoning_details"):
        raise _upstream_refusal(
            model,
            f"messages.{last}.content.0.type: Expected `thinking` or `redacted_thinking`, but "
            "found `text`. When `thinking` is enabled, a final `assistant` message must start "
            "with a thinking block.",
        )


def prefix_of(payload: Mapping[str, Any], model: EmulatedModel) -> str | None:
    """Return the text that the model is to go on with, or None where it answers anew."""
    last = payload["messages"][-1]
    content = last.get("content")
    if last["role"] != "assistant" or last.get("tool_calls") or not isinstance(content, str):
        return None
    mark = _MARKS.get(model.vendor)
    if model.vendor != "anthropic" and (mark is None or last.get(mark) is not True):
        return None
    return content or None


def echoes_prefix(model: EmulatedModel) -> bool:
    """Whether its answers begin with what they go on with."""
    return model.vendor == "mistralai"


def _is_told_to_think(payload: Mapping[str, Any]) -> bool:
    """Whether a request asks for reasoning in so many words."""
    asked = payload.get("reasoning") or {}
    if asked.get("enabled") is False or asked.get("effort") == "none":
        return False
    return bool(asked.get("enabled") or asked.get("effort") or asked.get("max_tokens"))


def after_prefix(tokens: tuple[str, ...], prefix: str) -> tuple[str, ...]:
    """Return what comes after a prefix in an answer that begins with it; else the answer.

    White space at the end of the prefix may be missing in the answer.
    """
    text = "".join(tokens)
    for beginning in (prefix, prefix.rstrip()):
        if text.startswith(beginning):
            break
    else:
        return tokens
    left = len(beginning)
    for position, token in enumerate(tokens):
        if left < len(token):
            return (token[left:], *tokens[position + 1 :])
        left -= len(token)
    return ()


def _upstream_refusal(model: EmulatedModel, words: str) -> Refusal:
    raw = {"type": "error", "error": {"type": "invalid_request_error", "message": words}}
    return Refusal.coded(
        400,
        "Provider returned error",
        raw=orjson.dumps(raw).decode(),
        provider_name=model.provider,
    )
