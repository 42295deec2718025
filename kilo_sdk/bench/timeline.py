"""What happened in each second of a measurement, in sums that can be added up.

Seconds are counted from the beginning of the load, warm-up included, so that the parts of
several generators line up.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import Any, Final

import attrs

from kilo_sdk.bench.record import RequestRecord

__all__ = ["Second", "Timeline"]

_ROUNDED: Final = 9
# No count, time or sum of a measurement comes near it, and it can still be worked with.
_HIGHEST: Final = 1e15


@attrs.define(slots=True)
class Second:
    """One second, of all requests, measured or not.

    Attributes:
        sent: Requests sent in it.
        completed: Whole answers that ended in it.
        failed: Requests that failed in it.
        chunks: Chunks with output that arrived in it.
        tokens: Tokens that arrived in it, each chunk of an answer taken for as many as any.
        ttft_sum: Sum of the TTFT of answers that began in it, in seconds.
        ttft_count: How many those are.
        ttft_max: The greatest.
        itl_sum: Sum of the gaps between chunks that ended in it, in seconds.
        itl_count: How many those are.
        itl_max: The greatest.
    """

    sent: int = 0
    completed: int = 0
    failed: int = 0
    chunks: int = 0
    tokens: float = 0.0
    ttft_sum: float = 0.0
    ttft_count: int = 0
    ttft_max: float = 0.0
    itl_sum: float = 0.0
    itl_count: int = 0
    itl_max: float = 0.0

    def merge(self, other: Second) -> None:
        """Add what another generator saw in the same second."""
        for field in attrs.fields(Second):
            mine, theirs = getattr(self, field.name), getattr(other, field.name)
            joined = max(mine, theirs) if field.name.endswith("_max") else mine + theirs
            setattr(self, field.name, joined)


class Timeline:
    """Seconds by number; those in which nothing happened are not there."""

    def __init__(self) -> None:
        self.seconds: dict[int, Second] = {}

    def add(self, record: RequestRecord, origin: float) -> None:
        """Count a request that has ended.

        Args:
            record: The request.
            origin: When the load began.
        """
        self._at(record.sent - origin).sent += 1
        if record.ended is not None and record.outcome != "unfinished":
            ending = self._at(record.ended - origin)
            if record.outcome == "completed":
                ending.completed += 1
                if not record.arrivals:  # not streamed: all of it came at once
                    ending.tokens += record.tokens
            else:
                ending.failed += 1
        if record.arrivals:
            self._add_arrivals(record, origin)

    def merge(self, other: Timeline) -> None:
        """Add what another generator saw."""
        for number, second in other.seconds.items():
            self.seconds.setdefault(number, Second()).merge(second)

    def to_list(self) -> list[dict[str, Any]]:
        """Return the seconds in order as JSON holds them."""
        return [
            {"second": number}
            | {
                name: round(value, _ROUNDED)
                for name, value in attrs.asdict(self.seconds[number]).items()
            }
            for number in sorted(self.seconds)
        ]

    @staticmethod
    def check_list(stored: list[dict[str, Any]]) -> None:
        """See to it that a list is one that ``to_list`` returned, as far as it is read.

        Raises:
            ValueError: It is not; the message says what is wrong.
        """
        names = ["second", *(field.name for field in attrs.fields(Second))]
        for place, second in enumerate(stored):
            for name in names:
                value = second.get(name)
                if not isinstance(value, int | float) or not 0 <= value < _HIGHEST:
                    raise ValueError(f"{name} of the entry {place} of its timeline is no number")

    def _add_arrivals(self, record: RequestRecord, origin: float) -> None:
        times, outputs = record.arrivals, record.outputs
        first = self._at(times[0] - origin)
        ttft = times[0] - record.intended
        first.ttft_sum += ttft
        first.ttft_count += 1
        first.ttft_max = max(first.ttft_max, ttft)
        chunks = record.chunks
        tokens_per_chunk = record.tokens / chunks
        start = 0
        while start < len(times):
            number = int(times[start] - origin)
            # At least one: where a time is rounded onto the border, no border is found after it.
            end = max(bisect_left(times, origin + number + 1, start), start + 1)
            second = self._at(number)
            count = sum(outputs[start:end])
            second.chunks += count
            second.tokens += count * tokens_per_chunk
            before = max(start - 1, 0)
            second.itl_sum += times[end - 1] - times[before]
            second.itl_count += count - (start == 0)
            stretch = times[before:end]
            if len(stretch) > 1:
                longest = max(map(float.__sub__, stretch[1:], stretch))
                second.itl_max = max(second.itl_max, longest)
            start = end

    def _at(self, offset: float) -> Second:
        return self.seconds.setdefault(max(int(offset), 0), Second())
