from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kilo_sdk.emulator.answers import plan_answer
from kilo_sdk.emulator.model_list import built_in_models
from kilo_sdk.emulator.models import EmulatedModel
from kilo_sdk.emulator.refusals import Refusal
from kilo_sdk.emulator.validation import decode_payload, find_model, validate_request

MODELS = {entry["id"]: EmulatedModel.from_entry(entry) for entry in built_in_models()}
Make = Callable[..., dict[str, Any]]
USER = {"role": "user", "content": "Hi"}


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'"text"', b"\xff"])
def test_a_body_that_is_no_object_is_refused(body: bytes) -> None:
    with pytest.raises(Refusal) as refused:
        decode_payload(body)
    assert refused.value.status == 400


@pytest.mark.parametrize(
    ("model", "status"),
    [
        (None, 400),
        (5, 400),
        ("", 400),
        ("nobody/knows", 404),
        ("kilocode/openai/gpt-4.1", 404),
        ("OPENAI/GPT-4.1", 404),
    ],
)
def test_a_model_that_is_not_there_is_refused(model: object, status: int) -> None:
    with pytest.raises(Refusal) as refused:
        find_model({"model": model}, MODELS)
    assert refused.value.status == status


def test_an_unknown_model_is_said_to_be() -> None:
    with pytest.raises(Refusal) as refused:
        find_model({"model": "nobody/knows"}, MODELS)
    assert refused.value.body == {
        "error": "Model not found",
        "message": "The model 'nobody/knows' does not exist",
    }


@pytest.mark.parametrize(
    ("fields", "status", "words"),
    [
        ({"messages": None}, 400, "messages: a non-empty list"),
        ({"messages": []}, 400, "messages: a non-empty list"),
        ({"messages": "Hi"}, 400, "messages: a non-empty list"),
        ({"messages": ["Hi"]}, 400, r"messages[0]: an object"),
        ({"messages": [{"role": "robot", "content": "Hi"}]}, 400, "messages[0].role"),
        ({"messages": [{"content": "Hi"}]}, 400, "messages[0].role"),
        ({"messages": [USER, {"role": "user", "content": None}]}, 400, "messages[1].content"),
        ({"messages": [{"role": "user", "content": ["Hi"]}]}, 400, "needs a type"),
        ({"messages": [{"role": "tool", "content": "x"}]}, 400, "tool_call_id"),
        ({"messages": [{"role": "assistant", "tool_calls": {}}]}, 400, "tool_calls: a list"),
        ({"messages": [{"role": "assistant", "reasoning_details": "x"}]}, 500, "Internal"),
        ({"stop": "END"}, 400, "stop: a list"),
        ({"stop": [1]}, 400, "stop: a list"),
        ({"stream": "yes"}, 400, "stream: a boolean"),
        ({"response_format": "json"}, 400, "response_format"),
        ({"max_tokens": 0}, 400, "max_tokens: a positive integer"),
        ({"max_tokens": "5"}, 400, "max_tokens: a positive integer"),
        ({"max_tokens": True}, 400, "max_tokens: a positive integer"),
        ({"max_tokens": 2_000_000_000}, 503, "No instances available"),
        ({"temperature": 3}, 400, "temperature: a number from 0 to 2"),
        ({"temperature": "hot"}, 400, "temperature"),
        ({"top_p": 1.5}, 400, "top_p"),
        ({"n": 0}, 400, "n: an integer"),
        ({"n": 129}, 400, "n: an integer"),
        ({"reasoning_effort": "high"}, 400, "reasoning_effort: not accepted"),
        ({"reasoning": "high"}, 400, "reasoning: an object"),
        ({"reasoning": {"effort": "max"}}, 400, "reasoning.effort: one of"),
        ({"reasoning": {"effort": ["low"]}}, 400, "reasoning.effort: one of"),
        ({"reasoning": {"effort": "low", "max_tokens": 5}}, 400, "only one of"),
        ({"reasoning": {"max_tokens": 0}}, 400, "reasoning.max_tokens"),
        ({"tools": {}}, 400, "tools: a list"),
        ({"tools": [{"type": "function"}]}, 400, "tools: a list"),
        ({"tools": [{"type": "web", "function": {"name": "x"}}]}, 400, "tools: a list"),
    ],
)
def test_what_is_malformed_is_refused(
    ask: Make, fields: dict[str, Any], status: int, words: str
) -> None:
    with pytest.raises(Refusal) as refused:
        validate_request(ask() | fields, MODELS["openai/gpt-4.1"])
    assert refused.value.status == status
    assert words in str(refused.value.body)


@pytest.mark.parametrize("choice", ["any", 5, {"function": {"name": "other"}}, {}])
def test_a_tool_choice_that_fits_no_tool_is_refused(ask: Make, tool: Make, choice: object) -> None:
    with pytest.raises(Refusal) as refused:
        validate_request(ask(tools=[tool()], tool_choice=choice), MODELS["openai/gpt-4.1"])
    assert refused.value.status == 400


def test_a_model_without_tools_takes_none(ask: Make, tool: Make) -> None:
    with pytest.raises(Refusal) as refused:
        validate_request(ask(tools=[tool()]), MODELS["meta-llama/llama-3.2-1b-instruct"])
    assert refused.value.status == 404


def test_xai_refuses_an_effort(ask: Make) -> None:
    with pytest.raises(Refusal) as refused:
        validate_request(ask(reasoning={"effort": "low"}), MODELS["x-ai/grok-code-fast-1"])
    assert refused.value.status == 400


@pytest.mark.parametrize(
    "fields",
    [
        {"unheard_of": {"x": 1}, "store": True, "metadata": {}},
        {"stop": ["END"], "temperature": 0, "top_p": 1, "max_tokens": 5, "n": 1},
        {"reasoning": {"effort": "none"}},
        {"reasoning": {"max_tokens": 100}},
        {"tools": []},
        {"stop": None, "tools": None, "reasoning": None, "stream": None, "max_tokens": None},
        {"messages": [{"role": "assistant", "content": None, "reasoning_details": []}, USER]},
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}]},
    ],
)
def test_what_is_well_formed_passes(ask: Make, fields: dict[str, Any]) -> None:
    validate_request(ask() | fields, MODELS["openai/gpt-4.1"])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 9) | st.sampled_from(["user", "tool", "high", ""]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "role",
                    "content",
                    "type",
                    "text",
                    "tool_calls",
                    "id",
                    "function",
                    "name",
                    "reasoning_details",
                    "tool_call_id",
                    "effort",
                    "parameters",
                    "json_schema",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=10,
)
FIELDS = ["messages", "tools", "tool_choice", "reasoning", "stop", "n", "max_tokens", "stream",
          "response_format", "parallel_tool_calls", "temperature"]  # fmt: skip


@given(st.dictionaries(st.sampled_from(FIELDS), JSON), st.sampled_from(sorted(MODELS)))
def test_whatever_comes_is_refused_or_answered(fields: dict[str, Any], model: str) -> None:
    payload = {"model": model, "messages": [USER], **fields}
    try:
        validate_request(payload, MODELS[model])
    except Refusal:
        return
    assert plan_answer(payload, MODELS[model]).choices


@given(st.dictionaries(st.sampled_from(["content", "tool_calls", "tool_call_id", "name"]), JSON))
def test_whatever_an_assistant_said_is_refused_or_answered(fields: dict[str, Any]) -> None:
    payload = {
        "model": "openai/gpt-4.1",
        "messages": [
            {"role": "assistant", **fields},
            {"role": "tool", "tool_call_id": "c", "content": "x"},
        ],
    }
    try:
        validate_request(payload, MODELS["openai/gpt-4.1"])
    except Refusal:
        return
    assert plan_answer(payload, MODELS["openai/gpt-4.1"]).choices
