"""From wire chunks to typed events. Values to values: nothing here waits.

Source: GATEWAY 5.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from kilo_sdk.chunk_template import DecodedChunk
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

__all__ = ["events_of", "events_of_read", "final_events"]


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


def events_of_read(read: Sequence[DecodedChunk]) -> Iterator[StreamEvent]:
    """Yield what the chunks of one network read say, neighbours of one kind joined.

    Args:
        read: The chunks in their order.
    """
    if len(read) == 1:
        # One token per read, as at most paces: there is nothing to join.
        decoded = read[0]
        if not isinstance(decoded, tuple):
            yield from events_of(decoded)
        elif decoded[1]:
            yield TextDelta(decoded[1], decoded[0].choice)
        return
    kind: type[TextDelta] | type[ReasoningDelta] = TextDelta
    pieces: list[str] = []
    choice = 0
    for decoded in read:
        if isinstance(decoded, tuple):
            # Nearly all chunks: text, and nothing to look for.
            events: Iterable[StreamEvent] = (TextDelta(decoded[1], decoded[0].choice),)
            if kind is TextDelta and decoded[0].choice == choice:
                pieces.append(decoded[1])
                continue
        else:
            events = events_of(decoded)
        for event in events:
            if isinstance(event, TextDelta | ReasoningDelta):
                if not isinstance(event, kind) or event.choice != choice:
                    if pieces and (text := "".join(pieces)):
                        yield kind(text, choice)
                    kind, choice, pieces = type(event), event.choice, []
                pieces.append(event.text)
            else:
                if pieces and (text := "".join(pieces)):
                    yield kind(text, choice)
                pieces = []
                yield event
    if pieces and (text := "".join(pieces)):
        yield kind(text, choice)


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
