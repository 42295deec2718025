"""Where results go that go into no file: a collector of OpenTelemetry."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from kilo_sdk.bench.report import Report
from kilo_sdk.cli.exit_codes import ExitCode

__all__ = ["OTLPExport"]


@attrs.frozen
class OTLPExport:
    """Metrics by OTLP.

    Attributes:
        endpoint: Base URL of the collector; None is what OpenTelemetry's variables say.
    """

    endpoint: str | None = None

    def check(self) -> None:
        """See to it beforehand that it can be done, for an hour of measuring may follow.

        Raises:
            ConfigurationError: The extra is missing, or the endpoint is no URL.
        """
        from kilo_sdk.bench.otlp import metrics_url

        metrics_url(self.endpoint)

    def send(self, report: Report, note: Callable[[str], None]) -> ExitCode:
        """Send a report.

        Args:
            report: What was measured.
            note: Told what became of it.

        Returns:
            ``REFUSED`` where the collector did not take it.
        """
        from kilo_sdk.bench.otlp import ExportFailedError, export_report

        try:
            where = export_report(report, self.endpoint)
        except ExportFailedError as error:
            note(str(error))
            return ExitCode.REFUSED
        note(f"exported: {where}")
        return ExitCode.DONE
