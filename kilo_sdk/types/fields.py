"""Reading a field of a wire dict as the type it should have.

A field that is missing, null or of another type counts as not sent and reads as None: no
value type breaks on what an upstream made of its JSON (GATEWAY 5). The field itself stays
as it came under ``raw``.
"""

from __future__ import annotations

from kilo_sdk.types.wire import WireDict

__all__ = ["int_field", "object_field", "objects_field", "text_field"]


def text_field(wire: WireDict, name: str) -> str | None:
    """Return a string, an empty one included."""
    value = wire.get(name)
    return value if isinstance(value, str) else None


def int_field(wire: WireDict, name: str) -> int | None:
    """Return a whole number, one written with a fraction of zero included."""
    value = wire.get(name)
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
