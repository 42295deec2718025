"""Whether a failed try is worth another, and after how long. Decisions only, no waiting.

A try may be repeated only while nothing of its answer has reached the caller; that is
for the caller of this module to know.

Source: GATEWAY 8 (statuses, Retry-After, x-should-retry).
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Final

import attrs

from kilo_sdk.errors import (
    APIConnectionError,
    APIError,
    APIStatusError,
    APITimeoutError,
    ConfigurationError,
    StreamInterruptedError,
)
from kilo_sdk.retry_after import should_retry_header

__all__ = ["RetryPolicy", "RetryState", "is_retryable", "may_fail_over"]

_RETRYABLE_STATUSES: Final = frozenset({408, 409, 429, 500, 502, 503, 504, *range(520, 530)})
_FAIL_OVER: Final = frozenset({402, 403, 404, *_RETRYABLE_STATUSES})
_RETRYABLE_PHASES: Final = frozenset({"connect", "first_token"})


def _check_wait(_: object, attribute: attrs.Attribute[float], value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
        raise ConfigurationError(
            f"RetryPolicy({attribute.name}={value!r}): accepted are seconds, 0 or more"
        )


def _check_attempts(_: object, attribute: attrs.Attribute[int], value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ConfigurationError(
            f"RetryPolicy({attribute.name}={value!r}): accepted is a whole number from 1, "
            "which counts the first try and means no retry"
        )


@attrs.frozen(slots=True, kw_only=True)
class RetryPolicy:
    """How often and how patiently to try again.

    The wait before try ``n + 1`` is drawn evenly from 0 to
    ``min(wait_max, wait_initial * 2 ** (n - 1))`` ('full jitter'), unless the server names
    one. With the defaults: at most 0.5 s, then at most 1 s.

    Attributes:
        max_attempts: Tries of one model in all, the first included; 1 is no retry.
        wait_initial: Most seconds to wait before the second try.
        wait_max: Most seconds to wait before any try.
        retry_after_max: Most seconds that a server's Retry-After is obeyed; a longer one
            fails at once.
    """

    max_attempts: int = attrs.field(default=3, validator=_check_attempts)
    wait_initial: float = attrs.field(default=0.5, validator=_check_wait)
    wait_max: float = attrs.field(default=8.0, validator=_check_wait)
    retry_after_max: float = attrs.field(default=60.0, validator=_check_wait)


class RetryState:
    """The tries of one model within one call."""

    __slots__ = ("_attempts", "_policy", "_waits")

    def __init__(self, policy: RetryPolicy) -> None:
        self._policy = policy
        self._attempts = 1
        self._waits: Generator[float, None, None] | None = None

    def next_wait(self, error: BaseException, *, is_cut: bool = False) -> float | None:
        """Return the seconds to wait before trying again, or None when it is over.

        Args:
            error: What the try that just ended raised.
            is_cut: Whether it broke off an answer that is gone on with: that can be tried,
                whatever the error.
        """
        policy = self._policy
        if self._attempts >= policy.max_attempts or not (is_cut or is_retryable(error)):
            return None
        self._attempts += 1
        named = error.retry_after if isinstance(error, APIStatusError) else None
        if named is not None:
            return named if named <= policy.retry_after_max else None
        if not policy.wait_initial:
            return 0.0  # an exponential of nothing overflows after a thousand tries
        # Most processes start without a retry: until there is one, this is not imported.
        import backoff

        if self._waits is None:
            self._waits = backoff.expo(factor=policy.wait_initial, max_value=policy.wait_max)
            next(self._waits)  # backoff's generators yield None first
        return float(backoff.full_jitter(next(self._waits)))


def is_retryable(error: BaseException) -> bool:
    """Whether the same request may succeed when it is sent again."""
    if isinstance(error, APIStatusError):
        decided = should_retry_header(error.headers)
        return error.status_code in _RETRYABLE_STATUSES if decided is None else decided
    if isinstance(error, APITimeoutError):
        return error.phase in _RETRYABLE_PHASES
    return isinstance(error, APIConnectionError | StreamInterruptedError)


def may_fail_over(error: APIError) -> bool:
    """Whether another model may succeed where this one, its retries used up, did not."""
    if isinstance(error, APIStatusError) and error.status_code in _FAIL_OVER:
        # What x-should-retry forbids is to ask this model again.
        return True
    return is_retryable(error)
