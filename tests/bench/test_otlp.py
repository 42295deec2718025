"""Metrics by OTLP, to a collector that listens."""

from __future__ import annotations

import logging
import socket

import pytest
from bench_reports import measurement, report_of
from otlp_receiver import OTLPReceiver

from kilo_sdk import ConfigurationError
from kilo_sdk.bench.otlp import ExportFailedError, export_report, metrics_url

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
METRICS_ENDPOINT = "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT"


@pytest.fixture(autouse=True)
def _no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (ENDPOINT, METRICS_ENDPOINT):
        monkeypatch.delenv(name, raising=False)


def test_a_collector_gets_the_numbers_of_the_report_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=bench")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
    taken = measurement(failures=5, slo="ttft:1s")
    with OTLPReceiver.listening() as receiver:
        assert export_report(report_of(taken), receiver.url) == f"{receiver.url}/v1/metrics"
    assert receiver.paths == ["/v1/metrics"]
    assert receiver.headers[0]["x-tenant"] == "bench"
    (resource,) = receiver.requests[0].resource_metrics
    named = {one.key: one.value.string_value for one in resource.resource.attributes}
    assert named["service.name"] == "kilo-sdk-bench"
    points = receiver.points()
    assert points[("kilo.bench.requests_per_second", None)] == 9.0
    assert points[("kilo.bench.requests", "failed")] == 5
    assert points[("kilo.bench.ttft", "p99")] == taken.metrics["ttft"].percentiles["p99"].value


def test_the_standard_variables_say_where(monkeypatch: pytest.MonkeyPatch) -> None:
    assert metrics_url() == "http://localhost:4318/v1/metrics"
    monkeypatch.setenv(ENDPOINT, "http://collector:4318/otlp/")
    assert metrics_url() == "http://collector:4318/otlp/v1/metrics"
    monkeypatch.setenv(METRICS_ENDPOINT, "https://collector/own")
    assert metrics_url() == "https://collector/own"
    assert metrics_url("http://here:1") == "http://here:1/v1/metrics"
    assert metrics_url("http://here:1/v1/metrics") == "http://here:1/v1/metrics"


@pytest.mark.parametrize("endpoint", ["collector:4318", "grpc://x:1", "http://", "http://x:y", "/"])
def test_what_is_no_url_is_told(endpoint: str) -> None:
    with pytest.raises(ConfigurationError, match="is no URL of a collector, such as http"):
        metrics_url(endpoint)


def test_a_collector_that_refuses_is_told_without_its_password(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with OTLPReceiver.listening() as receiver:
        receiver.status = 400
        url = receiver.url.replace("://", "://user:secret@")
        with pytest.raises(
            ExportFailedError, match=r"at http://127\.0\.0\.1:\d+/v1/metrics did not"
        ):
            export_report(report_of(measurement()), url)
    assert (len(receiver.requests), caplog.text) == (1, "")


def test_a_collector_that_is_not_there_is_told_in_time(caplog: pytest.LogCaptureFixture) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
        with pytest.raises(ExportFailedError, match=r"did not take the metrics: .*refused"):
            export_report(report_of(measurement()), url, timeout=3.0)
    assert caplog.text == ""
    assert logging.getLogger("opentelemetry.exporter.otlp.proto.http").propagate
