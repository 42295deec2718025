"""A report sent to a collector: OpenTelemetry metrics by OTLP over HTTP.

Where to and how is OpenTelemetry's own business: its variables say it, and an endpoint given
here goes before theirs.

Source: the OTLP exporter specification of OpenTelemetry (endpoints, variables).
"""

from __future__ import annotations

import logging
import math
import os
from typing import Final
from urllib.parse import urlsplit

from kilo_sdk.bench.otel import record_report
from kilo_sdk.bench.report import Report
from kilo_sdk.config.extras import needs_extra
from kilo_sdk.errors import ConfigurationError, KiloError

with needs_extra("otel", what="exporting by OTLP"):
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
    from opentelemetry.sdk.metrics import MeterProvider
    from opentelemetry.sdk.metrics.export import (
        MetricExportResult,
        MetricsData,
        PeriodicExportingMetricReader,
    )
    from opentelemetry.sdk.resources import Resource

__all__ = ["ExportFailedError", "export_report", "metrics_url"]

_PATH: Final = "/v1/metrics"
_DEFAULT: Final = "http://localhost:4318"
_LOGGER: Final = "opentelemetry.exporter.otlp.proto.http"


class ExportFailedError(KiloError):
    """A collector did not take the metrics."""


def metrics_url(endpoint: str | None = None) -> str:
    """Return where metrics are sent.

    Args:
        endpoint: Base URL of a collector, such as ``http://localhost:4318``; with the path
            ``/v1/metrics`` as well it is taken as it is. None: what
            ``OTEL_EXPORTER_OTLP_METRICS_ENDPOINT`` or ``OTEL_EXPORTER_OTLP_ENDPOINT`` says,
            else the collector of this machine.

    Raises:
        ConfigurationError: That is no URL of a collector.
    """
    whole = os.environ.get("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "").strip()
    if endpoint is None and whole:
        url = whole
    else:
        base = endpoint or os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT", "").strip() or _DEFAULT
        url = base if base.rstrip("/").endswith(_PATH) else base.rstrip("/") + _PATH
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ConfigurationError(
            f"the OTLP endpoint {_shown(url)!r} is no URL of a collector, such as {_DEFAULT}"
        )
    return url


def export_report(report: Report, endpoint: str | None = None, *, timeout: float = 10.0) -> str:
    """Send every number of a report, as ``record_report`` names them; waits until it is taken.

    Args:
        report: What was measured.
        endpoint: See ``metrics_url``. Headers, certificates and compression come from
            OpenTelemetry's variables.
        timeout: Seconds that it may take in all, tries after the first included.

    Returns:
        Where it went, without what is secret in the URL.

    Raises:
        ConfigurationError: The endpoint is no URL.
        ExportFailedError: It was not taken; the message says what the exporter says.
    """
    url = metrics_url(endpoint)
    heard = _Heard()
    logger = logging.getLogger(_LOGGER)
    propagates = logger.propagate
    # What it tries is told here, in one sentence, and not line by line on standard error.
    logger.addHandler(heard)
    logger.propagate = False
    try:
        exporter = _Exporter(endpoint=url, timeout=timeout)
        # Collects when it is told to, and not by a clock.
        reader = PeriodicExportingMetricReader(exporter, export_interval_millis=math.inf)
        resource = Resource.create({"service.name": "kilo-sdk-bench"})
        provider = MeterProvider([reader], resource=resource, shutdown_on_exit=False)
        try:
            record_report(report, provider)
            provider.force_flush()
        finally:
            provider.shutdown()
    finally:
        logger.removeHandler(heard)
        logger.propagate = propagates
    if exporter.result is not MetricExportResult.SUCCESS:
        # The first line has the cause, and the last one says how it ended.
        said = " ".join(dict.fromkeys([*heard.lines[:1], *heard.lines[-1:]]))
        raise ExportFailedError(
            f"the collector at {_shown(url)} did not take the metrics" + (said and f": {said}")
        )
    return _shown(url)


class _Exporter(OTLPMetricExporter):
    """Keeps what became of the last export, which a flush does not tell."""

    result: MetricExportResult | None = None

    def export(
        self, metrics_data: MetricsData, timeout_millis: float | None = 10_000, **kwargs: object
    ) -> MetricExportResult:
        self.result = super().export(metrics_data, timeout_millis, **kwargs)
        return self.result


class _Heard(logging.Handler):
    """Keeps what is logged."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def _shown(url: str) -> str:
    """Return a URL without the name and the password in it."""
    scheme, mark, rest = url.partition("://")
    place, slash, path = rest.partition("/")
    return f"{scheme}{mark}{place.rpartition('@')[2]}{slash}{path.partition('?')[0]}"
