"""Reasoning under one name, shown once, its details untouched (GATEWAY 6)."""

from __future__ import annotations

import copy
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kilo_sdk.middleware.reasoning_normalisation import ReasoningNormalisation


def of_chunk(**delta: Any) -> Any:
    chunk = {"choices": [{"index": 0, "delta": copy.deepcopy(delta)}]}
    ReasoningNormalisation().on_chunk(chunk)
    return chunk["choices"][0]["delta"]


def of_completion(**message: Any) -> Any:
    completion = {"choices": [{"index": 0, "message": copy.deepcopy(message)}]}
    ReasoningNormalisation().on_completion(completion)
    return completion["choices"][0]["message"]


TEXT = {"type": "reasoning.text", "text": "a", "signature": "s"}
SUMMARY = {"type": "reasoning.summary", "summary": "b"}
ENCRYPTED = {"type": "reasoning.encrypted", "data": "x"}


def made(text: str) -> list[dict[str, Any]]:
    return [{"type": "reasoning.text", "text": text}]


CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    # One name, one text
    "reasoning alone": ({"reasoning": "a"}, {"reasoning": "a"}),
    "reasoning_content alone": (
        {"reasoning_content": "a"},
        {"reasoning": "a", "reasoning_details": made("a")},
    ),
    "reasoning_text alone": (
        {"reasoning_text": "a"},
        {"reasoning": "a", "reasoning_details": made("a")},
    ),
    "reasoning before the others": (
        {"reasoning_text": "3", "reasoning_content": "2", "reasoning": "1"},
        {"reasoning": "1"},
    ),
    "reasoning_content before reasoning_text": (
        {"reasoning_text": "3", "reasoning_content": "2"},
        {"reasoning": "2", "reasoning_details": made("2")},
    ),
    "the first that is not empty": (
        {"reasoning": "", "reasoning_content": "", "reasoning_text": "3"},
        {"reasoning": "3", "reasoning_details": made("3")},
    ),
    "the first that is not null": (
        {"reasoning": None, "reasoning_content": None, "reasoning_text": "3"},
        {"reasoning": "3", "reasoning_details": made("3")},
    ),
    "other names null": ({"content": "Hi", "reasoning_content": None}, {"content": "Hi"}),
    "other names empty": (
        {"content": "Hi", "reasoning_content": "", "reasoning_text": ""},
        {"content": "Hi"},
    ),
    "a list of parts": (
        {"reasoning_content": [{"type": "text", "text": "a"}, "b", None, {"text": 3}, ["c"]]},
        {"reasoning": "ab", "reasoning_details": made("ab")},
    ),
    "reasoning itself a list of parts": ({"reasoning": [{"text": "a"}]}, {"reasoning": "a"}),
    "reasoning of another type": ({"reasoning": {"text": "a"}}, {"reasoning": None}),
    "white space is reasoning": (
        {"reasoning_content": "\n"},
        {"reasoning": "\n", "reasoning_details": made("\n")},
    ),
    # Details
    "details beside reasoning": (
        {"reasoning": "a", "reasoning_details": [TEXT]},
        {"reasoning": "a", "reasoning_details": [TEXT]},
    ),
    "details beside another name: none is made up": (
        {"reasoning_content": "a", "reasoning_details": [TEXT]},
        {"reasoning": "a", "reasoning_details": [TEXT]},
    ),
    "reasoning beside another name: none is made up": (
        {"reasoning": "a", "reasoning_content": "a"},
        {"reasoning": "a"},
    ),
    "details alone show their text": (
        {"reasoning_details": [TEXT, SUMMARY, ENCRYPTED]},
        {"reasoning": "ab", "reasoning_details": [TEXT, SUMMARY, ENCRYPTED]},
    ),
    "details without text show nothing": (
        {"reasoning_details": [ENCRYPTED, {"type": "reasoning.text", "signature": "s"}]},
        {"reasoning_details": [ENCRYPTED, {"type": "reasoning.text", "signature": "s"}]},
    ),
    "details with entries of any shape are left as they are": (
        {"reasoning_details": [None, "x", {}, {"type": "reasoning.text", "text": 3}]},
        {"reasoning_details": [None, "x", {}, {"type": "reasoning.text", "text": 3}]},
    ),
    "details that are no list are dropped": (
        {"reasoning": "a", "reasoning_details": "x"},
        {"reasoning": "a"},
    ),
    "an object of details is dropped": ({"reasoning_details": {"a": 1}}, {}),
    # The stand-in for encrypted reasoning
    "[REDACTED] alone": ({"reasoning": "[REDACTED]"}, {"reasoning": None}),
    "[REDACTED] alone, amid white space": ({"reasoning": " [REDACTED]\n"}, {"reasoning": None}),
    "[REDACTED] under another name makes no detail": (
        {"reasoning_content": "[REDACTED]"},
        {},
    ),
    "[REDACTED] beside an encrypted detail": (
        {"reasoning": "[REDACTED]", "reasoning_details": [ENCRYPTED]},
        {"reasoning": None, "reasoning_details": [ENCRYPTED]},
    ),
    "[REDACTED] after text, beside an encrypted detail": (
        {"reasoning": "a[REDACTED]", "reasoning_details": [TEXT, ENCRYPTED]},
        {"reasoning": "a", "reasoning_details": [TEXT, ENCRYPTED]},
    ),
    "[REDACTED] in a detail's text is shown nowhere and stays in the detail": (
        {"reasoning_details": [{"type": "reasoning.text", "text": "[REDACTED]"}]},
        {"reasoning_details": [{"type": "reasoning.text", "text": "[REDACTED]"}]},
    ),
    "[REDACTED] in a model's own words": (
        {"reasoning": "it says [REDACTED] there"},
        {"reasoning": "it says [REDACTED] there"},
    ),
    # What is none of its business
    "text alone": ({"role": "assistant", "content": "Hi"}, {"role": "assistant", "content": "Hi"}),
    "fields it does not know": (
        {"reasoning_content": "a", "reasoning_new": "b"},
        {"reasoning": "a", "reasoning_details": made("a"), "reasoning_new": "b"},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_delta_of_a_chunk(case: str) -> None:
    sent, expected = CASES[case]
    assert of_chunk(**sent) == expected


@pytest.mark.parametrize("case", CASES)
def test_the_message_of_a_completion(case: str) -> None:
    sent, expected = CASES[case]
    assert of_completion(**sent) == expected


@pytest.mark.parametrize("case", CASES)
def test_doing_it_twice_changes_nothing_more(case: str) -> None:
    sent, expected = CASES[case]
    assert of_chunk(**of_chunk(**sent)) == expected
    assert of_completion(**of_completion(**sent)) == expected


def test_null_details_beside_another_name_make_room_for_the_one_made() -> None:
    sent = {"reasoning_content": "a", "reasoning_details": None}
    assert of_chunk(**sent) == {"reasoning": "a", "reasoning_details": made("a")}


def test_empty_details_of_a_message_stay() -> None:
    assert of_chunk(reasoning_details=[]) == {"reasoning_details": []}
    assert of_completion(reasoning_details=[]) == {"reasoning_details": []}


def test_every_choice_is_normalised() -> None:
    chunk = {"choices": [{"delta": {"reasoning_text": text}} for text in "ab"]}
    ReasoningNormalisation().on_chunk(chunk)
    assert [choice["delta"]["reasoning"] for choice in chunk["choices"]] == ["a", "b"]
    completion = {"choices": [{"message": {"reasoning_text": text}} for text in "ab"]}
    ReasoningNormalisation().on_completion(completion)
    assert [choice["message"]["reasoning"] for choice in completion["choices"]] == ["a", "b"]


def test_parts_nested_deep_are_no_text() -> None:
    nested = orjson.loads(b'[{"text":' * 400 + b'"a"' + b"}]" * 400)
    chunk = {"choices": [{"delta": {"reasoning": nested}}]}
    ReasoningNormalisation().on_chunk(chunk)
    assert chunk == {"choices": [{"delta": {"reasoning": None}}]}


anything = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 1) | st.text(max_size=3) | st.just("[REDACTED]"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["type", "text", "summary", "x"]), inner, max_size=3)
    ),
    max_leaves=6,
)
owners = st.dictionaries(
    st.sampled_from(
        ["reasoning", "reasoning_content", "reasoning_text", "reasoning_details", "content"]
    ),
    anything | st.lists(st.sampled_from([TEXT, SUMMARY, ENCRYPTED]), max_size=3),
)


@given(owners)
def test_reasoning_of_any_shape_is_shown_once_under_one_name(owner: dict[str, Any]) -> None:
    for normalised in (of_chunk(**owner), of_completion(**owner)):
        assert normalised.keys() <= {"reasoning", "reasoning_details", "content"}
        # What is empty anyhow may stay as it was sent.
        shown = normalised.get("reasoning") or ""
        assert isinstance(shown, str)
        assert shown.strip() != "[REDACTED]"
        assert isinstance(normalised.get("reasoning_details") or [], list)
        assert normalised.get("content") == owner.get("content")


@given(owners)
def test_details_are_left_as_the_model_made_them(owner: dict[str, Any]) -> None:
    details = owner.get("reasoning_details")
    if isinstance(details, list) and details:
        assert of_chunk(**owner)["reasoning_details"] == details
        assert of_completion(**owner)["reasoning_details"] == details
