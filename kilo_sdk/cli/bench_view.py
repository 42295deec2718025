"""What ``kilo-sdk bench`` shows: how a run goes, and what came out."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import compress
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from kilo_sdk.bench.report import Measurement, Report
from kilo_sdk.bench.result import Progress as Standing
from kilo_sdk.bench.session import Observer
from kilo_sdk.bench.table import (
    METRIC_COLUMNS,
    generator_words,
    metric_rows,
    request_words,
    shown,
    token_words,
    with_interval,
)
from kilo_sdk.cli.consoles import noting

__all__ = ["LiveView", "print_report", "print_summary"]

# What a narrow terminal has no room for, in the order in which it goes.
_LESS_TELLING: Final = ("p95", "p99.9", "max", "p90")
# Nearly all titles are no longer.
_TITLE_WIDTH: Final = 35
_LEAST_TITLE_WIDTH: Final = 20
_ROOMY: Final = 1000
_ROOM_FOR_TIME: Final = 110


class LiveView(Observer):
    """A bar with rates, latencies so far and errors; plain lines where there is no terminal.

    Args:
        console: Where to show it: standard error.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=20),
            TextColumn("{task.fields[standing]}", markup=False),
            # In a narrow terminal the numbers have more need of the room.
            *([TimeElapsedColumn()] if console.width >= _ROOM_FOR_TIME else []),
            console=console,
            transient=True,
            auto_refresh=False,
        )
        self._task: TaskID | None = None
        self._last: tuple[float, int] = (0.0, 0)

    @contextmanager
    def live(self) -> Iterator[None]:
        """Show it for the block."""
        if not self._console.is_terminal:
            yield
            return
        with self._progress:
            yield

    def began(self, model: str, load: str, repetition: int, repetitions: int) -> None:
        """Begin a bar."""
        turn = f" {repetition}/{repetitions}" if repetitions > 1 else ""
        title = f"{model} {load}{turn}"
        self._last = (time.monotonic(), 0)
        if not self._console.is_terminal:
            noting(self._console)(f"measuring {title}")
            return
        if self._task is not None:
            self._progress.remove_task(self._task)
        self._task = self._progress.add_task(title, total=1.0, standing="starting")

    def progressed(self, progress: Standing) -> None:
        """Move the bar."""
        if self._task is None:
            return
        now = time.monotonic()
        since, chunks = self._last
        rate = (progress.chunks - chunks) / max(now - since, 1e-9)
        self._last = (now, progress.chunks)
        self._progress.update(
            self._task,
            completed=progress.share_done,
            standing=_standing(progress, rate),
        )
        self._progress.refresh()

    def measured(self, measurement: Measurement) -> None:
        """Say in a line what came out."""
        ttft = measurement.metrics["ttft"].percentiles["p50"].value
        # An answer that is not streamed has none.
        first = "" if ttft is None else f"TTFT p50 {shown(ttft, scale=1000.0)} ms, "
        self._console.print(
            f"{measurement.model} {measurement.load}: "
            f"{_rate(measurement, 'requests_per_second')} requests/s, "
            f"{_rate(measurement, 'output_tokens_per_second')} tokens/s, "
            f"{first}{measurement.counts.failed} failed",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )


def _standing(progress: Standing, rate: float) -> str:
    parts = [f"{progress.completed} done", f"{progress.in_flight} under way"]
    parts.append(f"{rate:,.0f} chunks/s")
    if progress.recent_ttft:
        parts.append(f"TTFT {statistics.median(progress.recent_ttft) * 1000:.0f} ms")
    if progress.recent_itl:
        parts.append(f"ITL {statistics.median(progress.recent_itl) * 1000:.1f} ms")
    if progress.failed:
        common = max(progress.errors, key=progress.errors.__getitem__, default="")
        parts.append(f"{progress.failed} failed {common}".rstrip())
    return ", ".join(parts)


def _rate(measurement: Measurement, name: str) -> str:
    return shown(measurement.rates[name].value)


def print_report(console: Console, report: Report) -> None:
    """Print a report: a table per measurement, what was found, and what to doubt."""
    for measurement in report.measurements:
        print_summary(console, measurement)
    for finding in report.findings:
        noting(console)(finding)
    if report.server is not None:
        asked = sum(one.counts.sent_in_all for one in report.measurements) + report.checks
        again = sum(one.counts.retries_in_all for one in report.measurements)
        retried = f", and {again} retries" if again else ""
        console.print(
            f"the embedded gateway counted {report.server.requests} requests and "
            f"{report.server.completions} whole answers; sent were {asked}, "
            f"{report.checks} of them to check beforehand{retried}",
            highlight=False,
            soft_wrap=True,
        )
    if report.interrupted:
        console.print("interrupted: these are the numbers until then", highlight=False)
    if report.failure is not None:
        noting(console)(f"ended early: {report.failure}")


def print_summary(console: Console, measurement: Measurement) -> None:
    """Print one measurement."""
    table, left_out = _fitting_table(console, measurement)
    console.print(table)
    lines = [f"{', '.join(left_out)}: in a wider terminal, or in a file"] if left_out else []
    lines += [
        request_words(measurement),
        f"{_estimate(measurement, 'requests_per_second')} requests/s, "
        f"{_estimate(measurement, 'output_tokens_per_second')} output tokens/s, "
        f"{_rate(measurement, 'concurrency')} under way on average",
        f"tokens: {token_words(measurement)}",
    ]
    if measurement.objectives is not None:
        share = measurement.rates["good_share"].value
        lines.append(
            f"goodput {_estimate(measurement, 'goodput')} requests/s under "
            f"{measurement.objectives}; good: {shown(share, scale=100.0)} %"
        )
    if measurement.errors:
        told = ", ".join(f"{name}: {count}" for name, count in measurement.errors.items())
        lines.append(f"errors: {told}")
    lines.append(f"generator: {generator_words(measurement)}")
    for line in lines:
        noting(console)(line)
    for warning in measurement.warnings:
        console.print(
            f"warning: {warning}", style="yellow", markup=False, highlight=False, soft_wrap=True
        )
    console.print()


def _fitting_table(console: Console, measurement: Measurement) -> tuple[Table, Sequence[str]]:
    """Return the largest table that has room, and the columns that it leaves out."""
    # Asked for as if there were room: a table never says that it needs more than there is.
    roomy = console.options.update(width=_ROOMY)
    shapes: list[tuple[int, int | None]] = [(0, None)]
    shapes += [(count, _TITLE_WIDTH) for count in range(len(_LESS_TELLING) + 1)]
    for count, title_width in shapes:
        table = _metrics_table(measurement, _LESS_TELLING[:count], title_width)
        if console.measure(table, options=roomy).maximum <= console.width:
            return table, _LESS_TELLING[:count]
    return _metrics_table(measurement, _LESS_TELLING, _LEAST_TITLE_WIDTH), _LESS_TELLING


def _metrics_table(
    measurement: Measurement, left_out: Sequence[str], title_width: int | None
) -> Table:
    """Return the distributions, without some of the columns; no number in it is cut."""
    title = f"{measurement.model}  {measurement.load}"
    table = Table(title=escape(title), title_justify="left", highlight=False, title_style="bold")
    table.add_column("", max_width=title_width)
    kept = [True, *(column not in left_out for column in METRIC_COLUMNS)]
    for column in compress(METRIC_COLUMNS, kept[1:]):
        table.add_column(column, justify="right", no_wrap=True)
    for row in metric_rows(measurement):
        table.add_row(*compress(row, kept))
    return table


def _estimate(measurement: Measurement, name: str) -> str:
    return with_interval(measurement.rates[name])
