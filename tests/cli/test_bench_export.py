"""``--otlp`` as a user gives it."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

pytest.importorskip("hdrh", reason="measuring needs the extra 'bench'")
pytest.importorskip("opentelemetry.exporter", reason="exporting needs the extra 'otel'")

from bench_reports import measurement, report_of
from otlp_receiver import OTLPReceiver

from kilo_sdk.cli.bench_export import OTLPExport
from kilo_sdk.cli.exit_codes import ExitCode

Run: TypeAlias = "Callable[..., subprocess.CompletedProcess[str]]"

FAST = ["--local-ttft", "0", "--local-tokens-per-second", "0", "--output-tokens", "8"]


def test_a_run_is_exported_where_the_variable_says(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    with OTLPReceiver.listening() as receiver:
        done = run(
            *["bench", "run", "--requests", "5", "--otlp", "-o", str(path), *FAST],
            OTEL_EXPORTER_OTLP_ENDPOINT=receiver.url,
        )
        assert done.returncode == 0, done.stderr
        assert f"exported: {receiver.url}/v1/metrics" in done.stderr
        assert receiver.points()[("kilo.bench.requests", "completed")] == 5
        again = run("bench", "report", str(path), "--otlp-endpoint", receiver.url)
        assert again.returncode == 0, again.stderr
        assert receiver.paths == ["/v1/metrics"] * 2


def test_what_is_not_taken_is_told_and_the_files_are_there_all_the_same(
    run: Run, tmp_path: Path
) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(report_of(measurement()).to_json())
    with OTLPReceiver.listening() as receiver:
        receiver.status = 401
        done = run(
            *["bench", "report", str(path), "--csv", str(tmp_path / "a.csv")],
            *["--otlp-endpoint", receiver.url],
        )
    assert done.returncode == 1
    assert "did not take the metrics" in done.stderr
    assert (tmp_path / "a.csv").exists()


def test_an_endpoint_that_is_none_is_told_before_anything_is_sent(run: Run) -> None:
    done = run("bench", "run", "--otlp-endpoint", "collector:4318")
    assert (done.returncode, done.stdout) == (2, "")
    assert "is no URL of a collector" in done.stderr
    assert "measuring" not in done.stderr


def test_without_the_extra_a_line_says_what_to_install(python: Run) -> None:
    code = (
        "import sys; sys.modules['opentelemetry.exporter'] = None; "
        "from kilo_sdk.cli import main; main()"
    )
    done = python("-c", code, "bench", "run", "--otlp")
    assert (done.returncode, done.stdout) == (2, "")
    assert "pip install 'kilo-sdk[otel]'" in done.stderr
    assert "Traceback" not in done.stderr
    assert "measuring" not in done.stderr


def test_an_export_says_what_became_of_it() -> None:
    notes: list[str] = []
    with OTLPReceiver.listening() as receiver:
        export = OTLPExport(receiver.url)
        export.check()
        assert export.send(report_of(measurement()), notes.append) is ExitCode.DONE
    assert notes == [f"exported: {receiver.url}/v1/metrics"]
