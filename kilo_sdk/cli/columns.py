"""Rows as text in columns: plain lines that stay whole in any terminal, log or pipe."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from kilo_sdk.cli.render import make_harmless

__all__ = ["columns"]


def columns(rows: Sequence[Sequence[str]], *, right: Collection[int] = ()) -> str:
    """Return rows as lines, their cells in columns two spaces apart.

    Control characters in cells are replaced with pictures of themselves, so that a cell is
    a cell whatever a server or a file has put there.

    Args:
        rows: Cells, as many in each row.
        right: The columns, from 0, whose cells are moved to the right.
    """
    clean = [[_one_line(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*clean, strict=True)]
    return "".join(
        "  ".join(
            cell.rjust(width) if index in right else cell.ljust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        + "\n"
        for row in clean
    )


def _one_line(text: str) -> str:
    return make_harmless(text).replace("\n", "␊").replace("\t", "␉")
