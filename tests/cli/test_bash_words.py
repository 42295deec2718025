"""Facts about the words that bash cuts, one line at a time."""

from __future__ import annotations

import pytest

from kilo_sdk.cli.bash_words import TYPED_BEFORE, join_words


def joined(words: str, index: object) -> tuple[str, str, str | None]:
    environment = {
        "_KILO_SDK_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(index),
    }
    join_words(environment)
    return environment["COMP_WORDS"], environment["COMP_CWORD"], environment.get(TYPED_BEFORE)


@pytest.mark.parametrize(
    ("words", "index", "expected"),
    [
        ("k chat -m a/b", 3, ("k chat -m a/b", "3", None)),
        ("k chat -m ", 3, ("k chat -m ", "3", None)),
        ("k chat -m a/b :", 4, ("k chat -m ''", "3", "a/b:")),
        ("k chat -m a/b : fr", 5, ("k chat -m fr", "3", "a/b:")),
        ("k chat 'x y' -m a/b : fr", 6, ("k chat 'x y' -m fr", "4", "a/b:")),
        ("k chat --model = a/b", 4, ("k chat --model a/b", "3", None)),
        ("k chat --model =", 3, ("k chat --model ''", "3", None)),
        ("k chat --model = a/b : fr", 6, ("k chat --model fr", "3", "a/b:")),
        ("k models show a/b : fr rest", 5, ("k models show fr", "3", "a/b:")),
    ],
)
def test_a_word_is_what_bash_replaces_of_it(
    words: str, index: int, expected: tuple[str, str, str | None]
) -> None:
    assert joined(words, index) == expected


@pytest.mark.parametrize(
    ("words", "index"), [("k 'open", 1), ("k", "x"), ("", 0), (":", 0), ("= x", 1), ("k a", 99)]
)
def test_what_makes_no_sense_is_left_alone(words: str, index: object) -> None:
    assert joined(words, index) == (words, str(index), None)


def test_nothing_happens_where_bash_does_not_ask() -> None:
    environment = {"COMP_WORDS": "k a :", "COMP_CWORD": "2"}
    join_words(environment)
    assert environment == {"COMP_WORDS": "k a :", "COMP_CWORD": "2"}
