"""Reasoning as various as vendors send it, to put those to the test who join and replay it.

Several details in one answer, redacted ones among them; told apart by index, by id, or by
their order alone; signed or not; with letters that are easily broken. Drawn by chance, and
the same for the same request and seed, streamed or not. Source: GATEWAY 6, GATEWAY 7.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import attrs

from kilo_sdk.emulator.models import ReasoningStyle
from kilo_sdk.emulator.signing import read_signature
from kilo_sdk.emulator.thinking import (
    FORMATS,
    Said,
    Thinking,
    Thought,
    sign_data,
    sign_for_call,
    sign_text,
)

__all__ = ["REDACTED", "call_extras", "think_variedly"]

REDACTED = "[REDACTED]"
"""What stands for encrypted reasoning in the text (GATEWAY 6)."""

_MOST_THOUGHTS = 3
# A line separator that JSON leaves as it is, two code points past 16 bits, a combining
# accent, and what JSON has to escape.
_FRAGILE = '\u2028\U0001f9f5\U0001f914 e\u0301 "\\\t'


def think_variedly(
    style: ReasoningStyle,
    tokens: tuple[str, ...],
    said: Said,
    *,
    rng: random.Random,
    thoughts: int | None = None,
    history: Sequence[Mapping[str, Any]] = (),
) -> Thinking:
    """Put reasoning into a vendor's format, one of the many that are seen.

    Args:
        style: The vendor's.
        tokens: The reasoning text, shared among the details.
        said: The rest of the answer.
        rng: What chooses.
        thoughts: How many texts or summaries there are, where the vendor gives several;
            None leaves it to chance. Never more than tokens.
        history: The messages of the request: OpenAI at times sends an item again.
    """
    if style == "plain" and rng.random() < 0.3:
        # No format and no signature: Claude would take it for its own (GATEWAY 7).
        detail = {"type": "reasoning.text", "text": "".join(tokens), "index": 0}
        return Thinking.of([Thought(detail, tokens)])
    if style in ("plain", "tags"):
        return Thinking.without_details(tokens, rng.choice(_NAMES))
    count = min(rng.randint(1, _MOST_THOUGHTS) if thoughts is None else thoughts, len(tokens))
    draw = _Draw(style, said, rng)
    if style == "anthropic":
        return Thinking.of(draw.claude(_shares(tokens, count, said.answer)))
    if style == "google":
        return Thinking.of(draw.gemini(_shares(tokens, 1, said.answer)))
    shares = _shares(_with_repeats(tokens), count, said.answer)
    return Thinking.of(draw.responses(shares, history))


def call_extras(style: ReasoningStyle, said: Said, rng: random.Random) -> list[dict[str, Any]]:
    """Return what each tool call carries besides id, name and arguments.

    At times Gemini puts its signature on the call as well, and a proxy of Claude's puts an
    id of its own there, which nobody else can read (GATEWAY 7).
    """
    extras: list[dict[str, Any]] = []
    for call in said.calls:
        extra: dict[str, Any] = {}
        if style == "google" and rng.random() < 0.3:
            signature = sign_for_call({}, said.origin, call)
            extra = {"extra_content": {"google": {"thought_signature": signature}}}
        elif style == "anthropic" and rng.random() < 0.3:
            extra = {"thought_signature": f"msg_01{said.answer}"}
        extras.append(extra)
    return extras


_NAMES = (("reasoning_content",), ("reasoning_content", "reasoning"), ("reasoning_text",))


def _shares(tokens: tuple[str, ...], count: int, answer: str) -> list[tuple[str, ...]]:
    """Share tokens out. Every share opens with a mark: no two texts of a history are equal."""
    cuts = [len(tokens) * part // count for part in range(count + 1)]
    shares = []
    for number, (start, end) in enumerate(pairwise(cuts)):
        share = tokens[start:end]
        shares.append((f"[{answer}.{number}{_FRAGILE}] {share[0]}", *share[1:]))
    return shares


def _with_repeats(tokens: tuple[str, ...]) -> tuple[str, ...]:
    """Repeat a word: equal pieces of a summary are no duplicates (GATEWAY 6)."""
    middle = len(tokens) // 2
    if len(tokens) < 6:
        return tokens
    return (*tokens[: middle - 2], *[" hm"] * 4, *tokens[middle + 2 :])


@attrs.frozen(slots=True)
class _Draw:
    """One answer's reasoning, while it is drawn."""

    style: ReasoningStyle
    said: Said
    rng: random.Random

    def claude(self, shares: list[tuple[str, ...]]) -> list[Thought]:
        """Signed texts, some of them redacted: bound to the answer and to their order."""
        rng = self.rng
        names = [rng.choice((FORMATS["anthropic"], FORMATS["anthropic"], None))] * len(shares)
        keys = self._keys(len(shares))
        thoughts = []
        for number, (tokens, name, key) in enumerate(zip(shares, names, keys, strict=True)):
            place = (self.said.origin, number, len(shares))
            if rng.random() < 0.2:
                sealed: dict[str, Any] = {"type": "reasoning.encrypted"}
                sealed |= {"format": FORMATS["anthropic"]}
                sealed |= {"index": number} if "index" in key else {}
                sealed["data"] = sign_data(sealed, *place)
                thoughts.append(Thought(sealed, shown=rng.choice((REDACTED, ""))))
                continue
            detail: dict[str, Any] = {"type": "reasoning.text", "text": "".join(tokens)}
            detail |= ({"format": name} if name else {}) | key
            detail["signature"] = sign_text(detail, *place)
            thoughts.append(Thought(detail, tokens))
        return thoughts

    def gemini(self, shares: list[tuple[str, ...]]) -> list[Thought]:
        """A text, signed at times, and an encrypted detail per call: all of one index."""
        rng, said, name = self.rng, self.said, FORMATS["google"]
        (tokens,) = shares
        detail: dict[str, Any] = {"type": "reasoning.text", "text": "".join(tokens)}
        detail |= {"format": name, "index": 0}
        if rng.random() < 0.25:
            detail["signature"] = sign_text(detail, said.origin, 0, 1)
        thoughts = [Thought(detail, tokens)]
        for call in said.calls:
            sealed = {"type": "reasoning.encrypted", "id": call.id, "format": name, "index": 0}
            sealed["data"] = sign_for_call(sealed, said.origin, call)
            thoughts.append(Thought(sealed))
        if not said.calls:
            sealed = {"type": "reasoning.encrypted", "format": name, "index": 0}
            sealed["data"] = sign_data(sealed, said.origin, 0, 1)
            thoughts.append(Thought(sealed))
        return thoughts

    def responses(
        self, shares: list[tuple[str, ...]], history: Sequence[Mapping[str, Any]]
    ) -> list[Thought]:
        """Summaries and an encrypted item, as in OpenAI's responses and xAI's after them."""
        rng, name = self.rng, FORMATS[self.style]
        if self.style == "openai" and rng.random() < 0.2:
            name = f"azure-{name}"
        thoughts = []
        again = _last_item(history) if self.style == "openai" else None
        if again is not None and rng.random() < 0.5:
            thoughts.append(Thought(dict(again)))
        for number, tokens in enumerate(shares):
            summary = "".join(tokens)
            detail = {"type": "reasoning.summary", "summary": summary, "format": name}
            thoughts.append(Thought({**detail, "index": number}, tokens))
        if self.style == "openai" or rng.random() < 0.5:
            index = rng.choice((0, len(shares)))
            item: dict[str, Any] = {"type": "reasoning.encrypted", "format": name, "index": index}
            item["id"] = f"rs_{self.said.answer}"
            item["data"] = sign_data(item, self.said.origin, 0, 1)
            thoughts.append(Thought(item))
        return thoughts

    def _keys(self, count: int) -> list[dict[str, Any]]:
        """What tells several details apart: index, id, both, or nothing where there is one."""
        said, rng = self.said, self.rng
        ways = ["index", "index", "both", "id"]
        way = rng.choice([*ways, "neither"] if count == 1 else ways)
        keys: list[dict[str, Any]] = []
        for number in range(count):
            id_ = {"id": f"think-{said.answer}-{number}"} if way in ("id", "both") else {}
            keys.append(id_ | ({"index": number} if way in ("index", "both") else {}))
        return keys


def _last_item(history: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """The encrypted item of the tool calls that are being answered, if it was made here."""
    if not history or history[-1].get("role") != "tool":
        return None
    calling = next((one for one in reversed(history) if one.get("role") == "assistant"), None)
    for detail in (calling or {}).get("reasoning_details") or ():
        if (
            isinstance(detail, dict)
            and str(detail.get("id")).startswith("rs_")
            and str(detail.get("format")).endswith(FORMATS["openai"])
            and read_signature(detail.get("data"))
        ):
            return detail
    return None
