"""JSON bytes of whatever an answer can hold."""

from __future__ import annotations

from typing import Any, Final

import orjson

__all__ = ["json_bytes", "writable"]

# orjson reads 1024 levels and writes 254, and an event may be put into a list.
_MOST_LEVELS: Final = 200


def json_bytes(value: Any) -> bytes:
    """Return the value as JSON in UTF-8; what cannot be written is replaced, see ``writable``."""
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError:
        return orjson.dumps(writable(value), default=str)


def writable(value: Any, levels: int = _MOST_LEVELS) -> Any:
    """Return the value as any encoder can write it.

    Half of a surrogate pair becomes a question mark: a model can be cut inside a character,
    which is no text on any wire. Below the deepest level stands null: a vendor's own fields are
    passed on as they came, and an answer has to end however they look.

    Args:
        value: Of JSON's types.
        levels: How deep lists and objects may lie in each other.
    """
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict | list) and not levels:
        return None
    if isinstance(value, dict):
        below = levels - 1
        return {writable(key, below): writable(inner, below) for key, inner in value.items()}
    if isinstance(value, list):
        return [writable(inner, levels - 1) for inner in value]
    return value
