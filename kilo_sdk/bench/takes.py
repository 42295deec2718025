"""Measurements that are named alike: the same model under the same load, more than once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from kilo_sdk.bench.report import Measurement

__all__ = ["numbered"]


def numbered(measurements: Iterable[Measurement]) -> Iterator[tuple[int, Measurement]]:
    """Iterate over measurements, each with which one it is of its model and load, from 1.

    A load may be given twice, and a sweep and the knee both begin with one request at a time.
    """
    seen: Counter[tuple[str, str]] = Counter()
    for one in measurements:
        seen[one.model, one.load] += 1
        yield seen[one.model, one.load], one
