"""Hedging: a call whose try is slow is sent once more, and the first to answer is the answer.

Most calls answer soon, a few take many times as long, and asking those again often brings an
answer before the slow one comes. It costs what the try that loses had generated until it was
closed, so it is off until ``hedge_after`` is given.

Source: GATEWAY 5 (closing the connection stops generation).
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Final, Generic, TypeVar

import anyio

from kilo_sdk.attempts import Attempts
from kilo_sdk.errors import (
    APIError,
    APIStatusError,
    APITimeoutError,
    BudgetExceededError,
)
from kilo_sdk.retry import may_fail_over

__all__ = ["hedged"]

T = TypeVar("T")
_log: Final = logging.getLogger("kilo_sdk.hedging")


async def hedged(
    attempts: Attempts,
    answer: Callable[[Attempts], Awaitable[T]],
    drop: Callable[[T], object],
) -> T:
    """Return the answer of a call, or that of a second try where that comes first.

    The second one is a single try of the model that is being asked, sent when a try has been
    under way for the ``hedge_after`` of the call's policy; at most one in a call, none while the
    call waits for its next try, and none where the retry budget or ``max_cost`` does not allow
    it. Whichever loses is cancelled, and its connection closed, before this returns.

    Args:
        attempts: The call.
        answer: Brings the answer of such tries.
        drop: Closes an answer that comes too late.

    Raises:
        APIError: Neither brought an answer, or the call's own tries failed in a way that no
            other could mend; the error is theirs, with the second one's in its notes.
    """
    race = _Race(attempts, answer)
    try:
        async with anyio.create_task_group() as group:
            group.start_soon(race.send_another)
            await race.first.run(answer(attempts))
            if not race.is_open:
                group.cancel_scope.cancel()
        return race.result(drop)
    except BaseException:
        race.drop_all(drop)
        raise


def _meets_both(error: Exception) -> bool:
    """Whether the other try, which has been sent, would meet the same error."""
    if isinstance(error, APIStatusError):
        return not may_fail_over(error)
    if isinstance(error, APITimeoutError):
        return error.phase == "total"
    # A dead line, a broken host: what the other was sent for. Nor does a budget that refuses
    # one more try refuse the one that is on its way.
    return not isinstance(error, APIError | BudgetExceededError)


class _Side(Generic[T]):
    """One of the two who try, and what came of it."""

    def __init__(self, attempts: Attempts) -> None:
        self.attempts = attempts
        self.scope = anyio.CancelScope()
        self.answers: list[T] = []
        self.error: Exception | None = None

    async def run(self, work: Awaitable[T]) -> None:
        with self.scope:
            try:
                self.answers.append(await work)
            except Exception as error:
                self.error = error


class _Race(Generic[T]):
    def __init__(self, attempts: Attempts, answer: Callable[[Attempts], Awaitable[T]]) -> None:
        self._answer = answer
        self.first: _Side[T] = _Side(attempts)
        self.second: _Side[T] | None = None

    @property
    def is_open(self) -> bool:
        """Whether, the first being through, the second may still bring the answer."""
        if self.first.answers or self.second is None:
            return False
        return self.first.error is not None and not _meets_both(self.first.error)

    async def send_another(self) -> None:
        """Wait until another try is due, and let it run."""
        attempts = self.first.attempts
        after = attempts.hedge_after or 0.0
        while (left := attempts.tried_since + after - anyio.current_time()) > 0:  # noqa: ASYNC110
            # Time is what is waited for, and a try that begins meanwhile has all of it before it.
            await anyio.sleep(min(left, after))
        if not attempts.may_hedge():
            return
        _log.info("hedge.sent model=%s after=%.3f", attempts.ref.id, after)
        second = self.second = _Side(attempts.beside(anyio.current_time()))
        await second.run(self._answer(second.attempts))
        if second.answers or not isinstance(second.error, APIError | BudgetExceededError):
            self.first.scope.cancel()

    def drop_all(self, drop: Callable[[T], object]) -> None:
        """Close what came of it: the call itself was given up."""
        for side in self._sides:
            for answer in side.answers:
                drop(answer)

    def result(self, drop: Callable[[T], object]) -> T:
        """Return the answer that came first, or raise; the one that lost is dropped."""
        first, second = self.first, self.second
        winner = first if first.answers or second is None or not second.answers else second
        for side in self._sides:
            if side is not winner:
                for late in side.answers:
                    drop(late)
                side.attempts.lost()
        if winner.answers:
            if winner is second:
                _log.info("hedge.won model=%s", winner.attempts.ref.id)
            return winner.answers[0]
        raise self._failure()

    @property
    def _sides(self) -> list[_Side[T]]:
        return [self.first] if self.second is None else [self.first, self.second]

    def _failure(self) -> Exception:
        # Without an error the first was given up because of the second's.
        error, *others = [side.error for side in self._sides if side.error is not None]
        for other in others:
            error.add_note(f"beside it: {type(other).__name__}: {other}")
        return error
