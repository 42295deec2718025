from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kilo_sdk.emulator.tokens import count_tokens, split_tokens


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
