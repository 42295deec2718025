"""How much of the end of a text may begin a word."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kilo_sdk.middleware.held_back import held_back


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("a", 0),
        ("<", 1),
        ("a<th", 3),
        ("<think", 6),
        ("<think>", 0),
        ("<think>x", 0),
        ("<<", 1),
        ("<th<thi", 4),
        ("<th ", 0),
        ("<TH", 0),
        ("x" * 50 + "<thin", 5),
    ],
)
def test_the_longest_beginning_at_the_end(text: str, count: int) -> None:
    assert held_back(text, "<think>") == count


def test_letters_match_in_any_case_where_that_is_asked_for() -> None:
    assert held_back("a<THi", "<think>", ignore_case=True) == 4
    # Two letters in lower case, of which the word has none.
    assert held_back("<\u0130", "<think>", ignore_case=True) == 0


@given(st.text("<think>/x", max_size=12), st.sampled_from(["<think>", "</think>"]))
def test_it_is_what_trying_every_length_gives(text: str, word: str) -> None:
    lengths = [n for n in range(len(word)) if text.endswith(word[:n])]
    assert held_back(text, word) == max(lengths)
