"""A whole completion, cut into a legal sequence of chunks, as wild as upstreams are.

From values to values: the same completion and the same chance give the same chunks, and
whoever joins them by GATEWAY 5 and 6 has the completion again, to the byte. Used for
``chunking="random"``; the plain way of streaming is in ``encoding``.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

import attrs

from kilo_sdk.emulator.call_pieces import cut_tool_calls, riffle
from kilo_sdk.emulator.detail_pieces import REASONING_NAMES, cut_reasoning
from kilo_sdk.emulator.tokens import cut_text

__all__ = ["cut_completion"]

_TEXTS = ("content", "refusal")
_OWN = ("role", "reasoning_details", "tool_calls", *_TEXTS, *REASONING_NAMES)
_OWN_TOP = ("choices", "object", "usage")
_ENDING = ("finish_reason", "native_finish_reason", "logprobs")


def cut_completion(completion: Mapping[str, Any], rng: random.Random) -> list[dict[str, Any]]:
    """Cut a completion into chunks, ``[DONE]`` not among them.

    Texts are cut at any character, and details, tool calls and content come in any order
    that joins into the same; several pieces may share a chunk. The role is repeated, empty,
    null or missing; the usage comes before, beside or after the finish reason.

    Args:
        completion: The body of an answer that is no stream; it is not changed.
        rng: What chooses.

    Raises:
        ValueError: It holds reasoning details that a stream could not tell apart.
    """
    manners = _Manners.draw(rng)
    rows = [_choice_rows(choice, manners, rng) for choice in completion["choices"]]
    turns: list[list[dict[str, Any]]] = [[choice] for choice in riffle(rows, rng)]
    if len(rows) > 1:
        turns = _paired(turns, rng)
    head = {name: value for name, value in completion.items() if name not in _OWN_TOP}
    head["object"] = "chat.completion.chunk"
    chunks: list[dict[str, Any]] = [{**head, "choices": turn} for turn in turns]
    usage = completion.get("usage")
    if usage is not None:
        _add_usage(chunks, usage, head, manners, rng)
    return chunks


@attrs.frozen(slots=True)
class _Manners:
    """What one upstream does in all of its chunks.

    Attributes:
        roles: The roles that deltas after the first may say; ``-`` is none at all.
        fillers: The contents of a delta that adds none; ``-`` is none at all.
        bare: Leave out what is null beside a delta.
        packing: How likely a piece shares the delta of the one before it.
        null_usage: Whether every chunk without usage says that it is null.
    """

    roles: tuple[str | None, ...]
    fillers: tuple[str | None, ...]
    bare: bool
    packing: float
    null_usage: bool

    @classmethod
    def draw(cls, rng: random.Random) -> _Manners:
        ways: tuple[str | None, ...] = ("assistant", "", None, "-")
        empty: tuple[str | None, ...] = ("", None, "-")
        return cls(
            roles=rng.choice((*((way,) for way in ways), ways)),
            fillers=rng.choice((*((one,) for one in empty), empty)),
            bare=rng.random() < 0.5,
            packing=rng.choice((0.0, 0.2, 0.6)),
            null_usage=rng.random() < 0.2,
        )

    def choice(self, index: int, delta: dict[str, Any], **beside: Any) -> dict[str, Any]:
        """Return the choice of a chunk."""
        told: dict[str, Any] = {"index": index, "delta": delta}
        if not self.bare:
            told |= dict.fromkeys(_ENDING)
        return told | beside

    def filled(self, delta: dict[str, Any], *, first: bool, rng: random.Random) -> dict[str, Any]:
        """Return a delta with the role and the empty content that this upstream adds."""
        role = "assistant" if first else rng.choice(self.roles)
        whole: dict[str, Any] = {} if role == "-" else {"role": role}
        filler = rng.choice(self.fillers)
        if "content" not in delta and filler != "-":
            whole["content"] = filler
        return whole | delta


def _choice_rows(
    choice: Mapping[str, Any], manners: _Manners, rng: random.Random
) -> list[dict[str, Any]]:
    """Return one choice's part of each chunk, its ending last."""
    message = choice["message"]
    index = choice["index"]
    deltas = _packed(_deltas(message, rng), manners.packing, rng)
    if not deltas or rng.random() < 0.5:
        deltas.insert(0, {})
    rows = [
        manners.choice(index, manners.filled(delta, first=number == 0, rng=rng))
        for number, delta in enumerate(deltas)
    ]
    own = ("index", "message")
    ending = {name: value for name, value in choice.items() if name not in own}
    if len(rows) > 1 and rng.random() < 0.3:
        rows[-1] |= ending
    else:
        rows.append(manners.choice(index, manners.filled({}, first=False, rng=rng), **ending))
    return rows


def _deltas(message: Mapping[str, Any], rng: random.Random) -> list[dict[str, Any]]:
    """Cut a message into deltas that add one thing each, in an order that may be met."""
    thought, late = cut_reasoning(message, rng)
    said: list[dict[str, Any]] = []
    for name in _TEXTS:
        if message.get(name):
            said += [{name: piece} for piece in cut_text(message[name], rng)]
    others = {name: value for name, value in message.items() if name not in _OWN}
    said += [{name: value} for name, value in others.items() if value is not None]
    called = cut_tool_calls(message.get("tool_calls") or (), rng)
    match rng.choice(("in turn", "in turn", "late", "late", "mixed")):
        case "in turn":
            return [*thought, *late, *said, *called]
        case "late":
            return [*thought, *riffle([late, [*said, *called]], rng)]
        case _:
            return riffle([[*thought, *late], said, called], rng)


def _packed(
    deltas: list[dict[str, Any]], packing: float, rng: random.Random
) -> list[dict[str, Any]]:
    """Let neighbours share a delta at times: their texts are joined, their lists too."""
    packed: list[dict[str, Any]] = []
    for delta in deltas:
        if not packed or rng.random() >= packing or not _can_share(packed[-1], delta):
            packed.append(delta)
            continue
        shared = dict(packed[-1])
        for name, value in delta.items():
            shared[name] = shared[name] + value if name in shared else value
        packed[-1] = shared
    return packed


def _can_share(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return all(
        isinstance(one[name], str | list) and isinstance(other[name], type(one[name]))
        for name in one.keys() & other.keys()
    )


def _paired(turns: list[list[dict[str, Any]]], rng: random.Random) -> list[list[dict[str, Any]]]:
    """Let neighbours of different choices share a chunk at times."""
    paired: list[list[dict[str, Any]]] = []
    for turn in turns:
        indexes = {choice["index"] for choice in paired[-1]} if paired else set()
        if paired and turn[0]["index"] not in indexes and rng.random() < 0.2:
            paired[-1] = paired[-1] + turn
        else:
            paired.append(turn)
    return paired


def _add_usage(
    chunks: list[dict[str, Any]],
    usage: object,
    head: Mapping[str, Any],
    manners: _Manners,
    rng: random.Random,
) -> None:
    """Tell the usage: in a chunk of its own after or before the last one, or beside it."""
    if manners.null_usage:
        for chunk in chunks:
            chunk["usage"] = None
    alone: dict[str, Any] = {**head, "choices": [], "usage": usage}
    match rng.choice(("beside", "in choice", "empty delta", "no choices", "missing", "before")):
        case "beside":
            chunks[-1]["usage"] = usage
        case "in choice":
            chunks[-1]["choices"][0] = chunks[-1]["choices"][0] | {"usage": usage}
        case "empty delta":
            delta = manners.filled({}, first=False, rng=rng)
            chunks.append(alone | {"choices": [manners.choice(0, delta)]})
        case "no choices":
            chunks.append(alone)
        case "missing":
            chunks.append({name: value for name, value in alone.items() if name != "choices"})
        case _:
            chunks.insert(len(chunks) - 1, alone)
