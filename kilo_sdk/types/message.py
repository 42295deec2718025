"""A message of a conversation: what came back, and what goes out again.

Source: GATEWAY 5 (shape), GATEWAY 6 (reasoning), GATEWAY 7 (what a replay must keep).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import attrs

from kilo_sdk.types.construction import MAKERS
from kilo_sdk.types.fields import copied, objects_field, text_field
from kilo_sdk.types.tool_call import ToolCall
from kilo_sdk.types.wire import WireDict, WireMessage

__all__ = ["Content", "Message"]

Content = str | list[WireDict] | None
"""Text, content parts as on the wire, or nothing."""

_NOT_SENT: Final = object()
_TEXT_ALONE: Final = frozenset({"role", "content"})


def _content(wire: WireMessage) -> Content:
    content = wire.get("content")
    return content if isinstance(content, (str, list)) else None


def _text(name: str) -> Callable[[WireMessage], str | None]:
    return lambda wire: text_field(wire, name) or None


def _objects(name: str) -> Callable[[WireMessage], list[WireDict] | None]:
    return lambda wire: objects_field(wire, name)


def _tool_calls(wire: WireMessage) -> list[ToolCall]:
    return list(map(ToolCall.from_wire, objects_field(wire, "tool_calls") or ()))


# The fields with an attribute of their own besides the role, in the order they are sent.
_READERS: Final[dict[str, Callable[[WireMessage], Any]]] = {
    "content": _content,
    "name": _text("name"),
    "tool_call_id": _text("tool_call_id"),
    "refusal": _text("refusal"),
    "annotations": _objects("annotations"),
    "reasoning": _text("reasoning"),
    "reasoning_details": _objects("reasoning_details"),
    "tool_calls": _tool_calls,
}


def _said(text: Content) -> Content:
    """An empty text says as much as none."""
    return None if text == "" else text


def _telling(extra: WireDict) -> WireDict:
    """Leave out of ``extra`` what says no more than a field that is absent.

    Null details do: what was there stays there as a list (GATEWAY 7).
    """
    return {
        name: value
        for name, value in extra.items()
        if name not in _READERS or name == "reasoning_details" or value not in (None, "", [])
    }


@attrs.frozen(slots=True, repr=False)
class Message:
    """One message. The answers' messages come as this class, and callers may write it.

    Two are equal when the same would be sent for them; who made them is not sent.

    Attributes:
        role: ``system``, ``user``, ``assistant`` or ``tool``.
        content: Text, or content parts; None where there is none.
        reasoning: The reasoning text, or None.
        reasoning_details: The reasoning in the vendor's own form, or None where none came.
            An empty list is not None: some upstreams want it back (GATEWAY 7).
        tool_calls: The tools the model wants called.
        refusal: The model's refusal, or None.
        annotations: Citations, parsed files and the like, as they came, or None. Sent back:
            a file that was parsed before is not parsed, and paid for, again.
        tool_call_id: For role ``tool``: the call that this message answers.
        name: The speaker's name, where one is given.
        extra: What else the caller wrote, to be sent as it is: fields that have no
            attribute, and values that an attribute cannot hold. An attribute that says
            something else wins. Empty for an answer's message, of which only what is known
            to be accepted goes back.
        provider: The upstream that made an answer's message, as the gateway calls it; None
            for a message that is no answer. Never sent, and no part of equality.
        model: The model that made it, as the gateway calls it; never sent either.
        raw: The wire dict as it came; empty for a message written by the caller.
    """

    role: str
    content: Content = attrs.field(default=None, eq=_said)
    reasoning: str | None = attrs.field(default=None, eq=_said)
    reasoning_details: list[WireDict] | None = None
    tool_calls: list[ToolCall] = attrs.field(factory=list)
    refusal: str | None = attrs.field(default=None, eq=_said)
    annotations: list[WireDict] | None = None
    tool_call_id: str | None = attrs.field(default=None, eq=_said)
    name: str | None = attrs.field(default=None, eq=_said)
    extra: WireDict = attrs.field(factory=dict, eq=_telling, kw_only=True)
    provider: str | None = attrs.field(default=None, eq=False, kw_only=True)
    model: str | None = attrs.field(default=None, eq=False, kw_only=True)
    raw: WireDict = attrs.field(factory=dict, eq=False)
    # Whether the caller's dict had no content at all, which is one thing more than null.
    _without_content: bool = attrs.field(
        default=False, eq=False, kw_only=True, alias="_without_content"
    )

    def __attrs_post_init__(self) -> None:
        if self.extra:
            extra = {
                name: value
                for name, value in self.extra.items()
                if name not in _READERS
                or (self._is_in_other_words(name) and value != self._sent(name))
            }
            extra.pop("role", None)
            object.__setattr__(self, "extra", extra)

    @classmethod
    def system(cls, content: str | list[WireDict]) -> Message:
        """Instructions to the model."""
        return cls("system", content)

    @classmethod
    def user(cls, content: str | list[WireDict]) -> Message:
        """What the user says: text, or content parts."""
        return cls("user", content)

    @classmethod
    def assistant(cls, content: str | None, tool_calls: Sequence[ToolCall] = ()) -> Message:
        """What the model said, for a history that the SDK did not record."""
        return cls("assistant", content, tool_calls=list(tool_calls))

    @classmethod
    def tool(cls, tool_call_id: str, content: str | list[WireDict]) -> Message:
        """The result of the tool call with that id."""
        return cls("tool", content, tool_call_id=tool_call_id)

    @classmethod
    def from_param(cls, wire: WireMessage) -> Message:
        """Read an entry of ``messages``; ``to_param`` gives back a dict equal to it.

        Nothing is lost: fields it does not know, and values that are not what a field
        should hold, are kept in ``extra``. Only the role must be text; where it is none,
        the message is taken for the assistant's.

        Raises:
            ProtocolError: The arguments of a tool call are an object nested deeper than
                JSON is written.
        """
        return cls(
            role=text_field(wire, "role") or "assistant",
            **{name: read(wire) for name, read in _READERS.items()},
            extra=wire,
            raw=wire,
            _without_content="content" not in wire,
        )

    @classmethod
    def from_answer(
        cls, wire: WireMessage, *, provider: str | None = None, model: str | None = None
    ) -> Message:
        """Read the ``message`` of an answer.

        What of it has no attribute stays in ``raw`` and is not sent back.

        Raises:
            ProtocolError: As with ``from_param``.
        """
        reasoning = details = refusal = annotations = answered = name = None
        calls: list[ToolCall] = []
        if not wire.keys() <= _TEXT_ALONE:
            # Few answers: of the others nothing else needs to be looked for.
            reasoning = text_field(wire, "reasoning") or None
            details = objects_field(wire, "reasoning_details")
            calls = _tool_calls(wire)
            refusal = text_field(wire, "refusal") or None
            annotations = objects_field(wire, "annotations")
            answered = text_field(wire, "tool_call_id") or None
            name = text_field(wire, "name") or None
        role, content = wire.get("role"), wire.get("content")
        return MAKERS[cls](
            role if role and isinstance(role, str) else "assistant",
            content if isinstance(content, (str, list)) else None,
            reasoning,
            details,
            calls,
            refusal,
            annotations,
            answered,
            name,
            {},
            provider,
            model,
            wire,
            False,
        )

    def to_param(self) -> WireMessage:
        """Return the wire dict to put back into ``messages``.

        Reasoning details, signatures and tool calls go back exactly as they came. The
        dict is new all the way down: changing it leaves the message as it was.
        ``Message.from_param`` makes an equal message of it.
        """
        param: WireMessage = {"role": self.role}
        for name in _READERS:
            if name in self.extra and self._is_in_other_words(name):
                param[name] = copied(self.extra[name])
            elif (value := self._sent(name)) is not _NOT_SENT:
                param[name] = copied(value)
        for name, value in self.extra.items():
            if name not in _READERS:
                param[name] = copied(value)
        return param

    def to_json(self) -> str:
        """Return the text to store the message as: JSON in ASCII.

        It keeps every attribute and ``raw``, to the byte; keep it in a column of text, for
        databases reorder keys and rewrite numbers in one of JSON.

        Raises:
            SerializationError: Something in it is no JSON; it says where.
        """
        from kilo_sdk.types.stored import message_to_json

        return message_to_json(self)

    @classmethod
    def from_json(cls, text: str | bytes) -> Message:
        """Read what ``to_json`` returned.

        Raises:
            SerializationError: It is something else, was cut off, or is of a version that
                this SDK does not know; it says which.
        """
        from kilo_sdk.types.stored import message_from_json

        return message_from_json(text)

    def _sent(self, name: str) -> Any:
        """How an attribute is sent, or ``_NOT_SENT``; not copied."""
        value = getattr(self, name)
        if name == "content" and value is None:
            if self._without_content:
                return _NOT_SENT
            # Upstreams refuse null content unless tool calls stand in for it.
            return None if self.tool_calls else ""
        if name == "content":
            return value
        if name == "tool_calls":
            return [call.to_param() for call in value] if value else _NOT_SENT
        return _NOT_SENT if value is None or value == "" else value

    def _is_in_other_words(self, name: str) -> bool:
        """Whether ``extra`` says under ``name`` what the attribute says."""
        return bool(_READERS[name](self.extra) == getattr(self, name))

    def __repr__(self) -> str:
        # A message may be a prompt, and prompts show up in no repr.
        size = f"{len(self.content)} " if self.content is not None else "no "
        unit = "parts" if isinstance(self.content, list) else "characters"
        calls = f", {len(self.tool_calls)} tool calls" if self.tool_calls else ""
        return f"<Message {self.role}: {size}{unit}{calls}>"
