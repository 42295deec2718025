"""What is stored of messages and completions, and how it is read back.

Of an object its wire dict is stored, and beside it the attributes that say something else
than the wire dict reads as: an answer's text is there once, and an object written by hand
is stored as well. Which attributes there are is asked of the classes, so that one added to
them is stored too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, Final, NoReturn, TypeVar

import attrs

from kilo_sdk.errors import ProtocolError, SerializationError
from kilo_sdk.refs import ModelRef
from kilo_sdk.types.completion import ChatCompletion, Choice
from kilo_sdk.types.message import Message
from kilo_sdk.types.stored_text import data_of, text_of
from kilo_sdk.types.tool_call import ToolCall
from kilo_sdk.types.usage import Usage
from kilo_sdk.types.wire import WireDict

__all__ = [
    "completion_from_json",
    "completion_to_json",
    "history_from_json",
    "history_to_json",
    "message_from_json",
    "message_to_json",
]

_T = TypeVar("_T", Message, ToolCall, Choice, Usage, ChatCompletion)


def message_to_json(message: Message) -> str:
    """Return the text to store of one message.

    Raises:
        SerializationError: Something in it is no JSON; it says where.
    """
    return text_of("message", _written(message))


def message_from_json(text: str | bytes) -> Message:
    """Read what was stored of one message.

    Raises:
        SerializationError: It is something else, or damaged; it says what.
    """
    return _read(Message, data_of("message", text), "message")


def completion_to_json(completion: ChatCompletion) -> str:
    """Return the text to store of a completion.

    Raises:
        SerializationError: Something in it is no JSON; it says where.
    """
    return text_of("completion", _written(completion))


def completion_from_json(text: str | bytes) -> ChatCompletion:
    """Read what was stored of a completion.

    Raises:
        SerializationError: It is something else, or damaged; it says what.
    """
    return _read(ChatCompletion, data_of("completion", text), "completion")


def history_to_json(messages: Sequence[Message]) -> str:
    """Return the text to store of a list of messages.

    Raises:
        SerializationError: Something in it is no JSON; it says where.
    """
    return text_of("history", _list_of(Message).write(messages))


def history_from_json(text: str | bytes) -> list[Message]:
    """Read what was stored of a list of messages.

    Raises:
        SerializationError: It is something else, or damaged; it says what.
    """
    messages: list[Message] = _list_of(Message).read(data_of("history", text), "messages")
    return messages


@attrs.frozen(slots=True)
class _Codec:
    """How the values of one type stand in JSON.

    Attributes:
        write: From a value to its JSON.
        read: From JSON and the place where it stands to the value.
    """

    write: Callable[[Any], Any]
    read: Callable[[Any, str], Any]


def _plain(expected: str, *types: type) -> _Codec:
    """Values that are JSON already; ``bool`` is no ``int`` here."""

    def read(value: Any, place: str) -> Any:
        if type(value) not in types:
            _refuse(place, value, expected)
        return value

    return _Codec(lambda value: value, read)


def _object(cls: type[Any], *, optional: bool = False) -> _Codec:
    def write(value: Any) -> Any:
        return None if value is None else _written(value)

    def read(value: Any, place: str) -> Any:
        return None if value is None and optional else _read(cls, value, place)

    return _Codec(write, read)


def _list_of(cls: type[Any]) -> _Codec:
    def read(value: Any, place: str) -> Any:
        if not isinstance(value, list):
            _refuse(place, value, "a list")
        return [_read(cls, one, f"{place}[{index}]") for index, one in enumerate(value)]

    return _Codec(lambda values: [_written(value) for value in values], read)


def _objects() -> _Codec:
    def read(value: Any, place: str) -> Any:
        if value is not None and not (
            isinstance(value, list) and all(isinstance(one, dict) for one in value)
        ):
            _refuse(place, value, "a list of objects or null")
        return value

    return _Codec(lambda value: value, read)


def _dollars() -> _Codec:
    # As text: a number would be read as a float, which has no 0.10.
    def read(value: Any, place: str) -> Any:
        if value is None:
            return None
        try:
            dollars = Decimal(value if isinstance(value, str) else "")
        except ArithmeticError:
            dollars = Decimal("NaN")
        if not dollars.is_finite():
            _refuse(place, value, "a decimal number as text, or null")
        return dollars

    return _Codec(lambda value: None if value is None else str(value), read)


def _ref() -> _Codec:
    def read(value: Any, place: str) -> Any:
        if value is not None and not isinstance(value, str):
            _refuse(place, value, "text or null")
        return None if value is None else ModelRef(value)

    return _Codec(lambda value: None if value is None else value.id, read)


_NULL: Final = type(None)
_TEXT: Final = _plain("text", str)
_OPTIONAL_TEXT: Final = _plain("text or null", str, _NULL)
_OBJECT: Final = _plain("an object", dict)
_CODECS: Final[dict[str, _Codec]] = {
    "str": _TEXT,
    "str | None": _OPTIONAL_TEXT,
    "int": _plain("a whole number", int),
    "int | None": _plain("a whole number or null", int, _NULL),
    "bool": _plain("true or false", bool),
    "bool | None": _plain("true, false or null", bool, _NULL),
    "Content": _plain("text, a list or null", str, list, _NULL),
    "WireDict": _OBJECT,
    "WireDict | None": _plain("an object or null", dict, _NULL),
    "list[WireDict] | None": _objects(),
    "Decimal | None": _dollars(),
    "ModelRef | None": _ref(),
    "Message": _object(Message),
    "Usage | None": _object(Usage, optional=True),
    "list[ToolCall]": _list_of(ToolCall),
    "list[Choice]": _list_of(Choice),
}


_FIELDS: Final[dict[type[Any], dict[str, tuple[attrs.Attribute[Any], _Codec]]]] = {
    cls: {
        field.name.lstrip("_"): (field, _CODECS[str(field.type)])
        for field in attrs.fields(cls)
        if field.name != "raw"
    }
    for cls in (Message, ToolCall, Choice, Usage, ChatCompletion)
}


def _written(value: Any) -> WireDict:
    """Return an object as JSON: its wire dict, and what the wire dict does not say."""
    base = _reading_of(type(value), value.raw)
    written: WireDict = {"raw": value.raw} if value.raw else {}
    for key, (field, codec) in _FIELDS[type(value)].items():
        said = codec.write(getattr(value, field.name))
        if base is None or not _same(said, codec.write(getattr(base, field.name))):
            written[key] = said
    return written


def _read(cls: type[_T], stored: Any, place: str) -> _T:
    if not isinstance(stored, dict):
        _refuse(place, stored, "an object")
    fields = _FIELDS[cls]
    raw = _OBJECT.read(stored.get("raw", {}), f"{place}.raw")
    base = _reading_of(cls, raw)
    said = {}
    for key, value in stored.items():
        if key in fields:
            field, codec = fields[key]
            said[field.alias or key] = codec.read(value, f"{place}.{key}")
        elif key != "raw":
            raise SerializationError(
                f"{place} has a field {key[:40]!r} that this version of kilo_sdk does not know; "
                "a newer one wrote it"
            )
    if base is not None:
        made: _T = attrs.evolve(base, **said)
        return made
    for key, (field, _) in fields.items():
        if field.default is attrs.NOTHING and key not in stored:
            raise SerializationError(f"{place}.{key} is missing: what was stored is damaged")
    return cls(**said, raw=raw)


def _reading_of(cls: type[Any], raw: WireDict) -> Any:
    """Return what a wire dict reads as, or None for one that is not of the shape."""
    try:
        if cls is Message:
            return Message.from_answer(raw)
        if cls is Choice:
            return Choice.from_wire(raw) if _is_choice(raw) else None
        if cls is ChatCompletion:
            choices = raw.get("choices")
            whole = isinstance(choices, list) and all(map(_is_choice, choices))
            return ChatCompletion.from_wire(raw) if whole else None
        return cls.from_wire(raw)
    except ProtocolError:  # arguments of a tool call nested too deep
        return None


def _is_choice(wire: Any) -> bool:
    return (
        isinstance(wire, dict)
        and type(wire.get("index")) is int
        and isinstance(wire.get("message"), dict)
    )


def _same(one: Any, other: Any) -> bool:
    """Whether two values are the same JSON to the byte; mostly they are the same object."""
    if one is other:
        return True
    if type(one) is not type(other):
        return False
    if isinstance(one, list):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, dict):
        return list(one) == list(other) and all(map(_same, one.values(), other.values()))
    # 0.0 equals -0.0 and is another text.
    return bool(repr(one) == repr(other) if isinstance(one, float) else one == other)


def _refuse(place: str, value: Any, expected: str) -> NoReturn:
    kind = "null" if value is None else f"of type {type(value).__name__}"
    raise SerializationError(f"{place} is {kind}, not {expected}: what was stored is damaged")
