"""``python -m kilo_sdk``."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import kilo_sdk


def test_it_is_the_command_line_or_says_what_to_install() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "kilo_sdk", "--version"],
        env={**os.environ, "PYTHONPATH": str(Path(kilo_sdk.__file__).parents[1])},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    if importlib.util.find_spec("typer") and importlib.util.find_spec("rich"):
        assert (done.returncode, done.stdout) == (0, f"kilo-sdk {kilo_sdk.__version__}\n")
    else:
        assert (done.returncode, done.stdout) == (2, "")
        assert "pip install 'kilo-sdk[cli]'" in done.stderr


def test_importing_it_runs_nothing() -> None:
    assert importlib.import_module("kilo_sdk.__main__").__name__ == "kilo_sdk.__main__"
