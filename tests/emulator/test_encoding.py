from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

import pytest
from joining import essence, join

from kilo_sdk.emulator.answers import plan_answer
from kilo_sdk.emulator.encoding import Envelope, encode_body, encode_chunks, encode_cuts
from kilo_sdk.emulator.model_list import built_in_models
from kilo_sdk.emulator.models import EmulatedModel

MODELS = {entry["id"]: EmulatedModel.from_entry(entry) for entry in built_in_models()}
Make = Callable[..., dict[str, Any]]


def chunks(payload: dict[str, Any], **options: Any) -> list[dict[str, Any]]:
    model = MODELS[payload["model"]]
    events = encode_chunks(plan_answer(payload, model), Envelope("gen-1", 7, model), **options)
    assert all(event.startswith(b"data: {") and event.endswith(b"}\n\n") for event in events)
    return [json.loads(event[6:]) for event in events]


def body(payload: dict[str, Any], **options: Any) -> dict[str, Any]:
    model = MODELS[payload["model"]]
    answer = plan_answer(payload, model)
    whole: dict[str, Any] = json.loads(encode_body(answer, Envelope("gen-1", 7, model), **options))
    return whole


def joined(stream: list[dict[str, Any]], index: int) -> dict[str, Any]:
    """A deliberately plain reading of a stream, for one choice."""
    content, reasoning, reason = "", "", None
    calls: dict[int, dict[str, Any]] = {}
    for chunk in stream:
        for choice in chunk["choices"]:
            if choice["index"] != index:
                continue
            content += choice["delta"].get("content") or ""
            reasoning += choice["delta"].get("reasoning") or ""
            reason = choice["finish_reason"] or reason
            for piece in choice["delta"].get("tool_calls") or ():
                call = calls.setdefault(piece["index"], {"arguments": ""})
                call["arguments"] += piece["function"]["arguments"]
                call.update({key: piece[key] for key in ("id",) if key in piece})
                call.setdefault("name", piece["function"].get("name"))
    return {
        "content": content,
        "reasoning": reasoning or None,
        "calls": [calls[position] for position in sorted(calls)],
        "finish_reason": reason,
    }


def test_a_chunk_has_the_gateways_shape(ask: Make) -> None:
    first, second, *_ = chunks(ask())
    assert first == {
        "id": "gen-1",
        "provider": "OpenAI",
        "model": "openai/gpt-4.1",
        "object": "chat.completion.chunk",
        "created": 7,
        "choices": [
            {
                "index": 0,
                "delta": {"role": "assistant", "content": ""},
                "finish_reason": None,
                "native_finish_reason": None,
                "logprobs": None,
            }
        ],
    }
    assert second["choices"][0]["delta"] == {"role": "assistant", "content": "You"}


def test_the_finish_reason_comes_before_the_usage(ask: Make) -> None:
    *_, finish, usage = chunks(ask(max_tokens=2))
    assert finish["choices"][0]["finish_reason"] == "length"
    assert finish["choices"][0]["native_finish_reason"] == "max_output_tokens"
    assert "usage" not in finish
    assert usage["choices"][0]["finish_reason"] is None


def test_usage_adds_up_and_costs_what_the_model_costs(ask: Make) -> None:
    usage = chunks(ask("one two", max_tokens=10))[-1]["usage"]
    assert usage == {
        "prompt_tokens": 6,
        "completion_tokens": 10,
        "total_tokens": 16,
        "cost": 0.000092,
        "is_byok": False,
        "prompt_tokens_details": {
            "cached_tokens": 0,
            "cache_write_tokens": 0,
            "audio_tokens": 0,
            "video_tokens": 0,
        },
        "cost_details": {
            "upstream_inference_cost": 0.000092,
            "upstream_inference_prompt_cost": 0.000012,
            "upstream_inference_completions_cost": 0.00008,
        },
        "completion_tokens_details": {"reasoning_tokens": 0, "image_tokens": 0},
    }


@pytest.mark.parametrize("model", sorted(MODELS))
@pytest.mark.parametrize("fields", [{}, {"n": 2}, {"max_tokens": 5}])
@pytest.mark.parametrize("with_tools", [False, True])
def test_a_stream_says_what_the_body_says(
    ask: Make, tool: Make, model: str, fields: dict[str, Any], with_tools: bool
) -> None:
    payload = ask("Tell \u2028 me \U0001f600", model, **fields)
    if with_tools:
        payload |= {"tools": [tool("one"), tool("two")], "parallel_tool_calls": True}
    stream, whole = chunks(payload), body(payload)
    assert stream[-1]["usage"] == whole["usage"]
    for choice in whole["choices"]:
        message = choice["message"]
        assert joined(stream, choice["index"]) == {
            "content": message["content"],
            "reasoning": message["reasoning"],
            "calls": [
                {"id": call["id"], **call["function"]} for call in message.get("tool_calls", [])
            ],
            "finish_reason": choice["finish_reason"],
        }


def test_parallel_tool_calls_are_interleaved(ask: Make, tool: Make) -> None:
    stream = chunks(ask(tools=[tool("one"), tool("two")], parallel_tool_calls=True))
    order = [
        piece["index"]
        for chunk in stream
        for piece in chunk["choices"][0]["delta"].get("tool_calls", ())
    ]
    assert order[:6] == [0, 1, 0, 1, 0, 1]


def test_choices_take_turns(ask: Make) -> None:
    order = [chunk["choices"][0]["index"] for chunk in chunks(ask(n=3))]
    assert order[:6] == [0, 1, 2, 0, 1, 2]


def test_reasoning_comes_before_content_in_pieces(ask: Make) -> None:
    stream = chunks(ask(model="anthropic/claude-sonnet-4", reasoning={"effort": "minimal"}))
    deltas = [chunk["choices"][0]["delta"] for chunk in stream]
    assert [("reasoning_details" in delta, bool(delta["content"])) for delta in deltas[:9]] == [
        (False, False),
        *[(True, False)] * 7,
        (False, True),
    ]
    assert deltas[1]["reasoning"] == "The"
    (signature,) = deltas[7]["reasoning_details"]
    assert set(signature) == {"type", "signature", "format", "index"}
    assert deltas[7]["reasoning"] is None


@pytest.mark.parametrize("model", ["anthropic/claude-sonnet-4", "google/gemini-3-pro-preview"])
def test_a_varied_answer_is_the_same_streamed_or_not(ask: Make, tool: Make, model: str) -> None:
    payload = ask("3 thoughts", model, tools=[tool("one"), tool("two")], parallel_tool_calls=True)
    for variety in range(20):
        answer = plan_answer(payload, MODELS[model], variety=variety)
        envelope = Envelope("gen-1", 7, MODELS[model])
        (whole,) = json.loads(encode_body(answer, envelope))["choices"]
        stream = [json.loads(event[6:]) for event in encode_chunks(answer, envelope)]
        assert joined(stream, 0)["reasoning"] == whole["message"]["reasoning"]
        told: dict[str, dict[str, Any]] = {}
        for chunk in stream:
            for piece in chunk["choices"][0]["delta"].get("tool_calls", ()):
                told.setdefault(piece["index"], {}).update(piece)
        for call in whole["message"]["tool_calls"]:
            assert told[call["index"]].keys() == call.keys()


@pytest.mark.parametrize("model", sorted(MODELS))
def test_cuts_of_an_answer_join_into_its_body(ask: Make, tool: Make, model: str) -> None:
    payload = ask("Tell \u2028 me \U0001f600", model, n=2)
    if MODELS[model].supports_tools:
        payload |= {"tools": [tool("one"), tool("two")], "parallel_tool_calls": True}
    for seed in range(20):
        answer = plan_answer(payload, MODELS[model], variety=seed)
        envelope = Envelope("gen-1", 7, MODELS[model])
        *events, done = encode_cuts(answer, envelope, random.Random(seed))
        assert done.rstrip().endswith(b"[DONE]")
        chunks = [json.loads(event[event.index(b"data:") + 5 :]) for event in events]
        assert join(chunks) == essence(json.loads(encode_body(answer, envelope)))


def test_text_without_details_goes_under_other_names(ask: Make) -> None:
    names = set()
    for variety in range(30):
        payload = ask(model="deepseek/deepseek-v3.2")
        answer = plan_answer(payload, MODELS[payload["model"]], variety=variety)
        envelope = Envelope("gen-1", 7, MODELS[payload["model"]])
        (whole,) = json.loads(encode_body(answer, envelope))["choices"]
        message = whole["message"]
        held = {name for name in message if name.startswith("reasoning") and message[name]}
        names.add(frozenset(held))
        stream = [json.loads(event[6:]) for event in encode_chunks(answer, envelope)]
        for name in held - {"reasoning_details"}:
            pieces = [chunk["choices"][0]["delta"].get(name) or "" for chunk in stream]
            assert "".join(pieces) == message[name]
    assert frozenset({"reasoning_content"}) in names
    assert frozenset({"reasoning_content", "reasoning"}) in names


def test_finish_reasons_can_be_left_out(ask: Make) -> None:
    stream = chunks(ask(), with_finish_reason=False)
    assert {choice["finish_reason"] for chunk in stream for choice in chunk["choices"]} == {None}
    assert body(ask(), with_finish_reason=False)["choices"][0]["finish_reason"] is None
