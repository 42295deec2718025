"""Facts about what a source says: places in words, and values that stay out of reprs."""

from __future__ import annotations

from pathlib import Path

import pytest

from kilo_sdk.config.layers import Found, Layer, in_file


@pytest.mark.parametrize(
    ("line", "key", "words"),
    [
        (None, "", "file /x/y"),
        (3, "", "file /x/y, line 3"),
        (None, "env.KEY", "file /x/y (env.KEY)"),
        (3, "KEY", "file /x/y, line 3 (KEY)"),
    ],
)
def test_a_place_in_a_file_in_words(line: int | None, key: str, words: str) -> None:
    assert in_file(Path("/x/y"), line, key) == words.replace("/", str(Path("/")))


def test_a_value_that_was_read_is_in_no_repr() -> None:
    layer = Layer({"api_key": Found("sk-secret", "somewhere")})
    assert "secret" not in repr(layer)
    assert "somewhere" in repr(layer)
