from __future__ import annotations

import attrs
from bench_reports import measurement, report_of

from kilo_sdk.bench.plots import charts_of, png_of


def titles(*args: object, **more: object) -> list[str]:
    return [chart.title for chart in charts_of(report_of(*args, **more))]  # type: ignore[arg-type]


def test_one_measurement_has_its_distributions_and_its_time() -> None:
    assert titles(measurement()) == [
        "Time to first token: share of values up to x",
        "Inter-token latency, per chunk: share of values up to x",
        "End-to-end latency: share of values up to x",
        "Time to first token over time",
        "Inter-token latency, per chunk over time",
        "Output tokens in each second",
    ]


def test_several_loads_show_what_throughput_costs() -> None:
    found = charts_of(
        report_of(measurement("concurrency:4"), measurement("concurrency:8", ttft=0.2))
    )
    chart = next(one for one in found if one.title.startswith("Throughput against latency: Time"))
    p50, p99 = chart.series
    assert set(p50.labels) == {"concurrency:4", "concurrency:8"}
    assert p99.dashed
    assert [x for x, _ in p50.points] == sorted(x for x, _ in p50.points)


def test_failures_have_a_chart_where_there_are_any() -> None:
    assert any("failures" in title for title in titles(measurement(failures=4)))


def test_a_distribution_ends_at_all() -> None:
    (cdf, *_) = charts_of(report_of(measurement()))
    (series,) = cdf.series
    shares = [y for _, y in series.points]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0.0, 100.0)


def test_repetitions_follow_each_other_in_time() -> None:
    chart = next(
        one
        for one in charts_of(report_of(measurement(repetitions=2)))
        if "each second" in one.title
    )
    times = [x for x, _ in chart.series[0].points]
    assert times == sorted(set(times))
    assert len(times) >= 10


def test_seconds_in_which_nothing_came_are_no_line_between_their_neighbours() -> None:
    taken = measurement()
    first, *_, last = taken.runs[0].timeline
    stalled = attrs.evolve(taken.runs[0], timeline=[first, {**last, "second": 4}])
    (chart,) = (
        one
        for one in charts_of(report_of(attrs.evolve(taken, runs=[stalled])))
        if "tokens in each second" in one.title
    )
    values = chart.series[0].points
    assert values == [(0, first["tokens"]), (1, 0), (2, 0), (3, 0), (4, last["tokens"])]


def test_all_of_them_are_written_as_one_picture() -> None:
    picture = png_of(report_of(measurement()))
    assert picture.startswith(b"\x89PNG\r\n\x1a\n")
    # Letters of the packaged font are in it: without them it compresses to much less.
    assert len(picture) > 30_000


def test_nothing_measured_has_nothing_to_show() -> None:
    assert charts_of(report_of()) == []
    assert png_of(report_of()).startswith(b"\x89PNG")
