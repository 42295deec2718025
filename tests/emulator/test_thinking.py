from __future__ import annotations

from typing import Any

import pytest

from kilo_sdk.emulator.models import ReasoningStyle
from kilo_sdk.emulator.signing import canonical, stands, without
from kilo_sdk.emulator.thinking import Call, Said, Thinking, Thought, reasoning_text, think

TOKENS = ("First", " this", " then", " this")
ANSWER = "0123456789abcd"
CALLS = (Call("gemini_1", "one", "{}"), Call("gemini_2", "two", '{"n":1}'))


def details_in(thinking: Thinking) -> list[dict[str, Any]]:
    return [detail for _, details in thinking.deltas for detail in details]


def test_anthropic_signs_its_text_in_a_piece_of_its_own() -> None:
    said = Said(ANSWER, "Hello", CALLS)
    thinking = think("anthropic", TOKENS, said)
    (whole,) = thinking.details
    common = {"type": "reasoning.text", "format": "anthropic-claude-v1", "index": 0}
    assert without(whole, "signature") == {**common, "text": "First this then this"}
    origin = stands(whole["signature"], canonical(without(whole, "signature")))
    assert origin is not None
    assert (origin.answer, origin.count, origin.calls, origin.length) == (ANSWER, 1, 2, 5)
    *pieces, last = details_in(thinking)
    assert pieces == [{**common, "text": token} for token in TOKENS]
    assert last == {**common, "signature": whole["signature"]}
    assert [text for text, _ in thinking.deltas] == [*TOKENS, None]


def test_gemini_ties_encrypted_reasoning_to_each_tool_call() -> None:
    thinking = think("google", TOKENS, Said(ANSWER, "", CALLS))
    text, *sealed = thinking.details
    assert (text["type"], text["format"]) == ("reasoning.text", "google-gemini-v1")
    assert "signature" not in text
    assert [one["id"] for one in sealed] == ["gemini_1", "gemini_2"]
    assert {one["index"] for one in thinking.details} == {0}
    for one, call in zip(sealed, CALLS, strict=True):
        covers = [call.id, call.name, call.arguments]
        assert stands(one["data"], canonical(covers, without(one, "data")))


def test_gemini_seals_an_answer_without_calls_too() -> None:
    _, sealed = think("google", TOKENS, Said(ANSWER, "Hello")).details
    assert "id" not in sealed
    assert stands(sealed["data"], canonical(without(sealed, "data")))


def test_openai_gives_a_summary_and_an_encrypted_item() -> None:
    thinking = think("openai", TOKENS, Said(ANSWER))
    assert [(one["type"], one.get("id")) for one in thinking.details] == [
        ("reasoning.summary", None),
        ("reasoning.encrypted", f"rs_{ANSWER}"),
    ]
    assert thinking.deltas[-1] == (None, (thinking.details[1],))


@pytest.mark.parametrize(
    ("style", "kind", "format_"),
    [("xai", "summary", "xai-responses-v1"), ("plain", "text", "unknown")],
)
def test_others_give_their_text_alone(style: ReasoningStyle, kind: str, format_: str) -> None:
    thinking = think(style, TOKENS, Said(ANSWER))
    assert thinking.details == (
        {"type": f"reasoning.{kind}", kind: "First this then this", "format": format_, "index": 0},
    )
    assert len(thinking.deltas) == len(TOKENS)


def test_thoughts_in_a_row_keep_their_order_and_show_what_they_hide() -> None:
    text = {"type": "reasoning.text", "text": "ab"}
    hidden = {"type": "reasoning.encrypted", "data": "x"}
    thinking = Thinking.of([Thought(text, ("a", "b")), Thought(hidden, shown="[REDACTED]")])
    assert thinking.text == "ab[REDACTED]"
    assert thinking.details == (text, hidden)
    assert thinking.deltas[-1] == ("[REDACTED]", (hidden,))


def test_text_alone_goes_under_the_names_it_is_given() -> None:
    thinking = Thinking.without_details(("a", "b"), ("reasoning_content",))
    assert (thinking.text, thinking.details) == ("ab", ())
    assert thinking.deltas == (("a", ()), ("b", ()))


@pytest.mark.parametrize(
    ("effort", "limit", "length"),
    [("minimal", None, 6), ("xhigh", None, 96), (None, None, 24), (None, 3, 3), (None, 200, 200)],
)
def test_effort_and_limit_set_the_length(effort: object, limit: object, length: int) -> None:
    assert len(reasoning_text("Why?", effort, limit)) == length
