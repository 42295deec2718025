"""A completion cut at random joins into itself, whatever it holds and however it is cut."""

from __future__ import annotations

import copy
import json
import random
from collections import Counter
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joining import REASONING_NAMES, TEXT_FIELDS, completions, essence, join

from kilo_sdk.emulator.cutting import cut_completion

seeds = st.integers(0, 2**32)


def completion(*messages: dict[str, Any], usage: Any = None) -> dict[str, Any]:
    choices = [
        {"index": index, "finish_reason": "stop", "logprobs": None, "message": message}
        for index, message in enumerate(messages)
    ]
    return {"id": "gen-1", "object": "chat.completion", "choices": choices, "usage": usage}


def message(**fields: Any) -> dict[str, Any]:
    return {"role": "assistant", **fields}


@given(completions(), seeds)
def test_the_chunks_join_into_the_completion(whole: dict[str, Any], seed: int) -> None:
    before = copy.deepcopy(whole)
    chunks = cut_completion(whole, random.Random(seed))
    assert whole == before
    assert join(json.loads(json.dumps(chunks))) == essence(whole)


@given(completions(), seeds)
def test_the_same_chance_gives_the_same_chunks(whole: dict[str, Any], seed: int) -> None:
    first = cut_completion(whole, random.Random(seed))
    assert first == cut_completion(copy.deepcopy(whole), random.Random(seed))


@given(completions(), seeds)
def test_text_beside_details_is_theirs(whole: dict[str, Any], seed: int) -> None:
    """Whoever reads the text of a delta, or that of its details, reads the same."""
    fitting = {
        choice["index"]
        for choice in whole["choices"]
        if all(
            (choice["message"].get(name) or "").replace("[REDACTED]", "")
            in ("", shown_by(choice["message"].get("reasoning_details")))
            for name in REASONING_NAMES
        )
    }
    for chunk in cut_completion(whole, random.Random(seed)):
        for choice in chunk.get("choices", ()):
            delta = choice["delta"]
            for name in REASONING_NAMES:
                if delta.get(name) and "reasoning_details" in delta and choice["index"] in fitting:
                    text = delta[name].replace("[REDACTED]", "")
                    assert text == shown_by(delta["reasoning_details"])


def shown_by(details: Any) -> str:
    texts = (one.get(TEXT_FIELDS.get(one["type"], "")) or "" for one in details or ())
    return "".join(texts).replace("[REDACTED]", "")


@given(completions(), seeds)
def test_every_chunk_is_one_of_the_completions(whole: dict[str, Any], seed: int) -> None:
    for chunk in cut_completion(whole, random.Random(seed)):
        assert (chunk["id"], chunk["object"]) == ("gen-1", "chat.completion.chunk")
        assert len({choice["index"] for choice in chunk.get("choices", ())}) == len(
            chunk.get("choices", ())
        )


RICH = completion(
    message(
        content="It rains in Oslo, and it will rain.",
        reasoning="First this.Then[REDACTED]",
        reasoning_details=[
            {"type": "reasoning.text", "text": "First this.", "index": 0, "signature": "AAAA"},
            {"type": "reasoning.text", "text": "Then", "index": 1, "signature": "BBBB"},
            {"type": "reasoning.encrypted", "data": "CCCC", "index": 2},
        ],
        tool_calls=[
            {
                "id": f"call_{name}",
                "type": "function",
                "function": {"name": name, "arguments": '{"city":"Oslo"}'},
            }
            for name in ("weather", "time")
        ],
    ),
    usage={"total_tokens": 3},
)


def facts(chunks: list[dict[str, Any]]) -> set[str]:
    """What is odd about a stream."""
    found = set()
    deltas = [choice["delta"] for chunk in chunks for choice in chunk.get("choices", ())]
    pieces = [one for delta in deltas for one in delta.get("reasoning_details", ())]
    calls = [one for delta in deltas for one in delta.get("tool_calls", ())]
    spoke = next(at for at, delta in enumerate(deltas) if delta.get("content"))
    signed = [at for at, delta in enumerate(deltas) if "AAAA" in json.dumps(delta)]
    found.add("signature late" if signed[0] > spoke else "signature early")
    for piece in pieces:
        if piece["type"] == "reasoning.text":
            if piece.get("signature") and "text" not in piece:
                found.add("signature alone")
            if piece.get("signature") and piece.get("text") == "":
                found.add("signature on empty text")
            if piece.get("signature") and piece.get("text"):
                found.add("signature on text")
            if "signature" in piece and piece["signature"] is None:
                found.add("signature null")
    if sum(piece["type"] == "reasoning.encrypted" for piece in pieces) > 1:
        found.add("encrypted again")
    if any(len(delta.get("reasoning_details", ())) > 1 for delta in deltas):
        found.add("several pieces in a delta")
    if any(delta.get("reasoning") and delta.get("content") for delta in deltas):
        found.add("reasoning beside content")
    found.update(f"role {delta.get('role', 'missing')!r}" for delta in deltas[1:])
    fillers = [delta.get("content", "missing") for delta in deltas]
    found.update(f"content {filler!r}" for filler in fillers if filler in ("", None, "missing"))
    found.add("indexed" if "index" in calls[0] else "not indexed")
    if calls[0].get("index") == 1:
        found.add("indexed from 1")
    if all(call.get("id") for call in calls):
        found.add("id on all")
    found.update(f"id {call['id']!r}" for call in calls if "id" in call and not call["id"])
    names = [call["function"].get("name", "missing") for call in calls]
    if None in names:
        found.add("name null")
    if names.count("weather") > 1:
        found.add("name again")
    if "weather" not in names:
        found.add("name in parts")
    order = [call.get("index") or call.get("id") for call in calls]
    if sum(one != other for one, other in pairwise(order)) > 2:
        found.add("calls take turns")
    if "finish_reason" not in chunks[0]["choices"][0]:
        found.add("finish_reason absent")
    finish = next(
        at
        for at, chunk in enumerate(chunks)
        if any(choice.get("finish_reason") for choice in chunk.get("choices", ()))
    )
    for at, chunk in enumerate(chunks):
        if chunk.get("usage"):
            place = {-1: "before", 0: "beside", 1: "after"}[(at > finish) - (at < finish)]
            count = len(chunk["choices"]) if "choices" in chunk else "no"
            found.add(f"usage {place}, {count} choices")
        if "usage" in chunk and chunk["usage"] is None:
            found.add("usage null")
        if any("usage" in choice for choice in chunk.get("choices", ())):
            found.add("usage in a choice")
    return found


def test_all_that_is_seen_in_the_wild_is_met() -> None:
    met: Counter[str] = Counter()
    for seed in range(1500):
        met.update(facts(cut_completion(RICH, random.Random(seed))))
    assert set(met) == {
        "calls take turns",
        "content ''",
        "content 'missing'",
        "content None",
        "encrypted again",
        "finish_reason absent",
        "id ''",
        "id None",
        "id on all",
        "indexed",
        "indexed from 1",
        "name again",
        "name in parts",
        "name null",
        "not indexed",
        "reasoning beside content",
        "role ''",
        "role 'assistant'",
        "role 'missing'",
        "role None",
        "several pieces in a delta",
        "signature alone",
        "signature early",
        "signature late",
        "signature null",
        "signature on empty text",
        "signature on text",
        "usage after, 0 choices",
        "usage after, 1 choices",
        "usage after, no choices",
        "usage before, 0 choices",
        "usage beside, 1 choices",
        "usage in a choice",
        "usage null",
    }


def test_choices_take_turns_and_share_chunks() -> None:
    whole = completion(message(content="one two three"), message(content="four five six"))
    shapes = set()
    for seed in range(100):
        chunks = cut_completion(whole, random.Random(seed))
        shapes.update(tuple(one["index"] for one in chunk["choices"]) for chunk in chunks)
    assert shapes >= {(0,), (1,), (0, 1), (1, 0)}


def test_an_empty_answer_has_a_delta_and_an_end() -> None:
    for seed in range(20):
        chunks = cut_completion(completion(message(content="")), random.Random(seed))
        deltas = [choice for chunk in chunks for choice in chunk["choices"]]
        assert len(deltas) == 2
        assert deltas[1]["finish_reason"] == "stop"


@pytest.mark.parametrize(
    "details",
    [
        [{"type": "reasoning.text", "text": "a"}, {"type": "reasoning.text", "text": "b"}],
        [
            {"type": "reasoning.text", "text": "a", "index": 0},
            {"type": "reasoning.text", "text": "b", "index": 0, "id": "x"},
        ],
        [{"type": "reasoning.encrypted", "data": "a"}] * 2,
    ],
)
def test_details_that_a_stream_cannot_tell_apart_are_not_cut(details: Any) -> None:
    with pytest.raises(ValueError, match="detail 1 cannot be told from"):
        cut_completion(completion(message(reasoning_details=details)), random.Random(0))
