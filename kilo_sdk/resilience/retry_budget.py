"""RetryBudget: how many retries the calls of a client may make together.

When the gateway is down, every call fails, and a client that tries each of them three times
asks three times as much of what is already on its knees. A bucket of tokens bounds that:
each retry takes one, answers and time put some back, and who finds it empty fails at once.
"""

from __future__ import annotations

from kilo_sdk.errors import APIError, APIStatusError, ConfigurationError

__all__ = ["RetryBudget"]


class RetryBudget:
    """A bucket of retries that all calls of a client, and of its views, share.

    It starts full. A retry takes one out; a wait that the server named
    (``Retry-After``) takes none, for the server expects that retry. With the defaults a
    healthy client never notices it: up to 100 retries may come together, and where fewer than
    one call in six needs one, none is ever refused.

    One object may be given to several clients of one event loop, which then share it.

    Args:
        size: The most retries it holds; ``math.inf`` for no limit, 0 for no retries.
        per_answer: How many an answer puts back.
        per_second: How many a second puts back.

    Raises:
        ConfigurationError: One of them is no number from 0.
    """

    __slots__ = ("_as_of", "_left", "per_answer", "per_second", "size")

    def __init__(
        self, size: float = 100, *, per_answer: float = 0.2, per_second: float = 1.0
    ) -> None:
        given = {"size": size, "per_answer": per_answer, "per_second": per_second}
        for name, value in given.items():
            if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
                raise ConfigurationError(
                    f"RetryBudget({name}={value!r}): accepted is a number of retries, 0 or more"
                )
        self.size = size
        self.per_answer = per_answer
        self.per_second = per_second
        self._left: float = size
        self._as_of: float | None = None

    def __repr__(self) -> str:
        return f"RetryBudget({self.size:g})"

    @property
    def left(self) -> float:
        """How many retries it holds, as of the last time it was asked."""
        return self._left

    @property
    def refusal(self) -> str:
        """What is to be said of a call that was not tried again for want of it."""
        return (
            f"not tried again: the client's retry budget of {self.size:g} is used up, for too many "
            "of its calls fail; see RetryBudget"
        )

    def answered(self) -> None:
        """An answer has begun."""
        if self._left < self.size:
            self._left = min(self.size, self._left + self.per_answer)

    def allows(self, error: APIError, now: float) -> bool:
        """Take out the retry that is due after an error; where there is none, the error says so.

        Args:
            error: What the try that just ended raised.
            now: Seconds on a monotonic clock.
        """
        is_named = isinstance(error, APIStatusError) and error.retry_after is not None
        if is_named or self.take(now):
            return True
        error.add_note(self.refusal)
        return False

    def take(self, now: float) -> bool:
        """Take one retry out; False when there is none.

        Args:
            now: Seconds on a monotonic clock.
        """
        if self._as_of is not None and self._left < self.size:
            refill = max(0.0, now - self._as_of) * self.per_second
            self._left = min(self.size, self._left + refill)
        self._as_of = now
        if self._left < 1:
            return False
        self._left -= 1
        return True
