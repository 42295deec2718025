"""A message of a conversation: what came back, and what goes out again.

Source: GATEWAY 5 (shape), GATEWAY 6 (reasoning), GATEWAY 7 (what a replay must keep).
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import attrs

from kilo_sdk.types.fields import objects_field, text_field
from kilo_sdk.types.tool_call import ToolCall
from kilo_sdk.types.wire import WireDict, WireMessage

__all__ = ["Content", "Message"]

Content = str | list[WireDict] | None
"""Text, content parts as on the wire, or nothing."""


@attrs.frozen(slots=True, repr=False)
class Message:
    """One message. The answers' messages come as this class, and callers may write it.

    Attributes:
        role: ``system``, ``user``, ``assistant`` or ``tool``.
        content: Text, or content parts; None where there is none.
        reasoning: The reasoning text, or None.
        reasoning_details: The reasoning in the vendor's own form, or None where none came.
            An empty list is not None: some upstreams want it back (GATEWAY 7).
        tool_calls: The tools the model wants called.
        refusal: The model's refusal, or None.
        annotations: Citations and the like, as they came, or None.
        tool_call_id: For role ``tool``: the call that this message answers.
        name: The speaker's name, where one is given.
        provider: The upstream that made an answer's message, as the gateway calls it; None
            for a message that is no answer. Never sent, and no part of equality.
        model: The model that made it, as the gateway calls it; never sent either.
        raw: The wire dict as it came; empty for a message written by the caller.
    """

    role: str
    content: Content = None
    reasoning: str | None = None
    reasoning_details: list[WireDict] | None = None
    tool_calls: list[ToolCall] = attrs.field(factory=list)
    refusal: str | None = None
    annotations: list[WireDict] | None = None
    tool_call_id: str | None = None
    name: str | None = None
    provider: str | None = attrs.field(default=None, eq=False, kw_only=True)
    model: str | None = attrs.field(default=None, eq=False, kw_only=True)
    raw: WireDict = attrs.field(factory=dict, eq=False)

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
        """Read a wire dict: an answer's ``message``, or an entry of ``messages``."""
        content = wire.get("content")
        return cls(
            role=text_field(wire, "role") or "assistant",
            content=content if isinstance(content, str | list) else None,
            reasoning=text_field(wire, "reasoning") or None,
            reasoning_details=objects_field(wire, "reasoning_details"),
            tool_calls=list(map(ToolCall.from_wire, objects_field(wire, "tool_calls") or ())),
            refusal=text_field(wire, "refusal") or None,
            annotations=objects_field(wire, "annotations"),
            tool_call_id=text_field(wire, "tool_call_id") or None,
            name=text_field(wire, "name") or None,
            raw=wire,
        )

    def to_param(self) -> WireMessage:
        """Return the wire dict to put back into ``messages``.

        Reasoning details, signatures and tool calls go back exactly as they came. The
        dict is new all the way down: changing it leaves the message as it was.
        """
        content = copy.deepcopy(self.content)
        if content is None and not self.tool_calls:
            # Upstreams refuse null content unless tool calls stand in for it.
            content = ""
        param: WireMessage = {"role": self.role, "content": content}
        if self.name is not None:
            param["name"] = self.name
        if self.tool_call_id is not None:
            param["tool_call_id"] = self.tool_call_id
        if self.refusal is not None:
            param["refusal"] = self.refusal
        if self.reasoning is not None:
            param["reasoning"] = self.reasoning
        if self.reasoning_details is not None:
            param["reasoning_details"] = copy.deepcopy(self.reasoning_details)
        if self.tool_calls:
            param["tool_calls"] = [call.to_param() for call in self.tool_calls]
        return param

    def __repr__(self) -> str:
        # A message may be a prompt, and prompts show up in no repr.
        size = f"{len(self.content)} " if self.content is not None else "no "
        unit = "parts" if isinstance(self.content, list) else "characters"
        calls = f", {len(self.tool_calls)} tool calls" if self.tool_calls else ""
        return f"<Message {self.role}: {size}{unit}{calls}>"
