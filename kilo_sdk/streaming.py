"""CompletionStream: a stream as its caller sees it.

It hands out what was decoded as chunks, text or events. Where the chunks come from, and what
happens when they do not, is ``stream_source``'s part.

Source: GATEWAY 5.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from types import TracebackType
from typing import TYPE_CHECKING, Self

from kilo_sdk.chunk_template import DecodedChunk, chunk_of, text_of, wire_of
from kilo_sdk.stream_source import StreamSource
from kilo_sdk.types.chunk import CompletionChunk
from kilo_sdk.types.completion import ChatCompletion

if TYPE_CHECKING:
    from kilo_sdk.types.events import StreamEvent

__all__ = ["CompletionStream"]


class CompletionStream(StreamSource):
    """An answer that is still being written.

    Iterate it for ``CompletionChunk``, or use ``text_deltas()`` or ``events()``; then
    ``get_final_completion()`` has the whole. All of them continue where the last one
    stopped. Use it with ``async with``: leaving the block, in whatever way, closes the
    connection at once, which stops generation and what it costs. Without the block a
    stream closes when it ends, when an iteration over it is left early, when the task
    that waits for it is cancelled, or with ``close()``.

    Errors are raised where they happen in the order of the stream: every chunk that came
    before one has been handed out by then. Raising again gives the same error.

    For one task at a time; a second one that reads meanwhile gets a ``ConfigurationError``.
    """

    __slots__ = ()

    def __aiter__(self) -> AsyncGenerator[CompletionChunk, None]:
        """Iterate over the chunks that are left."""
        return self._iterate_chunks()

    async def __anext__(self) -> CompletionChunk:
        """Return the next chunk."""
        if not self._pending and not await self._fill():
            raise StopAsyncIteration
        return chunk_of(self._pending.pop())

    async def _iterate_chunks(self) -> AsyncGenerator[CompletionChunk, None]:
        try:
            while self._pending or await self._fill():
                pending = self._pending
                while pending:
                    decoded = pending.pop()
                    # As chunk_of does, whose call is a part of what a chunk costs.
                    if isinstance(decoded, tuple):
                        yield decoded[0].chunk(decoded[1])
                    else:
                        yield CompletionChunk.from_wire(decoded)
        finally:
            self._leave()

    async def text_deltas(
        self, *, coalesce: bool = False, choice: int = 0
    ) -> AsyncGenerator[str, None]:
        """Iterate over the text of one choice, never an empty piece.

        Args:
            coalesce: Join what one network read brought into one string. Fewer, larger
                pieces; the text is the same.
            choice: Which of the ``n`` choices.
        """
        try:
            while self._pending or await self._fill():
                pending = self._pending
                if coalesce:
                    text = "".join([text_of(decoded, choice) for decoded in reversed(pending)])
                    pending.clear()
                    if text:
                        yield text
                while pending:
                    text = text_of(pending.pop(), choice)
                    if text:
                        yield text
        finally:
            self._leave()

    async def batches(self) -> AsyncGenerator[list[DecodedChunk], None]:
        """Iterate over what each network read brought, for who counts and does not read.

        Nothing is made of the chunks; ``kilo_sdk.chunk_template`` says what they hold.
        """
        try:
            while self._pending or await self._fill():
                batch = self._pending[::-1]
                self._pending.clear()
                yield batch
        finally:
            self._leave()

    async def events(self, *, coalesce: bool = False) -> AsyncGenerator[StreamEvent, None]:
        """Iterate over typed events: text, reasoning, tool calls, usage, the end.

        ``ToolCallDone`` comes only when the stream has ended well, so that no tool is
        called with half its arguments; ``Finished`` comes last.

        Args:
            coalesce: Join neighbouring text, and neighbouring reasoning, that one network
                read brought. Fewer, larger events; what they say is the same.
        """
        # Their classes take longer to import than all else that a stream needs.
        from kilo_sdk.stream_events import events_of, events_of_read, final_events

        try:
            while self._pending or await self._fill():
                if coalesce:
                    read = self._pending[::-1]
                    self._pending.clear()
                    for event in events_of_read(read):
                        yield event
                else:
                    for event in events_of(wire_of(self._pending.pop())):
                        yield event
            for event in final_events(
                self._final_completion(), self._decoder.finished_tool_calls()
            ):
                yield event
        finally:
            self._leave()

    async def get_final_completion(self) -> ChatCompletion:
        """Read what is left and return the whole answer.

        Returns:
            The same object each time.

        Raises:
            APIError: The stream ended badly; the error has what came as ``partial``.
        """
        self._pending.clear()
        while await self._fill():
            self._pending.clear()
        return self._final_completion()

    async def close(self) -> None:
        """Close the connection at once. Closing twice is fine."""
        self._close()

    async def __aenter__(self) -> Self:
        self._entered = True
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._close()

    def __repr__(self) -> str:
        state = "ended" if self._ended else "closed" if self.closed else "open"
        return f"<CompletionStream {self._context.ref.id} {state}>"
