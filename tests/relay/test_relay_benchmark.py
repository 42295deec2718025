"""The benchmark of the relay runs and loses no token; its numbers are for people."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import kilo_sdk

ROOT = Path(__file__).parents[2]


@pytest.mark.skipif(
    sys.version_info >= (3, 12), reason="benchmarks are of no Python; 3.11 runs this one"
)
def test_the_benchmark_compares_both_and_measures_memory() -> None:
    if not sys.platform.startswith("linux"):
        pytest.skip("memory is read from /proc")
    package = Path(kilo_sdk.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.relay", "--short"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(package), str(ROOT)])},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    rows = re.findall(r"^50 sockets, .{32}(hand|relay) +[\d.]+ +([\d.]+)", done.stdout, re.M)
    assert [name for name, _ in rows] == ["hand", "relay"] * 2
    assert [ratio for name, ratio in rows if name == "hand"] == ["1.00", "1.00"]
    assert re.search(r"a tenth of them stalled: \d+ \d+ \d+$", done.stdout.strip())
