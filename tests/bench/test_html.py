from __future__ import annotations

import re
from html.parser import HTMLParser

from bench_reports import measurement, report_of

from kilo_sdk.bench.html import html_of

VOID = {"meta", "line", "rect", "circle", "polyline"}


class Reading(HTMLParser):
    """Checks that elements are closed in order, and keeps what the page names and says."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.addresses: list[str] = []
        self.words = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] != "style":
            self.words += data


def read(page: str) -> Reading:
    reading = Reading()
    reading.feed(page)
    reading.close()
    assert reading.open == []
    return reading


def test_it_is_one_page_that_loads_nothing() -> None:
    page = html_of(report_of(measurement(failures=2), measurement("poisson:5")))
    reading = read(page)
    assert reading.addresses == []
    assert "script" not in reading.seen
    assert re.findall(r"url\(|@import|//(?!www\.w3\.org/2000/svg)", page) == []
    assert {"svg", "table", "figure"} <= reading.seen


def test_it_is_made_for_the_dark_and_for_paper() -> None:
    page = html_of(report_of())
    assert "prefers-color-scheme: dark" in page
    assert "@media print" in page


def test_it_says_all_that_the_terminal_says() -> None:
    report = report_of(
        measurement(failures=2),
        findings=["knee: <here>"],
        interrupted=True,
        failure="a worker is gone",
    )
    words = read(html_of(report)).words
    for said in (
        "knee: <here>",
        "Interrupted",
        "Ended early: a worker is gone",
        "50 requests in 5.00 s: 48 whole, 2 failed",
        "RateLimitError 429: 2",
        "Time per output token (ms)",
        "concurrency:4",
        "3.11.0",
    ):
        assert said in words
