from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

pytest.importorskip("hdrh", reason="measuring needs the extra 'bench'")

from bench_reports import measurement, report_of

from kilo_sdk.bench.report import Report
from kilo_sdk.cli.bench_files import ResultFiles
from kilo_sdk.cli.exit_codes import ExitCode


def test_only_what_is_wanted_is_written(tmp_path: Path) -> None:
    report, notes = report_of(measurement()), list[str]()
    files = ResultFiles(json=tmp_path / "a.json", csv=tmp_path / "a.csv")
    files.check()
    assert files.write(report, notes.append) is ExitCode.DONE
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv", "a.json"]
    assert notes == [f"written: {tmp_path / 'a.json'}", f"written: {tmp_path / 'a.csv'}"]
    assert Report.from_json((tmp_path / "a.json").read_bytes()).to_json() == report.to_json()


def test_what_can_be_written_nowhere_goes_to_standard_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    report, notes = report_of(), list[str]()
    files = ResultFiles(json=tmp_path / "missing" / "a.json")
    with monkeypatch.context() as patched:
        patched.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
        assert files.write(report, notes.append) is ExitCode.REFUSED
    assert capsysbinary.readouterr().out == report.to_json()
    assert "the report follows as JSON" in notes[0]
