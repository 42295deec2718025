"""The user's TOML file: its values, and the line of each.

``tomllib`` tells no lines. But a TOML document is a row of statements, and a statement
that is whole parses by itself: so the lines are gathered until they parse, and the keys of
what they parse to stand on the first of them.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias

import attrs

from kilo_sdk.config.layers import Found, Layer, in_file
from kilo_sdk.config.schema import ARGUMENTS, OPTIONS, TABLES, kind_of, nearest
from kilo_sdk.config.text_file import TextFile, exposure
from kilo_sdk.errors import ConfigurationError
from kilo_sdk.types.reasoning import Reasoning

__all__ = ["key_lines", "read_toml"]

KeyPath: TypeAlias = tuple[str, ...]

_POSITION: Final = re.compile(r"(.*) \(at line (\d+), column (\d+)\)", re.DOTALL)
_LONGEST_STATEMENT: Final = 100
# What the last line of a value that takes several must have in it.
_CLOSING: Final = ("]", "}", "'''", '"""')


def read_toml(file: TextFile) -> Layer:
    """Return what the file says.

    Raises:
        ConfigurationError: It is no TOML, or has an unknown key or a table where a value
            belongs; the message has file, line and key.
    """
    document = _parsed(file)
    lines = key_lines(file.text)
    found: dict[str, Found] = {}
    for name, value, path in _options_of(document, lines, file.path):
        found[name] = Found(value, in_file(file.path, lines.get(path)))
    headers = document.get("headers")
    names = {name.lower() for name in headers} if isinstance(headers, dict) else set[str]()
    has_key = "api_key" in found or "authorization" in names
    warning = exposure(file) if has_key else None
    return Layer(found, (warning,) if warning else ())


def key_lines(text: str) -> dict[KeyPath, int]:
    """Return the line of each key and table, from 1, of a document that parses.

    Args:
        text: The document, with LF line ends.
    """
    lines: dict[KeyPath, int] = {}
    table: KeyPath = ()
    statement, start = "", 1
    for number, line in enumerate(text.split("\n"), 1):
        if not statement:
            start = number
        if number - start > _LONGEST_STATEMENT:
            break  # nothing we know takes that many; the rest goes without lines
        statement += line + "\n"
        if start != number and not any(mark in line for mark in _CLOSING):
            continue
        try:
            parsed = tomllib.loads(statement)
        except ValueError:
            continue
        is_header = statement.lstrip().startswith("[")
        prefix = () if is_header else table
        for path in _paths(parsed):
            lines.setdefault(prefix + path, start)
            table = path if is_header else table
        statement = ""
    return lines


def _paths(value: object) -> Iterator[KeyPath]:
    """Every key path, outer ones first; of an array of tables as if it were one table."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, dict):
        for key, inner in value.items():
            yield (key,)
            yield from ((key, *path) for path in _paths(inner))


def _parsed(file: TextFile) -> dict[str, Any]:
    try:
        return tomllib.loads(file.text)
    except tomllib.TOMLDecodeError as exc:
        # Only its words go on: the exception may hold the text.
        position = _POSITION.fullmatch(str(exc))
        what = position[1] if position else str(exc).removesuffix(" (at end of document)")
        lines = file.text.rstrip("\n").split("\n")
        line, column = (
            (int(position[2]), int(position[3])) if position else (len(lines), len(lines[-1]) + 1)
        )
        hint = "; text stands between quotes" if what == "Invalid value" else ""
        raise ConfigurationError(
            f"{in_file(file.path, line)}, column {column}: no valid TOML: {what}{hint}"
        ) from None
    except (RecursionError, ValueError) as exc:  # nested too deep, a number too long
        raise ConfigurationError(
            f"{in_file(file.path)}: no TOML that can be read: {type(exc).__name__}"
        ) from None


def _options_of(
    document: Mapping[str, Any], lines: Mapping[KeyPath, int], file: Path
) -> Iterator[tuple[str, object, KeyPath]]:
    for key, value in document.items():
        if key in TABLES:
            accepted = [name.partition(".")[2] for name in OPTIONS if name.startswith(f"{key}.")]
            if not isinstance(value, dict):
                raise ConfigurationError(
                    f"{in_file(file, lines.get((key,)))}: {key} is a table, [{key}], with "
                    f"{', '.join(accepted)}; it is {kind_of(value)}"
                )
            for inner, entry in value.items():
                if inner not in accepted:
                    raise _unknown(file, lines, (key, inner), accepted)
                yield f"{key}.{inner}", entry, (key, inner)
        elif key == "reasoning" and isinstance(value, dict):
            yield key, _reasoning(value, lines, file), (key,)
        elif key in ARGUMENTS:
            yield key, value, (key,)
        else:
            raise _unknown(file, lines, (key,), sorted(ARGUMENTS))


def _reasoning(table: Mapping[str, Any], lines: Mapping[KeyPath, int], file: Path) -> Reasoning:
    accepted = [field.name for field in attrs.fields(Reasoning)]
    for key in table:
        if key not in accepted:
            raise _unknown(file, lines, ("reasoning", key), accepted)
    try:
        return Reasoning(**table)
    except ValueError as exc:
        place = in_file(file, lines.get(("reasoning",)))
        raise ConfigurationError(f"{place}: reasoning: {exc}") from exc


def _unknown(
    file: Path, lines: Mapping[KeyPath, int], path: KeyPath, accepted: list[str]
) -> ConfigurationError:
    shown = ".".join(part[:40] for part in path)
    return ConfigurationError(
        f"{in_file(file, lines.get(path))}: unknown key {shown}; accepted are "
        f"{', '.join(accepted)}{nearest(path[-1].lower(), accepted)}"
    )
