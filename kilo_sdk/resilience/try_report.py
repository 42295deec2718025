"""TryReport: what came of one try of a call, for whoever wants to count or log it.

Values and a plain decision; who is told, and when, is for ``attempts``.

Source: GATEWAY 8 (statuses), GATEWAY 5 (what is generated is billed until the connection
closes).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Literal, TypeAlias

import attrs

from kilo_sdk.errors import APIConnectionError, APIError, APIStatusError, APITimeoutError
from kilo_sdk.refs import ModelRef
from kilo_sdk.types.usage import Usage

__all__ = ["OnTry", "TryOutcome", "TryReport", "may_be_billed"]

TryOutcome: TypeAlias = Literal[
    "answered", "retry", "new_key", "next_model", "continue", "failed", "lost"
]
"""What a try led to.

``answered``: its answer has reached the caller, or its first chunk has. ``retry``: it is
repeated after ``wait``. ``new_key``: repeated with another key. ``next_model``: the next of
the fallback models is asked. ``continue``: its stream was cut after it had ``answered``, and the
model is asked to go on (``resume``). ``failed``: it is not repeated; the error is the caller's,
unless a try that runs beside it answers. ``lost``: another try that ran beside it was the first to
answer.
"""

# What stands in front of the gateway says so when it has not reached it.
_NOT_REACHED: Final = frozenset({503, 521, 522, 523, 525, 526, 529})


@attrs.frozen(slots=True, kw_only=True)
class TryReport:
    """What came of one try.

    Attributes:
        ref: The model that was asked.
        number: Which request of the call it was, from 1.
        outcome: What it led to.
        error: Why it failed; None where it did not.
        wait: Seconds until the next try; 0.0 where that follows at once, or not at all.
        seconds: From the start of the try until it was known what came of it.
        may_be_billed: Whether it may be on the bill. False only where that is certain: no
            connection, or a refusal before anything was generated.
        is_hedge: Whether it ran beside a try that was slow (``hedge_after``).
    """

    ref: ModelRef
    number: int
    outcome: TryOutcome
    error: APIError | None = None
    wait: float = 0.0
    seconds: float = 0.0
    may_be_billed: bool = True
    is_hedge: bool = False

    @property
    def reason(self) -> str | None:
        """Why it failed in two words, fit for a metric: ``status 503``, ``timeout idle``.

        An error of another kind gives the name of its class; None where it did not fail.
        """
        error = self.error
        if error is None:
            return None
        if isinstance(error, APIStatusError) and error.status_code is not None:
            return f"status {error.status_code}"
        if isinstance(error, APITimeoutError):
            return f"timeout {error.phase}"
        return type(error).__name__


OnTry: TypeAlias = Callable[[TryReport], object]
"""Called with each try's report, from the task of the call; what it returns is not looked at."""


def may_be_billed(error: APIError, *, answer_began: bool, never_sent: bool) -> bool:
    """Whether a try that failed may be on the bill all the same.

    Args:
        error: How it failed.
        answer_began: Whether a response of status 200 had begun.
        never_sent: Whether there was no connection to send it over.
    """
    if isinstance(error, APIStatusError):
        body = error.body if isinstance(error.body, dict) else None
        if body is not None and Usage.of(body) is not None:
            return True
        status = error.status_code or 0
        if status in _NOT_REACHED or (400 <= status < 500 and status != 408):
            return False
        # A refusal in the gateway's own words has generated nothing; a proxy that waited in
        # vain does not know what was done behind it.
        return answer_began or status in (408, 504, 520, 524) or body is None
    if isinstance(error, APIConnectionError):
        return not never_sent
    return True
