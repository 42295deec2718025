"""The files that results go into."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import attrs

from kilo_sdk.bench.html import html_of
from kilo_sdk.bench.plots import png_of
from kilo_sdk.bench.report import Report
from kilo_sdk.bench.saving import check_writable, save
from kilo_sdk.bench.table import csv_of
from kilo_sdk.cli.exit_codes import ExitCode

__all__ = ["ResultFiles"]


_PROMETHEUS: Final = "kilo_sdk.bench.prometheus"


def _prometheus(report: Report) -> bytes:
    from kilo_sdk.bench.prometheus import prometheus_of

    return prometheus_of(report)


@attrs.frozen(kw_only=True)
class ResultFiles:
    """What to write, and where; None is not at all.

    Attributes:
        json: The report.
        csv: As a table.
        html: With plots.
        png: The plots alone.
        prometheus: In Prometheus' text format.
        force: Whether files that exist are replaced.
    """

    json: Path | None = None
    csv: Path | None = None
    html: Path | None = None
    png: Path | None = None
    prometheus: Path | None = None
    force: bool = False

    def check(self) -> None:
        """See to it beforehand that they can be written.

        Raises:
            ConfigurationError: One cannot.
        """
        check_writable((path for path, _ in self._wanted()), force=self.force)
        if self.prometheus is not None:
            # A missing extra is better known before an hour of measuring.
            importlib.import_module(_PROMETHEUS)

    def write(self, report: Report, note: Callable[[str], None]) -> ExitCode:
        """Write them all; what can be written nowhere goes to standard output as JSON.

        Args:
            report: What to write.
            note: Told where each file is.

        Returns:
            ``REFUSED`` where a file is not where it was to be.
        """
        code = ExitCode.DONE
        for path, render in self._wanted():
            try:
                where = save(path, render(report))
            except OSError as exc:
                note(f"{path} cannot be written: {exc.strerror or exc}; the report follows as JSON")
                sys.stdout.buffer.write(report.to_json())
                sys.stdout.flush()
                return ExitCode.REFUSED
            if where == path:
                note(f"written: {path}")
            else:
                note(f"{path} cannot be written; the results are kept in {where}")
                code = ExitCode.REFUSED
        return code

    def _wanted(self) -> Iterator[tuple[Path, Callable[[Report], bytes]]]:
        renderers: dict[str, Callable[[Report], bytes]] = {
            "json": Report.to_json,
            "csv": lambda report: csv_of(report).encode(),
            "html": lambda report: html_of(report).encode(),
            "png": png_of,
            "prometheus": _prometheus,
        }
        for name, render in renderers.items():
            path: Path | None = getattr(self, name)
            if path is not None:
                yield path, render
