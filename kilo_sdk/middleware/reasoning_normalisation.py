"""Reasoning normalisation: one name for reasoning text, whoever sent it.

After this middleware reasoning text stands under ``reasoning`` alone, never twice, and
``[REDACTED]`` is not shown. ``reasoning_details`` are left as the model made them, since
upstreams verify signatures over them.

Source: GATEWAY 6.
"""

from __future__ import annotations

from kilo_sdk.types.wire import WireChunk, WireCompletion, WireDict

__all__ = ["ReasoningNormalisation"]

_REDACTED = "[REDACTED]"
_ALIASES = ("reasoning_content", "reasoning_text")


class ReasoningNormalisation:
    """Brings every spelling of reasoning to OpenRouter's normal form. Holds no state."""

    ignores_text = True

    def on_chunk(self, chunk: WireChunk, /) -> None:
        """Normalise the deltas of a repaired chunk in place."""
        for choice in chunk["choices"]:
            delta = choice["delta"]
            # Most deltas hold content and role alone; three look-ups decide that.
            if (
                delta.get("reasoning_details")
                or "reasoning_content" in delta
                or "reasoning_text" in delta
                or delta.get("reasoning")
            ):
                _normalise(delta)

    def on_completion(self, completion: WireCompletion, /) -> None:
        """Normalise the messages of a repaired completion in place."""
        for choice in completion["choices"]:
            _normalise(choice["message"])


def _normalise(owner: WireDict) -> None:
    reasoning = _as_text(owner.get("reasoning"))
    alias = ""
    for name in _ALIASES:
        if name in owner:
            text = _as_text(owner.pop(name))
            alias = alias or text
    details = owner.get("reasoning_details")
    if details is not None and not isinstance(details, list):
        details = None
        del owner["reasoning_details"]
    shown = reasoning or alias
    if not shown and details:
        shown = "".join(map(_shown_text, details))
    if alias and not reasoning and not details and alias.strip() != _REDACTED:
        owner["reasoning_details"] = [{"type": "reasoning.text", "text": alias}]
    if _REDACTED in shown:
        shown = _without_redaction(shown, details)
    if shown or "reasoning" in owner:
        owner["reasoning"] = shown or None


def _as_text(value: object) -> str:
    """Return reasoning as text; some upstreams send a list of parts."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        texts = (part.get("text") if isinstance(part, dict) else part for part in value)
        return "".join(text for text in texts if isinstance(text, str))
    return ""


def _shown_text(detail: object) -> str:
    if not isinstance(detail, dict):
        return ""
    kind = detail.get("type")
    if kind == "reasoning.text":
        return _as_text(detail.get("text"))
    if kind == "reasoning.summary":
        return _as_text(detail.get("summary"))
    return ""


def _without_redaction(shown: str, details: list[WireDict] | None) -> str:
    """Remove the stand-in for encrypted reasoning.

    Alone it is the stand-in for sure; inside other text only when an encrypted detail
    came along, for a model may write the word itself.
    """
    if shown.strip() == _REDACTED:
        return ""
    encrypted = any(
        isinstance(detail, dict) and detail.get("type") == "reasoning.encrypted"
        for detail in details or ()
    )
    return shown.replace(_REDACTED, "") if encrypted else shown
