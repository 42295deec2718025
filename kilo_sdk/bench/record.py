"""One request as the load generator saw it: times and counts, and nothing computed.

While a stream runs, a time is appended per network read and a count beside it; what the
times mean is worked out in ``metrics`` once the stream has ended.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Literal, TypeAlias

import attrs

__all__ = ["Outcome", "RequestRecord", "TokenSource"]

Outcome: TypeAlias = Literal["completed", "failed", "unfinished"]
"""A whole answer came; an error came instead; the run ended while it was under way."""

TokenSource: TypeAlias = Literal["usage", "chunks"]
"""Whose count of tokens it is: the upstream's, or ours of the chunks with output."""


@attrs.define(slots=True, kw_only=True)
class RequestRecord:
    """What is kept of one request. Times are seconds on the monotonic clock.

    Attributes:
        intended: When it was due by the schedule; in a closed loop, when it was sent.
        sent: When it was handed to the client.
        ended: When the answer was whole, or failed; None while it runs.
        arrivals: When each network read with output arrived, in order.
        outputs: How many chunks with output each of them brought; as long as ``arrivals``.
        first_reasoning: Arrival of the first chunk with reasoning.
        first_content: Arrival of the first chunk with text, a refusal or a tool call.
        outcome: How it ended.
        error: Class of the error and status, such as ``RateLimitError 429``, or None.
        retries: Tries after the first.
        input_tokens: Of the prompt, as the upstream counts; None where it does not tell.
        output_tokens: Of the answer, reasoning among them, likewise.
        reasoning_tokens: Of the reasoning, likewise.
        cached_tokens: Of the prompt, taken from a cache, likewise.
        cost: US dollars, likewise.
        tool_calls: Tool calls of the answer.
        measured: Whether it counts: not in warm-up, not in cool-down.
    """

    intended: float
    sent: float
    ended: float | None = None
    arrivals: list[float] = attrs.field(factory=list)
    outputs: list[int] = attrs.field(factory=list)
    first_reasoning: float | None = None
    first_content: float | None = None
    outcome: Outcome = "unfinished"
    error: str | None = None
    retries: int = 0
    input_tokens: int | None = None
    output_tokens: int | None = None
    reasoning_tokens: int | None = None
    cached_tokens: int | None = None
    cost: Decimal | None = None
    tool_calls: int = 0
    measured: bool = True

    @property
    def chunks(self) -> int:
        """Chunks with output."""
        return sum(self.outputs)

    @property
    def tokens(self) -> int:
        """Output tokens: the upstream's count, else one per chunk with output."""
        return self.chunks if self.output_tokens is None else self.output_tokens

    @property
    def token_source(self) -> TokenSource:
        """Where ``tokens`` comes from."""
        return "chunks" if self.output_tokens is None else "usage"
