"""JSON bytes of whatever an answer can hold."""

from __future__ import annotations

from typing import Any

import orjson

__all__ = ["json_bytes"]


def json_bytes(value: Any) -> bytes:
    """Return the value as JSON in UTF-8; half of a surrogate pair becomes a question mark."""
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError:
        # A model can be cut inside a character, which is no text on any wire.
        return orjson.dumps(_whole(value))


def _whole(value: Any) -> Any:
    """Replace what cannot be written as UTF-8, however deep."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {_whole(key): _whole(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_whole(inner) for inner in value]
    return value
