"""From wire chunks to the whole answer: every oddity seen in the wild, with exact values.

The chunks pass ``DeltaRepairs`` and ``ReasoningNormalisation`` as they do in a call.
"""

from __future__ import annotations

import copy
import random
import tracemalloc
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import orjson
import pytest
from growth import assert_linear
from hypothesis import given, settings
from hypothesis import strategies as st
from joining import completions

from kilo_sdk.accumulate import CompletionAccumulator
from kilo_sdk.emulator.cutting import cut_completion
from kilo_sdk.middleware.chain import ResponseChain
from kilo_sdk.middleware.delta_repairs import DeltaRepairs
from kilo_sdk.middleware.reasoning_normalisation import ReasoningNormalisation
from kilo_sdk.types.completion import ChatCompletion, Choice
from kilo_sdk.types.message import Message
from kilo_sdk.types.tool_call import ToolCall
from kilo_sdk.types.usage import Usage

CHAIN = ResponseChain((DeltaRepairs(), ReasoningNormalisation()))


def feed(chunks: Iterable[Any]) -> CompletionAccumulator:
    passage = CHAIN.for_stream()
    accumulator = CompletionAccumulator()
    for chunk in copy.deepcopy(list(chunks)):
        passage.on_chunk(chunk)
        accumulator.add(chunk)
        accumulator.fold()
    for held in passage.held_back():
        accumulator.add(accumulator.headed(held))
    return accumulator


def accumulate(chunks: Iterable[Any]) -> ChatCompletion:
    return ChatCompletion.from_wire(feed(chunks).build())


def whole(completion: Any) -> ChatCompletion:
    completion = copy.deepcopy(completion)
    for step in CHAIN.completion_steps():
        step(completion)
    accumulator = CompletionAccumulator()
    accumulator.add_whole(completion)
    return ChatCompletion.from_wire(accumulator.build())


def chunk(finish_reason: Any = None, *, index: Any = 0, **delta: Any) -> dict[str, Any]:
    choice = {"index": index, "delta": delta, "finish_reason": finish_reason}
    return {"id": "gen-1", "model": "a/b", "created": 7, "choices": [choice]}


def call(arguments: Any = None, name: Any = None, **fields: Any) -> dict[str, Any]:
    function = {"name": name, "arguments": arguments}
    return {**fields, "function": {k: v for k, v in function.items() if v is not None}}


def calls(*pieces: Any) -> dict[str, Any]:
    return chunk(tool_calls=list(pieces))


USAGE: dict[str, Any] = {
    "prompt_tokens": 3,
    "completion_tokens": 2,
    "total_tokens": 5,
    "cost": 0.0125,
    "is_byok": False,
    "prompt_tokens_details": {"cached_tokens": 1, "cache_write_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 0},
}
REPORTED = Usage(3, 2, 5, 1, 0, 0, Decimal("0.0125"), False)
STOP = chunk("stop")
ENDED = chunk("tool_calls")


def answer(*messages: Message, finish_reason: Any = "stop", usage: Any = None) -> ChatCompletion:
    choices = [Choice(index, message, finish_reason) for index, message in enumerate(messages)]
    return ChatCompletion("gen-1", "a/b", None, 7, choices, usage)


def said(text: str | None, usage: Any = None, **fields: Any) -> ChatCompletion:
    return answer(Message("assistant", text, **fields), usage=usage)


def called(*tool_calls: tuple[str, str, str], finish_reason: str = "tool_calls") -> ChatCompletion:
    made = [ToolCall(*fields) for fields in tool_calls]
    return answer(Message("assistant", None, tool_calls=made), finish_reason=finish_reason)


OF_ANOTHER_TYPE: list[Any] = ["x", {}, 0, False, ""]
HI = [chunk(role="assistant", content="H"), chunk(content="i")]

# What came, and the answer it makes (GATEWAY 5, 'seen in the wild').
WILD: dict[str, tuple[list[Any], ChatCompletion]] = {
    # The chunk around the delta
    "an answer as the gateway sends it": (
        [*HI, STOP, {**chunk(content=""), "usage": USAGE}],
        said("Hi", REPORTED),
    ),
    "choices missing on the usage chunk": (
        [*HI, STOP, {"id": "gen-1", "usage": USAGE}],
        said("Hi", REPORTED),
    ),
    "choices null on the usage chunk": (
        [*HI, STOP, {"id": "gen-1", "choices": None, "usage": USAGE}],
        said("Hi", REPORTED),
    ),
    "choices empty on the usage chunk": (
        [*HI, STOP, {"id": "gen-1", "choices": [], "usage": USAGE}],
        said("Hi", REPORTED),
    ),
    "choices an object instead of a list": (
        [{**one, "choices": one["choices"][0]} for one in [*HI, STOP]],
        said("Hi"),
    ),
    "choices with entries that are no objects": (
        [{**HI[0], "choices": [None, "x", *HI[0]["choices"], 3]}, HI[1], STOP],
        said("Hi"),
    ),
    "a choice without an index": (
        [
            {**HI[0], "choices": [{"delta": {"content": "Hi"}}]},
            {"choices": [{"index": None, "delta": {}, "finish_reason": "stop"}]},
        ],
        said("Hi"),
    ),
    "a choice whose index is a string": (
        [chunk(content="H", index="0"), chunk(content="i", index="0"), STOP],
        said("Hi"),
    ),
    "usage inside the choice": (
        [*HI, {**STOP, "choices": [{**STOP["choices"][0], "usage": USAGE}]}],
        said("Hi", REPORTED),
    ),
    "usage before the finish": (
        [*HI, {**chunk(), "usage": USAGE}, STOP],
        said("Hi", REPORTED),
    ),
    "usage on the finish chunk": ([*HI, {**STOP, "usage": USAGE}], said("Hi", REPORTED)),
    "usage on each chunk, the last one counts": (
        [{**one, "usage": {"prompt_tokens": n}} for n, one in enumerate([*HI, STOP])],
        said("Hi", Usage(prompt_tokens=2)),
    ),
    "usage null or malformed after the report": (
        [*HI, {**STOP, "usage": USAGE}, {"usage": None}, {"usage": []}, {"usage": [USAGE]}],
        said("Hi", REPORTED),
    ),
    "a usage chunk after the finish whose finish_reason is null": (
        [*HI, STOP, {**chunk(None, role="assistant", content=""), "usage": USAGE}],
        said("Hi", REPORTED),
    ),
    "finish_reason absent until the stream ends": (
        [{**one, "choices": [{"index": 0, "delta": one["choices"][0]["delta"]}]} for one in HI]
        + [STOP],
        said("Hi"),
    ),
    "finish_reason empty until the stream ends": (
        [chunk("", content="H"), chunk("", content="i"), STOP, chunk("")],
        said("Hi"),
    ),
    "finish_reason on the chunk with the last text": (
        [HI[0], chunk("stop", content="i")],
        said("Hi"),
    ),
    "a finish_reason of another type does not unset the one that came": (
        [*HI, STOP, chunk({"why": 1}), chunk(3), chunk([])],
        said("Hi"),
    ),
    "the id comes late": ([{**HI[0], "id": ""}, HI[1], STOP], said("Hi")),
    "the upstream renames itself in mid-stream": (
        [HI[0], {**HI[1], "model": "a/b-0613", "id": "gen-2"}, STOP],
        said("Hi"),
    ),
    # The delta
    "role null": ([chunk(role=None, content="Hi"), STOP], said("Hi")),
    "role empty": ([chunk(role="", content="Hi"), STOP], said("Hi")),
    "role repeated on every chunk": (
        [chunk(role="assistant", content=c) for c in "Hi"] + [chunk("stop", role="assistant")],
        said("Hi"),
    ),
    "content null": (
        [chunk(role="assistant", content=None), *HI, chunk("stop", content=None)],
        said("Hi"),
    ),
    "content never comes": ([chunk(role="assistant"), STOP], said(None)),
    "content a list of parts": (
        [chunk(content=[{"type": "text", "text": "H"}, {"type": "x"}, "y", {"text": "i"}]), STOP],
        said("Hi"),
    ),
    "content an object": ([*HI, chunk(content={"text": "?"}), STOP], said("Hi")),
    "delta null on the finish chunk": (
        [*HI, {"choices": [{"index": 0, "delta": None, "finish_reason": "stop"}]}],
        said("Hi"),
    ),
    "delta missing on the finish chunk": (
        [*HI, {"choices": [{"index": 0, "finish_reason": "stop"}]}],
        said("Hi"),
    ),
    "a message in the delta's place": (
        [
            {
                **STOP,
                "choices": [{"index": 0, "message": {"content": "Hi"}, "finish_reason": "stop"}],
            }
        ],
        said("Hi"),
    ),
    "a raw U+2028 inside text": (
        [chunk(content="a\u2028"), chunk(content="\u2029b\x85c"), STOP],
        said("a\u2028\u2029b\x85c"),
    ),
    "[DONE] inside the model's own text": (
        [chunk(content="[DONE]"), chunk(content="data: [DONE]\n\n"), chunk(content="x"), STOP],
        said("[DONE]data: [DONE]\n\nx"),
    ),
    "a refusal in pieces": (
        [chunk(refusal="I "), chunk(refusal="can't"), STOP],
        said(None, refusal="I can't"),
    ),
    "annotations on several chunks": (
        [chunk(content="Hi", annotations=[{"n": 1}]), chunk(annotations=[{"n": 2}]), STOP],
        said("Hi", annotations=[{"n": 1}, {"n": 2}]),
    ),
    "two choices interleaved": (
        [
            chunk(content="a", index=1),
            chunk(content="x"),
            chunk(content="b", index=1),
            {
                "choices": [
                    chunk(content="y")["choices"][0],
                    chunk(content="c", index=1)["choices"][0],
                ]
            },
            chunk("stop", index=1),
            STOP,
        ],
        answer(Message("assistant", "xy"), Message("assistant", "abc")),
    ),
    "a second choice that comes late": (
        [*HI, STOP, chunk(content="Ho", index=1), chunk("stop", index=1)],
        answer(Message("assistant", "Hi"), Message("assistant", "Ho")),
    ),
    # Tool calls
    "a tool call as OpenAI sends it": (
        [
            calls(call("", "f", index=0, id="c1", type="function")),
            calls(call('{"a"', index=0)),
            calls(call(":1}", index=0)),
            ENDED,
        ],
        called(("c1", "f", '{"a":1}')),
    ),
    "tool deltas without index": (
        [calls(call("", "f", id="c1")), calls(call('{"a"')), calls(call(":1}")), ENDED],
        called(("c1", "f", '{"a":1}')),
    ),
    "two calls without index, told apart by id": (
        [
            calls(call('{"a"', "f", id="c1")),
            calls(call(":1}")),
            calls(call('{"b"', "f", id="c2")),
            calls(call(":2}")),
            ENDED,
        ],
        called(("c1", "f", '{"a":1}'), ("c2", "f", '{"b":2}')),
    ),
    "two calls without index, interleaved by an id that is repeated": (
        [
            calls(call('{"a"', "f", id="c1"), call('{"b"', "g", id="c2")),
            calls(call(":1}", id="c1")),
            calls(call(":2}", id="c2")),
            ENDED,
        ],
        called(("c1", "f", '{"a":1}'), ("c2", "g", '{"b":2}')),
    ),
    "two calls of one function with neither id nor index": (
        [
            calls(call('{"a": "}{"', "f")),
            calls(call("}")),
            calls(call('{"a":2}', "f")),
            ENDED,
        ],
        called(("", "f", '{"a": "}{"}'), ("", "f", '{"a":2}')),
    ),
    "two whole calls with neither id nor index in one delta": (
        [calls(call("{}", "f"), call("{}", "f")), ENDED],
        called(("", "f", "{}"), ("", "f", "{}")),
    ),
    "id and name repeated on every delta": (
        [calls(call(piece, "f", index=0, id="c1")) for piece in ('{"a"', ":", "1}")] + [ENDED],
        called(("c1", "f", '{"a":1}')),
    ),
    "name repeated, without index": (
        [calls(call(piece, "f", id="c1")) for piece in ('{"a"', ":", "1}")] + [ENDED],
        called(("c1", "f", '{"a":1}')),
    ),
    "name repeated, with neither id nor index": (
        [calls(call(piece, "f")) for piece in ('{"a"', ":", "1}")] + [ENDED],
        called(("", "f", '{"a":1}')),
    ),
    "id on the first delta only": (
        [calls(call("{", "f", index=0, id="c1")), calls(call("}", index=0)), ENDED],
        called(("c1", "f", "{}")),
    ),
    "another id on every delta": (
        [calls(call("{", "f", index=0, id="c1")), calls(call("}", index=0, id="c2")), ENDED],
        called(("c1", "f", "{}")),
    ),
    "id and name null after the first delta": (
        [
            calls(call("{", "f", index=0, id="c1")),
            calls({"index": 0, "id": None, "function": {"name": None, "arguments": "}"}}),
            ENDED,
        ],
        called(("c1", "f", "{}")),
    ),
    "id and name empty after the first delta": (
        [
            calls(call("{", "f", index=0, id="c1", type="function")),
            calls({"index": 0, "id": "", "type": "", "function": {"name": "", "arguments": "}"}}),
            ENDED,
        ],
        called(("c1", "f", "{}")),
    ),
    "the id comes last": (
        [calls(call("{", "f", index=0)), calls(call("}", index=0, id="c1")), ENDED],
        called(("c1", "f", "{}")),
    ),
    "an id that is a number": (
        [calls(call("{", "f", index=0, id=7)), calls(call("}", index=0, id=7)), ENDED],
        called(("", "f", "{}")),
    ),
    "the name in pieces": (
        [
            calls(call(None, "get_", index=0, id="c1")),
            calls(call(None, "weather", index=0)),
            calls(call("{}", index=0)),
            ENDED,
        ],
        called(("c1", "get_weather", "{}")),
    ),
    "the name in pieces, then repeated whole": (
        [
            calls(call(None, "get_", index=0, id="c1")),
            calls(call(None, "weather", index=0)),
            calls(call("{}", "get_weather", index=0)),
            ENDED,
        ],
        called(("c1", "get_weather", "{}")),
    ),
    "arguments an object": (
        [calls(call({"a": 1, "b": "é"}, "f", index=0, id="c1")), ENDED],
        called(("c1", "f", '{"a":1,"b":"é"}')),
    ),
    "arguments an object, two calls with neither id nor index": (
        [calls(call({"a": 1}, "f")), calls(call({}, "f")), ENDED],
        called(("", "f", '{"a":1}'), ("", "f", "{}")),
    ),
    "arguments null, then never": (
        [calls({"index": 0, "id": "c1", "function": {"name": "f", "arguments": None}}), ENDED],
        called(("c1", "f", "")),
    ),
    "function null": (
        [calls(call("{}", "f", index=0, id="c1")), calls({"index": 0, "function": None}), ENDED],
        called(("c1", "f", "{}")),
    ),
    "two parallel calls interleaved by index": (
        [
            calls(call("", "f", index=0, id="c1"), call("", "g", index=1, id="c2")),
            calls(call('{"a"', index=0)),
            calls(call('{"b"', index=1)),
            calls(call(":1}", index=0), call(":2}", index=1)),
            ENDED,
        ],
        called(("c1", "f", '{"a":1}'), ("c2", "g", '{"b":2}')),
    ),
    "two calls that are both at index 0": (
        [
            calls(call('{"a":', "f", index=0, id="c1")),
            calls(call("1}", index=0)),
            calls(call('{"b":', "f", index=0, id="c2")),
            calls(call("2}", index=0)),
            ENDED,
        ],
        called(("c1", "f", '{"a":1}'), ("c2", "f", '{"b":2}')),
    ),
    "three whole calls, all at index 0, in one delta": (
        [calls(*[call("{}", "f", index=0, id=f"c{n}") for n in (1, 2, 3)]), ENDED],
        called(("c1", "f", "{}"), ("c2", "f", "{}"), ("c3", "f", "{}")),
    ),
    "the first call at index 1": (
        [
            calls(call("{", "f", index=1, id="c1")),
            calls(call("}", index=1)),
            calls(call("{}", "g", index=2, id="c2")),
            ENDED,
        ],
        called(("c1", "f", "{}"), ("c2", "g", "{}")),
    ),
    "calls that begin in another order than their indexes": (
        [calls(call("{}", "g", index=1, id="c2")), calls(call("{}", "f", index=0, id="c1")), ENDED],
        called(("c1", "f", "{}"), ("c2", "g", "{}")),
    ),
    "tool_calls an object instead of a list": (
        [chunk(tool_calls=call("{}", "f", index=0, id="c1")), ENDED],
        called(("c1", "f", "{}")),
    ),
    "tool_calls null, empty or of another type": (
        [
            chunk(tool_calls=None),
            chunk(tool_calls=[]),
            chunk(tool_calls="x"),
            calls(None, "x", call("{}", "f", index=0, id="c1")),
            ENDED,
        ],
        called(("c1", "f", "{}")),
    ),
    "finish_reason stop although a tool is called": (
        [calls(call("{}", "f", index=0, id="c1")), STOP],
        called(("c1", "f", "{}"), finish_reason="stop"),
    ),
    "tool calls of two choices": (
        [
            calls(call("{", "f", id="c1")),
            chunk(index=1, tool_calls=[call("{", "g", id="c2")]),
            calls(call("}")),
            chunk(index=1, tool_calls=[call("}")]),
            STOP,
            chunk("stop", index=1),
        ],
        answer(
            Message("assistant", tool_calls=[ToolCall("c1", "f", "{}")]),
            Message("assistant", tool_calls=[ToolCall("c2", "g", "{}")]),
        ),
    ),
    "text, then a tool call": (
        [*HI, calls(call("{}", "f", index=0, id="c1")), STOP],
        said("Hi", tool_calls=[ToolCall("c1", "f", "{}")]),
    ),
    # Reasoning (GATEWAY 6)
    "reasoning with its details": (
        [
            chunk(reasoning="a", reasoning_details=[{"type": "reasoning.text", "text": "a"}]),
            chunk(reasoning="b", reasoning_details=[{"type": "reasoning.text", "text": "b"}]),
            chunk(reasoning_details=[{"type": "reasoning.text", "signature": "s"}]),
            *HI,
            STOP,
        ],
        said(
            "Hi",
            reasoning="ab",
            reasoning_details=[{"type": "reasoning.text", "text": "ab", "signature": "s"}],
        ),
    ),
    "reasoning alone": (
        [chunk(reasoning="a"), chunk(reasoning="b"), STOP],
        said(None, reasoning="ab"),
    ),
    "reasoning_content alone": (
        [chunk(reasoning_content="a"), chunk(content="", reasoning_content="b"), *HI, STOP],
        said(
            "Hi",
            reasoning="ab",
            reasoning_details=[{"type": "reasoning.text", "text": "ab"}],
        ),
    ),
    "reasoning_content a list of parts": (
        [chunk(reasoning_content=[{"type": "text", "text": "a"}, "b", {"x": 1}, None]), STOP],
        said(
            None,
            reasoning="ab",
            reasoning_details=[{"type": "reasoning.text", "text": "ab"}],
        ),
    ),
    "reasoning_content null or empty beside text": (
        [
            chunk(content="H", reasoning_content=None),
            chunk(content="i", reasoning_content=""),
            STOP,
        ],
        said("Hi"),
    ),
    "two names for one reasoning": (
        [chunk(reasoning=c, reasoning_content=c, reasoning_text=c) for c in "ab"] + [STOP],
        said(None, reasoning="ab"),
    ),
    "reasoning in the details alone": (
        [
            chunk(reasoning_details=[{"type": "reasoning.summary", "summary": "a"}]),
            chunk(reasoning_details=[{"type": "reasoning.summary", "summary": "a"}]),
            STOP,
        ],
        said(
            None,
            reasoning="aa",
            reasoning_details=[{"type": "reasoning.summary", "summary": "aa"}],
        ),
    ),
    "[REDACTED] beside an encrypted detail": (
        [
            chunk(
                reasoning="[REDACTED]",
                reasoning_details=[{"type": "reasoning.encrypted", "data": "x"}],
            ),
            *HI,
            STOP,
        ],
        said("Hi", reasoning_details=[{"type": "reasoning.encrypted", "data": "x"}]),
    ),
    "details empty": (
        [chunk(content="Hi", reasoning_details=[]), STOP],
        said("Hi", reasoning_details=[]),
    ),
    "details of another type": (
        [chunk(content="Hi", reasoning_details=odd) for odd in OF_ANOTHER_TYPE] + [STOP],
        said("Hi" * 5),
    ),
}


@pytest.mark.parametrize("name", WILD)
def test_what_was_seen_in_the_wild_makes_the_answer_it_means(name: str) -> None:
    chunks, expected = WILD[name]
    assert accumulate(chunks) == expected


@pytest.mark.parametrize("name", WILD)
def test_an_answer_that_was_built_before_its_end_is_the_same_at_its_end(name: str) -> None:
    chunks, expected = WILD[name]
    passage = CHAIN.for_stream()
    accumulator = CompletionAccumulator()
    for one in copy.deepcopy(chunks):
        passage.on_chunk(one)
        accumulator.add(one)
        accumulator.build()
    assert ChatCompletion.from_wire(accumulator.build()) == expected


def test_what_was_built_does_not_change_with_later_chunks() -> None:
    chunks = [
        chunk(
            content="a",
            tool_calls=[call("{", "f", index=0, id="c1")],
            annotations=[{"n": 1}],
            reasoning_details=[{"type": "reasoning.text", "text": "a"}],
        ),
        chunk(
            "stop",
            content="b",
            tool_calls=[call("}", index=0)],
            annotations=[{"n": 2}],
            reasoning_details=[{"type": "reasoning.text", "text": "b"}],
        ),
    ]
    for one in chunks:
        one["choices"][0]["logprobs"] = {"content": [{"token": "t"}]}
    accumulator = feed(chunks[:1])
    early = accumulator.build()
    before = copy.deepcopy(early)
    CHAIN.for_stream().on_chunk(chunks[1])
    accumulator.add(chunks[1])
    assert early == before
    assert accumulator.build() != before


# Fields beside the ones callers ask for


def test_fields_it_does_not_know_are_kept_raw() -> None:
    completion = accumulate(
        [
            {**chunk(content="H", audio={"id": "a"}), "service": "x"},
            {**chunk(content="i", audio={"id": "b"}), "service": "y", "fingerprint": "fp"},
            {**STOP, "choices": [{**STOP["choices"][0], "matched_stop": 151645}]},
        ]
    )
    assert completion.raw == {
        "id": "gen-1",
        "model": "a/b",
        "created": 7,
        "service": "x",
        "fingerprint": "fp",
        "object": "chat.completion",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Hi", "audio": {"id": "b"}},
                "finish_reason": "stop",
                "matched_stop": 151645,
                "logprobs": None,
            }
        ],
        "usage": None,
    }


def test_fields_of_a_tool_call_that_it_does_not_know_are_kept_raw() -> None:
    extra = {"google": {"thought_signature": "c2ln"}}
    completion = accumulate(
        [
            calls(call("{", "f", index=0, id="c1", extra_content=extra)),
            calls({"index": 0, "function": {"arguments": "}", "strict": True}}),
            ENDED,
        ]
    )
    assert completion.tool_calls[0].raw == {
        "id": "c1",
        "type": "function",
        "extra_content": extra,
        "function": {"name": "f", "arguments": "{}", "strict": True},
    }
    assert "index" not in completion.tool_calls[0].to_param()


def test_the_native_finish_reason_stays_beside_the_other() -> None:
    last = chunk("stop")
    last["choices"][0]["native_finish_reason"] = "end_turn"
    completion = accumulate([*HI, last])
    assert completion.choices[0].native_finish_reason == "end_turn"


def test_the_native_finish_reason_may_come_without_the_other() -> None:
    last = chunk()
    first = chunk(content="Hi")
    for one in (first, last):
        one["choices"][0]["native_finish_reason"] = None
    last["choices"][0]["native_finish_reason"] = "END_TURN"
    completion = accumulate([first, last, {"choices": [], "usage": None}])
    assert completion.choices[0].native_finish_reason == "END_TURN"


def test_log_probabilities_grow_token_by_token() -> None:
    chunks = [chunk(content="H"), chunk(content="i"), chunk(content="!"), chunk("stop")]
    for one, logprobs in zip(
        chunks,
        [
            {"content": None, "refusal": None},
            {"content": [{"token": "H"}], "refusal": None},
            {"content": [{"token": "i"}], "refusal": None, "model": "m"},
            {"content": None, "refusal": [], "model": "n"},
        ],
        strict=True,
    ):
        one["choices"][0]["logprobs"] = logprobs
    assert accumulate(chunks).choices[0].logprobs == {
        "content": [{"token": "H"}, {"token": "i"}],
        "refusal": [],
        "model": "m",
    }


@pytest.mark.parametrize("logprobs", [None, {}, [], [1], "x", 3, False])
def test_log_probabilities_of_another_type_are_none(logprobs: Any) -> None:
    one = chunk("stop", content="Hi")
    one["choices"][0]["logprobs"] = logprobs
    assert accumulate([one]).choices[0].logprobs is None


def test_images_of_several_chunks_are_one_list() -> None:
    completion = accumulate([chunk(images=[{"n": 1}]), chunk(images=[{"n": 2}]), STOP])
    assert completion.message.raw["images"] == [{"n": 1}, {"n": 2}]


# A whole answer is a stream of one


def test_a_whole_answer_keeps_neighbouring_details_apart() -> None:
    details = [
        {"type": "reasoning.text", "text": "a", "signature": "s1"},
        {"type": "reasoning.text", "text": "b", "signature": "s2"},
        {"type": "reasoning.encrypted", "data": "x"},
        {"type": "reasoning.encrypted", "data": "x"},
    ]
    message = {"content": "Hi", "reasoning": "ab", "reasoning_details": [*details, None]}
    completion = whole({"choices": [{"index": 0, "message": message}], "usage": USAGE})
    assert completion.message.reasoning_details == details
    assert (completion.text, completion.reasoning, completion.usage) == ("Hi", "ab", REPORTED)


def test_a_whole_answer_keeps_its_calls_apart_whatever_their_ids() -> None:
    made = [call("", "f"), call("", "f"), call("{}", "f", id="c"), call("{}", "f", id="c")]
    completion = whole({"choices": [{"message": {"tool_calls": made}}]})
    assert completion.tool_calls == [
        ToolCall("", "f", ""),
        ToolCall("", "f", ""),
        ToolCall("c", "f", "{}"),
        ToolCall("c", "f", "{}"),
    ]


@pytest.mark.parametrize("usage", [None, [], [USAGE], "x", 3, {}])
def test_a_whole_answer_without_a_report_has_no_usage(usage: Any) -> None:
    assert whole({"choices": [{"message": {}}], "usage": usage}).usage is None


@settings(max_examples=400)
@given(completions(), st.integers(0, 2**32))
def test_any_answer_cut_in_any_legal_way_is_the_same_answer(
    completion: dict[str, Any], seed: int
) -> None:
    streamed = accumulate(cut_completion(completion, random.Random(seed)))
    plain = whole(completion)
    assert streamed == plain
    assert streamed.message.to_param() == plain.message.to_param()


@pytest.mark.parametrize(
    ("details", "expected"),
    [
        ([{"type": "reasoning.text", "text": "ab", "signature": "s"}], None),
        ([{"type": "reasoning.encrypted", "data": "x"}], None),
        ([], [{"type": "reasoning.text", "text": "ab"}]),
    ],
)
def test_text_without_details_is_one_unless_the_vendor_sends_its_own(
    details: list[Any], expected: Any
) -> None:
    pieces = [chunk(reasoning_content=text) for text in "ab"]
    sealed = [chunk(reasoning_details=[detail]) for detail in details]
    message = accumulate([*pieces, *sealed, STOP]).message
    assert message.reasoning == "ab"
    assert message.reasoning_details == (expected or details)


# How it ended


def test_it_is_finished_when_every_choice_seen_is() -> None:
    assert not feed([]).finished
    assert not feed([{"choices": []}]).finished
    assert not feed(HI).finished
    assert feed([*HI, STOP]).finished
    assert not feed([*HI, chunk(content="x", index=1), STOP]).finished
    assert feed([*HI, chunk(content="x", index=1), STOP, chunk("stop", index=1)]).finished


@pytest.mark.parametrize("reason", ["", None, {}, [], 3, True])
def test_a_reason_that_is_no_word_finishes_nothing(reason: Any) -> None:
    assert not feed([chunk(reason, content="Hi")]).finished


HALF = [calls(call('{"a"', "f", index=0, id="c1"), call("{}", "g", index=1, id="c2"))]


@pytest.mark.parametrize("reason", ["length", "content_filter"])
def test_a_call_that_the_model_stopped_inside_of_is_not_finished(reason: str) -> None:
    finished = feed([*HALF, chunk(reason)]).finished_tool_calls()
    assert [(index, made["id"]) for index, made in finished] == [(0, "c2")]


@pytest.mark.parametrize("reason", ["stop", "tool_calls", None])
def test_calls_are_finished_when_the_answer_is(reason: Any) -> None:
    finished = feed([*HALF, chunk(reason)]).finished_tool_calls()
    assert [(index, made["id"]) for index, made in finished] == [(0, "c1"), (0, "c2")]


def test_finished_calls_name_their_choice() -> None:
    made = [calls(call("{}", "f", id="c1")), chunk(index=1, tool_calls=[call("{}", "f", id="c2")])]
    finished = feed(made).finished_tool_calls()
    assert [(index, one["id"]) for index, one in finished] == [(0, "c1"), (1, "c2")]


def with_choice(last: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {**last, "choices": [{**last["choices"][0], **fields}]}


REFUSED = {"message": "overloaded", "code": 503}


@pytest.mark.parametrize(
    ("chunks", "error"),
    [
        ([*HI, STOP], None),
        ([*HI, with_choice(chunk("error"), error=REFUSED)], REFUSED),
        ([*HI, with_choice(chunk(), error=REFUSED)], REFUSED),
        ([*HI, {"choices": [{"index": 0, "delta": {}, "error": REFUSED}]}], REFUSED),
        ([*HI, with_choice(chunk(), error=None), STOP], None),
        ([*HI, chunk("error")], "the model's answer ended in an error"),
        ([*HI, STOP, chunk("error", index=1)], "the model's answer ended in an error"),
    ],
)
def test_an_error_of_a_choice_is_seen(chunks: Any, error: Any) -> None:
    assert feed(chunks).error() == error


# Work and memory


def arguments_in_pieces(pieces: int, **fields: Any) -> list[Any]:
    piece = "x" * 100
    middle = [calls(call(piece, **fields)) for _ in range(pieces)]
    return [calls(call('{"a":"', "f", id="c1", **fields)), *middle, calls(call('"}', **fields))]


@pytest.mark.parametrize("fields", [{"index": 0}, {}], ids=["with index", "without index"])
def test_arguments_are_joined_in_linear_work(fields: Any) -> None:
    first = orjson.dumps(calls(call('{"a":"', "f", id="c1", **fields)))
    piece = orjson.dumps(calls(call("x" * 250, **fields)))
    passage = CHAIN.for_stream()

    def work(pieces: int) -> None:
        accumulator = CompletionAccumulator()
        for one in [first, *[piece] * pieces]:
            made = orjson.loads(one)
            passage.on_chunk(made)
            accumulator.add(made)
            accumulator.fold()
        assert len(accumulator.finished_tool_calls()) == 1

    assert_linear(work, 2_000)


def test_ten_megabytes_of_arguments_in_a_hundred_thousand_pieces_are_whole() -> None:
    passage = CHAIN.for_stream()
    accumulator = CompletionAccumulator()
    for one in arguments_in_pieces(100_000, index=0):
        passage.on_chunk(one)
        accumulator.add(one)
    [(_, made)] = accumulator.finished_tool_calls()
    assert made["function"]["arguments"] == '{"a":"' + "x" * 10_000_000 + '"}'


def test_small_pieces_of_text_take_about_the_memory_of_the_text() -> None:
    piece = orjson.dumps(chunk(content="word ", reasoning="hm "))
    accumulator = CompletionAccumulator()
    tracemalloc.start()
    try:
        for _ in range(20_000):
            accumulator.add(orjson.loads(piece))
            accumulator.fold()
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 2 * 20_000 * len("word hm ")
    assert len(accumulator.build()["choices"][0]["message"]["content"]) == 100_000
