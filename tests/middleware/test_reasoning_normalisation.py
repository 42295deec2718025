"""Reasoning under one name, shown once, its details untouched (GATEWAY 6)."""

from __future__ import annotations

import copy
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kilo_sdk.middleware.base import HoldingResponseMiddleware
from kilo_sdk.middleware.reasoning_normalisation import ReasoningNormalisation


def of_chunk(**delta: Any) -> Any:
    chunk = {"choices": [{"index": 0, "delta": copy.deepcopy(delta), "finish_reason": "stop"}]}
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
    "an alias that ends as a redaction begins": (
        {"reasoning_content": "a[RED"},
        {"reasoning": "a[RED", "reasoning_details": made("a[RED")},
    ),
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
    "[REDACTED] amid white space": ({"reasoning": " [REDACTED]\n"}, {"reasoning": " \n"}),
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
    "[REDACTED] in other text, with nothing encrypted beside it": (
        {"reasoning": "[REDACTED]it says [REDACTED] there[REDACTED]"},
        {"reasoning": "it says  there"},
    ),
    "[REDACTED] in other text under another name": (
        {"reasoning_content": "a[REDACTED]b"},
        {"reasoning": "ab", "reasoning_details": made("ab")},
    ),
    "what only looks like it": (
        {"reasoning": "[redacted] [REDACTED [REDACTED[] [RE"},
        {"reasoning": "[redacted] [REDACTED [REDACTED[] [RE"},
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


# In a stream


def of_stream(*deltas: dict[str, Any], ended: bool = True) -> tuple[list[Any], Any]:
    """What each delta shows, and what comes at the end."""
    answer = ReasoningNormalisation().for_call()
    shown = []
    for delta in deltas:
        chunk: Any = {"choices": [{"index": 0, "delta": copy.deepcopy(delta)}]}
        answer.on_chunk(chunk)
        shown.append(chunk["choices"][0]["delta"].get("reasoning"))
    assert isinstance(answer, HoldingResponseMiddleware)
    return shown, answer.on_end() if ended else None


@pytest.mark.parametrize("name", ["reasoning", "reasoning_content", "reasoning_text"])
def test_the_stand_in_is_not_shown_wherever_it_is_cut(name: str) -> None:
    text = "a[REDACTED]b"
    for at in range(len(text)):
        for width in range(1, 4):
            pieces = [text[:at], text[at : at + width], text[at + width :]]
            shown, held = of_stream(*({name: piece} for piece in pieces if piece))
            assert "".join(filter(None, shown)) == "ab", pieces
            assert held is None


def test_the_beginning_of_a_stand_in_is_shown_once_it_is_none() -> None:
    shown, held = of_stream({"reasoning": "see [RE"}, {"reasoning": "1] and ["}, {"reasoning": ""})
    assert shown == ["see ", "[RE1] and ", ""]
    assert held == {"choices": [{"index": 0, "delta": {"reasoning": "["}}]}


def test_what_is_held_back_comes_with_the_finish_reason() -> None:
    answer = ReasoningNormalisation().for_call()
    answer.on_chunk({"choices": [{"index": 0, "delta": {"reasoning_content": "a["}}]})
    last: Any = {"choices": [{"index": 0, "delta": {"content": ""}, "finish_reason": "stop"}]}
    answer.on_chunk(last)
    assert last["choices"][0]["delta"] == {
        "content": "",
        "reasoning": "[",
        "reasoning_details": made("["),
    }
    assert isinstance(answer, HoldingResponseMiddleware)
    assert answer.on_end() is None


def test_each_choice_has_its_own() -> None:
    answer = ReasoningNormalisation().for_call()
    for index, text in ((0, "a[RED"), (1, "b[RED"), (0, "ACTED]"), (1, "x]")):
        chunk: Any = {"choices": [{"index": index, "delta": {"reasoning": text}}]}
        answer.on_chunk(chunk)
    assert chunk["choices"][0]["delta"]["reasoning"] == "[REDx]"


def test_details_that_come_after_all_the_text_do_not_show_it_again() -> None:
    shown, _ = of_stream(
        {"reasoning_content": "a"},
        {"reasoning_content": "b"},
        {"reasoning_details": [{**TEXT, "text": "ab"}]},
    )
    assert shown == ["a", "b", None]


def test_details_show_their_text_as_long_as_no_other_came() -> None:
    deltas = [{"reasoning_details": [TEXT]}, {"reasoning": "b", "reasoning_details": [SUMMARY]}]
    shown, _ = of_stream(*deltas, {"reasoning_details": [{**TEXT, "text": "c"}]})
    assert shown == ["a", "b", "c"]


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
        assert "[REDACTED]" not in shown
        assert isinstance(normalised.get("reasoning_details") or [], list)
        assert normalised.get("content") == owner.get("content")


@given(owners)
def test_details_are_left_as_the_model_made_them(owner: dict[str, Any]) -> None:
    details = owner.get("reasoning_details")
    if isinstance(details, list) and details:
        assert of_chunk(**owner)["reasoning_details"] == details
        assert of_completion(**owner)["reasoning_details"] == details
