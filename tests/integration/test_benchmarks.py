"""The benchmarks in small: every reader is checked, and what was measured is kept and drawn."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from xml.etree import ElementTree

import orjson
import pytest

from benchmarks.__main__ import add_growth, add_paced, add_server, add_uvloop
from benchmarks.contenders import CONTENDERS, Task, Told
from benchmarks.cpu import RUN_S, Case, measure
from benchmarks.footprint import held_per_stream
from benchmarks.growth import byte_by_byte, many_deltas
from benchmarks.latency import lateness, leaving, many_streams
from benchmarks.replay_server import text_of
from benchmarks.report import Report, Row, Target, ratio
from benchmarks.server_process import replay_server

pytestmark = pytest.mark.anyio
BOTH = ("hand-written", "kilo_sdk")


@pytest.fixture(scope="module")
def root() -> Iterator[str]:
    with replay_server() as root:
        yield root


@pytest.mark.parametrize(
    "case",
    [
        Case("typed", "typed", 2, 20, 5),
        Case("text", "text", 2, 20, 5, kind="ticking"),
        Case("coalesced", "coalesced", 2, 20, 5, kind="1000"),
        Case("reasoning", "typed", 2, 20, 5, kind="reasoning"),
        Case("tools", "typed", 2, 20, 5, kind="tools"),
        Case("one per read", "typed", 2, 5, 1, 1),
        Case("whole", "whole", 2, 1),
    ],
    ids=lambda case: case.title,
)
async def test_every_case_has_figures_for_each_reader(case: Case, root: str) -> None:
    figures = await measure(case, root, 2, BOTH)
    assert {name: len(seconds) for name, seconds in figures.items()} == dict.fromkeys(BOTH, 2)
    assert all(one > 0 for seconds in figures.values() for one in seconds)


async def test_a_reader_that_loses_text_is_found_out(
    root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    @asynccontextmanager
    async def forgetful(base_url: str) -> AsyncIterator[dict[str, Task]]:
        async def nothing(told: Told) -> None:
            told("something else")

        yield {"typed": nothing}

    monkeypatch.setitem(CONTENDERS, "forgetful", forgetful)
    with pytest.raises(AssertionError, match="lost or changed text"):
        await measure(Case("typed", "typed", 1, 20, 5), root, 1, ("forgetful",))


@pytest.mark.parametrize("name", BOTH)
async def test_latencies_are_of_every_token_and_leaving_is_seen(name: str, root: str) -> None:
    found = await many_streams(root, name, 3, 4, 1, 0.1)
    assert (len(found.first), len(found.token)) == (3, 12)
    assert all(one >= 0 for one in (*found.first, *found.token, found.stall))
    assert 0 < found.server_busy < 1
    assert 0 <= await leaving(root, name, 2) < 5


def test_a_contender_is_late_in_a_process_of_its_own(root: str) -> None:
    late = lateness("kilo_sdk", root, 3, waves=1)
    assert late.first_ms >= 0
    assert late.token_ms >= 0
    assert late.stall_ms >= 0
    assert 0 < late.server_percent < 100


@pytest.mark.parametrize("name", BOTH)
def test_what_an_open_stream_holds_is_its_memory_and_its_objects(name: str, root: str) -> None:
    held = held_per_stream(name, root, 20)
    assert held.size >= 0
    # Its task, socket and transport at the least, and no neighbour's.
    assert 20 < held.objects < 200


@pytest.mark.parametrize("seconds_of", [many_deltas, byte_by_byte])
def test_growth_is_measured_of_answers_that_are_whole(seconds_of: Callable[[int], float]) -> None:
    assert seconds_of(1000) > 0


async def test_the_slow_have_fewer_streams_and_as_many_runs(
    root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    @asynccontextmanager
    async def slow(base_url: str) -> AsyncIterator[dict[str, Task]]:
        async def typed(told: Told) -> None:
            asked.append(base_url)
            until = time.process_time() + RUN_S
            while time.process_time() < until:
                pass
            told(text_of(20))

        yield {"typed": typed}

    monkeypatch.setitem(CONTENDERS, "slow", slow)
    figures = await measure(Case("typed", "typed", 50, 20, 5), root, 2, ("slow",))
    assert len(figures["slow"]) == 2
    # One checked before each run, and in each run one.
    assert len(asked) == 6


def test_every_part_of_the_full_run_runs_in_small(root: str) -> None:
    report = Report.begin(loop="asyncio")
    add_paced(report, root, (1, 5), 1, is_short=True)
    add_server(report, root, 1, 1)
    add_growth(report, 200, 2000, 1)
    add_uvloop(report, root, 1, 1, 5)
    titles = list(report.measures)
    assert titles[:6] == [
        "CPU µs per typed chunk, 1 per read, 1 streams of 100 tokens",
        "CPU µs per typed chunk, 1 per read, 5 streams of 100 tokens",
        "streams at 10 tokens/s that one core carries, by what 5 take",
        "events per second, by the clock, of one stream with 50 per write",
        "ms for a tool call's argument in deltas of 100 bytes",
        "ms for an event read one byte at a time",
    ]
    assert all(title.endswith(", on uvloop") for title in titles[6:])
    (curve,) = report.curves.values()
    assert [x for x, _ in curve["kilo_sdk"]] == [1, 5]
    speeds = report.measures[titles[3]].values
    assert list(speeds) == ["server, drained", *BOTH]


@pytest.mark.skipif("anthropic" not in CONTENDERS, reason="anthropic is not installed")
@pytest.mark.parametrize("task", ["typed", "text", "whole"])
async def test_the_server_speaks_the_protocol_of_anthropics_client(task: str, root: str) -> None:
    case = Case(task, task, 1, 1 if task == "whole" else 20, 5)
    figures = await measure(case, root, 1, ("anthropic",))
    assert len(figures["anthropic"]) == 1


def test_what_was_measured_is_kept_and_drawn(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = Report.begin(loop="asyncio")
    rows = [Row("hand-written", [2.0, 4.0]), Row("kilo_sdk", [6.0]), Row("openai", [600.0])]
    report.add("µs", rows, target=Target(1.5, better={"openai": 25}))
    report.add("ms", rows[:2], target=Target(figure=7))
    report.add_curve("µs", "events", {"kilo_sdk": [(1, 2.0), (10, 1.0)]})
    report.print_missed()
    report.write(tmp_path / "out")
    printed = capsys.readouterr().out.splitlines()
    assert printed[2] == "µs (target for kilo_sdk: at most 1.5 x; openai at least 25 x it)"
    assert printed[4].split() == ["kilo_sdk", "6.00", "6.00", "6.00", "2.00"]
    assert printed[-2:] == [
        "Targets reached: 1 of 2 measures",
        "  missed: µs: 2.000 x, target 1.5 x",
    ]
    kept = orjson.loads((tmp_path / "out" / "results.json").read_bytes())
    assert kept["measures"]["µs"]["values"] == {row.name: row.values for row in rows}
    assert kept["curves"] == {"µs, by events": {"kilo_sdk": [[1, 2.0], [10, 1.0]]}}
    drawn = ElementTree.parse(tmp_path / "out" / "curves.svg").getroot()
    assert drawn.tag.endswith("svg")
    bars = ElementTree.parse(tmp_path / "out" / "bars.svg").getroot()
    words = [text.text for text in bars.iter("{http://www.w3.org/2000/svg}text")]
    # Of "ms", which has two figures, none are drawn.
    assert [word for word in words if word and "x)" in word] == ["6 (2.00 x)", "600 (200.00 x)"]


@pytest.mark.parametrize(
    ("target", "words"),
    [
        (Target(3), []),
        (Target(2.9), ["3.000 x, target 2.9 x"]),
        (Target(figure=5.9), ["6.00, target 5.9"]),
        (Target(better={"openai": 100, "absent": 5}), []),
        (Target(better={"openai": 101}), ["openai 100.0 x it, target 101 x"]),
    ],
)
def test_a_target_says_by_how_much_it_was_missed(target: Target, words: list[str]) -> None:
    values = {"hand-written": [2.0], "kilo_sdk": [6.0], "openai": [600.0]}
    assert target.missed(values, "hand-written", "kilo_sdk") == words


def test_a_ratio_is_that_of_each_round_where_the_machine_changes_its_speed() -> None:
    slowing, twice = [1.0, 3.0, 2.0], [2.0, 6.0, 4.5]
    assert ratio(twice, slowing) == 2.0
    assert ratio([4.0], slowing) == 2.0  # no rounds: of the medians
    assert math.isnan(ratio([1.0], [0.0]))
    assert Target(2).missed({"a": slowing, "b": twice}, "a", "b") == []
    assert Target(better={"b": 2.1}).missed({"a": slowing, "b": twice}, "a", "a") == [
        "b 2.0 x it, target 2.1 x"
    ]


@pytest.mark.parametrize("name", BOTH)
def test_a_reader_in_step_with_its_server_gets_every_event(name: str) -> None:
    command = [sys.executable, "-m", "benchmarks.lockstep", name, "25"]
    subprocess.run(command, check=True, env={**os.environ, "PYTHONWARNINGS": "error"})
