"""The tool calls of a whole message, cut into the deltas of a stream as upstreams do.

Which call a piece belongs to is told by index, by id, or by their order, never by chance
alone; what a piece holds besides is. Source: GATEWAY 5 (tool-call deltas in the wild).
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

from kilo_sdk.emulator.tokens import cut_text

__all__ = ["cut_tool_calls", "riffle"]


def cut_tool_calls(calls: Sequence[Mapping[str, Any]], rng: random.Random) -> list[dict[str, Any]]:
    """Cut tool calls into deltas of one piece each.

    Pieces say their index, counted from 0 or 1; or every one says its id; or only the
    first of a call says it, and the calls follow one another. Pieces of several calls take
    turns where index or id tell them apart.

    Args:
        calls: ``tool_calls`` of a whole message; their own ``index`` is not looked at.
        rng: What chooses.
    """
    ids = [call.get("id") for call in calls]
    named = all(ids) and len(set(map(str, ids))) == len(ids)
    way = rng.choice(("index", "index", "index", "id", "order") if named else ("index",))
    base = rng.choice((0, 0, 0, 1))
    per_call = []
    for position, call in enumerate(calls):
        pieces = _pieces_of(call, way, rng)
        if way == "index":
            pieces = [{"index": base + position, **piece} for piece in pieces]
        per_call.append(pieces)
    if way == "order" or rng.random() < 0.3:
        told = [piece for pieces in per_call for piece in pieces]
    else:
        opened = [pieces[0] for pieces in per_call]
        told = [*opened, *riffle([pieces[1:] for pieces in per_call], rng)]
    return [{"tool_calls": [piece]} for piece in told]


def riffle(rows: Sequence[Sequence[Any]], rng: random.Random) -> list[Any]:
    """Shuffle rows into one another, each keeping its own order."""
    turns = [number for number, row in enumerate(rows) for _ in row]
    rng.shuffle(turns)
    left = [iter(row) for row in rows]
    return [next(left[number]) for number in turns]


def _pieces_of(call: Mapping[str, Any], way: str, rng: random.Random) -> list[dict[str, Any]]:
    function = call.get("function") or {}
    arguments = function.get("arguments") or ""
    pieces: list[dict[str, Any]] = [
        {"function": {"arguments": cut}} for cut in cut_text(arguments, rng)
    ]
    if rng.random() < 0.5:
        pieces.insert(0, {"function": {"arguments": ""} if rng.random() < 0.5 else {}})
    _name(pieces, function.get("name"), way, rng)
    first, *rest = pieces
    for name, value in function.items():
        if name not in ("name", "arguments"):
            first["function"][name] = value
    for name, value in call.items():
        if name == "id":
            first["id"] = value
            later = "repeat" if way == "id" else rng.choice(("repeat", "null", "empty", "leave"))
            for piece in rest if way != "order" or later != "repeat" else ():
                if later != "leave":
                    piece["id"] = {"repeat": value, "null": None, "empty": ""}[later]
        elif name == "type":
            for piece in rng.choice((pieces, [first])):
                piece["type"] = value
        elif name not in ("index", "function"):
            rng.choice((first, pieces[-1]))[name] = value
    return pieces


def _name(pieces: list[dict[str, Any]], name: object, way: str, rng: random.Random) -> None:
    """Say the function's name at first; and where it cannot be misread, again or in two parts."""
    first, *rest = pieces
    if name is not None:
        first["function"]["name"] = name
    # By order alone, a name would begin another call once the arguments are whole.
    habit = rng.choice(("once", "once", "again", "parts", "null"))
    if not isinstance(name, str) or not rest or habit == "once" or way == "order":
        return
    if habit == "parts" and len(name) > 1:
        place = rng.randint(1, len(name) - 1)
        if name[:place] != name[place:]:  # equal parts look like a repeat
            first["function"]["name"], rest[0]["function"]["name"] = name[:place], name[place:]
        return
    for piece in rest:
        piece["function"]["name"] = name if habit == "again" else None
