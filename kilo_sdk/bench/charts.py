"""Charts as SVG: lines, points and bars with axes, and nothing that a browser must fetch.

Colours are classes, so that a page can give words and axes others in the dark; to charts that
stand alone, ``standalone_svg`` gives them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from html import escape
from typing import Final, Literal, TypeAlias

import attrs

__all__ = [
    "HEIGHT",
    "WIDTH",
    "Chart",
    "Kind",
    "Series",
    "series_style",
    "standalone_svg",
    "svg_of",
]

Kind: TypeAlias = Literal["line", "points", "bars"]

WIDTH: Final = 720
HEIGHT: Final = 320
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 16, 40, 48
_LEGEND_LINE: Final = 18
_BETWEEN: Final = 24

_COLOURS: Final = (
    "#2a78d6",
    "#d9622b",
    "#1f9e77",
    "#a64fc4",
    "#c2a21a",
    "#d6457e",
    "#4d9fb8",
    "#7a8a2e",
)
"""Told apart from each other, from white and from near-black, also by the colour-blind."""


@attrs.frozen(slots=True)
class Series:
    """Points of one colour.

    Attributes:
        name: What the legend says.
        points: In order of x.
        labels: A word beside each point, or none.
        dashed: Whether its line is.
        colour: Index into the colours; None is its place in the chart.
    """

    name: str
    points: Sequence[tuple[float, float]]
    labels: Sequence[str] = ()
    dashed: bool = False
    colour: int | None = None


@attrs.frozen(slots=True, kw_only=True)
class Chart:
    """One chart. The y axis begins at 0.

    Attributes:
        title: What stands over it.
        x_label: Meaning and unit of x.
        y_label: Meaning and unit of y.
        series: What it shows.
        kind: Lines, lines with points and labels, or bars that stand on each other.
        logarithmic: Whether x is; for values that span decades.
        from_zero: Whether x begins at 0, or near its least value.
    """

    title: str
    x_label: str
    y_label: str
    series: Sequence[Series]
    kind: Kind = "line"
    logarithmic: bool = False
    from_zero: bool = True

    @property
    def height(self) -> int:
        """Height in pixels, the legend included."""
        return HEIGHT + _LEGEND_LINE * math.ceil(len(self.series) / 2)


def series_style() -> str:
    """Return lines and colours of series, which are the same everywhere, as CSS."""
    rules = [".line{fill:none;stroke-width:2}", ".dashed{stroke-dasharray:5 4}"]
    for number, colour in enumerate(_COLOURS):
        rules.append(f".s{number}{{stroke:{colour}}}.f{number}{{fill:{colour}}}")
    return "".join(rules)


def _standalone_style() -> str:
    """Return the colours of charts that stand alone, on white, as CSS."""
    rules = [
        "text{fill:#333;font-family:sans-serif;font-size:12px}",
        ".title{font-size:15px;font-weight:bold}",
        ".grid{stroke:#ddd}",
        ".axis{stroke:#888}",
        series_style(),
    ]
    return "".join(rules)


def standalone_svg(charts: Iterable[Chart]) -> str:
    """Return charts one below the other, with colours of their own on white."""
    y = 0
    parts = []
    for chart in charts:
        parts.append(svg_of(chart, y=y))
        y += chart.height + _BETWEEN
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{max(y, 1)}">'
        f'<style>{_standalone_style()}</style><rect width="100%" height="100%" fill="#fff"/>'
        + "".join(parts)
        + "</svg>"
    )


def svg_of(chart: Chart, *, y: int = 0) -> str:
    """Return a chart as an ``svg`` element.

    Args:
        chart: What to draw.
        y: Where it stands in an outer ``svg``.
    """
    scale = _Scale.of(chart)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" y="{y}" width="{WIDTH}" '
        f'height="{chart.height}" viewBox="0 0 {WIDTH} {chart.height}" role="img" '
        f'aria-label="{escape(chart.title)}">'
    ]
    parts.append(f'<text class="title" x="{_LEFT}" y="20">{escape(chart.title)}</text>')
    parts.extend(_axes(chart, scale))
    draw = _bars if chart.kind == "bars" else _lines
    parts.extend(draw(chart, scale))
    parts.extend(_legend(chart))
    parts.append("</svg>")
    return "".join(parts)


@attrs.frozen(slots=True)
class _Scale:
    left: float
    right: float
    top: float
    logarithmic: bool

    @classmethod
    def of(cls, chart: Chart) -> _Scale:
        xs = [x for one in chart.series for x, _ in one.points]
        ys = [y for one in chart.series for _, y in one.points]
        if chart.kind == "bars":
            sums: dict[float, float] = {}
            for one in chart.series:
                for x, y in one.points:
                    sums[x] = sums.get(x, 0.0) + y
            ys = list(sums.values())
            xs.append(max(xs, default=0.0) + 1)
        top = _ticks(max(ys, default=1.0) or 1.0)[-1]
        if chart.logarithmic:
            positive = [x for x in xs if x > 0] or [1.0]
            left, right = min(positive), max(positive)
            return cls(left, right if right > left else left * 10, top, True)
        right = max(xs, default=1.0) or 1.0
        left = 0.0 if chart.from_zero else min(xs, default=0.0)
        if not chart.from_zero:
            left = max(left - (right - left) / 20, 0.0)
        return cls(left, right if right > left else left + 1.0, top, False)

    def x(self, value: float) -> float:
        if self.logarithmic:
            value = max(value, self.left)
            share = math.log(value / self.left) / math.log(self.right / self.left)
        else:
            share = (value - self.left) / (self.right - self.left)
        return round(_LEFT + share * (WIDTH - _LEFT - _RIGHT), 1)

    def y(self, value: float) -> float:
        return round(HEIGHT - _BOTTOM - value / self.top * (HEIGHT - _TOP - _BOTTOM), 1)

    def x_ticks(self) -> list[float]:
        if not self.logarithmic:
            step = _ticks(self.right - self.left)[1]
            first, last = math.ceil(self.left / step), math.floor(self.right / step + 1e-9)
            return [number * step for number in range(first, last + 1)]
        first = math.ceil(math.log10(self.left) - 1e-9)
        last = math.floor(math.log10(self.right) + 1e-9)
        decades = [10.0**power for power in range(first, last + 1)]
        if len(decades) >= 3:
            return decades
        # Less than two decades: a few marks between as well.
        finer = [
            step * 10.0**power for power in range(first - 1, last + 1) for step in (1, 2, 3, 5, 7)
        ]
        return [tick for tick in finer if self.left <= tick <= self.right]


def _ticks(highest: float) -> list[float]:
    """Return round numbers from 0 to the first that is at least ``highest``."""
    rough = highest / 5
    magnitude = 10.0 ** math.floor(math.log10(rough))
    step = next(
        factor * magnitude for factor in (1, 2, 2.5, 5, 10) if factor * magnitude >= rough * 0.999
    )
    count = math.ceil(highest / step - 1e-9)
    return [step * number for number in range(count + 1)]


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _axes(chart: Chart, scale: _Scale) -> list[str]:
    bottom = HEIGHT - _BOTTOM
    parts = []
    for tick in _ticks(scale.top):
        y = scale.y(tick)
        parts.append(f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y}" y2="{y}"/>')
        parts.append(f'<text x="{_LEFT - 6}" y="{y + 4}" text-anchor="end">{_number(tick)}</text>')
    for tick in scale.x_ticks():
        x = scale.x(tick)
        parts.append(f'<line class="axis" x1="{x}" x2="{x}" y1="{bottom}" y2="{bottom + 5}"/>')
        label = _number(tick)
        parts.append(f'<text x="{x}" y="{bottom + 18}" text-anchor="middle">{label}</text>')
    middle = (WIDTH + _LEFT - _RIGHT) / 2
    parts.append(
        f'<line class="axis" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{bottom}" y2="{bottom}"/>'
        f'<text x="{middle}" y="{bottom + 36}" text-anchor="middle">{escape(chart.x_label)}</text>'
        f'<text transform="translate(14 {(bottom + _TOP) / 2}) rotate(-90)" '
        f'text-anchor="middle">{escape(chart.y_label)}</text>'
    )
    return parts


def _lines(chart: Chart, scale: _Scale) -> list[str]:
    parts = []
    for place, series in enumerate(chart.series):
        colour = _colour(series, place)
        dashed = " dashed" if series.dashed else ""
        at = [(scale.x(x), scale.y(y)) for x, y in series.points]
        path = " ".join(f"{x},{y}" for x, y in at)
        parts.append(f'<polyline class="line s{colour}{dashed}" points="{path}"/>')
        if chart.kind == "points" or len(at) == 1:
            parts.extend(f'<circle class="f{colour}" cx="{x}" cy="{y}" r="4"/>' for x, y in at)
        for (x, y), label in zip(at, series.labels, strict=False):
            anchor = "end" if x > WIDTH * 0.8 else "start"
            shift = -8 if anchor == "end" else 8
            parts.append(
                f'<text x="{x + shift}" y="{y + 18}" text-anchor="{anchor}">{escape(label)}</text>'
            )
    return parts


def _bars(chart: Chart, scale: _Scale) -> list[str]:
    parts = []
    below: dict[float, float] = {}
    for place, series in enumerate(chart.series):
        colour = _colour(series, place)
        for x, y in series.points:
            base = below.get(x, 0.0)
            below[x] = base + y
            left, right = scale.x(x), scale.x(x + 1)
            top, bottom = scale.y(base + y), scale.y(base)
            width = max(round(right - left - 1, 1), 0.5)
            height = round(bottom - top, 1)
            parts.append(
                f'<rect class="f{colour}" x="{left}" y="{top}" width="{width}" height="{height}"/>'
            )
    return parts


def _legend(chart: Chart) -> list[str]:
    parts = []
    for place, series in enumerate(chart.series):
        x = _LEFT + (place % 2) * (WIDTH - _LEFT) // 2
        y = HEIGHT + (place // 2) * _LEGEND_LINE
        colour = _colour(series, place)
        dashed = " dashed" if series.dashed else ""
        parts.append(
            f'<line class="line s{colour}{dashed}" x1="{x}" x2="{x + 22}" y1="{y}" y2="{y}"/>'
            f'<text x="{x + 28}" y="{y + 4}">{escape(series.name)}</text>'
        )
    return parts


def _colour(series: Series, place: int) -> int:
    return (place if series.colour is None else series.colour) % len(_COLOURS)
