"""StreamSource: where the chunks of a stream come from, until it has ended.

The shell around ``stream_decoder``: it waits for bytes, tries again while nothing has reached
the caller, and closes the connection on every way out. What the chunks mean is decided by the
decoder, how a caller gets them by ``streaming``, how a cut stream goes on by ``resumption``.

Source: GATEWAY 5.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import anyio

from kilo_sdk.attempts import Attempts
from kilo_sdk.begun_answer import Answer
from kilo_sdk.chunk_template import DecodedChunk
from kilo_sdk.errors import (
    APIConnectionError,
    APIError,
    APITimeoutError,
    BudgetExceededError,
    ConfigurationError,
    ProtocolError,
    StreamError,
    StreamProtocolError,
)
from kilo_sdk.refs import ModelRef
from kilo_sdk.stream_decoder import StreamDecoder
from kilo_sdk.types.completion import ChatCompletion

if TYPE_CHECKING:
    from kilo_sdk.resumption import Resumption

__all__ = ["StreamSource"]

_JSON_TYPES = frozenset({"application/json", "text/json", "application/problem+json"})
_BODY_MAX = 256 * 2**20


class StreamSource:
    """The chunks of one answer, as they come. For one task at a time."""

    # One object for each open stream, looked at for every token.
    __slots__ = (
        "__weakref__",
        "_answered",
        "_attempts",
        "_closed",
        "_completion",
        "_context",
        "_decoder",
        "_delivered",
        "_ended",
        "_entered",
        "_exchange",
        "_has_budget",
        "_has_output",
        "_is_held",
        "_is_json",
        "_opening",
        "_pending",
        "_reading",
        "_resumption",
    )

    def __init__(self, attempts: Attempts, answer: Answer) -> None:
        self._attempts = attempts
        self._has_budget = attempts.cost.is_limited
        # What the latest read brought, another list for each: one that is new is at hand, where one
        # that was kept would have to be fetched for every token. The next chunk stands last.
        self._pending: list[DecodedChunk] = []
        self._delivered = self._answered = self._is_held = False
        self._resumption = _resumption_of(attempts) if attempts.resumes else None
        self._entered = False
        self._reading = False
        self._opening: anyio.CancelScope | None = None
        self._ended = False
        self._closed = False
        self._completion: ChatCompletion | None = None
        self._decoder: StreamDecoder
        self._adopt(answer)

    def _adopt(self, answer: Answer) -> None:
        self._answered = self._has_output = False
        self._exchange = answer.exchange
        self._context = context = answer.context
        self._is_json = context.content_type in _JSON_TYPES
        try:
            self._decoder = (
                self._resumption.decoder(context, self._decoder)
                if self._resumption is not None and self._delivered
                else StreamDecoder(context)
            )
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
        return self._context.ref

    @property
    def request_id(self) -> str | None:
        """The gateway's id of the request, where its response headers name one."""
        return self._context.request_id

    @property
    def continuations(self) -> int:
        """How often the model was asked to go on with what was cut (``resume="continue"``)."""
        return 0 if self._resumption is None else self._resumption.count

    @property
    def partial(self) -> ChatCompletion:
        """What has arrived so far, as a completion of its own."""
        return self._decoder.completion()

    @property
    def closed(self) -> bool:
        """Whether the connection is closed or given back."""
        return self._exchange.closed

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

    async def until_output(self) -> None:
        """Wait for the first chunk with output, or the end; nothing is handed out before.

        Until then what fails is tried again, as before the first chunk. ``hand_out`` comes next.

        Raises:
            APIError: No try brought output.
            BudgetExceededError: A budget does not allow the try that would be next.
        """
        self._is_held = True
        while not self._decoder.has_output and await self._fill():
            pass

    async def until_end(self) -> ChatCompletion:
        """Return the whole answer; nothing is handed out before. ``hand_out`` comes next.

        Raises:
            APIError: No try brought a chunk; or the answer broke off after its first, and it is
                for who asked for the whole of it to try again.
            BudgetExceededError: A budget does not allow the try that would be next.
        """
        self._is_held = True
        while await self._fill():
            self._delivered = True
            self._pending.clear()
        return self._final_completion()

    def hand_out(self) -> None:
        """What ``until_output`` or ``until_end`` waited for reaches the caller."""
        self._is_held = False
        self._deliver()

    def drop(self) -> None:
        """Close the connection at once: nobody will read what came."""
        self._close()

    def _deliver(self) -> None:
        if not (self._answered or self._is_held):
            self._answered = self._delivered = True
            self._attempts.delivered()

    def _final_completion(self) -> ChatCompletion:
        if self._completion is None:
            self._completion = self._decoder.completion()
            self._attempts.remember(self._completion)
        return self._completion

    def _close(self) -> None:
        self._closed = True
        self._exchange.close()
        if self._opening is not None:
            # Another task waits for what nobody will read.
            self._opening.cancel()
        self._settle()

    def _settle(self) -> None:
        self._attempts.cost.settle(self._decoder.completion)

    def _leave(self) -> None:
        """An iteration is over: by itself, or because its caller left it."""
        if not (self._entered or self._ended or self._reading):
            self._close()

    async def _fill(self) -> bool:
        """Wait until chunks are pending; False when the stream has ended well.

        One coroutine from the caller down to aiohttp's reader: each would be as much memory
        again to go through for every token.

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
                decoder, exchange = self._decoder, self._exchange
                broken: APIError | None = None
                exchange.start_wait()
                try:
                    while not (decoder.done or decoder.failure is not None or self._closed):
                        if self._is_json:
                            chunks = decoder.decode_body(await exchange.read_rest(_BODY_MAX))
                        else:
                            try:
                                data = await exchange.content.readany()
                            except BaseException as exc:  # as exchange.read(), in this coroutine
                                data = exchange.left_by(exc)
                            if not data:
                                break
                            chunks = decoder.feed(data)
                        if chunks:
                            self._take(chunks)
                            return True
                        exchange.go_on()
                except (APITimeoutError, APIConnectionError, ProtocolError) as exc:
                    broken = exc
                finally:
                    exchange.stop_wait()
                try:
                    return await self._end(broken)
                except APIError as exc:
                    failure = exc
                await self._open_another(failure)
        except (APIError, BudgetExceededError) as error:
            self._decoder.failure = error
            self._ended = True
            self._close()
            raise
        except BaseException:
            if self._exchange.is_at_home:  # who asks from another loop takes it from nobody
                self._close()
            raise
        finally:
            self._reading = False

    def _take(self, chunks: list[DecodedChunk]) -> None:
        """Keep what a read brought until the caller asks for it."""
        if not self._has_output and self._decoder.has_output:
            self._has_output = True
            self._exchange.output()
        if not self._answered:
            self._deliver()
        if self._has_budget:
            self._watch_cost(chunks)
        self._keep(chunks)

    def _keep(self, chunks: list[DecodedChunk]) -> None:
        """Put chunks behind those that wait to be asked for; the list is no longer its giver's."""
        chunks.reverse()
        if self._pending:
            chunks += self._pending
        self._pending = chunks

    async def _end(self, broken: APIError | None) -> bool:
        """Nothing more will come of this answer: judge it, and give its connection back.

        Args:
            broken: What ended it, where it did not end in good order.

        Returns:
            Whether chunks are pending that middleware had held back; False when it was whole.

        Raises:
            APIError: It is not whole.
            BudgetExceededError: A budget stopped it.
        """
        held = self._judged(broken)
        if held:
            self._keep(held)
            return True
        self._raise_failure()
        self._deliver()
        self._attempts.cost.settle(self._final_completion)
        if self._attempts.pins_provider:
            # The caller may never ask for the completion, and put the answer together alone.
            self._final_completion()
        await self._exchange.finish()
        self._ended = True
        return False

    def _judged(self, broken: APIError | None) -> list[DecodedChunk]:
        """Let the decoder judge what came, and return what middleware had held back."""
        decoder = self._decoder
        if isinstance(broken, APITimeoutError):
            if not decoder.is_whole:
                decoder.failure = broken
            return decoder.end(cause=broken)
        if isinstance(broken, ProtocolError):
            decoder.failure = StreamProtocolError(
                f"{broken.message}; model {self._context.ref.id}",
                model=self._context.ref.id,
                request_id=self._context.request_id,
            )
            return decoder.end()
        if self._closed and not decoder.done and decoder.failure is None:
            # Before this was asked for, or by another task while this one waited.
            self._fail(self._closed_early())
        # Whatever the server's manners: what counts is whether the answer was whole.
        return decoder.end(cause=broken)

    async def _open_another(self, error: APIError) -> None:
        """Wait for the next try's answer, or the rest of this one, unless closed meanwhile."""
        try:
            with anyio.CancelScope() as self._opening:
                await self._recover(error)
                if not self._closed:
                    self._adopt(await (self._resumption or self._attempts).open())
        finally:
            self._opening = None
        if self._closed:
            self._fail(self._closed_early())

    async def _recover(self, error: APIError) -> None:
        """Wait until another try is due, or the rest of the answer, or raise the error."""
        if self._attempts.permit is not None:
            # Also where nothing is asked again: the other calls are to know.
            self._attempts.permit.refused(error)
        # Also where its body is at its end: it holds its place among the limits until then.
        self._exchange.close()
        if not self._delivered:
            # Nothing has reached the caller: this try never happened.
            self._pending.clear()
            await self._attempts.recover(error)
        elif self._resumption is None or self._closed:
            raise error
        else:
            await self._resumption.recover(error, self._decoder)

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
            f"the stream was closed before its end; model {self._context.ref.id}",
            model=self._context.ref.id,
            request_id=self._context.request_id,
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


def _resumption_of(attempts: Attempts) -> Resumption:
    # Imported where it was asked for: most processes let no stream go on.
    from kilo_sdk.resumption import Resumption

    return Resumption(attempts)
