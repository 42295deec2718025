from __future__ import annotations

from bench_reports import measurement

from kilo_sdk.bench.takes import numbered


def test_measurements_of_one_load_are_numbered() -> None:
    loads = ("concurrency:4", "concurrency:8", "concurrency:4")
    taken = [measurement(load) for load in loads]
    assert [number for number, _ in numbered(taken)] == [1, 1, 2]
    assert [one for _, one in numbered(taken)] == taken
