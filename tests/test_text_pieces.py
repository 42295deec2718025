"""Text in pieces joins to the same text, in linear work."""

from __future__ import annotations

import pytest
from growth import assert_linear
from hypothesis import given
from hypothesis import strategies as st

from kilo_sdk.text_pieces import TextPieces


def pieces_of(*texts: str) -> TextPieces:
    pieces = TextPieces()
    for text in texts:
        pieces.append(text)
    return pieces


@given(st.lists(st.text(max_size=5), max_size=600))
def test_the_text_is_the_pieces_one_after_another(texts: list[str]) -> None:
    assert str(pieces_of(*texts)) == "".join(texts)


@pytest.mark.parametrize("count", [0, 1, 255, 256, 257, 1024, 70_000])
def test_folding_changes_nothing_but_how_it_is_kept(count: int) -> None:
    pieces = TextPieces()
    for number in range(count):
        pieces.pieces.append(chr(0x21 + number % 90))
        pieces.fold()
        assert len(pieces.pieces) < 256
    assert str(pieces) == "".join(chr(0x21 + number % 90) for number in range(count))
    assert str(pieces) == str(pieces)


def test_few_pieces_are_not_folded() -> None:
    pieces = pieces_of("a", "b")
    pieces.fold()
    assert pieces.pieces == ["a", "b"]


def test_it_is_true_once_a_piece_came() -> None:
    assert not TextPieces()
    assert pieces_of("a")
    assert pieces_of(*["a"] * 256)


def test_the_list_given_out_stays_the_way_in() -> None:
    pieces = TextPieces()
    append = pieces.pieces.append
    for _ in range(1000):
        append("ab")
        pieces.fold()
    assert str(pieces) == "ab" * 1000


def test_joining_is_linear_in_the_number_of_pieces() -> None:
    assert_linear(lambda count: str(pieces_of(*["x" * 100] * count)), 20_000)
