"""Bars: every contender's figure for one measure, on a logarithmic scale, as SVG.

What lies between the fastest and the slowest peer is a factor of hundreds, of which a linear
scale would show the slowest alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import NamedTuple

from kilo_sdk.bench.charts import WIDTH

__all__ = ["Bar", "bars_svg"]

_LEFT, _RIGHT, _HEAD, _ROW, _BETWEEN = 130, 130, 30, 20, 16
_STYLE = (
    "text{fill:#333;font-family:sans-serif;font-size:12px}"
    ".title{font-size:15px;font-weight:bold}.bar{fill:#9ab}.ours{fill:#2a78d6}.grid{stroke:#ddd}"
)


class Bar(NamedTuple):
    """One contender's bar.

    Attributes:
        name: The contender.
        figure: How long it is; above 0.
        ratio: How many times the floor's; the floor's own is 1, and is not told.
    """

    name: str
    figure: float
    ratio: float


def bars_svg(measures: Mapping[str, Sequence[Bar]], *, ours: str) -> str:
    """Return one group of bars below the other.

    Args:
        measures: By title, each contender's.
        ours: Whose bar stands out.
    """
    parts: list[str] = []
    y = 0
    for title, bars in measures.items():
        figures = [bar.figure for bar in bars]
        parts.append(f'<text class="title" x="8" y="{y + 18}">{escape(title)}</text>')
        y += _HEAD
        low = 10 ** math.floor(math.log10(min(figures)))
        # Even the least has a bar that is seen.
        decades = max(math.ceil(math.log10(max(figures) / low)), 1)
        per_decade = (WIDTH - _LEFT - _RIGHT) / decades
        bottom = y + _ROW * len(figures)
        for decade in range(decades + 1):
            x = round(_LEFT + per_decade * decade, 1)
            parts.append(f'<line class="grid" x1="{x}" x2="{x}" y1="{y}" y2="{bottom}"/>')
            parts.append(
                f'<text x="{x}" y="{bottom + 14}" text-anchor="middle">{low * 10**decade:g}</text>'
            )
        for name, figure, ratio in bars:
            width = round(max(math.log10(figure / low) * per_decade, 2), 1)
            told = f"{figure:,.3g}" if figure < 1000 else f"{figure:,.0f}"
            if ratio != 1:
                told += f" ({ratio:.2f} x)"
            style = "ours" if name == ours else "bar"
            parts.append(
                f'<text x="{_LEFT - 6}" y="{y + 14}" text-anchor="end">{escape(name)}</text>'
                f'<rect class="{style}" x="{_LEFT}" y="{y + 3}" width="{width}" '
                f'height="{_ROW - 6}"/>'
                f'<text x="{_LEFT + width + 6}" y="{y + 14}">{told}</text>'
            )
            y += _ROW
        y += _ROW + _BETWEEN
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{max(y, 1)}">'
        f'<style>{_STYLE}</style><rect width="100%" height="100%" fill="#fff"/>'
        + "".join(parts)
        + "</svg>"
    )
