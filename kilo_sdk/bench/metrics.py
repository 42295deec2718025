"""What is measured: every metric's name, unit and formula, and its value for one request.

Sans-IO, from records to numbers. ``docs/reference/bench-metrics.md`` says the same to
readers; a test holds the two together. Times in the formulas:

- ``t0``: the intended send time in an open loop, the send time in a closed one. A server
  that stalls delays requests that a closed loop would never have sent; measured from when
  they were due, that delay is in the numbers ('coordinated omission').
- ``t1``, ``tlast``: arrival of the first and the last chunk with output.
- ``tend``: the answer is whole.
- ``N``: output tokens; ``C``: chunks with output.

A chunk arrives when the network read that completes it does; chunks of one read arrive
together, with gaps of 0 between them.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final, Literal, TypeAlias

import attrs

from kilo_sdk.bench.record import RequestRecord

__all__ = [
    "METRICS",
    "Direction",
    "Metric",
    "chunk_gaps",
    "mean_gap",
    "request_values",
    "token_gap_scale",
]

Direction: TypeAlias = Literal["lower", "higher", "neither"]


@attrs.frozen(slots=True)
class Metric:
    """One metric with a distribution.

    Attributes:
        name: How JSON, objectives and options call it.
        title: How people call it.
        unit: ``s``, ``tokens/s`` or ``tokens``.
        formula: What it is for one request, in the terms of this module.
        better: Which way is better.
        resolution: Steps of a histogram per unit.
    """

    name: str
    title: str
    unit: str
    formula: str
    better: Direction = "lower"
    resolution: int = 1_000_000


_ALL: Final = (
    Metric("ttft", "Time to first token", "s", "t1 - t0"),
    Metric("ttfr", "Time to first reasoning token", "s", "first chunk with reasoning - t0"),
    Metric("ttfc", "Time to first content token", "s", "first chunk with content - t0"),
    Metric("itl", "Inter-token latency, per chunk", "s", "each gap between chunks with output"),
    Metric("itl_token", "Inter-token latency, per token", "s", "each gap x (C - 1) / (N - 1)"),
    Metric("tpot", "Time per output token", "s", "(tlast - t1) / (N - 1)"),
    Metric("e2e", "End-to-end latency", "s", "tend - t0"),
    Metric("send_delay", "Send delay of the generator", "s", "sent - intended"),
    Metric(
        "stream_rate",
        "Output tokens per second per stream",
        "tokens/s",
        "N / (tend - t0)",
        "higher",
        1000,
    ),
    Metric(
        "input_tokens",
        "Input tokens per request",
        "tokens",
        "prompt_tokens of the usage",
        "neither",
        1,
    ),
    Metric("output_tokens", "Output tokens per request", "tokens", "N", "neither", 1),
)

METRICS: Final[dict[str, Metric]] = {metric.name: metric for metric in _ALL}
"""Every metric with a distribution, by name, in the order of reports."""


def request_values(record: RequestRecord) -> dict[str, float]:
    """Return the metrics that have one value per request; what is not known is left out.

    Of a request that failed or is unfinished only what the generator itself did is told:
    an answer that broke off would pass for a fast one.
    """
    values = {"send_delay": max(record.sent - record.intended, 0.0)}
    if record.outcome != "completed" or record.ended is None:
        return values
    t0, tokens = record.intended, record.tokens
    elapsed = record.ended - t0
    values["e2e"] = elapsed
    if record.arrivals:
        values["ttft"] = record.arrivals[0] - t0
        if tokens > 1 and record.chunks > 1:
            values["tpot"] = (record.arrivals[-1] - record.arrivals[0]) / (tokens - 1)
    if record.first_reasoning is not None:
        values["ttfr"] = record.first_reasoning - t0
    if record.first_content is not None:
        values["ttfc"] = record.first_content - t0
    if record.input_tokens is not None:
        values["input_tokens"] = record.input_tokens
    if tokens:
        values["output_tokens"] = tokens
        if elapsed > 0:
            values["stream_rate"] = tokens / elapsed
    return values


def chunk_gaps(record: RequestRecord) -> tuple[list[float], int]:
    """Return the gaps between chunks with output.

    Returns:
        The gaps in seconds between network reads, and how many gaps of 0 there are
        besides, between chunks of one read. Together one less than there are chunks.
    """
    gaps = [later - earlier for earlier, later in pairwise(record.arrivals)]
    return gaps, record.chunks - len(record.arrivals)


def mean_gap(record: RequestRecord) -> float | None:
    """Return the mean gap between chunks with output, in seconds; None with less than two."""
    chunks = record.chunks
    return (record.arrivals[-1] - record.arrivals[0]) / (chunks - 1) if chunks > 1 else None


def token_gap_scale(record: RequestRecord) -> float:
    """Return what a gap between chunks is multiplied with to be one between tokens.

    With it the mean gap of a stream is its TPOT; it is 1 where every chunk is a token.
    """
    chunks, tokens = record.chunks, record.tokens
    return (chunks - 1) / (tokens - 1) if tokens > 1 and chunks > 1 else 1.0
