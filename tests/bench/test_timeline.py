from __future__ import annotations

import math

import pytest
from bench_records import record_of

from kilo_sdk.bench.timeline import Second, Timeline


def test_seconds_say_what_happened_in_them() -> None:
    timeline = Timeline()
    timeline.add(
        record_of([10.5, 10.75, 12.25], [2, 1, 1], intended=10.0, sent=10.25, output_tokens=8),
        origin=10.0,
    )
    timeline.add(record_of([], sent=11.5, ended=12.5, outcome="failed"), origin=10.0)
    assert timeline.seconds == {
        0: Second(
            sent=1,
            chunks=3,
            tokens=6.0,
            ttft_sum=0.5,
            ttft_count=1,
            ttft_max=0.5,
            itl_sum=0.25,
            itl_count=2,
            itl_max=0.25,
        ),
        1: Second(sent=1),
        2: Second(
            completed=1, failed=1, chunks=1, tokens=2.0, itl_sum=1.5, itl_count=1, itl_max=1.5
        ),
    }


def test_an_answer_that_was_not_streamed_comes_at_its_end() -> None:
    timeline = Timeline()
    timeline.add(record_of([], ended=1.5, output_tokens=5), origin=0.0)
    assert timeline.seconds[1] == Second(completed=1, tokens=5)


def test_merged_seconds_are_those_of_all_requests() -> None:
    records = [record_of([0.1 * n, 1.0 + 0.3 * n]) for n in range(1, 6)]
    whole, first, second = Timeline(), Timeline(), Timeline()
    for number, record in enumerate(records):
        whole.add(record, 0.0)
        (first if number % 2 else second).add(record, 0.0)
    first.merge(second)
    assert first.to_list() == whole.to_list()
    assert first.to_list()[0]["second"] == 0


def test_a_time_on_a_border_belongs_to_the_second_that_begins() -> None:
    timeline = Timeline()
    timeline.add(record_of([1.0, 2.0, 3.0]), origin=0.0)
    assert [timeline.seconds[n].chunks for n in (1, 2, 3)] == [1, 1, 1]


@pytest.mark.parametrize("value", [None, "1", -1, 1e300, math.inf, math.nan, [], {}])
def test_a_stored_timeline_is_looked_at(value: object) -> None:
    timeline = Timeline()
    timeline.add(record_of([0.5, 1.5], intended=0.0, sent=0.0), origin=0.0)
    stored = timeline.to_list()
    Timeline.check_list(stored)
    stored[1]["tokens"] = value
    with pytest.raises(ValueError, match="tokens of the entry 1 of its timeline is no number"):
        Timeline.check_list(stored)
