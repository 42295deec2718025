"""Facts about columns."""

from __future__ import annotations

from kilo_sdk.cli.columns import columns


def test_cells_stand_in_columns_and_lines_have_no_blanks_at_their_ends() -> None:
    rows = [("A", "N", "LAST"), ("long", "5", ""), ("b", "1,000", "x y")]
    assert columns(rows, right=[1]) == ("A         N  LAST\nlong      5\nb     1,000  x y\n")


def test_a_cell_is_a_cell_whatever_is_in_it() -> None:
    text = columns([("a\nb\tc\x1b[31m\r\x9b", "d")])
    assert text == "a␊b␉c␛[31m�  d\n"
