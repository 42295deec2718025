"""Whether an assistant's reasoning came back as it was given, as upstreams verify it.

The lenient form: signatures of other makers are taken on trust, and those made here must
fit the text or the tool call they stand over. ``verification`` is the strict one.
Source: GATEWAY 7 (what upstreams say when it did not).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from kilo_sdk.emulator.models import EmulatedModel
from kilo_sdk.emulator.refusals import ReplayRefusal
from kilo_sdk.emulator.signing import read_signature

__all__ = ["check_history"]


def check_history(messages: Iterable[Mapping[str, Any]], model: EmulatedModel) -> None:
    """Check the ``reasoning_details`` of a history, which are lists of whatever.

    Raises:
        ReplayRefusal: 400 in the words of the model's upstream.
    """
    seen: set[str] = set()
    for message in messages:
        details = [one for one in message.get("reasoning_details") or () if isinstance(one, dict)]
        calls = {
            call["id"]
            for call in message.get("tool_calls") or ()
            if isinstance(call, dict) and isinstance(call.get("id"), str)
        }
        for detail in details:
            if model.style == "anthropic" and not _is_signed(detail):
                raise _upstream_refusal(model, "Invalid signature in thinking block")
            if model.style == "google" and not _is_bound(detail, calls):
                raise _upstream_refusal(model, "Corrupted thought signature.")
            id_ = detail.get("id")
            if model.style == "openai" and isinstance(id_, str):
                if id_ in seen:
                    raise _upstream_refusal(model, f"Duplicate item found with id {id_}.")
                seen.add(id_)


def _is_signed(detail: Mapping[str, Any]) -> bool:
    format_ = detail.get("format") or "anthropic-claude-v1"
    if detail.get("type") != "reasoning.text" or format_ != "anthropic-claude-v1":
        return True
    signature, text = detail.get("signature"), detail.get("text")
    if not signature:
        return False
    origin = read_signature(signature)
    return origin is None or origin.covers(str(text or ""))


def _is_bound(detail: Mapping[str, Any], calls: set[str]) -> bool:
    """Whether an encrypted detail made here stands with the tool call it was made for."""
    data, id_ = detail.get("data"), detail.get("id")
    origin = read_signature(data)
    if origin is None or detail.get("format") != "google-gemini-v1" or not isinstance(id_, str):
        return True
    return id_ in calls and origin.covers(id_)


def _upstream_refusal(model: EmulatedModel, words: str) -> ReplayRefusal:
    return ReplayRefusal.by_upstream(words, words, model.provider)
