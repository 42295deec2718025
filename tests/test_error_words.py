"""Digging out the upstream's own words, masking keys, knowing the vendors' phrases."""

from __future__ import annotations

import json

import pytest
from growth import assert_linear
from hypothesis import given, settings
from hypothesis import strategies as st

from kilo_sdk.error_words import (
    fit_to_show,
    json_or_none,
    own_words,
    shorten,
    without_cut_key,
    without_key,
    words_of_text,
)

VENDOR = '{"type":"error","error":{"type":"invalid_request_error","message":"no such tool"}}'

DUG: list[tuple[object, str | None]] = [
    (None, None),
    (42, None),
    (True, None),
    ("", None),
    ("  ", None),
    ([], None),
    ({}, None),
    ("no such tool", "no such tool"),
    (VENDOR, "no such tool"),
    (json.loads(VENDOR), "no such tool"),
    (json.dumps(VENDOR), "no such tool"),
    (json.dumps("no such tool"), "no such tool"),
    ('"no such tool" is what it said', '"no such tool" is what it said'),
    ([json.loads(VENDOR)], "no such tool"),
    (json.dumps([json.loads(VENDOR)]), "no such tool"),
    ({"error": {"message": VENDOR}}, "no such tool"),
    ({"error": {"message": json.dumps({"error": {"message": VENDOR}})}}, "no such tool"),
    ({"message": "no such tool"}, "no such tool"),
    ({"error": "invalid_request", "message": "no such tool"}, "no such tool"),
    ({"error": "no such tool"}, "no such tool"),
    ({"error": "invalid_grant", "error_description": "no such tool"}, "no such tool"),
    ({"errors": [{"message": "no such tool"}]}, "no such tool"),
    ({"detail": "no such tool"}, "no such tool"),
    ({"title": "no such tool"}, "no such tool"),
    ({"detail": [{"loc": ["body"], "msg": "too short", "input": "the prompt"}]}, "too short"),
    ({"error": {"message": ""}, "message": "no such tool"}, "no such tool"),
    ({"error": {"code": 400, "input": "the prompt"}}, None),
    ({"message": {"role": "user", "content": "the prompt"}}, None),
    ('{"input": "the prompt"}', None),
    (f"400 {VENDOR}", "400 no such tool"),
    (f"data: {VENDOR}\n\n", "no such tool"),
    ('[BYOK] {"error":{"message":"bad key"}}', "[BYOK] bad key"),
    ("[BYOK] bad key", "[BYOK] bad key"),
    ("<html><title>502 Bad</title>the prompt", "the answer is an HTML page titled '502 Bad'"),
    (
        {"error": {"message": "Upstream error 502: <!DOCTYPE html><title>Bad</title>the prompt"}},
        "Upstream error 502: the answer is an HTML page titled 'Bad'",
    ),
    ("'<html>' is no tag that may stand here", "'<html>' is no tag that may stand here"),
    ('{"error":{"message":"cut in the mid', "cut in the mid"),
    ("Error code: 400 - {'error': {'message': 'no such tool', 'input': 'the prompt'}}",
     "Error code: 400 no such tool"),
    ('Bad value {"role": "user", "content": "the prompt"}', "Bad value"),
    ("Bad value {'role': 'user', 'content': 'the prompt'}", "Bad value"),
    ("{'role': 'user', 'content': 'the prompt'}", None),
]  # fmt: skip


@pytest.mark.parametrize(("value", "expected"), DUG)
def test_the_words_meant_for_people(value: object, expected: str | None) -> None:
    assert own_words(value) == expected


def test_digging_stops_at_a_depth() -> None:
    value: object = "deep down"
    for _ in range(8):
        value = {"error": value} if isinstance(value, dict) else {"message": value}
    assert own_words(value) == "deep down"
    assert own_words({"error": value}) is None


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner)
        | st.dictionaries(
            st.sampled_from(["error", "message", "detail", "msg", "raw"]) | st.text(), inner
        )
        | inner.map(lambda value: json.dumps(value))
    ),
    max_leaves=20,
)


@settings(max_examples=200)
@given(json_values)
def test_whatever_an_upstream_sends_gives_words_or_none(value: object) -> None:
    words = own_words(value)
    assert words is None or words == words.strip() != ""


TEXTS = [
    ("", None),
    (" \n ", None),
    ("upstream connect error", "upstream connect error"),
    (
        "<html>\r\n<head><title>502 Bad Gateway</title></head><body>nginx</body></html>",
        "the answer is an HTML page titled '502 Bad Gateway'",
    ),
    (
        "\n<!DOCTYPE html><HTML><TITLE lang=en>\n kilo.ai | 524: A timeout &amp; more\n</TITLE>",
        "the answer is an HTML page titled 'kilo.ai | 524: A timeout & more'",
    ),
    (
        '<?xml version="1.0"?><!DOCTYPE html><html><title>No</title>',
        "the answer is an HTML page titled 'No'",
    ),
    ("<!-- a --><html><body>down</body></html>", "the answer is an HTML page without a title"),
    (
        "<html><title>" + "x" * 250 + "</title>",
        f"the answer is an HTML page titled '{'x' * 119}…'",
    ),
    ("no " * 100, ("no " * 100)[:199] + "…"),
    ('{"input": "the prompt"', None),
]


@pytest.mark.parametrize(("text", "expected"), TEXTS)
def test_what_a_body_that_is_no_json_says(text: str, expected: str | None) -> None:
    assert words_of_text(text) == expected


MASKED = [
    ("Bearer abc", "Bearer [redacted]"),
    ("authorization: bearer abc.def-123, retry", "authorization: bearer [redacted], retry"),
    ("Incorrect API key provided: sk-proj-ab12cd34. See docs", "[redacted] See docs"),
    ("Incorrect API key provided: sk-proj-****cd34", "[redacted]"),
    ("key sk-or-v1-0123456789abcdef refused", "key [redacted] refused"),
    ("Incorrect API key provided: abcdefgh12345", "Incorrect API key provided: [redacted]"),
    ("x-api-key: 0123456789", "x-api-key: [redacted]"),
    ("api_key=0123456789&x=1", "[redacted]"),
    ('{"api_key": "0123456789"}', '"[redacted]"'),
    ("token eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln is expired", "token [redacted] is expired"),
    ("token eyJhbGciOiJIUzI1 is cut", "token [redacted] is cut"),
    ("key AIzaSyA1234567890abcdefghijk", "key [redacted]"),
    ("id AKIAIOSFODNN7EXAMPLE", "id [redacted]"),
    ("gsk_abcdefgh12 and hf_abcdefgh12", "[redacted] and [redacted]"),
    ("a" * 39 + "1" + " b", "[redacted] b"),
]


@pytest.mark.parametrize(("text", "expected"), MASKED)
def test_what_looks_like_a_key_is_masked(text: str, expected: str) -> None:
    shown = fit_to_show(text, 500)
    assert expected in shown
    for secret in (
        "abc.def",
        "ab12cd34",
        "cd34",
        "0123456789",
        "abcdefgh12",
        "eyJ",
        "AIza",
        "AKIA",
    ):
        assert secret not in shown


@pytest.mark.parametrize(
    "text",
    [
        "Missing bearer token or key",
        "Missing Bearer authentication in header",
        "task-based risk-free desk-top",
        "max_tokens: 16384, token count: 12345678",
        "invalid model accounts/fireworks/models/llama-v3p1-405b-instruct",
        "request id gen-1758000000-abcdefghijklmnopqrst",
        "call 123e4567-e89b-12d3-a456-426614174000",
        "messages.3.content.0: Invalid `signature` in `thinking` block",
    ],
)
def test_plain_words_are_not_masked(text: str) -> None:
    assert fit_to_show(text, 500) == text


def test_what_is_shown_is_one_bounded_line() -> None:
    assert fit_to_show(" a\r\n\tb\x00\x1b[31mc\x9bd\u2028e ", 500) == "a b [31mc d e"
    assert fit_to_show("word " * 1000, 20) == "word word word word…"


@given(st.text(), st.integers(1, 50))
def test_shortening_keeps_to_its_length(text: str, max_chars: int) -> None:
    short = shorten(text, max_chars)
    assert len(short) <= max_chars
    assert short == text or short[-1] == "…"


@pytest.mark.parametrize(
    "piece",
    [
        '{"message": "',
        "[ ",
        '"message" ',
        "<title",
        "Bearer ",
        "eyJaaaaa",
        "exceed ",
        "a",
    ],
)
def test_hostile_texts_are_searched_in_linear_work(piece: str) -> None:
    def search(chars: int) -> None:
        text = piece * (chars // len(piece))
        own_words(text)
        own_words({"message": text})
        words_of_text("<html>" + text)
        words_of_text(text)

    # No more than 64 Ki characters are searched, and 2000 shown.
    assert_linear(search, 8_000)
    assert_linear(lambda chars: fit_to_show(piece * (chars // len(piece)), 500), 240)


def test_json_or_none_reads_json_alone() -> None:
    assert json_or_none('{"a": 1}') == {"a": 1}
    assert json_or_none("") is None
    assert json_or_none("{") is None
    assert json_or_none("null") is None
    assert json_or_none("[" * 100_000) is None
    assert json_or_none('"\ud800"') is None


def test_a_key_that_is_known_is_masked_whatever_it_looks_like() -> None:
    assert without_key("no 'our teams key' here", "our teams key") == "no '[redacted]' here"


@pytest.mark.parametrize("key", [None, "", "any", "7 chars"])
def test_a_key_too_short_to_be_one_leaves_plain_words_alone(key: str | None) -> None:
    assert without_key("any 7 chars", key) == "any 7 chars"


def test_what_a_text_says_of_a_key_before_it_breaks_off_is_masked() -> None:
    key = "our teams key"
    for said in ("our team", "our teams ke"):
        assert without_cut_key(f"no '{said}", key) == "no '[redacted]"
    for whole in ("no 'our teams' key", "no our tea", "", "no 'our teams ke'"):
        assert without_cut_key(whole, key) == whole
    assert without_cut_key("no our team", None) == "no our team"


SPELT = [
    r"ab/cd+ef12==",
    r"ab\/cd+ef12==",
    r"ab\/cd\u002Bef12\u003d\u003d",
    r"ab\u002fcd\u002bef12=\u003D",
    r"ab\\\/cd+ef12\\u003d\\u003d",
    r"ab\\\\\\\/cd+ef12\\\\u003d\\\\u003d",
]


@pytest.mark.parametrize("spelt", SPELT)
def test_a_key_is_masked_however_json_spells_it(spelt: str) -> None:
    key = "ab/cd+ef12=="
    assert without_key(f"no '{spelt}' \\ here", key) == "no '[redacted]' \\ here"
    nested = json.dumps(json.dumps({"said": f"for {key}, not {key}"}).replace("/", r"\/"))
    assert json.loads(json.loads(without_key(nested, key))) == {
        "said": "for [redacted], not [redacted]"
    }


@pytest.mark.parametrize("spelt", [r"ab/cd+ef12\=", r"ab\u002ecd+ef12==", r"ab/cd+ef12\u003d"])
def test_what_is_not_all_of_a_key_stays(spelt: str) -> None:
    assert without_key(spelt, "ab/cd+ef12==") == spelt


@pytest.mark.parametrize("key", ["/" * 40, "\\" * 40, "\\/" * 20, "=" * 40 + "x"])
@pytest.mark.parametrize("piece", ["\\", "\\/", "/", "\\u002f", "\\u003d", "="])
def test_a_key_is_searched_for_in_linear_work(piece: str, key: str) -> None:
    assert_linear(lambda chars: without_key(piece * (chars // len(piece)) + "\\", key), 40_000)
