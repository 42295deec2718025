"""Side by side with a hand-written loop and with peers, in one run on one machine.

    python -m benchmarks                      # all of it, with 10,000 streams and on both loops
    python -m benchmarks --short              # about five minutes; its numbers mean less
    python -m benchmarks --output results     # results/results.json and charts as well

All contenders run in one process against one replay server in another, in turn and
repeatedly. Printed are medians, their spread, and the ratio to the hand-written loop.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import importlib.util
import resource
import statistics
from pathlib import Path

from benchmarks.contenders import CONTENDERS, FLOOR
from benchmarks.cpu import Case, measure
from benchmarks.footprint import IMPORTS, bytes_per_stream, import_seconds
from benchmarks.growth import byte_by_byte, many_deltas
from benchmarks.latency import leaving, many_streams
from benchmarks.report import Report, Row
from benchmarks.server_process import replay_server

US, KB, MS = 1e6, 1 / 1024, 1e3
# Who takes part where the slowest would only lengthen the run.
FEW = tuple(name for name in CONTENDERS if name in (FLOOR, "kilo_sdk", "httpx-sse", "openai"))


def cpu_cases(scale: int) -> list[Case]:
    """Return what is measured in CPU time; ``scale`` makes each run longer."""
    # Enough of each stream, so that what is measured is not their opening.
    many, few = 500 * scale, 80 + 40 * scale
    return [
        Case("typed chunk, 50 events per read", "typed", 10, many, target=1.6),
        Case("text delta, 50 events per read", "text", 10, many, target=1.3),
        Case("coalesced delta, 50 events per read", "coalesced", 10, many, target=1.05),
        Case("typed chunk, 50 per read, ticking created", "typed", 10, many, kind="ticking"),
        Case("reasoning chunk, 50 per read", "typed", 10, many, kind="reasoning"),
        Case("tool-call chunk, 50 per read", "typed", 10, many, kind="tools"),
        Case("typed chunk, 1 per read, 50 streams", "typed", 50, few, 1, 10, target=1.1),
        Case("typed chunk, 1 per read, 500 streams", "typed", 500, few // 2, 1, 50, target=1.1),
        Case("completion, awaited", "whole", 20, 1, target=1.5),
    ]


def curve_cases(scale: int) -> dict[str, list[tuple[float, Case]]]:
    """Return the curves: events per read, and bytes of text per event."""
    many = 200 * scale
    return {
        "events per read": [
            (per, Case(f"typed chunk, {per} per read", "typed", 5, many, per))
            for per in (1, 2, 5, 20, 50, 200)
        ],
        "bytes of text per event": [
            (size, Case(f"typed chunk of {size} bytes", "typed", 2, 100, 10, 0, str(size)))
            for size in (100, 1_000, 10_000, 100_000)
        ],
    }


def add_cpu(report: Report, root: str, scale: int, repeats: int, only: str) -> None:
    """Measure CPU time per unit."""
    for case in cpu_cases(scale):
        if only in case.title:
            names = FEW if case.kind != "text" or case.streams > 20 else tuple(CONTENDERS)
            figures = asyncio.run(measure(case, root, repeats, names))
            report.add(
                f"CPU µs per {case.title}",
                [Row(name, [one * US for one in seconds]) for name, seconds in figures.items()],
                target=case.target,
            )


def add_uvloop(report: Report, root: str, scale: int, repeats: int) -> None:
    """Measure some of it on uvloop as well, where that is installed and not used anyway."""
    if not _is_installed("uvloop") or report.environment["loop"] == "uvloop":
        return
    import uvloop

    for case in cpu_cases(scale):
        if case.target is None or case.streams > 50:
            continue
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            figures = runner.run(measure(case, root, repeats, (FLOOR, "kilo_sdk")))
        report.add(
            f"CPU µs per {case.title}, on uvloop",
            [Row(name, [one * US for one in seconds]) for name, seconds in figures.items()],
            target=case.target,
        )


def add_many_streams(
    report: Report, root: str, streams: int, repeats: int, pause_ms: int = 1000
) -> None:
    """Measure so many paced streams at once, and how many such a core carries."""
    case = Case(f"typed chunk, {streams} streams", "typed", streams, 10, 1, pause_ms, target=1.1)
    figures = asyncio.run(measure(case, root, repeats, (FLOOR, "kilo_sdk")))
    report.add(
        f"CPU µs per {case.title} at {1000 / pause_ms:g} tokens/s",
        [Row(name, [one * US for one in seconds]) for name, seconds in figures.items()],
        target=case.target,
    )
    report.add(
        "streams at 10 tokens/s that one core carries, by that",
        [Row(name, [0.1 / one for one in seconds]) for name, seconds in figures.items()],
    )


def add_growth(report: Report, deltas: int, size: int, repeats: int) -> None:
    """Measure what twice as much takes; the ratio is to half of it."""
    for title, seconds_of, whole in (
        ("a tool call's argument in deltas of 100 bytes", many_deltas, deltas),
        ("an event read one byte at a time", byte_by_byte, size),
    ):
        rows = [
            Row(f"{part:,}", [seconds_of(part) * MS for _ in range(repeats)])
            for part in (whole // 2, whole)
        ]
        report.add(f"ms for {title}", rows, target=2.2, floor=rows[0].name)


def add_curves(report: Report, root: str, scale: int, repeats: int) -> None:
    """Measure how CPU time per chunk changes along a scale, without the slow peers."""
    for title, points in curve_cases(scale).items():
        curve: dict[str, list[tuple[float, float]]] = {}
        for x, case in points:
            for name, seconds in asyncio.run(measure(case, root, repeats, FEW)).items():
                curve.setdefault(name, []).append((x, statistics.median(seconds) * US))
        report.add_curve("CPU µs per typed chunk", title, curve)


def add_latency(report: Report, root: str, streams: int, repeats: int) -> None:
    """Measure what many paced streams mean for each token, and what leaving one takes."""
    first: dict[str, list[float]] = {}
    token: dict[str, list[float]] = {}
    stalls: dict[str, list[float]] = {}
    left: dict[str, list[float]] = {}
    names = [name for name in CONTENDERS if name in (FLOOR, "kilo_sdk", "openai")]
    for _ in range(repeats):
        for name in names:
            gc.collect()
            found = asyncio.run(many_streams(root, name, streams, 20, 100))
            first.setdefault(name, []).append(_p99(found.first) * MS)
            token.setdefault(name, []).append(_p99(found.token) * MS)
            stalls.setdefault(name, []).append(found.stall * MS)
            left.setdefault(name, []).append(asyncio.run(leaving(root, name, 5)) * MS)
    at = f"{streams} streams at 10 tokens/s"
    report.add(f"p99 ms to the first token, {at}", _rows(first), target=1.2)
    report.add(f"p99 ms from the server's write to the caller, {at}", _rows(token))
    report.add(f"longest ms in which the loop ran nothing else, {at}", _rows(stalls))
    report.add("ms from leaving a stream to the server's seeing it", _rows(left))


def add_footprint(report: Report, root: str, streams: int, repeats: int) -> None:
    """Measure memory per open stream and the time of an import."""
    held = {
        name: [bytes_per_stream(name, root, streams) * KB for _ in range(repeats)]
        for name in CONTENDERS
        if name in (FLOOR, "kilo_sdk", "openai")
    }
    report.add(f"KiB per open stream, at {streams}", _rows(held), target=1.5)
    imports = {
        name: [import_seconds(name, repeats) * MS] for name in IMPORTS if _is_installed(name)
    }
    report.add("ms to import", _rows(imports), floor="aiohttp")


def _rows(values: dict[str, list[float]]) -> list[Row]:
    return [Row(name, given) for name, given in values.items()]


def _p99(values: list[float]) -> float:
    return sorted(values)[int(len(values) * 0.99)]


def _is_installed(name: str) -> bool:
    return importlib.util.find_spec(name) is not None


def main() -> None:
    """Measure, print, and write what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--short", action="store_true", help="fewer and shorter runs")
    parser.add_argument("--only", default="", help="CPU cases whose title has this in it")
    parser.add_argument("--uvloop", action="store_true", help="run the clients on uvloop")
    parser.add_argument("--output", type=Path, help="a folder for results.json and charts")
    arguments = parser.parse_args()
    if arguments.uvloop:
        import uvloop

        uvloop.install()
    # Ten thousand streams are as many sockets, here and in the server.
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    is_short = arguments.short
    scale, repeats, streams = (1, 3, 300) if is_short else (8, 7, 1000)
    report = Report.begin(loop="uvloop" if arguments.uvloop else "asyncio")
    with replay_server() as root:
        add_cpu(report, root, scale, repeats, arguments.only)
        if not arguments.only:
            add_curves(report, root, scale, 1 if is_short else 3)
            add_latency(report, root, streams, 3)
            add_footprint(report, root, streams if is_short else 10_000, 3)
            add_growth(report, *((10_000, 500_000) if is_short else (100_000, 10_000_000)), 3)
            if not is_short:
                add_uvloop(report, root, scale, repeats)
                add_many_streams(report, root, 10_000, 3)
    if arguments.output:
        report.write(arguments.output)


if __name__ == "__main__":
    main()
