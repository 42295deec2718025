"""The cost of calls that nobody counts and nothing limits, as most are.

Source: GATEWAY 5.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from kilo_sdk.cost.call import CallCost

if TYPE_CHECKING:
    from kilo_sdk.chunk_template import DecodedChunk
    from kilo_sdk.cost.totals import CallRecord
    from kilo_sdk.errors import APIError, BudgetExceededError
    from kilo_sdk.refs import ModelRef
    from kilo_sdk.types.completion import ChatCompletion
    from kilo_sdk.types.wire import WirePayload

__all__ = ["Uncounted"]


class Uncounted(CallCost):
    """Knows prices and remembers nothing: one object for any number of calls.

    Args:
        prices: Where prices are found.
    """

    __slots__ = ()

    def telling(self, on_record: Callable[[CallRecord], object]) -> CallCost:
        """Return the cost of one call, counted after all."""
        return CallCost(self.prices).telling(on_record)

    def beside(self) -> CallCost:
        """Return the cost of a try that runs beside."""
        return self

    def admit(self, asked: ModelRef, payload: WirePayload) -> None:
        """Any request may go."""

    def begin(self) -> None:
        """An answer has begun, which counts for nothing."""

    def watch(self, chunks: Iterable[DecodedChunk]) -> BudgetExceededError | None:
        """No stream has to stop."""

    def settle(self, answer: Callable[[], ChatCompletion] | None = None) -> None:
        """The answer is over; what came of it is not asked for."""

    def settle_cut(self, partial: ChatCompletion) -> None:
        """The answer was cut."""

    def fail(self, error: APIError, *, is_stream: bool) -> None:
        """A try failed."""
