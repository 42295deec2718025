from __future__ import annotations

import pickle
import random
from decimal import Decimal

import attrs
import pytest
from bench_records import record_of

from kilo_sdk.bench.objectives import Objectives
from kilo_sdk.bench.record import RequestRecord
from kilo_sdk.bench.tally import Tally, Window

WINDOW = Window(origin=0.0, start=1.0, end=3.0)


def records() -> list[RequestRecord]:
    rng = random.Random(7)
    made = []
    for number in range(40):
        start = rng.uniform(0, 3)
        times = sorted(start + rng.uniform(0.1, 2) for _ in range(rng.randint(1, 9)))
        made.append(
            record_of(
                times,
                [rng.randint(1, 3) for _ in times],
                intended=start,
                sent=start + 0.01,
                measured=start >= 1,
                output_tokens=rng.choice([None, 12]),
                cost=Decimal("0.001"),
                outcome="failed" if number % 10 == 3 else "completed",
                error="RateLimitError 429" if number % 10 == 3 else None,
            )
        )
    return made


def test_counts_are_exact() -> None:
    tally = Tally(Objectives.parse("ttft:500ms"))
    tally.add(record_of([0.5, 1.5], [1, 2], intended=0.2, measured=False, retries=1), WINDOW)
    tally.add(
        record_of(
            [1.5, 2.5, 3.5],
            [1, 1, 2],
            intended=1.25,
            sent=1.25,
            output_tokens=8,
            input_tokens=5,
            cached_tokens=3,
            reasoning_tokens=2,
            cost=Decimal("0.25"),
            retries=2,
            tool_calls=3,
        ),
        WINDOW,
    )
    tally.add(
        record_of([], intended=2.0, sent=2.0, ended=2.5, outcome="failed", error="X 500"), WINDOW
    )
    tally.add(record_of([2.5], intended=2.1, sent=2.1, ended=None, outcome="unfinished"), WINDOW)
    counts = tally.counts
    assert (counts.sent_in_all, counts.completed_in_all, counts.failed_in_all) == (4, 2, 1)
    assert (counts.sent, counts.completed, counts.failed, counts.unfinished) == (3, 1, 1, 1)
    assert (counts.good, counts.retries, counts.chunks) == (1, 2, 4)
    assert counts.retries_in_all == 3
    assert (counts.input_tokens, counts.output_tokens) == (5, 8)
    assert (counts.cached_tokens, counts.reasoning_tokens) == (3, 2)
    assert (counts.tool_call_answers, counts.tool_calls) == (1, 3)
    # In the window: two of the first's chunks, half of the second's, the unfinished one's.
    assert (counts.window_chunks, counts.window_tokens) == (5, 2 + 4.0 + 1)
    assert (counts.window_sent, counts.window_completed) == (3, 1)
    assert tally.errors == {"X 500": 1}
    assert tally.cost == Decimal("0.25")
    assert tally.histograms["ttft"].count == 1
    assert tally.histograms["itl"].count == 3
    assert tally.histograms["itl_token"].total == pytest.approx(2.0 * 3 / 7)


def test_bound_by_a_count_the_window_is_what_measured_requests_take() -> None:
    tally = Tally()
    window = Window(origin=0.0, start=0.0)
    tally.add(record_of([5.0, 6.0]), window)
    tally.add(record_of([5.0, 6.0], measured=False), window)
    assert (tally.counts.window_tokens, tally.counts.window_completed) == (2, 1)


def test_parts_merge_into_what_one_would_have_counted() -> None:
    objectives = Objectives.parse("ttft:1s")
    whole, parts = Tally(objectives), [Tally(objectives) for _ in range(3)]
    for number, record in enumerate(records()):
        whole.add(record, WINDOW)
        parts[number % 3].add(record, WINDOW)
    merged = Tally(objectives)
    for part in parts:
        merged.merge(pickle.loads(pickle.dumps(part)))
    for name, histogram in whole.histograms.items():
        assert list(merged.histograms[name].buckets()) == list(histogram.buckets())
    counted, expected = attrs.asdict(merged.counts), attrs.asdict(whole.counts)
    assert counted == {name: pytest.approx(value) for name, value in expected.items()}
    assert (merged.errors, merged.cost) == (whole.errors, whole.cost)
    for mine, theirs in zip(merged.timeline.to_list(), whole.timeline.to_list(), strict=True):
        assert mine == pytest.approx(theirs)
    assert whole.counts.sent_in_all == 40
