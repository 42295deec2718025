"""The benchmarks of the relay run and lose no token; their numbers are for people."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import kilo_sdk

ROOT = Path(__file__).parents[2]


pytestmark = [
    pytest.mark.skipif(
        sys.version_info >= (3, 12), reason="benchmarks are of no Python; 3.11 runs these"
    ),
    pytest.mark.skipif(
        not sys.platform.startswith("linux"), reason="they use /proc, and choose their cores"
    ),
]


def printed(module: str, *arguments: str) -> str:
    """Run a benchmark, and return what it prints."""
    package = Path(kilo_sdk.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-m", f"benchmarks.{module}", *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(package), str(ROOT)])},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_benchmark_compares_both_and_measures_memory() -> None:
    told = printed("relay", "--short")
    rows = re.findall(r"^50 sockets, .{32}(hand|relay) +[\d.]+ +([\d.]+)", told, re.M)
    assert [name for name, _ in rows] == ["hand", "relay"] * 2
    assert [ratio for name, ratio in rows if name == "hand"] == ["1.00", "1.00"]
    assert re.search(r"a tenth of them stalled: \d+ \d+ \d+$", told.strip())


@pytest.mark.parametrize("name", ["hand", "relay"])
@pytest.mark.parametrize("task", ["token", "answer"])
def test_a_relay_runs_in_step_with_both_of_its_ends(name: str, task: str) -> None:
    assert printed("relay_lockstep", name, "3", "--task", task) == ""


def test_a_crowd_tells_how_late_its_tokens_are() -> None:
    arguments = ("--sockets", "60", "--seconds", "1", "--contender", "hand", "relay")
    rows = [line.split() for line in printed("relay_crowd", *arguments).splitlines()[1:]]
    assert [row[:2] for row in rows] == [["60", "hand"], ["60", "relay"]]
    for row in rows:
        p50, p99, most = map(float, row[5:8])
        assert 0 < p50 <= p99 <= most
