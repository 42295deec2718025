"""A value that fits a JSON schema, always the same one for the same schema.

Covers what tool parameters and structured outputs use; a keyword it does not know is
ignored. Source: JSON Schema 2020-12.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["example_of"]

_DEEPEST = 12  # a schema may refer to itself
_LONGEST = 4096

_FORMATS = {
    "date": "2026-01-01",
    "date-time": "2026-01-01T12:00:00Z",
    "time": "12:00:00Z",
    "email": "someone@example.com",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "ipv4": "192.0.2.1",
    "hostname": "example.com",
}


def example_of(schema: object) -> Any:
    """Return a value for a schema; ``{}`` for one that is no object."""
    return _example(schema, schema, "value", 0) if isinstance(schema, Mapping) else {}


def _example(schema: object, root: Mapping[str, Any], name: str, depth: int) -> Any:
    if not isinstance(schema, Mapping) or depth > _DEEPEST:
        return None
    for keyword in ("const", "default"):
        if keyword in schema:
            return schema[keyword]
    for keyword in ("enum", "examples"):
        if isinstance(schema.get(keyword), list) and schema[keyword]:
            return schema[keyword][0]
    if isinstance(schema.get("$ref"), str):
        return _example(_resolve(schema["$ref"], root), root, name, depth + 1)
    for keyword in ("anyOf", "oneOf"):
        if isinstance(schema.get(keyword), list) and schema[keyword]:
            return _example(schema[keyword][0], root, name, depth + 1)
    if isinstance(schema.get("allOf"), list):
        return _example(_merged(schema["allOf"], root), root, name, depth + 1)
    return _of_type(_type(schema), schema, root, name, depth)


def _type(schema: Mapping[str, Any]) -> object:
    told = schema.get("type")
    if isinstance(told, list):
        told = next((kind for kind in told if kind != "null"), "null")
    if told is None:
        told = "object" if "properties" in schema else "array" if "items" in schema else "string"
    return told


def _of_type(
    kind: object, schema: Mapping[str, Any], root: Mapping[str, Any], name: str, depth: int
) -> Any:
    if kind == "object":
        properties = schema.get("properties")
        listed = properties if isinstance(properties, Mapping) else {}
        return {key: _example(sub, root, key, depth + 1) for key, sub in listed.items()}
    if kind == "array":
        items = schema.get("items", {})
        count = max(1, _number(schema, "minItems", 1))
        return [_example(items, root, name, depth + 1) for _ in range(min(count, 16))]
    if kind == "string":
        return _string(schema, name)
    if kind in ("integer", "number"):
        return _numeric(schema, whole=kind == "integer")
    return True if kind == "boolean" else None


def _string(schema: Mapping[str, Any], name: str) -> str:
    text = _FORMATS.get(str(schema.get("format")), f"some {name.replace('_', ' ')}")
    text = text.ljust(min(_number(schema, "minLength", 0), _LONGEST), "x")
    return text[: _number(schema, "maxLength", len(text))]


def _numeric(schema: Mapping[str, Any], *, whole: bool) -> int | float:
    step = schema.get("multipleOf")
    value: int | float = step if isinstance(step, int | float) and step > 0 else 1
    low, above = schema.get("minimum"), schema.get("exclusiveMinimum")
    high, below = schema.get("maximum"), schema.get("exclusiveMaximum")
    if isinstance(low, int | float):
        value = max(value, low)
    if isinstance(above, int | float) and value <= above:
        value = above + 1
    if isinstance(high, int | float):
        value = min(value, high)
    if isinstance(below, int | float) and value >= below:
        value = below - 1
    return int(value) if whole else value


def _number(schema: Mapping[str, Any], keyword: str, otherwise: int) -> int:
    told = schema.get(keyword)
    return told if isinstance(told, int) else otherwise


def _resolve(reference: str, root: Mapping[str, Any]) -> object:
    """Follow a reference within the document (RFC 6901); one that leads nowhere is None."""
    found: object = root
    for step in reference.removeprefix("#").split("/")[1:]:
        key = step.replace("~1", "/").replace("~0", "~")
        found = found.get(key) if isinstance(found, Mapping) else None
    return found


def _merged(schemas: list[Any], root: Mapping[str, Any]) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    properties: dict[str, Any] = {}
    for schema in schemas:
        if isinstance(schema, Mapping) and isinstance(schema.get("$ref"), str):
            schema = _resolve(schema["$ref"], root)
        if isinstance(schema, Mapping):
            merged.update(schema)
            properties.update(schema.get("properties") or {})
    if properties:
        merged["properties"] = properties
    return merged
