"""What was measured, added up: histograms, counts and seconds that merge without loss.

A generator feeds a tally one finished request at a time; the tallies of several generators
or repetitions are merged into one, which is the one that a single generator would have.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from decimal import Decimal
from typing import Final

import attrs

from kilo_sdk.bench.histogram import Histogram
from kilo_sdk.bench.metrics import METRICS, chunk_gaps, request_values, token_gap_scale
from kilo_sdk.bench.objectives import Objectives
from kilo_sdk.bench.record import RequestRecord
from kilo_sdk.bench.timeline import Timeline

__all__ = ["Counts", "Tally", "Window"]


@attrs.define(slots=True)
class Window:
    """The span that is measured, seconds on the monotonic clock.

    Attributes:
        origin: When the load began, warm-up included.
        start: When measuring began.
        end: When it ended; None while that is not known.
    """

    origin: float
    start: float
    end: float | None = None

    def holds(self, time: float) -> bool:
        """Whether a time lies in it."""
        return self.start <= time and (self.end is None or time < self.end)


@attrs.define(slots=True)
class Counts:
    """What was counted. All but the first four are of measured requests alone.

    Attributes:
        sent_in_all: Requests sent, in warm-up and cool-down too.
        completed_in_all: Whole answers among them.
        failed_in_all: Failures among them.
        retries_in_all: Tries after the first, of all of them.
        sent: Requests.
        completed: Whole answers.
        failed: Failures.
        unfinished: Given up when the run ended.
        retries: Tries after the first.
        good: Requests that meet the objectives.
        chunks: Chunks with output.
        tokens_by_usage: Answers whose tokens the upstream counted.
        tokens_by_chunks: Answers whose tokens are our count of chunks.
        input_tokens: Of the prompts of whole answers, where told.
        output_tokens: Of whole answers.
        reasoning_tokens: Of the reasoning in them, where told.
        cached_tokens: Of their prompts, taken from a cache, where told.
        tool_call_answers: Whole answers that call a tool.
        tool_calls: Tool calls of them.
        window_sent: Requests that were sent in the window.
        window_completed: Whole answers that ended in the window, measured or not.
        window_tokens: Output tokens that arrived in it.
        window_chunks: Chunks with output that arrived in it.
    """

    sent_in_all: int = 0
    completed_in_all: int = 0
    failed_in_all: int = 0
    retries_in_all: int = 0
    sent: int = 0
    completed: int = 0
    failed: int = 0
    unfinished: int = 0
    retries: int = 0
    good: int = 0
    chunks: int = 0
    tokens_by_usage: int = 0
    tokens_by_chunks: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    cached_tokens: int = 0
    tool_call_answers: int = 0
    tool_calls: int = 0
    window_sent: int = 0
    window_completed: int = 0
    window_tokens: float = 0.0
    window_chunks: int = 0


_USAGE_FIELDS: Final = ("input_tokens", "reasoning_tokens", "cached_tokens")


class Tally:
    """Everything that is known of a measurement but how long it took.

    Args:
        objectives: What makes a request good, or None.
    """

    def __init__(self, objectives: Objectives | None = None) -> None:
        self.objectives = objectives
        self.histograms = {name: Histogram(metric.resolution) for name, metric in METRICS.items()}
        self.counts = Counts()
        self.errors: Counter[str] = Counter()
        """Measured failures by class and status."""
        self.cost: Decimal | None = None
        """US dollars, as far as answers told; None where none did."""
        self.timeline = Timeline()

    def add(self, record: RequestRecord, window: Window) -> None:
        """Count a request that has ended, in whatever way."""
        counts = self.counts
        counts.sent_in_all += 1
        counts.completed_in_all += record.outcome == "completed"
        counts.failed_in_all += record.outcome == "failed"
        counts.retries_in_all += record.retries
        self.timeline.add(record, window.origin)
        self._add_to_window(record, window)
        if record.measured:
            self._add_measured(record)

    def merge(self, other: Tally) -> None:
        """Add what another tally has counted."""
        for name, histogram in self.histograms.items():
            histogram.merge(other.histograms[name])
        for field in attrs.fields(Counts):
            mine = getattr(self.counts, field.name)
            setattr(self.counts, field.name, mine + getattr(other.counts, field.name))
        self.errors.update(other.errors)
        self.timeline.merge(other.timeline)
        self._spend(other.cost)

    def _add_measured(self, record: RequestRecord) -> None:
        counts = self.counts
        counts.sent += 1
        counts.retries += record.retries
        for name, value in request_values(record).items():
            self.histograms[name].add(value)
        if record.outcome == "unfinished":
            counts.unfinished += 1
            return
        if record.outcome == "failed":
            counts.failed += 1
            self.errors[record.error or "unknown"] += 1
            return
        counts.completed += 1
        counts.chunks += record.chunks
        counts.output_tokens += record.tokens
        if record.token_source == "usage":  # noqa: S105 - a word, no secret
            counts.tokens_by_usage += 1
        else:
            counts.tokens_by_chunks += 1
        counts.tool_call_answers += record.tool_calls > 0
        counts.tool_calls += record.tool_calls
        for name in _USAGE_FIELDS:
            setattr(counts, name, getattr(counts, name) + (getattr(record, name) or 0))
        self._spend(record.cost)
        if self.objectives is not None:
            counts.good += self.objectives.met_by(record)
        self._add_gaps(record)

    def _add_gaps(self, record: RequestRecord) -> None:
        gaps, zeros = chunk_gaps(record)
        scale = token_gap_scale(record)
        for name in ("itl", "itl_token"):
            histogram = self.histograms[name]
            histogram.add_all(gaps)
            histogram.add(0.0, zeros)
            if scale != 1.0:
                gaps = [gap * scale for gap in gaps]

    def _add_to_window(self, record: RequestRecord, window: Window) -> None:
        counts = self.counts
        if window.end is None and not record.measured:
            return  # bound by a count: the window is what the measured requests take
        counts.window_sent += window.holds(record.sent)
        if record.outcome == "completed" and record.ended is not None:
            ended_inside = window.holds(record.ended)
            counts.window_completed += ended_inside
            if not record.arrivals:  # not streamed: all of it came at once
                counts.window_tokens += record.tokens * ended_inside
        if not record.arrivals:
            return
        start = bisect_left(record.arrivals, window.start)
        end = len(record.arrivals)
        if window.end is not None:
            end = bisect_left(record.arrivals, window.end)
        chunks = sum(record.outputs[start:end])
        counts.window_chunks += chunks
        counts.window_tokens += chunks * record.tokens / record.chunks

    def _spend(self, cost: Decimal | None) -> None:
        if cost is not None:
            self.cost = cost if self.cost is None else self.cost + cost
