"""What was measured: printed as it comes, kept as JSON, and drawn."""

from __future__ import annotations

import importlib.metadata
import math
import platform
import statistics
from collections.abc import Mapping
from pathlib import Path

import attrs
import orjson

from benchmarks.bars import Bar, bars_svg
from benchmarks.contenders import FLOOR
from kilo_sdk.bench.charts import Chart, Series, standalone_svg

__all__ = ["Report", "Row", "Target"]

PACKAGES = (
    "kilo-sdk",
    "aiohttp",
    "orjson",
    "openai",
    "openrouter",
    "litellm",
    "anthropic",
    "httpx-sse",
)
OURS = "kilo_sdk"


@attrs.frozen
class Row:
    """One contender's figures for one measure, one for each run."""

    name: str
    values: list[float]


def ratio(values: list[float], to: list[float]) -> float:
    """Return how many times one contender's figures are another's.

    Of rounds it is the median of each round's: a machine that changes its speed from one round to
    the next changes it for all that take part in a round. Where they are not as many it is the
    ratio of the medians.
    """
    if len(values) != len(to):
        values, to = [statistics.median(values)], [statistics.median(to)]
    return statistics.median(a / b if b else math.nan for a, b in zip(values, to, strict=True))


@attrs.frozen
class Target:
    """What the project sets itself for one measure.

    Attributes:
        ratio: Most times the floor's figure.
        figure: Most that the figure itself may be.
        better: At least so many times better than a peer, by the peer's name.
    """

    ratio: float | None = None
    figure: float | None = None
    better: dict[str, float] = attrs.field(factory=dict)

    def __str__(self) -> str:
        aims = [] if self.ratio is None else [f"at most {self.ratio:g} x"]
        if self.figure is not None:
            aims.append(f"at most {self.figure:g}")
        aims.extend(f"{name} at least {times:g} x it" for name, times in self.better.items())
        return "; ".join(aims)

    def missed(self, values: Mapping[str, list[float]], floor: str, measured: str) -> list[str]:
        """Return what was missed, in words; a peer that did not take part misses nothing."""
        own = values[measured]
        missed = []
        if self.ratio is not None and (found := ratio(own, values[floor])) > self.ratio:
            missed.append(f"{found:.3f} x, target {self.ratio:g} x")
        if self.figure is not None and (figure := statistics.median(own)) > self.figure:
            missed.append(f"{figure:.2f}, target {self.figure:g}")
        for name, times in self.better.items():
            if name in values and (found := ratio(values[name], own)) < times:
                missed.append(f"{name} {found:.1f} x it, target {times:g} x")
        return missed


@attrs.frozen
class Measure:
    """Every contender's figures for one measure.

    Attributes:
        values: By contender, one for each run.
        floor: Whose figure is the floor.
        ratios: By contender, how many times the floor's figures its own are.
        target: What is held against it; None for nothing.
        missed: What of the target was missed, in words.
    """

    values: dict[str, list[float]]
    floor: str
    ratios: dict[str, float]
    target: Target | None
    missed: list[str]


@attrs.define
class Report:
    """Everything measured in one run.

    Attributes:
        environment: Machine, Python, event loop and versions.
        measures: By title, each contender's figures.
        curves: By title, each contender's points.
    """

    environment: dict[str, object]
    measures: dict[str, Measure] = attrs.field(factory=dict)
    curves: dict[str, dict[str, list[tuple[float, float]]]] = attrs.field(factory=dict)

    @classmethod
    def begin(cls, *, loop: str) -> Report:
        """Print the head of the table."""
        versions: dict[str, str] = {}
        for name in PACKAGES:
            try:
                versions[name] = importlib.metadata.version(name)
            except importlib.metadata.PackageNotFoundError:
                continue
        report = cls(
            {
                "python": platform.python_version(),
                "machine": platform.machine(),
                "system": platform.system(),
                "loop": loop,
                "versions": versions,
            }
        )
        told = ", ".join(f"{name} {version}" for name, version in versions.items())
        print(f"Python {platform.python_version()} on {loop}; {told}")
        print(f"{'':18}{'median':>10}{'min':>10}{'max':>10}{'ratio':>9}")
        return report

    def add(
        self,
        title: str,
        rows: list[Row],
        *,
        target: Target | None = None,
        floor: str = FLOOR,
        measured: str = OURS,
    ) -> None:
        """Print and keep one measure.

        Args:
            title: What it is, with its unit.
            rows: Every contender's figures.
            target: What ``measured`` is held against.
            floor: To whose figures each contender's are put in proportion.
            measured: Whose figure the target is about.
        """
        values = {row.name: row.values for row in rows}
        ratios = {name: ratio(own, values[floor]) for name, own in values.items()}
        print(title if target is None else f"{title} (target for {measured}: {target})")
        for row in rows:
            print(
                f"  {row.name:16}{statistics.median(row.values):10.2f}{min(row.values):10.2f}"
                f"{max(row.values):10.2f}{ratios[row.name]:9.2f}",
                flush=True,
            )
        missed = [] if target is None else target.missed(values, floor, measured)
        self.measures[title] = Measure(values, floor, ratios, target, missed)

    def print_missed(self) -> None:
        """Print how many targets were reached, and what was missed by how much."""
        aimed = {title: one for title, one in self.measures.items() if one.target is not None}
        missed = {title: one.missed for title, one in aimed.items() if one.missed}
        print(f"Targets reached: {len(aimed) - len(missed)} of {len(aimed)} measures")
        for title, words in missed.items():
            print(f"  missed: {title}: {'; '.join(words)}")

    def add_curve(self, what: str, along: str, curve: dict[str, list[tuple[float, float]]]) -> None:
        """Print and keep how a measure changes along a scale."""
        print(f"{what}, by {along}")
        for name, points in curve.items():
            told = "  ".join(f"{x:g}: {y:.2f}" for x, y in points)
            print(f"  {name:16}{told}", flush=True)
        self.curves[f"{what}, by {along}"] = curve

    def write(self, folder: Path) -> None:
        """Write ``results.json``, ``bars.svg`` and ``curves.svg`` into a folder."""
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "results.json").write_bytes(
            orjson.dumps(attrs.asdict(self), option=orjson.OPT_INDENT_2)
        )
        charts = [
            Chart(
                title=title,
                x_label=title.partition(", by ")[2],
                y_label=title.partition(", by ")[0],
                logarithmic=True,
                series=[Series(name, points) for name, points in curve.items()],
            )
            for title, curve in self.curves.items()
        ]
        drawn = {
            title: [
                Bar(name, statistics.median(values), measure.ratios[name])
                for name, values in measure.values.items()
            ]
            for title, measure in self.measures.items()
            if len(measure.values) > 2  # of two, the ratio says all
        }
        (folder / "bars.svg").write_text(bars_svg(drawn, ours=OURS), encoding="utf-8")
        (folder / "curves.svg").write_text(standalone_svg(charts), encoding="utf-8")
