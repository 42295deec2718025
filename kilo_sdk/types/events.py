"""What ``CompletionStream.events()`` yields: one typed event per thing that happened.

Source: GATEWAY 5.
"""

from __future__ import annotations

from typing import TypeAlias

import attrs

from kilo_sdk.types.completion import ChatCompletion
from kilo_sdk.types.tool_call import ToolCall
from kilo_sdk.types.usage import Usage

__all__ = [
    "Finished",
    "ReasoningDelta",
    "StreamEvent",
    "TextDelta",
    "ToolCallDelta",
    "ToolCallDone",
    "UsageReported",
]


@attrs.frozen(slots=True)
class TextDelta:
    """Text to append to the answer.

    Attributes:
        text: Never empty.
        choice: Index of the choice it belongs to.
    """

    text: str
    choice: int = 0


@attrs.frozen(slots=True)
class ReasoningDelta:
    """Text to append to the reasoning.

    Attributes:
        text: Never empty.
        choice: Index of the choice it belongs to.
    """

    text: str
    choice: int = 0


@attrs.frozen(slots=True)
class ToolCallDelta:
    """A piece of a tool call, to show progress; nothing to act on.

    Attributes:
        index: Which call of the choice.
        id: The call's id, or None on pieces that do not carry it.
        name: The function's name as this piece has it: whole, in part, repeated, or None.
        arguments: What this piece adds to the arguments' text; may be empty.
        choice: Index of the choice it belongs to.
    """

    index: int
    id: str | None
    name: str | None
    arguments: str
    choice: int = 0


@attrs.frozen(slots=True)
class ToolCallDone:
    """A whole tool call. It comes only after the stream has ended well.

    Attributes:
        tool_call: The call, with all of its arguments.
        choice: Index of the choice it belongs to.
    """

    tool_call: ToolCall
    choice: int = 0


@attrs.frozen(slots=True)
class UsageReported:
    """The gateway reported counts and cost.

    Attributes:
        usage: What it reported.
    """

    usage: Usage


@attrs.frozen(slots=True)
class Finished:
    """The stream has ended well; the last event.

    Attributes:
        completion: The whole answer.
    """

    completion: ChatCompletion

    @property
    def finish_reason(self) -> str | None:
        """Why the first choice ended, as sent."""
        return self.completion.finish_reason


StreamEvent: TypeAlias = (
    TextDelta | ReasoningDelta | ToolCallDelta | ToolCallDone | UsageReported | Finished
)
"""Any of the events."""
