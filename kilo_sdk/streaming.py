"""CompletionStream: a stream as its caller sees it.

The shell around ``answers.StreamDecoder``: it waits for bytes, retries while nothing has
reached the caller, closes the connection on every way out, and hands out what was decoded
as chunks, text or events. What the chunks mean is decided elsewhere.

Source: GATEWAY 5.
"""

from __future__ import annotations

import warnings
from collections import deque
from collections.abc import AsyncGenerator
from types import TracebackType
from typing import Self

from kilo_sdk.answers import AnswerContext
from kilo_sdk.attempts import Answer, Attempts
from kilo_sdk.chunk_template import DecodedChunk, chunk_of, text_of, wire_of
from kilo_sdk.cost.prices import PriceList
from kilo_sdk.errors import (
    APIConnectionError,
    APIError,
    APITimeoutError,
    BudgetExceededError,
    ConfigurationError,
    StreamError,
)
from kilo_sdk.refs import ModelRef
from kilo_sdk.stream_decoder import StreamDecoder
from kilo_sdk.stream_events import events_of, events_of_read, final_events
from kilo_sdk.types.chunk import CompletionChunk
from kilo_sdk.types.completion import ChatCompletion
from kilo_sdk.types.events import StreamEvent

__all__ = ["CompletionStream", "answer_context"]

_JSON_TYPES = frozenset({"application/json", "text/json", "application/problem+json"})
_BODY_MAX = 256 * 2**20


class CompletionStream:
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

    def __init__(self, attempts: Attempts, answer: Answer) -> None:
        self._attempts = attempts
        self._pending: deque[DecodedChunk] = deque()
        self._delivered = False
        self._entered = False
        self._reading = False
        self._ended = False
        self._closed = False
        self._completion: ChatCompletion | None = None
        self._adopt(answer)

    def _adopt(self, answer: Answer) -> None:
        self._answer = answer
        self._exchange = answer.exchange
        self._is_json = answer.exchange.content_type in _JSON_TYPES
        try:
            self._decoder = StreamDecoder(answer_context(answer, self._attempts.cost.prices))
        except BaseException:
            # A response middleware would not serve this answer: nobody will read it.
            self._exchange.close()
            self._attempts.cost.settle()
            raise
        if self._closed:
            # Closed while the next try was on its way: nobody waits for its answer.
            self._exchange.close()

    @property
    def model_ref(self) -> ModelRef:
        """The model that answers; with fallback models, which one."""
        return self._answer.ref

    @property
    def request_id(self) -> str | None:
        """The gateway's id of the request, where its response headers name one."""
        return self._answer.request_id

    @property
    def partial(self) -> ChatCompletion:
        """What has arrived so far, as a completion of its own."""
        return self._decoder.completion()

    @property
    def closed(self) -> bool:
        """Whether the connection is closed or given back."""
        return self._exchange.closed

    def __aiter__(self) -> AsyncGenerator[CompletionChunk, None]:
        """Iterate over the chunks that are left."""
        return self._iterate_chunks()

    async def __anext__(self) -> CompletionChunk:
        """Return the next chunk."""
        if not self._pending and not await self._fill():
            raise StopAsyncIteration
        return chunk_of(self._pending.popleft())

    async def _iterate_chunks(self) -> AsyncGenerator[CompletionChunk, None]:
        pending = self._pending
        try:
            while pending or await self._fill():
                yield chunk_of(pending.popleft())
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
        pending = self._pending
        try:
            while pending or await self._fill():
                if coalesce:
                    text = "".join([text_of(decoded, choice) for decoded in pending])
                    pending.clear()
                else:
                    text = text_of(pending.popleft(), choice)
                if text:
                    yield text
        finally:
            self._leave()

    async def batches(self) -> AsyncGenerator[list[DecodedChunk], None]:
        """Iterate over what each network read brought, for who counts and does not read.

        Nothing is made of the chunks; ``kilo_sdk.chunk_template`` says what they hold.
        """
        pending = self._pending
        try:
            while pending or await self._fill():
                batch = list(pending)
                pending.clear()
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
        pending = self._pending
        try:
            while pending or await self._fill():
                if coalesce:
                    read = list(pending)
                    pending.clear()
                    for event in events_of_read(read):
                        yield event
                else:
                    for event in events_of(wire_of(pending.popleft())):
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
        while await self._fill():
            self._pending.clear()
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

    def __del__(self) -> None:
        exchange = getattr(self, "_exchange", None)
        if exchange is not None and not exchange.closed:
            exchange.close()
            warnings.warn(
                f"{self!r} was dropped before its end; iterate it to the end, close it, or use "
                "it with 'async with'",
                ResourceWarning,
                stacklevel=2,
                source=self,
            )
        if hasattr(self, "_decoder"):
            self._settle()

    def __repr__(self) -> str:
        state = "ended" if self._ended else "closed" if self.closed else "open"
        return f"<CompletionStream {self._answer.ref.id} {state}>"

    def _final_completion(self) -> ChatCompletion:
        if self._completion is None:
            self._completion = self._decoder.completion()
            self._attempts.remember(self._completion)
        return self._completion

    def _close(self) -> None:
        self._closed = True
        self._exchange.close()
        self._settle()

    def _settle(self) -> None:
        self._attempts.cost.settle(self._decoder.completion)

    def _leave(self) -> None:
        """An iteration is over: by itself, or because its caller left it."""
        if not (self._entered or self._ended or self._reading):
            self._close()

    async def _fill(self) -> bool:
        """Wait until chunks are pending; False when the stream has ended well.

        Raises:
            APIError: It has not.
            BudgetExceededError: A budget stopped it.
        """
        if self._ended:
            self._raise_failure()
            return False
        if self._reading:
            raise ConfigurationError(
                "two tasks read one stream; let one read and pass on what the others need"
            )
        self._reading = True
        try:
            while True:
                try:
                    return await self._read_chunks()
                except APIError as error:
                    if self._delivered:
                        raise
                    # Nothing has reached the caller: this try never happened.
                    await self._attempts.recover(error)
                if self._closed:
                    self._fail(self._closed_early())
                self._adopt(await self._attempts.open())
        except (APIError, BudgetExceededError) as error:
            self._decoder.failure = error
            self._ended = True
            self._close()
            raise
        except BaseException:
            self._close()
            raise
        finally:
            self._reading = False

    async def _read_chunks(self) -> bool:
        decoder, exchange, clocks = self._decoder, self._exchange, self._attempts.clocks
        cost = self._attempts.cost
        if self._closed and decoder.failure is None and not decoder.done:
            self._fail(self._closed_early())
        exchange.start_wait()
        try:
            while decoder.failure is None and not decoder.done:
                if self._is_json:
                    chunks = decoder.decode_body(await exchange.read_rest(_BODY_MAX))
                else:
                    data = await exchange.read()
                    if not data:
                        break
                    chunks = decoder.feed(data)
                    if not chunks:
                        exchange.go_on()
                if chunks:
                    if not clocks.output_seen and decoder.has_output:
                        clocks.output()
                    self._pending.extend(chunks)
                    if not self._delivered:
                        self._delivered = True
                        self._attempts.delivered()
                    if cost.is_limited:
                        self._watch_cost(chunks)
                    return True
        except APITimeoutError as error:
            if not decoder.is_whole:
                decoder.failure = error
            held = decoder.end(cause=error)
        except APIConnectionError as error:
            if self._closed:
                # By another task, while this one waited.
                self._fail(self._closed_early())
            # Whatever the server's manners: what counts is whether the answer was whole.
            held = decoder.end(cause=error)
        else:
            held = decoder.end()
        finally:
            exchange.stop_wait()
        if held:
            self._pending.extend(held)
            return True
        self._raise_failure()
        if not self._delivered:
            self._attempts.delivered()
        cost.settle(self._final_completion)
        if self._attempts.pins_provider:
            # The caller may never ask for the completion, and put the answer together alone.
            self._final_completion()
        await exchange.finish()
        self._ended = True
        return False

    def _watch_cost(self, chunks: list[DecodedChunk]) -> None:
        """Stop generation once a budget is passed; what has come is handed out first."""
        stop = self._attempts.cost.watch(chunks)
        decoder = self._decoder
        # An answer that is whole costs what it costs: there is nothing left to stop.
        if stop is not None and decoder.failure is None and not decoder.is_whole:
            decoder.failure = stop
            self._close()

    def _closed_early(self) -> StreamError:
        return StreamError(
            f"the stream was closed before its end; model {self._answer.ref.id}",
            model=self._answer.ref.id,
            request_id=self._answer.request_id,
        )

    def _fail(self, failure: APIError) -> None:
        self._decoder.failure = failure
        self._raise_failure()

    def _raise_failure(self) -> None:
        failure = self._decoder.failure
        if failure is not None:
            if failure.partial is None and (
                self._decoder.started or isinstance(failure, StreamError)
            ):
                self._decoder.end()  # what middleware still holds back came as well
                failure.partial = self._decoder.completion()
            raise failure


def answer_context(answer: Answer, prices: PriceList) -> AnswerContext:
    """Return what decoding needs to know of an answer."""
    return AnswerContext(
        transport=answer.route.transport,
        response_chain=answer.route.response_chain,
        ref=answer.ref,
        request_id=answer.request_id,
        headers=answer.exchange.headers,
        content_type=answer.exchange.content_type,
        prices=prices,
    )
