from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from kilo_sdk.emulator.tokens import count_tokens, cut_text, split_tokens


@given(st.text())
def test_joined_tokens_are_the_text(text: str) -> None:
    assert "".join(split_tokens(text)) == text


@given(st.text())
def test_as_many_tokens_are_counted_as_split(text: str) -> None:
    assert count_tokens(text) == len(split_tokens(text))


def test_words_keep_the_space_before_them() -> None:
    assert split_tokens("Hello there, world.") == ("Hello", " there", ",", " world", ".")


def test_long_words_are_cut() -> None:
    assert split_tokens("incomprehensible") == ("incompre", "hensible")


@given(st.text(), st.integers(0, 2**32))
def test_cut_text_joins_into_the_text(text: str, seed: int) -> None:
    pieces = cut_text(text, random.Random(seed))
    assert pieces
    assert "".join(pieces) == text


def test_text_is_cut_between_any_characters_and_into_few_pieces_or_many() -> None:
    cuts = [cut_text("caf\u0301e \U0001f9f5!", random.Random(seed)) for seed in range(300)]
    assert {"caf", "ca", "caf\u0301e \U0001f9f5!"} <= {pieces[0] for pieces in cuts}
    assert {1, 2, 9} <= {len(pieces) for pieces in cuts}
    assert max(len(cut_text("x" * 100_000, random.Random(seed))) for seed in range(20)) <= 201
