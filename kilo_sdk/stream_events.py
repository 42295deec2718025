"""From wire chunks to typed events. Values to values: nothing here waits.

Source: GATEWAY 5.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from kilo_sdk.types.completion import ChatCompletion
from kilo_sdk.types.events import (
    Finished,
    ReasoningDelta,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    ToolCallDone,
    UsageReported,
)
from kilo_sdk.types.fields import text_field
from kilo_sdk.types.tool_call import ToolCall
from kilo_sdk.types.usage import Usage
from kilo_sdk.types.wire import WireChunk, WireDict

__all__ = ["events_of", "final_events"]


def events_of(chunk: WireChunk) -> Iterator[StreamEvent]:
    """Yield what one repaired and normalised chunk says, reasoning before text."""
    for choice in chunk["choices"]:
        delta, index = choice["delta"], choice["index"]
        if reasoning := delta.get("reasoning"):
            yield ReasoningDelta(reasoning, index)
        if text := delta.get("content"):
            yield TextDelta(text, index)
        for call in delta.get("tool_calls") or ():
            function = call["function"]
            yield ToolCallDelta(
                index=call["index"],
                id=text_field(call, "id") or None,
                name=text_field(function, "name") or None,
                arguments=function.get("arguments") or "",
                choice=index,
            )
    # Nearly all chunks have none: asked first, for this runs per chunk.
    if chunk.get("usage") and (usage := Usage.of(chunk)):
        yield UsageReported(usage)


def final_events(
    completion: ChatCompletion, tool_calls: Sequence[tuple[int, WireDict]]
) -> Iterator[StreamEvent]:
    """Yield what can be said once the stream has ended well.

    Args:
        completion: The whole answer.
        tool_calls: The calls that are whole, each with the index of its choice.
    """
    for index, call in tool_calls:
        yield ToolCallDone(ToolCall.from_wire(call), index)
    yield Finished(completion)
