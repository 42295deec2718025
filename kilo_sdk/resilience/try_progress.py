"""TryProgress: how the try that is under way stands, for who is told of tries and who hedges.

It notes and tells; what a try is, and what comes after one, is decided in ``attempts``.
"""

from __future__ import annotations

import anyio

from kilo_sdk.errors import APIError
from kilo_sdk.refs import ModelRef
from kilo_sdk.resilience.try_report import OnTry, TryOutcome, TryReport, may_be_billed

__all__ = ["TryProgress"]


class TryProgress:
    """The tries of one call, one after the other.

    Args:
        on_try: Told of each as soon as it is known what came of it; None for nobody.
        is_hedge: Whether they run beside the call's own.

    Attributes:
        under_way: Whether one was sent and nothing has come of it yet.
        answer_began: Whether a response of status 200 has begun in the latest one.
    """

    __slots__ = ("_is_hedge", "_number", "_on_try", "_started", "answer_began", "under_way")

    def __init__(self, on_try: OnTry | None, *, is_hedge: bool = False) -> None:
        self._on_try = on_try
        self._is_hedge = is_hedge
        self._number = 0
        self._started = 0.0
        self.under_way = False
        self.answer_began = False

    @property
    def since(self) -> float:
        """When the one that is under way began; now where none is. Seconds, monotonic."""
        return self._started if self.under_way else anyio.current_time()

    def begin(self, number: int) -> None:
        """The call's request of this number is sent, counted from 1."""
        self._number = number
        self._started = anyio.current_time()
        self.under_way = True
        self.answer_began = False

    def end(
        self,
        ref: ModelRef,
        outcome: TryOutcome,
        error: APIError | None = None,
        *,
        wait: float = 0.0,
        never_sent: bool = False,
    ) -> None:
        """It is known what came of it.

        Args:
            ref: The model that was asked.
            outcome: What it leads to.
            error: Why it failed, where it did.
            wait: Seconds until the next one.
            never_sent: Whether there was no connection to send it over.
        """
        self.under_way = False
        if self._on_try is None:
            return
        billed = error is None or may_be_billed(
            error, answer_began=self.answer_began, never_sent=never_sent
        )
        self._on_try(
            TryReport(
                ref=ref,
                number=self._number,
                outcome=outcome,
                error=error,
                wait=wait,
                seconds=anyio.current_time() - self._started,
                may_be_billed=billed,
                is_hedge=self._is_hedge,
            )
        )
