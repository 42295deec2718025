from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

import pytest

pytest.importorskip("hdrh", reason="measuring needs the extra 'bench'")

from bench_reports import measurement, report_of

from kilo_sdk import ConfigurationError
from kilo_sdk.cli.bench_compare import compare_reports

Run: TypeAlias = "Callable[..., subprocess.CompletedProcess[str]]"


@pytest.fixture
def stored(tmp_path: Path) -> tuple[str, str]:
    """A report, and one whose TTFT is half as long again."""
    paths = [tmp_path / "before.json", tmp_path / "after.json"]
    for path, ttft in zip(paths, (0.1, 0.15), strict=True):
        path.write_bytes(report_of(measurement(ttft=ttft)).to_json())
    return str(paths[0]), str(paths[1])


def test_a_regression_ends_with_3(run: Run, stored: tuple[str, str]) -> None:
    done = run("bench", "compare", *stored)
    assert done.returncode == 3
    assert "ttft mean (ms)" in done.stdout
    assert "regression" in done.stdout
    assert done.stderr.startswith("worse by more than 5 %: ttft mean (a/b concurrency:4)")


def test_names_are_no_markup(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(report_of(measurement("trace:[/tmp]/[red]a.jsonl")).to_json())
    assert compared(str(path), str(path)) == 0
    assert "trace:[/tmp]/[red]a.jsonl" in capsys.readouterr().out


def compared(before: str, after: str, *, threshold: float = 5.0, only: Sequence[str] = ()) -> int:
    return compare_reports(Path(before), Path(after), threshold=threshold, only=only, as_json=False)


def test_what_is_no_worse_ends_with_0(stored: tuple[str, str]) -> None:
    before, after = stored
    assert compared(before, before) == 0
    assert compared(after, before) == 0
    assert compared(before, after, threshold=80) == 0
    assert compared(before, after, only=["itl"]) == 0
    assert compared(before, after, only=["ttft", "itl"]) == 3


def test_json_is_for_programs(run: Run, stored: tuple[str, str]) -> None:
    done = run("bench", "compare", *stored, "--json", "--only", "ttft mean")
    (change,) = json.loads(done.stdout)["changes"]
    assert (change["metric"], change["verdict"], change["significant"]) == (
        "ttft mean",
        "regression",
        True,
    )
    assert change["relative"] == pytest.approx(0.5, abs=0.05)


def test_what_cannot_be_compared_is_told(stored: tuple[str, str], tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    other.write_bytes(report_of(measurement("poisson:5")).to_json())
    with pytest.raises(ConfigurationError, match="in common"):
        compared(stored[0], str(other))
    with pytest.raises(ConfigurationError, match="cannot be read"):
        compared(stored[0], "/nowhere.json")
    with pytest.raises(ConfigurationError, match="in both reports begins with speed"):
        compared(*stored, only=["speed"])
    with pytest.raises(ConfigurationError, match=r"in both reports begins with speed$"):
        compared(*stored, only=["ttft", "speed"])
    with pytest.raises(ConfigurationError, match="from 0 up"):
        compared(*stored, threshold=-1)
    with pytest.raises(ConfigurationError, match="from 0 up"):
        compared(*stored, threshold=float("nan"))


def test_what_a_comparison_leaves_out_is_a_note(run: Run, tmp_path: Path) -> None:
    paths = [tmp_path / "before.json", tmp_path / "after.json"]
    loads = ([measurement(), measurement("poisson:5")], [measurement()])
    for path, taken in zip(paths, loads, strict=True):
        path.write_bytes(report_of(*taken).to_json())
    done = run("bench", "compare", *map(str, paths), "--json")
    assert done.returncode == 0
    assert done.stderr == ("note: in one report alone, and compared with nothing: a/b poisson:5\n")
    json.loads(done.stdout)
