"""``kilo-sdk bench`` as a command: its options, its exit codes, and what is wrong with input."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

Run: TypeAlias = "Callable[..., subprocess.CompletedProcess[str]]"


def test_help_tells_the_loads_and_the_exit_codes(run: Run) -> None:
    done = run("bench", "run", "--help")
    assert done.returncode == 0
    assert "gamma:RATE:BURSTINESS" in done.stdout
    assert "130 interrupted" in done.stdout
    assert "compare" in run("bench", "--help").stdout


def test_there_is_no_option_for_a_key(run: Run) -> None:
    assert "--api-key" not in run("bench", "run", "--help").stdout


def test_without_the_extra_a_line_says_what_to_install(python: Run) -> None:
    code = "import sys; sys.modules['hdrh'] = None; from kilo_sdk.cli import main; main()"
    done = python("-c", code, "bench", "run")
    assert (done.returncode, done.stdout) == (2, "")
    assert "pip install 'kilo-sdk[bench]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_what_cannot_work_is_a_usage_error(run: Run) -> None:
    done = run("bench", "run", "--load", "steps:3")
    assert (done.returncode, done.stdout) == (2, "")
    assert "gamma:RATE:BURSTINESS" in done.stderr


def test_a_file_that_exists_is_kept(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("mine")
    done = run("bench", "run", "-o", str(tmp_path / "a.json"))
    assert done.returncode == 2
    assert "--force" in done.stderr
    assert (tmp_path / "a.json").read_text() == "mine"


def test_a_cluster_takes_an_extra(python: Run) -> None:
    code = "import sys; sys.modules['ray'] = None; from kilo_sdk.cli import main; main()"
    done = python("-c", code, "bench", "run", "--ray", "local")
    assert (done.returncode, done.stdout) == (2, "")
    assert "pip install 'kilo-sdk[bench-ray]'" in done.stderr
