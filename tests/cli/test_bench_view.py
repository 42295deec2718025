from __future__ import annotations

import io

import pytest

pytest.importorskip("hdrh", reason="measuring needs the extra 'bench'")

from bench_reports import measurement, report_of
from rich.console import Console

from kilo_sdk.bench.report import Report, ServerCounts
from kilo_sdk.bench.result import Progress
from kilo_sdk.cli.bench_view import LiveView, print_report


def console(*, terminal: bool = False, width: int = 150) -> Console:
    return Console(file=io.StringIO(), width=width, force_terminal=terminal, color_system=None)


def printed(report: Report) -> str:
    where = console()
    print_report(where, report)
    assert isinstance(where.file, io.StringIO)
    return where.file.getvalue()


def test_a_report_is_printed_with_all_that_matters() -> None:
    measured = measurement("poisson:10", slo="ttft:105ms", failures=2, repetitions=2)
    measured.counts.retries_in_all = 5
    text = printed(
        report_of(
            measured,
            findings=["knee: [here]"],
            server=ServerCounts(101, 96),
            checks=1,
            interrupted=True,
            failure="a worker [is] gone",
        )
    )
    for said in (
        "ended early: a worker [is] gone",
        "a/b  poisson:10",
        "Send delay of the generator (ms)",
        "100 requests in 10.00 s: 96 whole, 4 failed, 0 unfinished, 0 retries",
        "goodput ",
        "under ttft:105ms",
        "errors: RateLimitError 429: 4",
        "generator: 10% of a core, 1,000 us of CPU per chunk",
        "knee: [here]",
        "counted 101 requests and 96 whole answers; sent were 101, 1 of them to check "
        "beforehand, and 5 retries",
        "interrupted",
    ):
        assert said in text


@pytest.mark.parametrize(
    ("width", "columns"),
    [
        (150, ["mean", "p50", "p90", "p95", "p99", "p99.9", "max"]),
        (90, ["mean", "p50", "p90", "p99", "max"]),
        (80, ["mean", "p50", "p90", "p99"]),
        (55, ["mean", "p50", "p99"]),
    ],
)
def test_a_narrow_terminal_leaves_out_columns_and_cuts_no_number(
    width: int, columns: list[str]
) -> None:
    where = console(width=width)
    print_report(where, report_of(measurement(repetitions=3)))
    assert isinstance(where.file, io.StringIO)
    lines = where.file.getvalue().splitlines()
    assert lines[2].replace("┃", " ").split() == columns
    table = [line for line in lines if line[:1] in "┏┃┡│└"]
    assert max(map(len, table)) <= width
    assert "…" not in "".join(table)
    left_out = [line for line in lines if "in a wider terminal" in line]
    assert bool(left_out) == (len(columns) < 7)


def test_warnings_are_printed() -> None:
    assert "warning: " not in printed(report_of(measurement()))


def test_progress_is_shown_at_a_terminal() -> None:
    where = console(terminal=True)
    view = LiveView(where)
    with view.live():
        view.began("a/b", "concurrency:4", 1, 2)
        view.progressed(
            Progress(15, 4, 10, 1, 500, (0.05, 0.07, 0.06), (0.01,), {"RateLimitError 429": 1})
        )
    assert isinstance(where.file, io.StringIO)
    text = where.file.getvalue()
    for said in ("a/b concurrency:4 1/2", "10 done, 4 under way", "TTFT 60 ms", "ITL 10.0 ms"):
        assert said in text
    assert "e+" not in text
    assert "1 failed RateLimitError 429" in text


def test_without_a_terminal_there_are_lines() -> None:
    where = console()
    view = LiveView(where)
    with view.live():
        view.began("a/b", "concurrency:4", 1, 1)
        view.progressed(Progress())
        view.measured(measurement())
    assert isinstance(where.file, io.StringIO)
    first, second = where.file.getvalue().splitlines()
    assert first == "measuring a/b concurrency:4"
    assert second.startswith("a/b concurrency:4: 10 requests/s, 100 tokens/s, TTFT p50 ")
