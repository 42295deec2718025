"""Reading a field of a wire dict as the type it should have.

A field that is missing, null or of another type counts as not sent and reads as None: no
value type breaks on what an upstream made of its JSON (GATEWAY 5). The field itself stays
as it came under ``raw``.
"""

from __future__ import annotations

import copy
from typing import Any

from kilo_sdk.types.wire import WireDict

__all__ = ["copied", "int_field", "object_field", "objects_field", "text_field"]

_PLAIN = frozenset({str, int, float, bool, type(None)})


def text_field(wire: WireDict, name: str) -> str | None:
    """Return a string, an empty one included."""
    value = wire.get(name)
    return value if isinstance(value, str) else None


def int_field(wire: WireDict, name: str) -> int | None:
    """Return a whole number, one written with a fraction of zero included."""
    value = wire.get(name)
    if type(value) is int or value is None:
        return value
    if isinstance(value, bool):
        return None
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) else None


def object_field(wire: WireDict, name: str) -> WireDict | None:
    """Return an object, an empty one included."""
    value = wire.get(name)
    return value if isinstance(value, dict) else None


def objects_field(wire: WireDict, name: str) -> list[WireDict] | None:
    """Return the objects of a list as a new list; entries that are none are left out."""
    value = wire.get(name)
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else None


def copied(value: Any) -> Any:
    """Return a copy of a JSON value that shares no list and no object with it.

    However deep it is nested: an answer may be nested deeper than functions can call
    each other, and ``copy.deepcopy`` breaks at a third of that.
    """
    if not isinstance(value, dict | list):
        return copy.deepcopy(value)
    # Twins by the identity of the original: an object that holds itself has an end, too.
    twins: dict[int, Any] = {}
    root = _begun(value, twins)
    unfilled: list[tuple[Any, Any]] = [(value, root)]
    while unfilled:
        original, twin = unfilled.pop()
        for key, inner in original.items() if isinstance(original, dict) else enumerate(original):
            if type(inner) in _PLAIN:
                twin[key] = inner
                continue
            if not isinstance(inner, dict | list):
                twin[key] = copy.deepcopy(inner)
                continue
            known = twins.get(id(inner))
            if known is None:
                known = _begun(inner, twins)
                unfilled.append((inner, known))
            twin[key] = known
    return root


def _begun(original: Any, twins: dict[int, Any]) -> Any:
    # Keys are set at once, so that they keep their order.
    twin = dict.fromkeys(original) if isinstance(original, dict) else [None] * len(original)
    twins[id(original)] = twin
    return twin
