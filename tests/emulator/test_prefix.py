"""Facts about the beginning of an answer in a request: who goes on with it, and how."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from kilo_sdk.emulator.answers import plan_answer
from kilo_sdk.emulator.models import EmulatedModel
from kilo_sdk.emulator.prefix import after_prefix, check_prefix, echoes_prefix, prefix_of
from kilo_sdk.emulator.refusals import Refusal

USER = {"role": "user", "content": "Hi"}
WHOLE = "You said: Hi. The river runs past the old mill"
PREFIX, PARTIAL = {"prefix": True}, {"partial": True}


def model(id_: str) -> EmulatedModel:
    return EmulatedModel.from_entry({"id": id_, "supported_parameters": ["reasoning"]})


def ask(id_: str, content: Any, mark: dict[str, bool] | None = None, **more: Any) -> dict[str, Any]:
    last = {"role": "assistant", "content": content, **(mark or {})}
    return {"model": id_, "messages": [USER, last], **more}


def answered(payload: dict[str, Any]) -> str:
    (choice,) = plan_answer(payload, model(payload["model"])).choices
    return "".join(choice.content)


@pytest.mark.parametrize(
    ("id_", "mark"),
    [
        ("anthropic/claude-sonnet-4", {}),
        ("deepseek/deepseek-v3.2", PREFIX),
        ("moonshotai/kimi-k2", PARTIAL),
        ("qwen/qwen3-coder", PARTIAL),
    ],
)
@pytest.mark.parametrize("said", ["You said:", "You sa", "You said: Hi. The river runs past"])
def test_what_was_begun_is_gone_on_with(id_: str, mark: dict[str, bool], said: str) -> None:
    assert (said + answered(ask(id_, said, mark))).startswith(WHOLE)


def test_white_space_at_its_end_is_said_or_put_aside() -> None:
    assert answered(ask("qwen/qwen3-coder", "You said: ", PARTIAL)).startswith("Hi. The")
    assert answered(ask("qwen/qwen3-coder", "You said:\n\n", PARTIAL)).startswith(" Hi. The")


def test_mistral_says_the_beginning_again() -> None:
    assert answered(ask("mistralai/devstral", "You said:", PREFIX)).startswith(WHOLE)
    plan = plan_answer(ask("mistralai/devstral", "You said:", PREFIX), model("mistralai/devstral"))
    whole = plan_answer({"model": "m/x", "messages": [USER]}, model("mistralai/devstral"))
    written = whole.completion_tokens - whole.reasoning_tokens
    assert plan.completion_tokens == written - 3
    assert echoes_prefix(model("mistralai/devstral"))
    assert not echoes_prefix(model("deepseek/deepseek-v3.2"))


@pytest.mark.parametrize(
    ("id_", "mark"),
    [
        ("openai/gpt-4.1", PREFIX),
        ("google/gemini-3-pro-preview", PARTIAL),
        ("deepseek/deepseek-v3.2", {}),
        ("deepseek/deepseek-v3.2", PARTIAL),
        ("qwen/qwen3-coder", PREFIX),
        ("mistralai/devstral", {"prefix": False}),
    ],
)
def test_others_and_those_who_are_not_told_to_answer_anew(id_: str, mark: dict[str, bool]) -> None:
    payload = ask(id_, "You said:", mark)
    assert prefix_of(payload, model(id_)) is None
    assert answered(payload).startswith(WHOLE)


def test_a_message_of_tool_calls_parts_or_nothing_is_no_beginning() -> None:
    claude = model("anthropic/claude-sonnet-4")
    payload = ask(claude.id, "Hi", {}) | {"messages": [USER, {"role": "user", "content": "Ho"}]}
    assert prefix_of(payload, claude) is None
    for last in ({"content": None}, {"content": ""}, {"content": "A", "tool_calls": [{}]}):
        payload = {"messages": [USER, {"role": "assistant", **last}]}
        assert prefix_of(payload, claude) is None
        check_prefix(payload, claude)


def test_an_answer_that_begins_otherwise_is_given_whole() -> None:
    assert answered(ask("qwen/qwen3-coder", "No:", PARTIAL)).startswith(WHOLE)


def test_a_whole_answer_has_nothing_after_it_and_one_under_way_no_reasoning() -> None:
    payload = {"model": "qwen/qwen3-coder", "messages": [USER]}
    whole = answered(payload)
    (choice,) = plan_answer(
        ask("qwen/qwen3-coder", whole, PARTIAL), model("qwen/qwen3-coder")
    ).choices
    assert (choice.content, choice.finish_reason, choice.thinking) == ((), "stop", None)


def test_max_tokens_counts_what_comes_after() -> None:
    payload = ask("qwen/qwen3-coder", "You said:", PARTIAL, max_tokens=2)
    assert answered(payload) == " Hi."


@pytest.mark.parametrize(
    ("tokens", "prefix", "rest"),
    [
        (("ab", "cd"), "ab", ("cd",)),
        (("ab", "cd"), "abc", ("d",)),
        (("ab", "cd"), "abcd", ()),
        (("ab", "cd"), "abcd ", ()),
        (("ab", "cd"), "x", ("ab", "cd")),
        ((), "x", ()),
    ],
)
def test_tokens_are_cut_where_the_prefix_ends(
    tokens: tuple[str, ...], prefix: str, rest: tuple[str, ...]
) -> None:
    assert after_prefix(tokens, prefix) == rest


@pytest.mark.parametrize(
    ("id_", "content", "more", "words"),
    [
        ("anthropic/claude-opus-4.6", "A", {}, "does not support assistant message prefill"),
        ("anthropic/claude-sonnet-4-6", "A", {}, "does not support assistant message prefill"),
        ("anthropic/claude-opus-5", "A", {}, "must end with a user message"),
        ("anthropic/claude-sonnet-4", "A ", {}, "cannot end with trailing whitespace"),
        (
            "anthropic/claude-sonnet-4",
            "A",
            {"reasoning": {"effort": "low"}},
            "messages.1.content.0.type: Expected `thinking`",
        ),
        ("anthropic/claude-sonnet-4", "A", {"reasoning": {"enabled": True}}, "must start with"),
    ],
)
def test_claude_refuses_in_its_own_words(
    id_: str, content: str, more: dict[str, Any], words: str
) -> None:
    with pytest.raises(Refusal) as raised:
        check_prefix(ask(id_, content, **more), model(id_))
    assert raised.value.status == 400
    error = raised.value.body["error"]
    assert error["message"] == "Provider returned error"
    assert error["metadata"]["provider_name"] == "Anthropic"
    told = orjson.loads(error["metadata"]["raw"])
    assert words in told["error"]["message"]
    assert told["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize(
    ("id_", "more"),
    [
        ("anthropic/claude-sonnet-4-20250514", {}),
        ("anthropic/claude-3-5-sonnet-20240620", {}),
        ("anthropic/claude-3.7-sonnet", {"reasoning": {"enabled": False}}),
        ("anthropic/claude-opus-4.5", {"reasoning": {"effort": "none"}}),
    ],
)
def test_claude_takes_the_rest(id_: str, more: dict[str, Any]) -> None:
    check_prefix(ask(id_, "A", **more), model(id_))


def test_thinking_goes_with_a_beginning_that_has_thought() -> None:
    id_ = "anthropic/claude-sonnet-4"
    payload = ask(id_, "A", reasoning={"effort": "low"})
    payload["messages"][-1]["reasoning_details"] = [{"type": "reasoning.text", "text": "Hm"}]
    check_prefix(payload, model(id_))
