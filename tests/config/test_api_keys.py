"""Facts about keys: what is made of one that was read, and how little of it is shown."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kilo_sdk.config.api_keys import clean_key, mask
from kilo_sdk.errors import ConfigurationError

PRINTABLE = st.characters(min_codepoint=33, max_codepoint=126)


@pytest.mark.parametrize(
    "read", ["sk-1", "sk-1\n", "sk-1\r\n", " sk-1\t", "\n\nsk-1", "\u00a0sk-1\u2028"]
)
def test_white_space_around_a_key_is_dropped(read: str) -> None:
    assert clean_key(read) == "sk-1"


@pytest.mark.parametrize(
    ("key", "words"),
    [
        ("", "the key is empty"),
        (" \n", "the key is empty"),
        ("Bearer sk-secret", "white space inside; give the key alone"),
        ("sk-sec\nret", "white space inside"),
        ("sk-sec\tret", "white space inside"),
        ("sk-sec\x00ret", "a control character"),
        ("sk-sec\x7fret", "a control character"),
        ("sk-sec\u200bret", "a non-ASCII character"),
        ("\ufeffsk-secret", "a non-ASCII character"),
        ("sk-sécret", "a non-ASCII character"),
        ("sk-\udc80secret", "a non-ASCII character"),
        ("${SECRET}", "a reference to a variable"),
        ("<your-secret>", "the placeholder of an example"),
        ("sk-...", "the placeholder of an example"),
        (3, "the key is a string, not int"),
        (None, "the key is a string, not NoneType"),
        (b"sk-secret", "the key is a string, not bytes"),
    ],
)
def test_what_is_no_key_is_refused_and_not_shown(key: Any, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words.replace("$", r"\$")) as caught:
        clean_key(key)
    assert "sec" not in str(caught.value)
    assert "ret" not in str(caught.value)


@given(st.text(PRINTABLE, min_size=1), st.text(" \t\r\n"), st.text(" \t\r\n"))
def test_a_key_comes_back_without_its_surroundings_or_is_refused(
    key: str, before: str, after: str
) -> None:
    try:
        assert clean_key(before + key + after) == key
    except ConfigurationError:
        assert "${" in key or key.startswith("<") or key.endswith("...")


@given(st.text())
def test_whatever_is_taken_for_a_key_can_stand_in_a_header(text: str) -> None:
    try:
        key = clean_key(text)
    except ConfigurationError:
        return
    assert key.isascii()
    assert key.isprintable()
    assert " " not in key
    assert clean_key(key) == key


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        ("sk-0123456789-secret-wxyz", "sk-...wxyz"),
        ("eyJhbGciOiJIUzI1NiJ9.payload.signature", "...ture"),
        ("sk-4567890123456", "sk-...3456"),
        ("sk-456789012345", "***"),
        ("short", "***"),
        ("", "***"),
    ],
)
def test_a_mask_shows_the_last_four_characters_of_a_long_key(key: str, shown: str) -> None:
    assert mask(key) == shown


@given(st.text(PRINTABLE, max_size=80))
def test_a_mask_never_shows_more_than_four_characters(key: str) -> None:
    shown = mask(key)
    if len(key) < 16:
        assert shown == "***"
    else:
        assert shown.removeprefix("sk-") == f"...{key[-4:]}"
        assert len(shown) <= 10
        assert shown.startswith("sk-") == key.startswith("sk-")


@given(st.text(PRINTABLE, max_size=80), st.text(PRINTABLE, max_size=80))
def test_keys_that_differ_before_their_end_look_alike(one: str, other: str) -> None:
    assert mask(f"sk-{one}-padding-tail") == mask(f"sk-{other}-padding-tail")
