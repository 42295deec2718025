"""The text around what is stored: what kind it is, of which version, and whether it is whole.

The text is JSON in ASCII, so that no database and no file changes it. ``json`` writes it and
not orjson, which reads and writes the wire: that refuses whole numbers past 64 bits and text
that is no valid Unicode, and writes null for a number that is none.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any, Final, NoReturn

from kilo_sdk.errors import SerializationError

__all__ = ["data_of", "text_of"]

_VERSION: Final = 1
_READ_WITH: Final = {
    "message": "Message.from_json",
    "completion": "ChatCompletion.from_json",
    "history": "load_history",
}
_WRITTEN_WITH: Final = {
    "message": "Message.to_json",
    "completion": "ChatCompletion.to_json",
    "history": "dump_history",
}
# A character past U+FFFF in two halves: JSON spells it like the character itself.
_HALVES: Final = re.compile("[\ud800-\udbff][\udc00-\udfff]")

_FAILURES: Final = (TypeError, ValueError, RecursionError)
_STEPS_NAMED: Final = 6


def text_of(kind: str, data: Any) -> str:
    """Return the text to store.

    Args:
        kind: ``message``, ``completion`` or ``history``.
        data: JSON values.

    Raises:
        SerializationError: Something in it is no JSON; it says where.
    """
    try:
        return _encoded({"kilo_sdk": kind, "version": _VERSION, "data": data})
    except _FAILURES as exc:
        place, reason = _culprit(data, "messages" if kind == "history" else kind, exc)
        # The wire dict is where the message says it; "raw" is only how it is stored.
        shown = place.replace(".raw", "")
        raise SerializationError(f"{shown} cannot be stored as JSON: {reason}") from exc


def data_of(kind: str, text: str | bytes) -> Any:
    """Return what was given to ``text_of``.

    Raises:
        SerializationError: The text is of another kind or of a version to come, or was cut
            off, changed, or never came from here; it says which.
    """
    if not isinstance(text, str | bytes):
        raise SerializationError(
            f"a stored {kind} is the text that {_WRITTEN_WITH[kind]} returned, and this is of "
            f"type {type(text).__name__}; keep it in a column of text, for one of JSON may "
            "change it"
        )
    try:
        envelope = json.loads(
            text.decode() if isinstance(text, bytes) else text, parse_constant=_no_number
        )
    except RecursionError as exc:
        raise SerializationError(f"the stored {kind} is nested too deep") from exc
    except ValueError as exc:  # no JSON, no UTF-8, a number of thousands of digits
        raise SerializationError(
            f"the stored {kind} is no JSON, or was cut off: {_shown(exc)}"
        ) from exc
    return _opened(kind, envelope)


def _opened(kind: str, envelope: Any) -> Any:
    found = envelope.get("kilo_sdk") if isinstance(envelope, dict) else None
    if not isinstance(found, str) or found not in _READ_WITH:
        raise SerializationError(
            f"this is JSON, but not what {_WRITTEN_WITH[kind]} wrote; a plain wire dict is read "
            "with Message.from_param, and a list of them can be given as messages as it is"
        )
    version = envelope.get("version")
    if type(version) is not int or version < 1:
        raise SerializationError(f"the stored {found} says no version: it is damaged")
    if version > _VERSION:
        raise SerializationError(
            f"the stored {found} is of version {version}, and this kilo_sdk reads versions up "
            f"to {_VERSION}; a newer one wrote it: upgrade kilo-sdk"
        )
    if found != kind:
        raise SerializationError(
            f"this is a stored {found}, not a {kind}; read it with {_READ_WITH[found]}"
        )
    if "data" not in envelope:
        raise SerializationError(f"the stored {kind} is empty: it is damaged")
    return envelope["data"]


def _encoded(value: Any) -> str:
    _check(value)
    return json.dumps(value, allow_nan=False, separators=(",", ":"))


def _check(value: Any) -> None:
    """Refuse what ``json`` would change in silence.

    Raises:
        TypeError: A key that is no text, or a character in two halves.
    """
    seen: set[int] = set()
    unchecked: list[Iterable[Any]] = [(value,)]
    while unchecked:
        for one in unchecked.pop():
            if isinstance(one, str):
                if not one.isascii() and _HALVES.search(one):
                    raise TypeError("a character is split into two surrogates")
            elif isinstance(one, dict | list | tuple) and id(one) not in seen:
                seen.add(id(one))
                unchecked.append(one)
                if isinstance(one, dict):
                    odd = next((key for key in one if not isinstance(key, str)), "")
                    if not isinstance(odd, str):
                        raise TypeError(f"a key is of type {type(odd).__name__}, not text")
                    unchecked.append(one.values())


def _culprit(
    data: Any, place: str, failure: Exception, steps: int = _STEPS_NAMED
) -> tuple[str, str]:
    """Return the place of what cannot be encoded, and why it cannot."""
    entries: Iterable[tuple[str, Any]] = ()
    if isinstance(data, dict):
        entries = ((f"{place}.{key}", value) for key, value in data.items())
    elif isinstance(data, list):
        entries = ((f"{place}[{index}]", value) for index, value in enumerate(data))
    for inner, value in entries if steps else ():
        try:
            _encoded(value)
        except _FAILURES as exc:
            return _culprit(value, inner, exc, steps - 1)
    return place, "it is nested too deep" if isinstance(failure, RecursionError) else str(failure)


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number of JSON")


def _shown(failure: ValueError) -> str:
    """Say what failed without any of the text."""
    if isinstance(failure, json.JSONDecodeError):
        return f"{failure.msg} (character {failure.pos} of {len(failure.doc)})"
    if isinstance(failure, UnicodeDecodeError):
        return f"byte {failure.start} of {len(failure.object)} is no UTF-8"
    return str(failure)
