"""OpenClaw's configuration, of which a key and a model are read.

The file is JSON5 and another program's: whatever else stands in it is none of our
business, and nothing that is wrong with it stops us; it becomes a warning.

::

    { env: { KILOCODE_API_KEY: "sk-..." },            // or env.vars
      agents: { defaults: { model: { primary: "kilocode/kilo/auto" } } } }
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final

from kilo_sdk.config.api_keys import clean_key
from kilo_sdk.config.extras import needs_extra
from kilo_sdk.config.layers import Found, Layer, in_file
from kilo_sdk.config.schema import kind_of
from kilo_sdk.config.text_file import TextFile, exposure, read_text
from kilo_sdk.errors import ConfigurationError
from kilo_sdk.refs import ModelRef

__all__ = ["API_KEY", "MODEL", "read_openclaw"]

API_KEY: Final = "api_key"
MODEL: Final = "default_model"
_KEY: Final = "KILOCODE_API_KEY"
_PREFIX: Final = "kilocode/"
_OFFSET: Final = re.compile(r"(.*?) near (\d+)", re.DOTALL)


def read_openclaw(path: Path, *, wanted: Collection[str] = (API_KEY, MODEL)) -> Layer:
    """Return what the file says; where there is none, nothing.

    Args:
        path: Where it is.
        wanted: The options that no better source has; of others not even what is wrong
            with them is told.

    Raises:
        ConfigurationError: The extra ``config`` is not installed, and the file needs it.
    """
    if not wanted:
        return Layer()
    try:
        file = read_text(path)
    except ConfigurationError as exc:
        return Layer(warnings=(f"{exc.message}; it is left out",))
    if file is None:
        return Layer()
    document, problem = _parsed(file)
    if problem:
        return Layer(warnings=(f"{problem}; the file is left out",))
    found: dict[str, Found] = {}
    warnings: list[str] = []
    if API_KEY in wanted:
        _find_key(document, file, found, warnings)
    if MODEL in wanted:
        _find_model(document, file, found, warnings)
    if API_KEY in found and (warning := exposure(file)):
        warnings.append(warning)
    return Layer(found, tuple(warnings))


def _find_key(
    document: object, file: TextFile, found: dict[str, Found], warnings: list[str]
) -> None:
    for keys in (("env", _KEY), ("env", "vars", _KEY)):
        value = _at(document, keys)
        if value is None:
            continue
        place = _place(file, keys)
        try:
            found.setdefault(API_KEY, Found(clean_key(value), place))
        except ConfigurationError as exc:
            warnings.append(f"{place}: {exc.message}; it is left out")


def _find_model(
    document: object, file: TextFile, found: dict[str, Found], warnings: list[str]
) -> None:
    keys: tuple[str, ...] = ("agents", "defaults", "model")
    value = _at(document, keys)
    if isinstance(value, Mapping):
        keys = (*keys, "primary")
        value = value.get("primary")
    if value is None:
        return
    place = _place(file, keys)
    if not isinstance(value, str):
        warnings.append(f"{place}: the model is a string, not {kind_of(value)}; it is left out")
        return
    ref = value.strip()
    if not ref.startswith(_PREFIX):
        return  # another provider's model, asked by OpenClaw and not through the gateway
    try:
        found[MODEL] = Found(ModelRef.parse(ref), place)
    except ValueError as exc:
        accepted = str(exc).rpartition("; ")[2]
        warnings.append(f"{place}: this is no model ref, {accepted}; it is left out")


def _at(document: object, keys: tuple[str, ...]) -> Any:
    for key in keys:
        if not isinstance(document, Mapping):
            return None
        document = document.get(key)
    return document


def _place(file: TextFile, keys: tuple[str, ...]) -> str:
    # JSON5 parsers tell no lines. Where the last key stands in the file once, that is the
    # place; a comment or another table may have it as well, and then no line is claimed.
    text, key = file.text, keys[-1]
    line = text.count("\n", 0, text.index(key)) + 1 if text.count(key) == 1 else None
    return in_file(file.path, line, ".".join(keys))


def _parsed(file: TextFile) -> tuple[object, str]:
    """Return the document, or what is wrong with it. Parsers' errors may hold the text."""
    try:
        return json.loads(file.text), ""
    except (ValueError, RecursionError):  # JSON5, then, or neither
        pass
    with needs_extra("config", what=f"reading {file.path}"):
        import pyjson5
    try:
        return pyjson5.loads(file.text), ""
    except pyjson5.Json5Exception as exc:
        found = _OFFSET.match(str(exc.args[0]) if exc.args else "")
        if found is None:
            return None, f"{file.path}: no valid JSON5"
        before = file.text[: max(int(found[2]) - 1, 0)]
        line = before.count("\n") + 1
        return None, f"{in_file(file.path, line)}: no valid JSON5 here: {_words(found[1])}"


def _words(told: str) -> str:
    """The parser's own words, from ``Unclosed b'string' starting`` to 'unclosed string'."""
    words = re.sub(r"b'(\w+)'", r"\1", told).removesuffix(" starting")
    return words[:1].lower() + words[1:]
