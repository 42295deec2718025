"""A histogram that can be merged without loss, for millions of values.

Counts are kept by HdrHistogram with three significant digits: a percentile is off by at
most 0.1 %, and merging adds counts bucket by bucket, so that parts measured by different
processes give the very histogram that one process would have. Sum, least and greatest are
exact.
"""

from __future__ import annotations

import base64
import math
from collections import Counter
from collections.abc import Iterable
from typing import Any, Final, Self

from kilo_sdk.config.extras import needs_extra

with needs_extra("bench", what="measuring"):
    from hdrh.histogram import HdrHistogram

__all__ = ["Histogram"]

_DIGITS: Final = 3
# An hour in microseconds; what is longer counts as an hour.
_HIGHEST: Final = 3_600_000_000
# The library's record() costs microseconds; a Counter counts in C, and is folded in at times.
_MOST_PENDING: Final = 100_000


class Histogram:
    """Counts values of at least 0.

    Args:
        resolution: Steps per unit: 1,000,000 for seconds told apart by the microsecond.
    """

    __slots__ = ("_buckets", "_counts", "_pending", "maximum", "minimum", "resolution", "total")

    def __init__(self, resolution: int = 1_000_000) -> None:
        self.resolution = resolution
        # Made when the first value is folded in: most metrics of most runs have none.
        self._counts: HdrHistogram | None = None
        self._buckets: list[tuple[float, int]] | None = None
        self._pending: Counter[int] = Counter()
        self.total = 0.0
        """Sum of all values."""
        self.minimum: float | None = None
        """The least value, None without any."""
        self.maximum: float | None = None
        """The greatest value, None without any."""

    def add(self, value: float, count: int = 1) -> None:
        """Count a value ``count`` times."""
        if count > 0:
            self._pending[min(round(value * self.resolution), _HIGHEST)] += count
            self._note(float(value), float(value), value * count)

    def add_all(self, values: list[float]) -> None:
        """Count each value once."""
        if values:
            steps = self.resolution
            self._pending.update([round(value * steps) for value in values])
            self._note(min(values), max(values), sum(values))

    @property
    def count(self) -> int:
        """How many values were counted."""
        return int(self._folded().get_total_count()) if self.minimum is not None else 0

    @property
    def mean(self) -> float | None:
        """The mean, None without values."""
        count = self.count
        return self.total / count if count else None

    def percentile(self, percent: float) -> float | None:
        """Return the value that ``percent`` of all values do not pass; None without any."""
        if self.maximum is None or self.minimum is None:
            return None
        # The nearest rank; the slack keeps 0.9 of 10 from being a hair more than 9.
        rank = max(math.ceil(percent / 100 * self.count - 1e-9), 1)
        for value, count in self.buckets():
            rank -= count
            if rank <= 0:
                return min(max(value, self.minimum), self.maximum)
        return self.maximum

    def buckets(self) -> list[tuple[float, int]]:
        """Return values, in order, and how often each was counted.

        The value of a bucket is the highest that falls into it.
        """
        if self.minimum is None:
            return []
        counts = self._folded()
        if self._buckets is None:
            # The library's own iterators take a call per bucket, of which there are many.
            value_of, highest_of = counts.get_value_from_index, counts.get_highest_equivalent_value
            self._buckets = [
                (highest_of(value_of(index)) / self.resolution, int(count))
                for index, count in enumerate(counts.counts)
                if count
            ]
        return self._buckets

    def merge(self, other: Histogram) -> None:
        """Count all that another histogram of the same resolution has counted."""
        if other.minimum is None or other.maximum is None:
            return
        if other.resolution != self.resolution:
            raise ValueError("histograms of different resolutions cannot be merged")
        self._folded().add(other._folded())
        self._buckets = None
        self._note(other.minimum, other.maximum, other.total)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON holds it; ``hdr`` is HdrHistogram's own compressed format."""
        encoded = self._folded().encode() if self.minimum is not None else b""
        return {
            "resolution": self.resolution,
            "count": self.count,
            "total": self.total,
            "min": self.minimum,
            "max": self.maximum,
            "hdr": encoded.decode("ascii"),
        }

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> Self:
        """Read what ``to_dict`` returned.

        Raises:
            ValueError: It is something else.
        """
        try:
            histogram = cls(int(stored["resolution"]))
            if stored["hdr"]:
                # The library takes text that is no base64 for an empty histogram.
                base64.b64decode(stored["hdr"], validate=True)
                histogram._folded().add(HdrHistogram.decode(stored["hdr"]))
                histogram._note(float(stored["min"]), float(stored["max"]), float(stored["total"]))
        except Exception as exc:
            raise ValueError(f"this is no stored histogram: {type(exc).__name__}") from exc
        return histogram

    def __reduce__(self) -> tuple[Any, ...]:
        # The library's own objects hold arrays of C and do not pickle.
        return type(self).from_dict, (self.to_dict(),)

    @classmethod
    def of(cls, values: Iterable[float], resolution: int = 1_000_000) -> Self:
        """Return the histogram of some values."""
        histogram = cls(resolution)
        histogram.add_all(list(values))
        return histogram

    def _note(self, least: float, greatest: float, total: float) -> None:
        self.total += total
        self.minimum = least if self.minimum is None else min(self.minimum, least)
        self.maximum = greatest if self.maximum is None else max(self.maximum, greatest)
        if len(self._pending) > _MOST_PENDING:
            self._folded()

    def _folded(self) -> HdrHistogram:
        if self._counts is None:
            self._counts = HdrHistogram(1, _HIGHEST, _DIGITS)
        if self._pending:
            record = self._counts.record_value
            for value, count in self._pending.items():
                record(value, count)
            self._pending.clear()
            self._buckets = None
        return self._counts
