from __future__ import annotations

import base64

import pytest

from kilo_sdk.emulator.models import ReasoningStyle
from kilo_sdk.emulator.signing import (
    Origin,
    answer_of_call,
    call_id,
    canonical,
    is_signed_call,
    looks_own,
    read_signature,
    sign,
    stands,
    without,
)

ANSWER = "0123456789abcd"
ORIGIN = Origin.of(ANSWER, "It rains in Oslo.", 2).at(1, 3, "because")
SIGNATURE = sign(ORIGIN, b"covered")


def test_a_signature_is_base64_and_says_where_it_belongs() -> None:
    assert base64.b64encode(base64.b64decode(SIGNATURE, validate=True)).decode() == SIGNATURE
    assert read_signature(SIGNATURE) == ORIGIN
    assert stands(SIGNATURE, b"covered") == ORIGIN


def test_the_same_is_signed_alike_wherever_it_is_signed() -> None:
    assert sign(ORIGIN, b"covered") == SIGNATURE
    assert sign(ORIGIN, b"covereD") != SIGNATURE
    assert sign(ORIGIN.at(0, 3, "because"), b"covered") != SIGNATURE


def test_no_character_of_a_signature_can_be_changed_added_or_left_out() -> None:
    for place in range(len(SIGNATURE)):
        head, char, tail = SIGNATURE[:place], SIGNATURE[place], SIGNATURE[place + 1 :]
        for other in {"A", "B", "=", " ", "\n", char.swapcase()} - {char}:
            assert stands(head + other + tail, b"covered") is None
        assert stands(head + tail, b"covered") is None
        assert stands(head + "A" + char + tail, b"covered") is None


def test_bits_that_base64_leaves_over_are_no_way_around() -> None:
    loose = sign(Origin.of(ANSWER, "x", 0), b"")
    while not loose.endswith("="):
        loose = sign(Origin.of(ANSWER, "x" * len(loose), 0), b"")
    stem = loose.rstrip("=")
    last = chr(ord(stem[-1]) + 1)
    forged = stem[:-1] + last + loose[len(stem) :]
    assert base64.b64decode(forged) == base64.b64decode(loose)
    assert stands(loose, b"") is not None
    assert stands(forged, b"") is None


@pytest.mark.parametrize("other", ["c2ln", "no base64!", "", None, 5, ["x"], SIGNATURE[1:]])
def test_what_others_made_is_not_read(other: object) -> None:
    assert not looks_own(other)
    assert read_signature(other) is None
    assert stands(other, b"covered") is None


@pytest.mark.parametrize(
    "fields", ["", "a:b", "a:b:c:d:e:f:g:h", "a:1:2:3:4:o:s", "a:1:2:-3:4:o:s:d"]
)
def test_what_only_looks_like_a_signature_is_not_read(fields: str) -> None:
    forged = base64.b64encode(b"kilo emulator/1:" + fields.encode()).decode()
    assert looks_own(forged)
    assert read_signature(forged) is None


def test_what_nests_too_deep_for_json_is_covered_by_nothing() -> None:
    deep: list[object] = []
    for _ in range(300):
        deep = [deep]
    assert canonical(deep) is None
    assert stands(SIGNATURE, None) is None


def test_canonical_json_does_not_mind_the_order_of_keys() -> None:
    assert canonical({"b": 1, "a": "\u2028"}) == canonical({"a": "\u2028", "b": 1})
    assert canonical({"a": 1}) != canonical({"a": 1.0})
    assert canonical("a", "b") != canonical("ab")
    assert without({"a": 1, "b": 2}, "a") == {"b": 2}


def test_an_origin_knows_its_subject() -> None:
    assert ORIGIN.covers("because")
    assert not ORIGIN.covers("because ")


@pytest.mark.parametrize(
    ("content", "opens", "whole"),
    [
        ("It rains in Oslo.", True, True),
        ("It rains in Oslo. Always.", True, False),
        ("It rains", True, False),
        ("", True, False),
        ("It rains in Lima.", False, True),
        ("The", False, False),
    ],
)
def test_an_origin_knows_how_its_answer_opens(content: str, opens: bool, whole: bool) -> None:
    assert ORIGIN.opens(content) is opens
    assert ORIGIN.is_all(content, 2) is whole
    assert not ORIGIN.is_all(content, 1)


def test_only_the_opening_of_a_long_answer_is_looked_at() -> None:
    origin = Origin.of(ANSWER, "a" * 64 + "b", 0)
    assert origin.opens("a" * 64 + "c")
    assert not origin.opens("a" * 63 + "b")
    assert not origin.opens("b")


@pytest.mark.parametrize(
    ("style", "signed", "id_"),
    [
        ("anthropic", True, "toolu_0123456789abcd01"),
        ("google", True, "gemini_0123456789abcd01"),
        ("google", False, "call_0123456789abcd01"),
        ("openai", True, "call_0123456789abcd01"),
        ("plain", True, "call_0123456789abcd01"),
    ],
)
def test_the_id_of_a_call_tells_the_answer_and_whether_gemini_signed_it(
    style: ReasoningStyle, signed: bool, id_: str
) -> None:
    assert call_id(style, ANSWER, 1, signed=signed) == id_
    assert answer_of_call(id_) == ANSWER
    assert is_signed_call(id_) is (style == "google" and signed)


@pytest.mark.parametrize("id_", ["", "call_1", "gemini_x", "toolu_0123456789abcd01x", "call_abc"])
def test_other_ids_tell_nothing(id_: str) -> None:
    assert answer_of_call(id_) is None
    assert not is_signed_call(id_)
