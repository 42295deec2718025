"""Ctrl-C at any moment of the command's start and end is an exit code, never a traceback."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

import kilo_sdk_entry

pytestmark = [
    pytest.mark.skipif(os.name == "nt", reason="a signal to itself is no Ctrl-C there"),
    pytest.mark.skipif(not all(map(find_spec, ("typer", "rich"))), reason="needs the extra 'cli'"),
]

ROOT = Path(kilo_sdk_entry.__file__).parent

# Python's own hook tells of each import, from the first of this package's on.
AT_AN_IMPORT = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_IGN if sys.argv[2] == "ignored" else
              signal.default_int_handler)
last, seen = int(sys.argv[1]), 0
def hook(event, arguments):
    global seen
    if event == "import" and "kilo_sdk" in sys.modules:
        seen += 1
        if seen == last:
            os.kill(os.getpid(), signal.SIGINT)
sys.addaudithook(hook)
from kilo_sdk_entry import main
sys.argv = ["kilo-sdk", "config", "path"]
try:
    main()
finally:
    if not last:
        print(seen)
"""


def interrupted_at(
    number: int, sigint: str = "watched"
) -> tuple[int, str, subprocess.CompletedProcess[str]]:
    done = subprocess.run(
        [sys.executable, "-c", AT_AN_IMPORT, str(number), sigint],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    return done.returncode, done.stderr, done


@pytest.fixture(scope="module")
def imports() -> int:
    code, errors, done = interrupted_at(0)
    assert code == 0, errors
    return int(done.stdout.split()[-1])


@pytest.mark.parametrize("share", [0.0, 0.1, 0.25, 0.4, 0.55, 0.7, 0.85, 0.97])
def test_ctrl_c_while_it_starts_ends_it_without_a_word(imports: int, share: float) -> None:
    assert imports > 200
    code, errors, done = interrupted_at(max(int(imports * share), 1))
    assert (code, errors, done.stdout) == (130, "", "")


def test_where_interrupts_are_ignored_they_stay_so(imports: int) -> None:
    code, errors, done = interrupted_at(imports // 2, "ignored")
    assert (code, "Traceback" in errors) == (0, False)
    assert "config.toml" in done.stdout


def test_ctrl_c_while_the_interpreter_ends_loses_no_output() -> None:
    script = (
        "import atexit, os, signal, sys\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "atexit.register(lambda: os.kill(os.getpid(), signal.SIGINT))\n"
        "from kilo_sdk_entry import main\n"
        "sys.argv = ['kilo-sdk', '--version']\n"
        "main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert (done.returncode, done.stderr) == (130, "")
    assert done.stdout.startswith("kilo-sdk ")


def test_commands_are_interrupted_as_python_does_it() -> None:
    before = signal.signal(signal.SIGINT, kilo_sdk_entry._leave)
    try:
        kilo_sdk_entry.let_commands_be_interrupted()
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        kilo_sdk_entry.let_commands_be_interrupted()
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)
