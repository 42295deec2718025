"""What was measured: printed as it comes, kept as JSON, and drawn."""

from __future__ import annotations

import importlib.metadata
import platform
import statistics
from pathlib import Path

import attrs
import orjson

from benchmarks.contenders import FLOOR
from kilo_sdk.bench.charts import Chart, Series, standalone_svg

__all__ = ["Report", "Row"]

PACKAGES = ("kilo-sdk", "aiohttp", "orjson", "openai", "openrouter", "litellm", "httpx-sse")


@attrs.frozen
class Row:
    """One contender's figures for one measure, one for each run."""

    name: str
    values: list[float]


@attrs.define
class Report:
    """Everything measured in one run.

    Attributes:
        environment: Machine, Python, event loop and versions.
        measures: By title, each contender's figures.
        curves: By title, each contender's points.
    """

    environment: dict[str, object]
    measures: dict[str, dict[str, object]] = attrs.field(factory=dict)
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
        self, title: str, rows: list[Row], *, target: float | None = None, floor: str = FLOOR
    ) -> None:
        """Print and keep one measure; ratios are to the floor's median."""
        medians = {row.name: statistics.median(row.values) for row in rows}
        base = medians[floor]
        aim = "" if target is None else f" (target for kilo_sdk: at most {target:g} x)"
        print(f"{title}{aim}")
        for row in rows:
            ratio = medians[row.name] / base if base else float("nan")
            print(
                f"  {row.name:16}{medians[row.name]:10.2f}{min(row.values):10.2f}"
                f"{max(row.values):10.2f}{ratio:9.2f}"
            )
        self.measures[title] = {
            "target": target,
            "floor": floor,
            "values": {row.name: row.values for row in rows},
        }

    def add_curve(self, what: str, along: str, curve: dict[str, list[tuple[float, float]]]) -> None:
        """Print and keep how a measure changes along a scale."""
        print(f"{what}, by {along}")
        for name, points in curve.items():
            told = "  ".join(f"{x:g}: {y:.2f}" for x, y in points)
            print(f"  {name:16}{told}")
        self.curves[f"{what}, by {along}"] = curve

    def write(self, folder: Path) -> None:
        """Write ``results.json``, and ``curves.svg`` with a chart for each curve, into a folder."""
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
        (folder / "curves.svg").write_text(standalone_svg(charts), encoding="utf-8")
