"""Chunks read as OpenAI's do, and no field an upstream sends breaks one."""

from __future__ import annotations

import copy
import pickle
from decimal import Decimal
from typing import Any

import pytest

from kilo_sdk.types.chunk import ChunkChoice, CompletionChunk
from kilo_sdk.types.usage import Usage

WIRE: dict[str, Any] = {
    "id": "gen-1",
    "provider": "Anthropic",
    "model": "anthropic/claude-sonnet-4",
    "object": "chat.completion.chunk",
    "created": 1767693133,
    "system_fingerprint": "fp_1",
    "choices": [
        {
            "index": 1,
            "delta": {
                "role": "assistant",
                "content": "Hi",
                "reasoning": "Hm",
                "reasoning_details": [{"type": "reasoning.text", "text": "Hm"}],
                "refusal": "No",
                "tool_calls": [
                    {"index": 0, "id": "c1", "function": {"name": "f", "arguments": "{"}},
                    {"index": 1, "id": "c2", "function": {"name": "g", "arguments": ""}},
                ],
                "new": 1,
            },
            "finish_reason": "stop",
            "native_finish_reason": "end_turn",
            "logprobs": {"content": []},
        }
    ],
    "usage": {"prompt_tokens": 3, "cost": 0.5},
    "new": 2,
}
ANY_JSON: list[Any] = [None, True, False, 0, 7, 7.5, "", [], [1], {}, {"a": 1}]


def read(value: object, *names: str) -> dict[str, Any]:
    return {name: getattr(value, name) for name in names}


def choice_of(**fields: Any) -> ChunkChoice:
    return CompletionChunk.from_wire({"choices": [{"index": 0, "delta": {}, **fields}]}).choices[0]


def test_a_full_chunk_reads_exactly() -> None:
    chunk = CompletionChunk.from_wire(WIRE)
    top = ("id", "provider", "model", "object", "created", "system_fingerprint")
    assert read(chunk, *top) == {name: WIRE[name] for name in top}
    assert chunk.usage == Usage(prompt_tokens=3, cost=Decimal("0.5"))
    [choice] = chunk.choices
    beside = ("index", "finish_reason", "native_finish_reason", "logprobs")
    assert read(choice, *beside) == {name: WIRE["choices"][0][name] for name in beside}
    texts = ("role", "content", "reasoning", "reasoning_details", "refusal")
    assert read(choice.delta, *texts) == {name: WIRE["choices"][0]["delta"][name] for name in texts}
    assert choice.delta.tool_calls is not None
    assert [(call.index, call.id, call.function.name) for call in choice.delta.tool_calls] == [
        (0, "c1", "f"),
        (1, "c2", "g"),
    ]


def test_what_it_does_not_know_stays_under_raw() -> None:
    chunk = CompletionChunk.from_wire(WIRE)
    assert chunk.raw == WIRE
    assert chunk.raw["new"] == 2
    assert chunk.choices[0].raw == WIRE["choices"][0]
    assert chunk.choices[0].delta.raw["new"] == 1


def test_a_chunk_of_usage_alone_has_no_choices() -> None:
    chunk = CompletionChunk.from_wire({"choices": [], "usage": {"prompt_tokens": 3}})
    assert chunk.choices == []
    assert chunk.usage == Usage(prompt_tokens=3)


def test_choices_keep_their_order() -> None:
    wire = {"choices": [{"index": i, "delta": {"content": str(i)}} for i in (2, 0, 1)]}
    chunk = CompletionChunk.from_wire(wire)
    assert [(c.index, c.delta.content) for c in chunk.choices] == [(2, "2"), (0, "0"), (1, "1")]


def test_absent_fields_read_as_none() -> None:
    chunk = CompletionChunk.from_wire({"choices": [{"index": 0, "delta": {}}]})
    names = ("id", "provider", "model", "object", "created", "system_fingerprint", "usage")
    assert set(read(chunk, *names).values()) == {None}
    [choice] = chunk.choices
    beside = ("finish_reason", "native_finish_reason", "logprobs")
    assert set(read(choice, *beside).values()) == {None}
    texts = ("role", "content", "reasoning", "reasoning_details", "refusal", "tool_calls")
    assert set(read(choice.delta, *texts).values()) == {None}


@pytest.mark.parametrize("value", ANY_JSON)
def test_fields_of_another_type_read_as_none(value: Any) -> None:
    text = value if isinstance(value, str) else None
    wire = {
        **dict.fromkeys(["id", "provider", "model", "object", "system_fingerprint"], value),
        "created": value,
        "usage": value,
        "choices": [],
    }
    chunk = CompletionChunk.from_wire(wire)
    names = ("id", "provider", "model", "object", "system_fingerprint")
    assert read(chunk, *names) == dict.fromkeys(names, text)
    assert chunk.created == (value if type(value) is int else None)
    assert chunk.usage == (Usage() if isinstance(value, dict) and value else None)
    beside = ("finish_reason", "native_finish_reason", "logprobs")
    choice = choice_of(**dict.fromkeys(beside, value))
    assert (choice.finish_reason, choice.native_finish_reason) == (text, text)
    assert choice.logprobs == (value if isinstance(value, dict) else None)
    delta = choice_of(
        delta=dict.fromkeys(["role", "reasoning", "refusal", "tool_calls"], value)
    ).delta
    assert (delta.role, delta.reasoning, delta.refusal, delta.tool_calls) == (
        text,
        text,
        text,
        None,
    )
    delta = choice_of(delta={"reasoning_details": value}).delta
    assert delta.reasoning_details == ([] if isinstance(value, list) else None)


def test_it_pickles_and_copies() -> None:
    chunk = CompletionChunk.from_wire(WIRE)
    for twin in (pickle.loads(pickle.dumps(chunk)), copy.copy(chunk), copy.deepcopy(chunk)):
        assert twin == chunk
        assert twin.choices[0].delta.content == "Hi"
