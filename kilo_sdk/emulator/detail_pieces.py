"""The reasoning of a whole message, cut into the deltas of a stream in a legal way.

Legal is what joins into the same details again: pieces of one detail share type and index,
or type and id, or follow each other; encrypted details stay whole; the order is that of
first appearance. Everything else is left to chance. Source: GATEWAY 6.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from kilo_sdk.emulator.thinking import TEXT_FIELDS
from kilo_sdk.emulator.tokens import cut_text
from kilo_sdk.emulator.varied_thinking import REDACTED

__all__ = ["REASONING_NAMES", "cut_reasoning"]

REASONING_NAMES = ("reasoning", "reasoning_content", "reasoning_text")
"""The fields that reasoning text stands in (GATEWAY 6)."""


def cut_reasoning(
    message: Mapping[str, Any], rng: random.Random
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Cut the reasoning of a message into deltas.

    A delta with details holds their text under the names the message has for it, and no
    other text: whoever reads one of the two reads the same.

    Args:
        message: A whole message; only its reasoning is looked at.
        rng: What chooses.

    Returns:
        The deltas that hold text and what stands between them, and those that may come
        late, after content or tool calls began.

    Raises:
        ValueError: Details that cannot be told apart in a stream.
    """
    details: Sequence[dict[str, Any]] = message.get("reasoning_details") or ()
    _check(details)
    texts = {name: message[name] for name in REASONING_NAMES if message.get(name)}
    names, text = tuple(texts), next(iter(texts.values()), "")
    if len(set(texts.values())) > 1:
        return [texts | ({"reasoning_details": list(details)} if details else {})], []
    if not details:
        return [dict.fromkeys(names, piece) for piece in cut_text(text, rng) if names], []
    shown = _shares_of(details, text) if names else [""] * len(details)
    if shown is None:
        return [{**texts, "reasoning_details": list(details)}], []
    steps: list[_Step] = []
    for number, (detail, share) in enumerate(zip(details, shown, strict=True)):
        steps += _steps_of(number, detail, share, rng)
    if all(_key(detail) for detail in details if detail["type"] in TEXT_FIELDS):
        _rearrange(steps, rng)
    last = max((place for place, step in enumerate(steps) if step.text), default=-1) + 1
    deltas = [step.delta(names) for step in steps]
    return deltas[:last], deltas[last:]


@attrs.frozen(slots=True, eq=False)
class _Step:
    """One piece of one detail, and the text that goes along with it.

    Attributes:
        detail: Which detail it belongs to.
        piece: What ``reasoning_details`` holds.
        text: What the reasoning text says beside it.
        kind: ``text``, ``loose`` for what may come later, ``whole`` for an encrypted
            detail, ``again`` for an exact repeat of one.
    """

    detail: int
    piece: dict[str, Any]
    text: str
    kind: str

    def delta(self, names: Sequence[str]) -> dict[str, Any]:
        texts = dict.fromkeys(names, self.text) if self.text else {}
        return {**texts, "reasoning_details": [self.piece]}


def _key(detail: Mapping[str, Any]) -> tuple[str, object] | None:
    """What tells a detail from others of its type, or None where only order does."""
    for name in ("index", "id"):
        if detail.get(name) not in (None, ""):
            return name, detail[name]
    return None


def _check(details: Sequence[Mapping[str, Any]]) -> None:
    seen: list[object] = []
    for number, detail in enumerate(details):
        told: object = detail
        if detail["type"] in TEXT_FIELDS:
            told = (detail["type"], _key(detail))
            before = details[number - 1] if number else {}
            if _key(detail) is None and before.get("type") == detail["type"]:
                raise ValueError(f"detail {number} cannot be told from the one before it")
        if told in seen and (_key(detail) or detail["type"] not in TEXT_FIELDS):
            raise ValueError(f"detail {number} cannot be told from another one")
        seen.append(told)


def _shares_of(details: Sequence[Mapping[str, Any]], text: str) -> list[str] | None:
    """What each detail adds to the reasoning text, or None where they do not add up to it."""
    if not details:
        return [] if not text else None
    first = details[0]
    field = TEXT_FIELDS.get(first["type"])
    options = [first.get(field) or ""] if field else [REDACTED, ""]
    for option in options:
        if text.startswith(option):
            rest = _shares_of(details[1:], text[len(option) :])
            if rest is not None:
                return [option, *rest]
    return None


def _steps_of(
    number: int, detail: Mapping[str, Any], share: str, rng: random.Random
) -> list[_Step]:
    field = TEXT_FIELDS.get(detail["type"])
    if field is None:
        steps = [_Step(number, dict(detail), share, "whole")]
        if detail["type"] == "reasoning.encrypted" and rng.random() < 0.2:
            steps.append(_Step(number, dict(detail), "", "again"))
        return steps
    key = _key(detail)
    common = {"type": detail["type"]} | ({key[0]: key[1]} if key else {})
    text = detail.get(field)
    cuts = cut_text(text, rng) if isinstance(text, str) else [text]
    pieces = [{**common, field: cut} if field in detail else dict(common) for cut in cuts]
    spread = {name: value for name, value in detail.items() if name not in {*common, field}}
    alone: dict[str, Any] = {}
    for name, value in spread.items():
        if name == "signature" and value and rng.random() < 0.7:
            alone[name] = value
            if rng.random() < 0.3:  # some say that it is still to come
                for piece in pieces:
                    piece[name] = None
            continue
        for piece in _some(pieces, rng):
            piece[name] = value
    steps = [
        _Step(number, piece, cut if share and cut else "", "text")
        for piece, cut in zip(pieces, cuts, strict=True)
    ]
    if alone:
        empty = {field: ""} if isinstance(text, str) and rng.random() < 0.3 else {}
        steps.append(_Step(number, {**common, **empty, **alone}, "", "loose"))
    return steps


def _some(pieces: list[dict[str, Any]], rng: random.Random) -> list[dict[str, Any]]:
    """The pieces that carry a field: all of them, or one."""
    return rng.choice((pieces, pieces[:1], pieces[-1:], [rng.choice(pieces)]))


def _rearrange(steps: list[_Step], rng: random.Random) -> None:
    """Let signatures and repeats come later, and encrypted details a little earlier."""
    for step in [step for step in steps if step.kind in ("loose", "again")]:
        if rng.random() < 0.6:
            place = steps.index(step)
            steps.pop(place)
            steps.insert(rng.randint(place, len(steps)), step)
    for step in [step for step in steps if step.kind == "whole" and not step.text]:
        if step.detail and rng.random() < 0.4:
            place = steps.index(step)
            steps.pop(place)
            earliest = next(at for at, one in enumerate(steps) if one.detail == step.detail - 1)
            steps.insert(rng.randint(earliest + 1, max(place, earliest + 1)), step)
