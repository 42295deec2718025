from __future__ import annotations

import base64

import pytest

from kilo_sdk.emulator.models import ReasoningStyle
from kilo_sdk.emulator.thinking import is_own_signature, reasoning_text, sign, think

TOKENS = ("First", " this", " then", " this")


def test_anthropic_signs_its_text_in_a_piece_of_its_own() -> None:
    thinking = think("anthropic", TOKENS, seal="s", tool_call_id=None)
    signature = sign("First this then this")
    common = {"type": "reasoning.text", "format": "anthropic-claude-v1", "index": 0}
    assert [detail for _, detail in thinking.pieces] == [{**common, "text": one} for one in TOKENS]
    assert thinking.closing == ({**common, "signature": signature},)
    assert thinking.details == ({**common, "text": thinking.text, "signature": signature},)


@pytest.mark.parametrize("call", ["call_1", None])
def test_gemini_ties_encrypted_reasoning_to_the_tool_call(call: str | None) -> None:
    thinking = think("google", TOKENS, seal="s", tool_call_id=call)
    text, sealed = thinking.details
    assert (text["type"], text["format"]) == ("reasoning.text", "google-gemini-v1")
    assert "signature" not in text
    assert (sealed["type"], sealed.get("id")) == ("reasoning.encrypted", call)
    assert sealed["index"] == text["index"]
    assert base64.b64decode(sealed["data"], validate=True)


def test_openai_gives_a_summary_and_an_encrypted_item() -> None:
    thinking = think("openai", TOKENS, seal="abc", tool_call_id="call_1")
    assert [(one["type"], one.get("id")) for one in thinking.details] == [
        ("reasoning.summary", None),
        ("reasoning.encrypted", "rs_abc"),
    ]


@pytest.mark.parametrize(
    ("style", "kind", "format_"),
    [("xai", "summary", "xai-responses-v1"), ("plain", "text", "unknown")],
)
def test_others_give_their_text_alone(style: ReasoningStyle, kind: str, format_: str) -> None:
    thinking = think(style, TOKENS, seal="s", tool_call_id=None)
    assert thinking.details == (
        {"type": f"reasoning.{kind}", kind: "First this then this", "format": format_, "index": 0},
    )
    assert thinking.closing == ()


def test_own_signatures_are_recognised() -> None:
    assert is_own_signature(sign("x"))
    assert sign("x") != sign("y")
    for foreign in ("c2ln", "no base64!", "", None, 5):
        assert not is_own_signature(foreign)


@pytest.mark.parametrize(
    ("effort", "limit", "length"),
    [("minimal", None, 6), ("xhigh", None, 96), (None, None, 24), (None, 3, 3), (None, 200, 200)],
)
def test_effort_and_limit_set_the_length(effort: object, limit: object, length: int) -> None:
    assert len(reasoning_text("Why?", effort, limit)) == length
