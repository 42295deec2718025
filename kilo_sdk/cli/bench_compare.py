"""What ``kilo-sdk bench compare`` does."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import attrs
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from kilo_sdk.bench.comparison import Change, Verdict, caveats, compare
from kilo_sdk.bench.table import scale_of, shown
from kilo_sdk.cli.bench_run import read_report
from kilo_sdk.cli.consoles import notes_console, noting, results_console
from kilo_sdk.cli.exit_codes import ExitCode
from kilo_sdk.cli.render import write_json
from kilo_sdk.errors import ConfigurationError

__all__ = ["compare_reports"]

_STYLES: Final[dict[Verdict, str]] = {"regression": "red", "improvement": "green", "same": ""}
_CHANCE: Final = {True: "yes", False: "no", None: "unknown"}


def compare_reports(
    before: Path, after: Path, *, threshold: float, only: Sequence[str], as_json: bool
) -> ExitCode:
    """Print what changed between two reports.

    Args:
        before: Stored report to compare with.
        after: Stored report to judge.
        threshold: Least change that counts, in per cent.
        only: Beginnings of the metrics that count, such as ``ttft``; none is all.
        as_json: Print JSON instead of a table.

    Returns:
        ``REGRESSION`` where something is worse.

    Raises:
        ConfigurationError: A report cannot be read, or they have nothing in common.
    """
    if not 0 <= threshold < math.inf:
        raise ConfigurationError("--threshold is a number of per cent from 0 up")
    reports = (read_report(before), read_report(after))
    changes = compare(*reports, threshold=threshold / 100)
    # Before an error, which they may explain.
    note = noting(notes_console())
    for caveat in caveats(*reports):
        note(f"note: {caveat}")
    # Each by itself: a name that is misspelt beside one that is not would pass for no change.
    unknown = [name for name in only if not any(one.metric.startswith(name) for one in changes)]
    if unknown:
        raise ConfigurationError(
            f"no metric with values in both reports begins with {' or '.join(unknown)}"
        )
    if only:
        changes = [one for one in changes if one.metric.startswith(tuple(only))]
    if as_json:
        write_json({"changes": [attrs.asdict(change) for change in changes]})
    else:
        _print(results_console(), changes)
    worse = [change for change in changes if change.verdict == "regression"]
    if worse:
        told = ", ".join(f"{one.metric} ({one.model} {one.load})" for one in worse[:5])
        more = f" and {len(worse) - 5} more" if len(worse) > 5 else ""
        note(f"worse by more than {threshold:g} %: {told}{more}")
    return ExitCode.REGRESSION if worse else ExitCode.DONE


def _print(console: Console, changes: Sequence[Change]) -> None:
    for model, load in dict.fromkeys((one.model, one.load) for one in changes):
        table = Table(title=escape(f"{model}  {load}"), title_justify="left", highlight=False)
        for column in ("", "before", "after", "change", "more than chance", "verdict"):
            table.add_column(column, justify="left" if not column else "right", no_wrap=True)
        for one in changes:
            if (one.model, one.load) != (model, load):
                continue
            scale, unit = scale_of(one.unit)
            relative = "-" if one.relative is None else f"{one.relative:+.1%}"
            table.add_row(
                f"{one.metric} ({unit})" if unit else one.metric,
                shown(one.before, scale=scale),
                shown(one.after, scale=scale),
                relative,
                _CHANCE[one.significant],
                one.verdict,
                style=_STYLES[one.verdict],
            )
        console.print(table)
