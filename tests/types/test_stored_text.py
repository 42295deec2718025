"""The text that is stored: it keeps what it is given, and says what it cannot read."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kilo_sdk.errors import KiloError, SerializationError
from kilo_sdk.types.stored_text import data_of, text_of

any_text = st.text(st.characters(), max_size=6).filter(
    lambda text: text == text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
)
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(2**63, 2**200)
    | st.floats(allow_nan=False, allow_infinity=False)
    | any_text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(any_text, inner, max_size=3),
    max_leaves=15,
)


@given(json_values)
def test_what_is_stored_comes_back_to_the_byte(value: Any) -> None:
    text = text_of("message", value)
    assert text.isascii()
    for form in (text, text.encode()):
        # A repr tells 1 from 1.0, 0.0 from -0.0, and one order of keys from another.
        assert repr(data_of("message", form)) == repr(value)


def test_the_text_has_a_kind_and_a_version() -> None:
    assert text_of("history", ["é\u2028\U0001f600", 1.0, 10**30]) == (
        '{"kilo_sdk":"history","version":1,'
        '"data":["\\u00e9\\u2028\\ud83d\\ude00",1.0,1000000000000000000000000000000]}'
    )


def nested(levels: int) -> Any:
    value: Any = []
    for _ in range(levels):
        value = [value]
    return value


def holding_itself() -> Any:
    value: list[Any] = []
    value.append(value)
    return value


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (float("nan"), "not JSON compliant"),
        (float("inf"), "not JSON compliant"),
        (Decimal(1), "Decimal is not JSON serializable"),
        (b"x", "bytes is not JSON serializable"),
        ({1: "x"}, "a key is of type int, not text"),
        ({None: "x"}, "a key is of type NoneType, not text"),
        ([{"a": {True: 1}}], "a key is of type bool, not text"),
        ("\ud83d\ude00", "a character is split into two surrogates"),
        ({"x\ud83d\ude00": 1}, "a character is split into two surrogates"),
        ([10**5000], "4300 digits"),
        (nested(50_000), "nested too deep"),
        (holding_itself(), "Circular reference"),
    ],
)
def test_what_is_no_json_is_refused_with_its_place(value: Any, reason: str) -> None:
    data = [{"role": "user"}, {"raw": {"role": "user", "content": [{"secret": value}]}}]
    with pytest.raises(SerializationError) as caught:
        text_of("history", data)
    said = str(caught.value)
    assert said.startswith("messages[1].content[0]")
    assert " cannot be stored as JSON: " in said
    assert reason in said
    assert isinstance(caught.value, KiloError)
    assert isinstance(caught.value, ValueError)


def test_a_tuple_is_stored_as_a_list() -> None:
    assert data_of("message", text_of("message", {"a": (1, ("b",))})) == {"a": [1, ["b"]]}


WHOLE = text_of("message", {"role": "user", "content": "the secret plan"})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is no JSON, or was cut off: Expecting value"),
        ("hello", "is no JSON, or was cut off: Expecting value"),
        ('{"a":NaN}', "NaN is no number of JSON"),
        pytest.param('{"a":' + "1" * 5000 + "}", "4300 digits", id="a long number"),
        pytest.param("[" * 50_000, "nested too deep", id="nested too deep"),
        (b"\xff\xfe", "byte 0 of 2 is no UTF-8"),
        ("[]", "not what Message.to_json wrote"),
        ("null", "not what Message.to_json wrote"),
        ('"kilo_sdk"', "not what Message.to_json wrote"),
        ('{"role":"user","content":"Hi"}', "read with Message.from_param"),
        ('[{"role":"user","content":"Hi"}]', "can be given as messages as it is"),
        ('{"kilo_sdk":["message"]}', "not what Message.to_json wrote"),
        ('{"kilo_sdk":"image","version":1}', "not what Message.to_json wrote"),
        ('{"kilo_sdk":"message"}', "says no version"),
        ('{"kilo_sdk":"message","version":"1"}', "says no version"),
        ('{"kilo_sdk":"message","version":true}', "says no version"),
        ('{"kilo_sdk":"message","version":0}', "says no version"),
        (
            '{"kilo_sdk":"message","version":2,"data":{}}',
            "version 2, and this kilo_sdk reads versions up to 1; a newer one wrote it",
        ),
        ('{"kilo_sdk":"message","version":1}', "is empty"),
        (text_of("history", []), "a stored history, not a message; read it with load_history"),
        (text_of("completion", {}), "read it with ChatCompletion.from_json"),
        (None, "of type NoneType"),
        ({"role": "user"}, "of type dict; keep it in a column of text"),
        (bytearray(b"{}"), "of type bytearray"),
    ],
)
def test_what_cannot_be_read_is_named(text: Any, words: str) -> None:
    with pytest.raises(SerializationError) as caught:
        data_of("message", text)
    assert words in str(caught.value)


@given(st.integers(0, len(WHOLE) - 1))
def test_a_text_that_was_cut_off_is_never_read(length: int) -> None:
    for cut in (WHOLE[:length], WHOLE.encode()[:length]):
        with pytest.raises(SerializationError, match="no JSON, or was cut off") as caught:
            data_of("message", cut)
        assert "secret" not in str(caught.value)


@given(st.text() | st.binary())
def test_any_text_is_read_or_refused(text: str | bytes) -> None:
    with pytest.raises(SerializationError):
        data_of("history", text)


def test_the_text_is_plain_json() -> None:
    assert json.loads(WHOLE)["data"] == {"role": "user", "content": "the secret plan"}
