from __future__ import annotations

from typing import Any

import pytest

from kilo_sdk.emulator.history import check_history
from kilo_sdk.emulator.models import EmulatedModel
from kilo_sdk.emulator.refusals import ReplayRefusal
from kilo_sdk.emulator.signing import Origin
from kilo_sdk.emulator.signing import sign as sign_at

CLAUDE, GEMINI, GPT, OTHER = (
    EmulatedModel.from_entry({"id": id_})
    for id_ in ("anthropic/claude", "google/gemini", "openai/gpt", "deepseek/chat")
)


def sign(subject: str) -> str:
    """Sign over a text or a tool call's id; what else it covers is not looked at here."""
    return sign_at(Origin.of("0123456789abcd", "", 0).at(0, 1, subject), b"")


def message(*details: Any, call: str | None = None) -> dict[str, Any]:
    made: dict[str, Any] = {"role": "assistant", "reasoning_details": list(details)}
    return made | ({"tool_calls": [{"id": call}]} if call else {})


def text(words: str, **fields: str) -> dict[str, Any]:
    return {"type": "reasoning.text", "text": words, "format": "anthropic-claude-v1", **fields}


def sealed(data: str, **fields: str) -> dict[str, Any]:
    return {"type": "reasoning.encrypted", "data": data, **fields}


@pytest.mark.parametrize(
    ("model", "messages"),
    [
        (CLAUDE, [message(text("because", signature=sign("because")))]),
        (CLAUDE, [message(text("because", signature="of another maker"))]),
        (CLAUDE, [message()]),
        (CLAUDE, [{"role": "user"}]),
        (
            GEMINI,
            [message(sealed(sign("c1"), id="c1", format="google-gemini-v1"), call="c1")],
        ),
        (GEMINI, [message(sealed("Zm9yZWlnbg==", id="c1", format="google-gemini-v1"))]),
        (GPT, [message(sealed("x", id="rs_1")), message(sealed("x", id="rs_2"))]),
        (OTHER, [message(text("no signature"))]),
        (OTHER, [message("not even an object", 5, None)]),
    ],
)
def test_reasoning_that_came_back_whole_is_taken(
    model: EmulatedModel, messages: list[dict[str, Any]]
) -> None:
    check_history(messages, model)


@pytest.mark.parametrize(
    ("model", "messages", "words"),
    [
        (CLAUDE, [message(text("because"))], "Invalid signature in thinking block"),
        (
            CLAUDE,
            [message(text("because!", signature=sign("because")))],
            "Invalid signature in thinking block",
        ),
        (
            CLAUDE,
            [message({"type": "reasoning.text", "text": "no format"})],
            "Invalid signature in thinking block",
        ),
        (
            GEMINI,
            [message(sealed(sign("c1"), id="c1", format="google-gemini-v1"), call="c2")],
            "Corrupted thought signature.",
        ),
        (
            GEMINI,
            [message(sealed(sign("c1"), id="c2", format="google-gemini-v1"), call="c2")],
            "Corrupted thought signature.",
        ),
        (
            GPT,
            [message(sealed("x", id="rs_1")), message(sealed("x", id="rs_1"))],
            "Duplicate item found with id rs_1.",
        ),
    ],
)
def test_reasoning_that_was_changed_is_refused_as_upstreams_do(
    model: EmulatedModel, messages: list[dict[str, Any]], words: str
) -> None:
    with pytest.raises(ReplayRefusal) as refused:
        check_history(messages, model)
    assert (refused.value.status, refused.value.words) == (400, words)
    assert refused.value.body["error"]["metadata"]["raw"] == words
