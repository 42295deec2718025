"""What a model's reasoning looks like on the wire, in pieces and as a whole.

Each vendor's format is its own; the signatures are made here and recognised again when
they come back. Source: GATEWAY 6 (formats), GATEWAY 7 (what upstreams verify).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import Any

import attrs

from kilo_sdk.emulator.models import ReasoningStyle
from kilo_sdk.emulator.tokens import split_tokens

__all__ = ["Thinking", "is_own_signature", "reasoning_text", "sign", "think"]

_MARK = b"kilo emulator "
_FORMATS: dict[ReasoningStyle, str] = {
    "anthropic": "anthropic-claude-v1",
    "google": "google-gemini-v1",
    "openai": "openai-responses-v1",
    "xai": "xai-responses-v1",
    "plain": "unknown",
}
_LENGTHS = {"minimal": 6, "low": 12, "medium": 24, "high": 48, "xhigh": 96}


@attrs.frozen(slots=True)
class Thinking:
    """The reasoning before an answer.

    Attributes:
        pieces: What each delta adds: text (may be empty) and one detail.
        closing: Details that come after all text, each in a delta of its own.
        details: ``reasoning_details`` as a whole, for an answer that is no stream.
    """

    pieces: tuple[tuple[str, dict[str, Any]], ...]
    closing: tuple[dict[str, Any], ...]
    details: tuple[dict[str, Any], ...]

    @property
    def text(self) -> str:
        """All of the reasoning text."""
        return "".join(piece for piece, _ in self.pieces)


def sign(text: str) -> str:
    """Return the signature over a text: base64, the same for the same text."""
    return base64.b64encode(_MARK + hashlib.sha256(text.encode()).digest()).decode()


def is_own_signature(signature: object) -> bool:
    """Whether a signature was made by :func:`sign`, over whatever text."""
    if not isinstance(signature, str):
        return False
    try:
        return base64.b64decode(signature, validate=True).startswith(_MARK)
    except (binascii.Error, ValueError):
        return False


def reasoning_text(question: str, effort: object, limit: object) -> tuple[str, ...]:
    """Return the tokens of the reasoning about a question.

    Args:
        question: The last user message.
        effort: The request's ``reasoning.effort``: how long to think, 6 tokens for
            ``minimal`` up to 96 for ``xhigh``; ``medium`` where it says nothing.
        limit: The request's ``reasoning.max_tokens``, or None.
    """
    length = _LENGTHS.get(effort, 24) if isinstance(effort, str) else 24
    if isinstance(limit, int):
        length = max(1, min(limit, 4096))
    topic = " ".join(question.split()[:8]) or "nothing"
    tokens = split_tokens(f"The user says: {topic}. ")
    step = split_tokens("Let me look at this from one side, and then from the other. ")
    while len(tokens) < length:
        tokens += step
    return tokens[:length]


def think(
    style: ReasoningStyle, tokens: tuple[str, ...], *, seal: str, tool_call_id: str | None
) -> Thinking:
    """Put reasoning into a vendor's format.

    Args:
        style: The vendor's.
        tokens: The reasoning text.
        seal: What encrypted details are derived from, unique to the answer.
        tool_call_id: Id of the first tool call of the answer, to which Gemini ties its
            encrypted detail (GATEWAY 6).
    """
    format_ = _FORMATS[style]
    summed = style in ("openai", "xai")
    kind, field = ("reasoning.summary", "summary") if summed else ("reasoning.text", "text")
    text = "".join(tokens)

    def detail(**fields: str) -> dict[str, Any]:
        return {"type": kind, **fields, "format": format_, "index": 0}

    whole = detail(**{field: text})
    closing: list[dict[str, Any]] = []
    details = [whole]
    if style == "anthropic":
        signature = sign(text)
        closing.append(detail(signature=signature))
        whole["signature"] = signature
    elif style in ("google", "openai"):
        id_ = tool_call_id if style == "google" else "rs_" + seal
        sealed = {
            "type": "reasoning.encrypted",
            "data": sign(id_ or seal),
            **({"id": id_} if id_ else {}),
            "format": format_,
            "index": 0,
        }
        closing.append(sealed)
        details.append(sealed)
    return Thinking(
        pieces=tuple((token, detail(**{field: token})) for token in tokens),
        closing=tuple(closing),
        details=tuple(details),
    )
