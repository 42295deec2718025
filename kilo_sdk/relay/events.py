"""What a relayed answer is made of: the events of its log, and their fields on the wire.

Values only. An event's place in the log is its sequence number, from 1; it is no part of the
event. ``docs/reference/relay-protocol.md`` describes the fields.
"""

from __future__ import annotations

from typing import Any, ClassVar, Final, Literal, TypeAlias

import attrs

from kilo_sdk.types.wire import WireDict

__all__ = [
    "EndState",
    "Ended",
    "Failed",
    "Reasoning",
    "RelayEvent",
    "Started",
    "Text",
    "Told",
    "ToolCalled",
    "deep_size",
    "event_from_fields",
    "fields_of",
    "size_of",
]

EndState: TypeAlias = Literal["done", "cancelled", "error", "cut"]
"""How an answer ended: whole, stopped on demand, refused or failed, or without its writer."""

# What an event weighs beside the characters that are counted; and a piece of text, of which a
# log holds the string alone.
_EVENT_BYTES: Final = 160
_PIECE_BYTES: Final = 64


@attrs.define(slots=True)
class Started:
    """An answer was asked for; always the first event.

    Attributes:
        request: The client's own id of its prompt, or None.
    """

    kind: ClassVar[str] = "start"
    request: str | None = None


# Not frozen: one is built per token, and a frozen class pays for each field it sets.
@attrs.define(slots=True)
class Text:
    """Text to append to the answer; never empty."""

    kind: ClassVar[str] = "text"
    text: str


@attrs.define(slots=True)
class Reasoning:
    """Text to append to the reasoning; never empty."""

    kind: ClassVar[str] = "reasoning"
    text: str


@attrs.define(slots=True)
class ToolCalled:
    """A whole tool call; it comes only when the answer has ended well.

    Attributes:
        index: Which call of the answer, from 0.
        id: The call's id.
        name: The function's name.
        arguments: The raw JSON text, as the model wrote it.
    """

    kind: ClassVar[str] = "tool_call"
    index: int
    id: str | None
    name: str
    arguments: str


@attrs.define(slots=True)
class Told:
    """What the answer used, as the gateway reported it.

    Attributes:
        usage: Token counts, and the cost where the relay reports it.
    """

    kind: ClassVar[str] = "usage"
    usage: WireDict


@attrs.define(slots=True)
class Ended:
    """The answer is over: whole, or stopped because someone asked for it. The last event.

    Attributes:
        state: ``done``, or ``cancelled`` with what had come by then.
        finish_reason: Why the model ended, as sent; None where it did not.
        model: The model that answered.
        usage: Token counts; ``estimated`` in it is true where nobody reported any.
        message: The answer as a message to put back into the history.
    """

    kind: ClassVar[str] = "done"
    state: Literal["done", "cancelled"] = "done"
    finish_reason: str | None = None
    model: str | None = None
    usage: WireDict | None = None
    message: WireDict | None = None


@attrs.define(slots=True)
class Failed:
    """The answer broke off. The last event.

    Attributes:
        state: ``error``, or ``cut`` where its writer is gone.
        code: A word of the protocol.
        text: Words fit for the person at the other end.
        retry_after: Seconds to wait before asking again, where the gateway told.
        usage: As for ``Ended``.
    """

    kind: ClassVar[str] = "error"
    state: Literal["error", "cut"]
    code: str
    text: str
    retry_after: float | None = None
    usage: WireDict | None = None


RelayEvent: TypeAlias = Started | Text | Reasoning | ToolCalled | Told | Ended | Failed
"""Any event of a log."""

_KINDS: Final[dict[str, type[Any]]] = {
    cls.kind: cls for cls in (Started, Text, Reasoning, ToolCalled, Told, Ended, Failed)
}
_NAMES: Final = {cls: [field.name for field in attrs.fields(cls)] for cls in _KINDS.values()}


def fields_of(event: RelayEvent) -> WireDict:
    """Return the event as an object of JSON: its ``type``, then its fields.

    Fields that are None are left out.
    """
    fields: WireDict = {"type": event.kind}
    for name in _NAMES[type(event)]:
        value = getattr(event, name)
        if value is not None:
            fields[name] = value
    return fields


def event_from_fields(fields: WireDict) -> RelayEvent:
    """Read what ``fields_of`` returned.

    Raises:
        ValueError: It is no event of this version.
    """
    values = dict(fields)
    cls = _KINDS.get(values.pop("type", ""))
    if cls is None:
        raise ValueError("no event of this version of the relay")
    try:
        event: RelayEvent = cls(**values)
    except TypeError as exc:
        raise ValueError(f"no {cls.kind} event of this version of the relay") from exc
    return event


def size_of(event: RelayEvent) -> int:
    """Return about how many bytes of memory an event takes in a log."""
    # Asked per token, so plainly: a union of types would be made anew each time.
    if isinstance(event, Text):
        return _PIECE_BYTES + len(event.text)
    if isinstance(event, Reasoning):
        return _PIECE_BYTES + len(event.text)
    if isinstance(event, Ended):
        return _EVENT_BYTES + deep_size(event.message)
    if isinstance(event, ToolCalled):
        return _EVENT_BYTES + len(event.arguments)
    return _EVENT_BYTES


def deep_size(value: object) -> int:
    """Return about how many bytes of memory a value of JSON's types takes."""
    size = 0
    pending: list[object] = [value]
    while pending:
        inner = pending.pop()
        if isinstance(inner, str):
            size += len(inner)
        elif isinstance(inner, dict):
            size += 64 * len(inner)
            pending.extend(inner.values())
        elif isinstance(inner, list):
            size += 16 * len(inner)
            pending.extend(inner)
    return size
