"""``kilo-sdk bench`` as a command: its options, its exit codes, and what is wrong with input."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest

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


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--load", "steps:3"], "gamma:RATE:BURSTINESS"),
        (["--load", "max-rate"], "--slo"),
        (["--slo", "speed:1"], "ttft:200ms"),
        (["--input-tokens", "many"], "uniform:LEAST:GREATEST"),
        (["--requests", "0"], "requests is a whole number from 1 up"),
        (["--duration", "-1"], "duration is a number of seconds above 0"),
        (["--prompts", "/nowhere/prompts.txt"], "cannot be read"),
        (["--load", "trace:/nowhere.jsonl"], "cannot be read"),
        (["--extra-body", "{"], "--extra-body is no JSON"),
        (["--extra-body", "[]"], "--extra-body is a JSON object"),
        (["--base-url", "http://x", "--remote"], "alternatives"),
        (["--reasoning", "deep"], "reasoning"),
        (["--local-fault", "nonsense=1"], "no fault word"),
        (["-o", "/nowhere/a.json"], "does not exist"),
    ],
)
def test_what_cannot_work_is_told_before_anything_is_sent(
    run: Run, options: list[str], said: str
) -> None:
    done = run("bench", "run", *options)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in " ".join(done.stderr.split())


def test_a_file_that_exists_is_kept(run: Run, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("mine")
    done = run("bench", "run", "-o", str(tmp_path / "a.json"))
    assert done.returncode == 2
    assert "--force" in done.stderr
    assert (tmp_path / "a.json").read_text() == "mine"
