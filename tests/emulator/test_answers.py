from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from kilo_sdk.emulator.answers import Answer, plan_answer
from kilo_sdk.emulator.model_list import built_in_models
from kilo_sdk.emulator.models import EmulatedModel
from kilo_sdk.emulator.signing import answer_of_call, is_signed_call, read_signature

MODELS = {entry["id"]: EmulatedModel.from_entry(entry) for entry in built_in_models()}
Make = Callable[..., dict[str, Any]]


def plan(payload: dict[str, Any], **settings: Any) -> Answer:
    return plan_answer(payload, MODELS[payload["model"]], **settings)


def text_of(answer: Answer) -> str:
    return "".join(answer.choices[0].content)


def test_the_last_user_message_is_said_back(ask: Make) -> None:
    assert text_of(plan(ask("Ahoy  there"))).startswith("You said: Ahoy there. The river runs")


def test_the_text_parts_of_a_message_are_said_back(ask: Make) -> None:
    payload = ask()
    payload["messages"][0]["content"] = [
        {"type": "text", "text": "See"},
        {"type": "image_url", "image_url": {"url": "data:"}},
        {"type": "text", "text": "this"},
    ]
    assert text_of(plan(payload)).startswith("You said: See this.")


def test_the_same_request_gets_the_same_answer(ask: Make, tool: Make) -> None:
    payload = ask(model="anthropic/claude-sonnet-4", tools=[tool()])
    assert plan(payload) == plan(json.loads(json.dumps(payload)) | {"stream": True})


@pytest.mark.parametrize(("words", "length"), [("500 tokens", 500), ("7 words", 7), ("1 word", 1)])
def test_a_message_chooses_the_length(ask: Make, words: str, length: int) -> None:
    answer = plan(ask(f"Write {words}"))
    assert len(answer.choices[0].content) == length == answer.completion_tokens
    assert answer.choices[0].finish_reason == "stop"


def test_the_gateway_chooses_the_length_where_the_message_does_not(ask: Make) -> None:
    assert len(plan(ask(), answer_tokens=2000).choices[0].content) == 2000
    assert len(plan(ask("5 words"), answer_tokens=2000).choices[0].content) == 5


@pytest.mark.parametrize("field", ["max_tokens", "max_completion_tokens"])
def test_max_tokens_cuts_the_text(ask: Make, field: str) -> None:
    answer = plan(ask(**{field: 3}))
    assert text_of(answer) == "You said:"
    assert answer.choices[0].finish_reason == "length"
    assert answer.completion_tokens == 3


def test_a_long_message_is_said_back_in_part(ask: Make) -> None:
    answer = text_of(plan(ask("word " * 500)))
    assert " ..." in answer
    assert answer.count("word") < 70


def test_several_choices_differ_but_the_first_is_as_alone(ask: Make) -> None:
    several = plan(ask(n=3)).choices
    assert [choice.index for choice in several] == [0, 1, 2]
    assert len({choice.content for choice in several}) == 3
    assert several[0] == plan(ask()).choices[0]


def test_the_first_tool_is_called(ask: Make, tool: Make) -> None:
    answer = plan(ask(tools=[tool("one"), tool("two")]))
    (call,) = answer.choices[0].tool_calls
    assert (call.name, json.loads(call.arguments)) == ("one", {"city": "some city"})
    assert answer.choices[0].finish_reason == "tool_calls"
    assert answer.choices[0].content == ()


def test_the_named_tool_is_called(ask: Make, tool: Make) -> None:
    choice = {"type": "function", "function": {"name": "two"}}
    answer = plan(ask(tools=[tool("one"), tool("two")], tool_choice=choice))
    assert [call.name for call in answer.choices[0].tool_calls] == ["two"]


def test_two_tools_are_called_in_parallel(ask: Make, tool: Make) -> None:
    tools = [tool("one"), tool("two"), tool("three")]
    answer = plan(ask(tools=tools, parallel_tool_calls=True))
    calls = answer.choices[0].tool_calls
    assert [call.name for call in calls] == ["one", "two"]
    assert len({call.id for call in calls}) == 2


def test_no_tool_is_called_when_none_is_the_choice(ask: Make, tool: Make) -> None:
    answer = plan(ask(tools=[tool()], tool_choice="none"))
    assert answer.choices[0].tool_calls == ()
    assert answer.choices[0].finish_reason == "stop"


def test_max_tokens_cuts_arguments(ask: Make, tool: Make) -> None:
    answer = plan(ask(tools=[tool()], max_tokens=2))
    choice = answer.choices[0]
    assert choice.finish_reason == "length"
    assert choice.tool_calls[0].arguments == '{"city'


def test_the_result_of_a_tool_is_said_back(ask: Make, tool: Make) -> None:
    payload = ask(tools=[tool()])
    call = {"id": "c1", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}
    payload["messages"] += [
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "content": "18 degrees"},
    ]
    answer = plan(payload)
    assert text_of(answer).startswith("The get_weather returned: 18 degrees.")
    assert answer.choices[0].finish_reason == "stop"


@pytest.mark.parametrize(
    "reasoning", [{"effort": "none"}, {"enabled": False}, {"effort": "high", "exclude": True}]
)
def test_a_request_turns_reasoning_off(ask: Make, reasoning: dict[str, Any]) -> None:
    answer = plan(ask(model="openai/gpt-5", reasoning=reasoning))
    assert answer.choices[0].thinking is None
    # What is left out is still thought, and paid for.
    assert answer.reasoning_tokens == (48 if "exclude" in reasoning else 0)


def test_only_reasoning_models_reason(ask: Make) -> None:
    assert plan(ask(model="openai/gpt-4.1")).choices[0].thinking is None
    thinking = plan(ask("Why?", model="openai/gpt-5")).choices[0].thinking
    assert thinking is not None
    assert thinking.text.startswith("The user says: Why?. Let me look")


def test_reasoning_counts_as_completion(ask: Make) -> None:
    answer = plan(ask(model="openai/gpt-5", reasoning={"effort": "low"}, max_tokens=4))
    assert (answer.reasoning_tokens, answer.completion_tokens) == (12, 16)


def test_a_gemini_tool_call_has_its_thought_signature(ask: Make, tool: Make) -> None:
    choice = plan(ask(model="google/gemini-3-pro-preview", tools=[tool()])).choices[0]
    assert choice.thinking is not None
    assert choice.thinking.details[-1]["id"] == choice.tool_calls[0].id


def test_signatures_cover_the_rest_of_the_answer(ask: Make, tool: Make) -> None:
    payload = ask(model="anthropic/claude-sonnet-4", tools=[tool(), tool("two")], n=2)
    first, second = plan(payload | {"parallel_tool_calls": True}).choices
    for choice in (first, second):
        assert choice.thinking is not None
        origin = read_signature(choice.thinking.details[0]["signature"])
        assert origin is not None
        answers = {answer_of_call(call.id) for call in choice.tool_calls}
        assert (answers, origin.calls, origin.length) == ({origin.answer}, 2, 0)
    (alone,) = plan(ask(model="anthropic/claude-sonnet-4")).choices
    assert alone.thinking is not None
    origin = read_signature(alone.thinking.details[0]["signature"])
    assert origin is not None
    assert origin.is_all("".join(alone.content), 0)
    assert origin.opens("".join(alone.content))


@pytest.mark.parametrize("reasoning", [{"effort": "none"}, {"exclude": True}])
def test_gemini_signs_no_call_of_hidden_reasoning(
    ask: Make, tool: Make, reasoning: dict[str, Any]
) -> None:
    model = "google/gemini-3-pro-preview"
    (call,) = plan(ask(model=model, tools=[tool()], reasoning=reasoning)).choices[0].tool_calls
    assert not is_signed_call(call.id)


def test_some_models_write_their_reasoning_into_content(ask: Make, tool: Make) -> None:
    answer = plan(ask("Why?", model="qwen/qwq-32b"))
    text = text_of(answer)
    assert text.startswith("<think>The user says: Why?. Let me look at this")
    assert "</think>\n\nYou said: Why?. The river runs" in text
    assert answer.choices[0].thinking is None
    # Reasoning is counted by itself; the tags and the gap after them are nobody's tokens.
    assert answer.reasoning_tokens == 24
    assert answer.completion_tokens == len(answer.choices[0].content) - 3
    called = plan(ask("Why?", model="qwen/qwq-32b", tools=[tool()])).choices[0]
    assert "".join(called.content).endswith("</think>\n\n")
    assert len(called.tool_calls) == 1


def test_variety_is_drawn_from_the_request_and_the_seed(ask: Make) -> None:
    payload = ask("Why?", model="anthropic/claude-sonnet-4")
    streamed = json.loads(json.dumps(payload)) | {"stream": True}
    drawn = [plan(payload, variety=seed) for seed in range(30)]
    assert drawn == [plan(streamed, variety=seed) for seed in range(30)]
    counts = {len(answer.choices[0].thinking.details) for answer in drawn}  # type: ignore[union-attr]
    assert counts == {1, 2, 3}
    assert {answer.reasoning_tokens for answer in drawn} == {24}


def test_a_message_chooses_the_number_of_thoughts(ask: Make) -> None:
    for seed in range(5):
        answer = plan(ask("5 thoughts", model="anthropic/claude-opus-4.5"), variety=seed)
        assert answer.choices[0].thinking is not None
        assert len(answer.choices[0].thinking.details) == 5


@pytest.mark.parametrize(
    ("response_format", "value"),
    [
        ({"type": "json_object"}, {"answer": "You said: Hello"}),
        (
            {
                "type": "json_schema",
                "json_schema": {"schema": {"type": "object", "properties": {"n": {"const": 3}}}},
            },
            {"n": 3},
        ),
    ],
)
def test_json_is_answered_with_json(ask: Make, response_format: Any, value: Any) -> None:
    assert json.loads(text_of(plan(ask(response_format=response_format)))) == value


def test_prompt_tokens_up_to_a_cache_mark_are_cached(ask: Make) -> None:
    payload = ask()
    marked = {"type": "text", "text": "one two three", "cache_control": {"type": "ephemeral"}}
    payload["messages"].insert(0, {"role": "system", "content": [marked]})
    answer = plan(payload)
    assert (answer.cached_tokens, answer.prompt_tokens) == (7, 12)
