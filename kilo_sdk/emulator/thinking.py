"""What a model's reasoning looks like on the wire, in pieces and as a whole.

Each vendor's format is its own; here is the plainest of each, ``varied_thinking`` has the
rest. Source: GATEWAY 6 (formats), GATEWAY 7 (what upstreams verify).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Self

import attrs

from kilo_sdk.emulator.models import ReasoningStyle
from kilo_sdk.emulator.signing import Origin, canonical, sign, without
from kilo_sdk.emulator.tokens import split_tokens

__all__ = [
    "FORMATS",
    "TEXT_FIELDS",
    "Call",
    "Said",
    "Thinking",
    "Thought",
    "reasoning_text",
    "sign_data",
    "sign_for_call",
    "sign_text",
    "think",
]

FORMATS: dict[ReasoningStyle, str] = {
    "anthropic": "anthropic-claude-v1",
    "google": "google-gemini-v1",
    "openai": "openai-responses-v1",
    "xai": "xai-responses-v1",
    "plain": "unknown",
    "tags": "unknown",
}
"""The ``format`` of each style's details."""

TEXT_FIELDS = {"reasoning.text": "text", "reasoning.summary": "summary"}
"""Where a detail's text stands, by its type; an encrypted one has none."""

_LENGTHS = {"minimal": 6, "low": 12, "medium": 24, "high": 48, "xhigh": 96}


@attrs.frozen(slots=True)
class Call:
    """What a signature covers of a tool call."""

    id: str
    name: str
    arguments: str


@attrs.frozen(slots=True)
class Said:
    """What an answer says besides its reasoning: signatures are bound to it.

    Attributes:
        answer: Fourteen hex digits that belong to one choice of one answer.
        content: Its text.
        calls: Its tool calls.
    """

    answer: str
    content: str = ""
    calls: tuple[Call, ...] = ()

    @property
    def origin(self) -> Origin:
        """What the signatures of this answer have in common."""
        return Origin.of(self.answer, self.content, len(self.calls))


@attrs.frozen(slots=True)
class Thought:
    """One detail of an answer's reasoning.

    Attributes:
        detail: The whole of it.
        tokens: Its text, in the pieces in which a model would write it; none if encrypted.
        shown: What ``reasoning`` says in the place of an encrypted one, if anything.
    """

    detail: dict[str, Any]
    tokens: tuple[str, ...] = ()
    shown: str = ""

    def deltas(self) -> Iterable[tuple[str | None, tuple[dict[str, Any], ...]]]:
        """Return what each delta adds: the signature comes last, in a piece of its own."""
        field = TEXT_FIELDS.get(self.detail["type"])
        if field is None:
            yield self.shown or None, (self.detail,)
            return
        common = {
            key: value
            for key, value in self.detail.items()
            if key not in ("type", field, "signature")
        }
        for token in self.tokens:
            yield token, ({"type": self.detail["type"], field: token, **common},)
        if "signature" in self.detail:
            signature = self.detail["signature"]
            yield None, ({"type": self.detail["type"], "signature": signature, **common},)


@attrs.frozen(slots=True)
class Thinking:
    """The reasoning of an answer.

    Attributes:
        text: All of the reasoning text.
        details: ``reasoning_details`` as a whole, for an answer that is no stream.
        deltas: What each delta of a stream adds: text, or None for null, and details.
        names: The fields the text goes under.
    """

    text: str
    details: tuple[dict[str, Any], ...]
    deltas: tuple[tuple[str | None, tuple[dict[str, Any], ...]], ...]
    names: tuple[str, ...] = ("reasoning",)

    @classmethod
    def of(cls, thoughts: Iterable[Thought]) -> Self:
        """Put thoughts in a row."""
        given = tuple(thoughts)
        return cls(
            text="".join(thought.shown or "".join(thought.tokens) for thought in given),
            details=tuple(thought.detail for thought in given),
            deltas=tuple(delta for thought in given for delta in thought.deltas()),
        )

    @classmethod
    def without_details(cls, tokens: tuple[str, ...], names: tuple[str, ...]) -> Self:
        """Give the text alone, under one or more names (GATEWAY 6)."""
        return cls("".join(tokens), (), tuple((token, ()) for token in tokens), names)


def sign_text(detail: Mapping[str, Any], origin: Origin, position: int, count: int) -> str:
    """Return the signature of a text detail, which covers all of its other fields."""
    place = origin.at(position, count, detail["text"])
    return sign(place, canonical(without(detail, "signature")) or b"")


def sign_data(detail: Mapping[str, Any], origin: Origin, position: int, count: int) -> str:
    """Return the ``data`` of an encrypted detail, which covers all of its other fields."""
    return sign(origin.at(position, count, ""), canonical(without(detail, "data")) or b"")


def sign_for_call(detail: Mapping[str, Any], origin: Origin, call: Call) -> str:
    """Return the ``data`` of an encrypted detail that is bound to a tool call.

    With an empty detail: the thought signature that stands on the tool call itself.
    """
    covered = canonical(attrs.astuple(call), without(detail, "data"))
    return sign(origin.at(0, 1, call.id), covered or b"")


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


def think(style: ReasoningStyle, tokens: tuple[str, ...], said: Said) -> Thinking:
    """Put reasoning into a vendor's format: one text, and what the vendor seals it with.

    Args:
        style: The vendor's.
        tokens: The reasoning text.
        said: The rest of the answer. Gemini ties an encrypted detail to each tool call of it
            (GATEWAY 6).
    """
    kind = "reasoning.summary" if style in ("openai", "xai") else "reasoning.text"
    common = {"format": FORMATS[style], "index": 0}
    detail = {"type": kind, TEXT_FIELDS[kind]: "".join(tokens), **common}
    thoughts = [Thought(detail, tokens)]
    if style == "anthropic":
        detail["signature"] = sign_text(detail, said.origin, 0, 1)
    elif style == "google":
        for call in said.calls:
            sealed = {"type": "reasoning.encrypted", "id": call.id, **common}
            sealed["data"] = sign_for_call(sealed, said.origin, call)
            thoughts.append(Thought(sealed))
        if not said.calls:
            sealed = {"type": "reasoning.encrypted", **common}
            sealed["data"] = sign_data(sealed, said.origin, 0, 1)
            thoughts.append(Thought(sealed))
    elif style == "openai":
        sealed = {"type": "reasoning.encrypted", "id": f"rs_{said.answer}", **common}
        sealed["data"] = sign_data(sealed, said.origin, 0, 1)
        thoughts.append(Thought(sealed))
    return Thinking.of(thoughts)
