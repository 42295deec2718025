from __future__ import annotations

import pytest
from bench_records import record_of

from kilo_sdk.bench.histogram import Histogram
from kilo_sdk.bench.result import Overhead, Progress, Result
from kilo_sdk.bench.tally import Tally, Window


def result(started: float, ended: float, **overhead: float) -> Result:
    tally = Tally()
    tally.add(record_of([1.0, 2.0]), Window(0.0, 0.0))
    lag = Histogram.of([0.001])
    return Result(tally, started, ended, Overhead(wall_seconds=10.0, lag=lag, **overhead))  # type: ignore[arg-type]


def test_generators_of_one_load_share_their_time() -> None:
    first = result(10.0, 20.0, cpu_seconds=2.0, peak_in_flight=3, chunks=5)
    first.merge(result(9.5, 21.0, cpu_seconds=4.0, peak_in_flight=2, chunks=7, clock_error=0.25))
    assert (first.started, first.ended, first.seconds) == (9.5, 21.0, 11.5)
    overhead = first.overhead
    assert (overhead.cpu_seconds, overhead.busiest, overhead.wall_seconds) == (6.0, 0.4, 10.0)
    assert (overhead.peak_in_flight, overhead.chunks, overhead.clock_error) == (5, 12, 0.25)
    assert overhead.lag.count == 2
    assert first.tally.counts.sent == 2


def test_repetitions_add_up_and_are_left_as_they_are() -> None:
    parts = [result(0.0, 1.0, peak_in_flight=4), result(2.0, 3.0, peak_in_flight=2)]
    whole = Result.sum_of(parts)
    assert whole.tally.counts.sent == 2
    assert whole.overhead.peak_in_flight == 4
    assert [part.tally.counts.sent for part in parts] == [1, 1]


def test_progress_of_several_is_that_of_all() -> None:
    whole = Progress.of_all(
        [
            Progress(3, 1, 1, 1, 9, (0.1,), (0.2,), {"a": 1}, 0.2),
            Progress(5, 2, 3, 0, 4, (0.3,), (), {"a": 1, "b": 2}, 0.4),
        ]
    )
    share = pytest.approx(0.3)
    assert whole == Progress(8, 3, 4, 1, 13, (0.1, 0.3), (0.2,), {"a": 2, "b": 2}, share)
