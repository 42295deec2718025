"""Side by side with a hand-written loop and with peers, in one run on one machine.

    python -m benchmarks                      # all of it, with 10,000 streams and on both loops
    python -m benchmarks --short              # about five minutes; its numbers mean less
    python -m benchmarks --output results     # results/results.json and charts as well

All contenders run in one process against one replay server in another, in turn and
repeatedly. Printed are medians, their spread, the ratio to the hand-written loop (the median of
each round's), and at the end which of the targets that the project sets itself were missed.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import statistics
from collections.abc import Mapping
from pathlib import Path

from benchmarks.contenders import CONTENDERS, FLOOR
from benchmarks.cpu import Case, measure
from benchmarks.footprint import IMPORTS, held_per_stream, import_seconds
from benchmarks.growth import byte_by_byte, many_deltas
from benchmarks.latency import lateness, leaving
from benchmarks.report import Report, Row, Target
from benchmarks.server_process import replay_server
from benchmarks.server_speed import drained_per_second, taken_per_second
from benchmarks.sockets import allow_most_sockets

US, KB, MS = 1e6, 1 / 1024, 1e3
# Who takes part where the slowest would only lengthen the run.
BOTH = (FLOOR, "kilo_sdk")
FEWEST = tuple(name for name in CONTENDERS if name in (*BOTH, "openai"))
FEW = tuple(name for name in CONTENDERS if name in (*FEWEST, "httpx-sse"))


def cpu_cases(scale: int) -> list[tuple[Case, Target | None]]:
    """Return what is measured in CPU time; ``scale`` makes each run longer."""
    # Enough of each stream, so that what is measured is not their opening.
    many = 500 * scale
    return [
        (
            Case("typed chunk, 50 events per read", "typed", 10, many),
            Target(1.6, better={"openai": 25}),
        ),
        (Case("text delta, 50 events per read", "text", 10, many), Target(1.3)),
        (Case("coalesced delta, 50 events per read", "coalesced", 10, many), Target(1.05)),
        (
            Case("typed chunk, 50 per read, ticking created", "typed", 10, many, kind="ticking"),
            None,
        ),
        (Case("reasoning chunk, 50 per read", "typed", 10, many, kind="reasoning"), None),
        (Case("tool-call chunk, 50 per read", "typed", 10, many, kind="tools"), None),
        (Case("completion, awaited", "whole", 20, 1), Target(1.5, better={"openai": 10})),
    ]


def paced_case(streams: int, *, is_short: bool = False) -> Case:
    """Return so many streams at once of which every read brings one event.

    Together they bring 5,000 events a second, or 10,000 where there are 10,000 of them, so
    that a peer of 150 µs keeps up: whoever falls behind finds several events in a read. An
    answer is long enough for its opening to be little of it, but where that took minutes.
    """
    pause_ms = max(10, streams // 5) if streams < 10_000 else 1000
    tokens = 100 if is_short else 300 if streams < 1000 else 200 if streams < 10_000 else 20
    title = f"typed chunk, 1 per read, {streams:,} streams of {tokens} tokens"
    return Case(title, "typed", streams, tokens, 1, pause_ms)


PACED = Target(1.1, better={"openai": 4})


def curve_cases(scale: int) -> dict[str, list[tuple[float, Case]]]:
    """Return the curves: events per read, and bytes of text per event."""
    many = 200 * scale
    return {
        **{
            f"events per read{holding}": [
                (per, Case(f"{kind} chunk, {per} per read", "typed", 5, many, per, kind=kind))
                for per in (1, 2, 5, 20, 50, 200)
            ]
            for kind, holding in (
                ("text", ""),
                ("reasoning", ", of reasoning"),
                ("tools", ", of a tool call"),
            )
        },
        "bytes of text per event": [
            (size, Case(f"typed chunk of {size} bytes", "typed", 2, 100, 10, 0, str(size)))
            for size in (100, 1_000, 10_000, 100_000)
        ],
    }


def add_cpu(report: Report, root: str, scale: int, repeats: int, only: str) -> None:
    """Measure CPU time per unit."""
    for case, target in cpu_cases(scale):
        if only in case.title:
            names = CONTENDERS if case.kind == "text" else FEW
            figures = asyncio.run(measure(case, root, repeats, names))
            report.add(f"CPU µs per {case.title}", _rows(figures, US), target=target)


def add_uvloop(report: Report, root: str, scale: int, repeats: int, streams: int = 50) -> None:
    """Measure some of it on uvloop as well, where that is installed and not used anyway."""
    if not _is_installed("uvloop") or report.environment["loop"] == "uvloop":
        return
    import uvloop

    for case, target in (*cpu_cases(scale), (paced_case(streams, is_short=scale == 1), PACED)):
        if target is None:
            continue
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            figures = runner.run(measure(case, root, repeats, BOTH))
        title = f"CPU µs per {case.title}, on uvloop"
        report.add(title, _rows(figures, US), target=target)


def add_paced(
    report: Report, root: str, counts: tuple[int, ...], repeats: int, *, is_short: bool = False
) -> None:
    """Measure growing numbers of paced streams, and how many of them one core carries.

    Beyond a thousand, without the slow: they would take more than the core there is.
    """
    curve: dict[str, list[tuple[float, float]]] = {}
    for streams in counts:
        names = FEW if streams < 1000 else FEWEST if streams == 1000 else BOTH
        case = paced_case(streams, is_short=is_short)
        figures = asyncio.run(measure(case, root, repeats, names))
        target = PACED if streams >= 50 else None
        report.add(f"CPU µs per {case.title}", _rows(figures, US), target=target)
        for name, seconds in figures.items():
            curve.setdefault(name, []).append((streams, statistics.median(seconds) * US))
    report.add_curve("CPU µs per typed chunk, 1 per read", "streams at once", curve)
    carried = {name: [0.1 / one for one in seconds] for name, seconds in figures.items()}
    title = f"streams at 10 tokens/s that one core carries, by what {counts[-1]:,} take"
    report.add(title, _rows(carried))


def add_server(report: Report, root: str, scale: int, repeats: int) -> None:
    """Measure whether the server is faster than those who read from it."""
    case = Case("", "typed", 1, 2000 * scale)
    speeds = {"server, drained": [drained_per_second(root, case) for _ in range(repeats)]}
    for name in BOTH:
        speeds[name] = [asyncio.run(taken_per_second(name, case, root)) for _ in range(repeats)]
    report.add("events per second, by the clock, of one stream with 50 per write", _rows(speeds))


def add_growth(report: Report, deltas: int, size: int, repeats: int) -> None:
    """Measure what twice as much takes; the ratio is to half of it."""
    for title, seconds_of, whole in (
        ("a tool call's argument in deltas of 100 bytes", many_deltas, deltas),
        ("an event read one byte at a time", byte_by_byte, size),
    ):
        took: dict[int, list[float]] = {whole // 2: [], whole: []}
        for _ in range(repeats):
            for part, seconds in took.items():
                seconds.append(seconds_of(part) * MS)
        half, full = (Row(f"{part:,}", seconds) for part, seconds in took.items())
        report.add(
            f"ms for {title}", [half, full], target=Target(2.2), floor=half.name, measured=full.name
        )


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
    busy: dict[str, list[float]] = {}
    left: dict[str, list[float]] = {}
    for _ in range(repeats):
        for name in FEWEST:
            late = lateness(name, root, streams, loop=str(report.environment["loop"]))
            first.setdefault(name, []).append(late.first_ms)
            token.setdefault(name, []).append(late.token_ms)
            stalls.setdefault(name, []).append(late.stall_ms)
            busy.setdefault(name, []).append(late.server_percent)
            left.setdefault(name, []).append(asyncio.run(leaving(root, name, 5)) * MS)
    at = f"{streams:,} streams at 10 tokens/s"
    report.add(f"p99 ms to the first token, {at}", _rows(first), target=Target(1.2))
    report.add(f"p99 ms from the server's write to the caller, {at}", _rows(token))
    report.add(f"longest ms in which the loop ran nothing else, {at}", _rows(stalls))
    report.add(f"percent of its core that the server took, {at}", _rows(busy))
    report.add("ms from leaving a stream to the server's seeing it", _rows(left))


def add_footprint(report: Report, root: str, streams: int, repeats: int) -> None:
    """Measure what an open stream holds, and the time of an import.

    A thousand and more without openai's client, which opens no more connections than that.
    """
    names = FEWEST if streams < 1000 else BOTH
    held = {name: [held_per_stream(name, root, streams) for _ in range(repeats)] for name in names}
    sizes = {name: [one.size for one in found] for name, found in held.items()}
    report.add(f"KiB per open stream, at {streams:,}", _rows(sizes, KB), target=Target(1.5))
    objects = {name: [one.objects for one in found] for name, found in held.items()}
    report.add(f"objects for the collector per open stream, at {streams:,}", _rows(objects))
    took = import_seconds([name for name in IMPORTS if _is_installed(name)], repeats)
    report.add("ms to import", _rows(took, MS), floor="aiohttp")
    # A difference of two times is as uncertain as both: it takes more of them.
    two = import_seconds(("aiohttp", "kilo_sdk"), 15)
    over = {"kilo_sdk": [a - b for a, b in zip(two["kilo_sdk"], two["aiohttp"], strict=True)]}
    report.add(
        "ms to import, beyond aiohttp's",
        _rows(over, MS),
        floor="kilo_sdk",
        target=Target(figure=40),
    )


def _rows(values: Mapping[str, list[float]], scale: float = 1) -> list[Row]:
    return [Row(name, [one * scale for one in given]) for name, given in values.items()]


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
    allow_most_sockets()
    is_short = arguments.short
    scale, repeats, streams = (1, 3, 300) if is_short else (4, 5, 1000)
    report = Report.begin(loop="uvloop" if arguments.uvloop else "asyncio")
    with replay_server() as root:
        add_cpu(report, root, scale, repeats, arguments.only)
        if not arguments.only:
            add_server(report, root, scale, repeats)
            counts = (10, 50, 200) if is_short else (1, 10, 50, 200, 1000, 10_000)
            add_paced(report, root, counts, repeats, is_short=is_short)
            add_curves(report, root, scale, 1 if is_short else 3)
            add_latency(report, root, streams, 1 if is_short else 3)
            add_footprint(report, root, streams if is_short else 10_000, 3)
            add_growth(report, *((10_000, 500_000) if is_short else (100_000, 10_000_000)), 7)
            if not is_short:
                add_uvloop(report, root, scale, repeats)
            report.print_missed()
    if arguments.output:
        report.write(arguments.output)


if __name__ == "__main__":
    main()
