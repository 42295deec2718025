"""Resumption: goes on with a stream that was cut after something of it had reached the caller.

A shell: ``continuation`` says whether and with what, ``attempts`` waits and sends, ``seam`` joins.

Source: GATEWAY 5 (a stream that ends with neither ``[DONE]`` nor a finish_reason was cut).
"""

from __future__ import annotations

import attrs

from kilo_sdk.answers import AnswerContext
from kilo_sdk.attempts import Attempts
from kilo_sdk.begun_answer import Answer
from kilo_sdk.continuation import continue_from, is_cut
from kilo_sdk.errors import APIError, ConfigurationError, KiloError
from kilo_sdk.seam import Seam
from kilo_sdk.stream_decoder import StreamDecoder
from kilo_sdk.transports.base import CompletionCall

__all__ = ["Resumption"]


@attrs.frozen(slots=True)
class _UnderWay:
    """A continuation that was asked for.

    Attributes:
        cut: What it is to mend.
        seam: Joins it on.
    """

    cut: APIError
    seam: Seam


class Resumption:
    """The continuations of one stream. For one task at a time."""

    __slots__ = ("_attempts", "_call", "_had", "_under_way", "count")

    def __init__(self, attempts: Attempts) -> None:
        self._attempts = attempts
        self._call: CompletionCall | None = None
        self._under_way: _UnderWay | None = None
        self._had = 0  # characters, when the last continuation was asked for
        self.count = 0
        """How many continuations were asked for."""

    async def recover(self, error: APIError, decoder: StreamDecoder) -> None:
        """Wait until the rest of the answer is to be asked for.

        Args:
            error: Why the stream broke off.
            decoder: What decoded it.

        Raises:
            APIError: The error, where the answer cannot be gone on with; of a cut, a note
                says why. Or the cut that a continuation was to mend, where that failed.
        """
        under_way = self._under_way
        if under_way is not None and (under_way.seam.failed or not decoder.started):
            # What came is no continuation, or none has come: that try never happened.
            try:
                await self._attempts.recover(error)
            except APIError as failure:
                raise _given_up(under_way.cut, failure) from under_way.cut.__cause__
            return
        if not is_cut(error):
            raise error
        call, route = self._attempts.candidate
        if self._call is None:
            self._call = call
        partial = error.partial or decoder.completion()
        planned = continue_from(partial, self._call, route.transport)
        if isinstance(planned, str):
            error.add_note(f"not resumed: {planned}")
            raise error
        had, self._had = self._had, len(partial.text)
        self._attempts.cost.settle_cut(partial)
        await self._attempts.go_on(planned.call, error, progressed=self._had > had)
        self._under_way = _UnderWay(error, planned.seam)
        self.count += 1

    async def open(self) -> Answer:
        """Ask for what is due, again where that may help, until an answer begins.

        Raises:
            APIError: No try brought one. While the rest of an answer is asked for that is the
                cut, with a note of what the last try met, or why there was none.
            BudgetExceededError: Before anything of the answer had come, a budget.
            ConfigurationError: The client was closed; or before anything had come the request
                cannot be built or sent.
        """
        try:
            return await self._attempts.open()
        except KiloError as failure:
            is_over = self._attempts.connections.lifetime.over
            if self._under_way is None or (is_over and isinstance(failure, ConfigurationError)):
                raise
            cut = self._under_way.cut
            raise _given_up(cut, failure) from cut.__cause__

    def decoder(self, context: AnswerContext, before: StreamDecoder) -> StreamDecoder:
        """Return what decodes the answer that is due, after what decoded the one before."""
        if self._under_way is None:
            return StreamDecoder(context)
        return before.continued(context, self._under_way.seam)


def _given_up(cut: APIError, failure: KiloError) -> APIError:
    """Return the cut that could not be mended, with what stood in the way."""
    cut.add_note(f"not resumed: {type(failure).__name__}: {failure}")
    for note in getattr(failure, "__notes__", ()):
        cut.add_note(note)
    return cut
