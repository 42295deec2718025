"""Reasoning between tags is moved out of the text, wherever chunks cut it (GATEWAY 6)."""

from __future__ import annotations

import asyncio
import copy
import random
from collections import Counter
from collections.abc import Iterable
from typing import Any

import orjson
import pytest
from growth import assert_linear
from hypothesis import example, given
from hypothesis import strategies as st

from kilo_sdk import (
    APITimeoutError,
    ConfigurationError,
    KiloClient,
    Message,
    RetryPolicy,
    StreamError,
    StreamInterruptedError,
    ThinkTagExtraction,
    Timeouts,
)
from kilo_sdk.accumulate import CompletionAccumulator
from kilo_sdk.emulator import LocalGateway, RawReply
from kilo_sdk.emulator.cutting import cut_completion
from kilo_sdk.middleware.base import CallScopedResponseMiddleware
from kilo_sdk.middleware.chain import ResponseChain
from kilo_sdk.middleware.delta_repairs import DeltaRepairs
from kilo_sdk.middleware.reasoning_normalisation import ReasoningNormalisation
from kilo_sdk.types.completion import ChatCompletion

THINK = ThinkTagExtraction()


def chain(extraction: ThinkTagExtraction) -> ResponseChain:
    return ResponseChain((DeltaRepairs(), ReasoningNormalisation(), extraction))


def completion_of(*messages: dict[str, Any], reason: str | None = "stop") -> dict[str, Any]:
    choices = [
        {"index": index, "message": message, "finish_reason": reason}
        for index, message in enumerate(messages)
    ]
    return {"id": "gen-1", "model": "m/x", "choices": choices}


def text_chunk(text: str, index: int = 0) -> dict[str, Any]:
    return {
        "id": "gen-1",
        "model": "m/x",
        "choices": [{"index": index, "delta": {"content": text}}],
    }


def whole(completion: Any, extraction: ThinkTagExtraction = THINK) -> ChatCompletion:
    wire = copy.deepcopy(completion)
    accumulator = CompletionAccumulator()
    for step in chain(extraction).completion_steps():
        step(wire)
    accumulator.add_whole(wire)
    return ChatCompletion.from_wire(accumulator.build())


def streamed(chunks: Iterable[Any], extraction: ThinkTagExtraction = THINK) -> ChatCompletion:
    passage = chain(extraction).for_stream()
    accumulator = CompletionAccumulator()
    for chunk in copy.deepcopy(list(chunks)):
        passage.on_chunk(chunk)
        accumulator.add(chunk)
    for held in passage.held_back():
        accumulator.add(accumulator.headed(held))
    return ChatCompletion.from_wire(accumulator.build())


def split(text: str, extraction: ThinkTagExtraction = THINK) -> tuple[str | None, str | None]:
    message = whole(completion_of({"content": text}), extraction).message
    assert not isinstance(message.content, list)
    return message.reasoning, message.content


INSIDE = ThinkTagExtraction(starts_inside=True)
CASES: dict[str, tuple[str, str | None, str | None]] = {
    # A block that the answer begins with
    "as most models write it": ("<think>\nHm.\n</think>\n\nHi", "Hm.", "Hi"),
    "without white space": ("<think>Hm.</think>Hi", "Hm.", "Hi"),
    "white space before it": ("\n <think>Hm.</think>Hi", "Hm.", "Hi"),
    "white space inside a block stays": ("<think>a\n\n b</think>c\n\n d", "a\n\n b", "c\n\n d"),
    "no more than a block": ("<think>Hm.</think>", "Hm.", None),
    "a block and white space": ("<think>Hm.</think>\n\n", "Hm.", None),
    "an empty block": ("<think></think>\n\nHi", None, "Hi"),
    "a blank block": ("<think>\n\n</think>\n\nHi", None, "Hi"),
    "two blocks": ("<think>a</think>\n<think>b</think>\nHi", "a\n\nb", "Hi"),
    "two blocks, the first empty": ("<think> </think><think>b</think>Hi", "b", "Hi"),
    # Tags in the middle and at the end
    "in the middle": ("Hi <think>hm</think> there", "hm", "Hi  there"),
    "paragraphs around it": ("Hi\n\n<think>hm</think>\n\nthere", "hm", "Hi\n\n\n\nthere"),
    "at the end": ("Hi<think>hm</think>", "hm", "Hi"),
    "before and in the middle": ("<think>a</think> b<think>c</think> d", "a\n\nc", "b d"),
    # Tags that have no partner
    "never closed": ("<think>Hm. And so", "Hm. And so", None),
    "never closed, in the middle": ("Hi <think>hm\n", "hm", "Hi "),
    "never opened": ("Hi</think> there", None, "Hi</think> there"),
    "never opened, at the beginning": ("</think>Hi", None, "</think>Hi"),
    "closed twice": ("<think>a</think>b</think>c", "a", "b</think>c"),
    "opened twice": ("<think>a<think>b</think>c", "a<think>b", "c"),
    "one in the other": ("<think>a<think>b</think>c</think>d", "a<think>b", "c</think>d"),
    "half a tag at the end": ("Hi <thi", None, "Hi <thi"),
    "half a tag alone": (" <thi", None, " <thi"),
    "half a closing tag at the end": ("<think>a</thin", "a</thin", None),
    "half a closing tag after white space": ("<think>a \n</thin", "a \n</thin", None),
    "half a tag after a block": ("<think>a</think> <th", "a", "<th"),
    # What only looks like one
    "another tag": ("<thinking>a</thinking>", None, "<thinking>a</thinking>"),
    "a tag with a blank in it": ("< think>a</think>", None, "< think>a</think>"),
    "the beginnings of tags": ("<<think>a<</think><b", "a<", "<<b"),
    "a beginning that goes on otherwise": ("<th<thi<think>a</</think>", "a</", "<th<thi"),
    "less than": ("1<2 and 2>1", None, "1<2 and 2>1"),
    "a letter that is longer in lower case": ("\u0130<think>\u0130</think>", "\u0130", "\u0130"),
    "a letter that is a k in lower case": ("<thin\u212a>a", None, "<thin\u212a>a"),
    # Letters
    "in capitals": ("<THINK>a</Think>b", "a", "b"),
    "letters of many bytes": ("<think>\U0001f9f5e\u0301</think>\u2028x", "\U0001f9f5e\u0301", "x"),
    # Nothing to do
    "no tag": ("Hi", None, "Hi"),
    "white space alone": (" \n", None, " \n"),
    "white space around text": ("\n Hi \n", None, "\n Hi \n"),
    "nothing": ("", None, None),
}
PRESUMED: dict[str, tuple[str, str | None, str | None]] = {
    "closed": ("\nHm.\n</think>\n\nHi", "Hm.", "Hi"),
    "opened all the same": ("<think>\nHm.</think>Hi", "Hm.", "Hi"),
    "opened again later": ("a</think>b<think>c</think>d", "a\n\nc", "bd"),
    "never closed": ("Hm", "Hm", None),
    "half an opening tag": ("<thi", "<thi", None),
    "an opening tag inside": ("a<think>b</think>c", "a<think>b", "c"),
    "closed at once": ("</think>Hi", None, "Hi"),
    "nothing": ("", None, None),
}
ALL = [
    *((name, THINK, *case) for name, case in CASES.items()),
    *((f"starts inside: {name}", INSIDE, *case) for name, case in PRESUMED.items()),
]


@pytest.mark.parametrize(
    ("extraction", "text", "reasoning", "content"),
    [pytest.param(*case, id=name) for name, *case in ALL],
)
def test_what_an_answer_says(
    extraction: ThinkTagExtraction, text: str, reasoning: str | None, content: str | None
) -> None:
    assert split(text, extraction) == (reasoning, content)
    for size in (1, 2, 3, 5, len(text) or 1):
        pieces = [text[at : at + size] for at in range(0, len(text), size)]
        message = streamed(map(text_chunk, pieces), extraction).message
        assert (message.reasoning, message.content or "") == (reasoning, content or ""), size


def test_it_is_asked_for_an_object_per_answer() -> None:
    assert isinstance(THINK, CallScopedResponseMiddleware)
    assert not ResponseChain([THINK]).ignores_text


@pytest.mark.parametrize("tag", ["", "<think>", "a b", "1", None, 3, "think\n", "th\u00ecnk"])
def test_a_tag_is_a_name(tag: Any) -> None:
    with pytest.raises(ConfigurationError, match="tag is a name such as 'think'"):
        ThinkTagExtraction(tag)


def test_another_tag() -> None:
    thought = ThinkTagExtraction("Thought")
    assert split("<thought>a</thought>b", thought) == ("a", "b")
    assert split("<think>a</think>b", thought) == (None, "<think>a</think>b")


# Where it goes


def test_the_reasoning_stands_in_the_normal_form_and_goes_back() -> None:
    message = whole(completion_of({"content": "<think>a</think>b<think>c</think>"})).message
    assert message.to_param() == {
        "role": "assistant",
        "content": "b",
        "reasoning": "a\n\nc",
        "reasoning_details": [
            {"type": "reasoning.text", "text": "a\n\nc", "format": "unknown"},
        ],
    }


SIGNED = {"type": "reasoning.text", "text": "x", "signature": "s"}


@pytest.mark.parametrize(
    ("sent", "reasoning", "details"),
    [
        ({"reasoning": "x"}, "x\n\na", [{**SIGNED, "text": "\n\na", "format": "unknown"}]),
        ({"reasoning": "x", "reasoning_details": [SIGNED]}, "x\n\na", [SIGNED]),
        ({"reasoning_details": [SIGNED]}, "x\n\na", [SIGNED]),
        ({"reasoning_content": "x"}, "x\n\na", [{"type": "reasoning.text", "text": "x"}]),
        ({"reasoning_details": []}, "a", [{**SIGNED, "text": "a", "format": "unknown"}]),
    ],
)
def test_it_comes_after_what_the_upstream_told_and_leaves_its_details_alone(
    sent: dict[str, Any], reasoning: str, details: list[dict[str, Any]]
) -> None:
    for detail in details:
        if "format" in detail:
            detail.pop("signature", None)
    body = completion_of({"content": "<think>a</think>b", **sent})
    chunks = [
        {"choices": [{"index": 0, "delta": sent}]},
        *map(text_chunk, ["<th", "ink>", "a", "</think>b"]),
        {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
    ]
    expected = Message(
        "assistant", "b", reasoning=reasoning, reasoning_details=copy.deepcopy(details)
    )
    assert whole(body).message == expected
    assert streamed(chunks).message == expected


def test_other_fields_and_other_answers_are_left_alone() -> None:
    calls = [{"index": 0, "id": "c", "type": "function", "function": {"name": "f"}}]
    sent: Any = {"role": "assistant", "content": None, "refusal": "No", "tool_calls": calls}
    wire = completion_of(sent)
    before = copy.deepcopy(wire)
    THINK.for_call().on_completion(wire)
    assert wire == before
    chunk = {"choices": [{"index": 0, "delta": {**sent, "content": ""}}]}
    before = copy.deepcopy(chunk)
    THINK.for_call().on_chunk(chunk)
    assert chunk == before


def test_each_choice_is_split_by_itself() -> None:
    pieces = [("<th", 0), ("a<", 1), ("ink>x</think>y", 0), ("think>b", 1)]
    completion = streamed(text_chunk(text, index) for text, index in pieces)
    told = [(choice.message.reasoning, choice.message.content) for choice in completion.choices]
    assert told == [("x", "y"), ("b", "a")]


# When


def test_what_is_shown_is_shown_as_soon_as_it_is_clear() -> None:
    deltas = []
    answer = THINK.for_call()
    for piece in [
        "\n<",
        "think",
        ">",
        "\n",
        "Hm",
        ".\n",
        "So",
        "\n</",
        "think>",
        "\n",
        "Hi ",
        "<b",
    ]:
        chunk = text_chunk(piece)
        answer.on_chunk(chunk)
        delta = chunk["choices"][0]["delta"]
        deltas.append((delta.get("reasoning", ""), delta["content"]))
    shown = ["", "", "", "", "Hm", ".", "\nSo", "", "", "", "", ""]
    said = ["", "", "", "", "", "", "", "", "", "", "Hi ", "<b"]
    assert deltas == list(zip(shown, said, strict=True))


def test_what_is_held_back_comes_with_the_finish_reason() -> None:
    answer = THINK.for_call()
    answer.on_chunk(text_chunk("a <thi"))
    last = {"choices": [{"index": 0, "delta": {}, "finish_reason": "length"}]}
    answer.on_chunk(last)
    assert last["choices"][0]["delta"] == {"content": "<thi"}


# Equal, streamed or not

parts = st.sampled_from(
    ["<think>", "</think>", "<THINK>", "<think", "</", "<", ">", "think", "/", " ", "\n", "\n\n"]
) | st.text(st.characters(exclude_categories=["Cs"]), max_size=3)
texts = st.lists(parts, max_size=12).map("".join)
cuts = st.lists(st.integers(1, 6), min_size=1, max_size=8)


def cut(text: str, sizes: list[int]) -> list[str]:
    pieces, at, turn = [], 0, 0
    while at < len(text):
        size = sizes[turn % len(sizes)]
        pieces.append(text[at : at + size])
        at, turn = at + size, turn + 1
    return pieces


@given(texts, cuts, st.booleans(), st.sampled_from([None, "stop"]))
@example(text="<think>a \n</think>", sizes=[1], starts_inside=False, reason=None)
def test_any_text_cut_anywhere_is_the_same_answer(
    text: str, sizes: list[int], starts_inside: bool, reason: str | None
) -> None:
    extraction = ThinkTagExtraction(starts_inside=starts_inside)
    ending = {**text_chunk(""), "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]}
    answer = streamed([*map(text_chunk, cut(text, sizes)), ending], extraction)
    assert answer == whole(completion_of({"content": text}, reason=reason), extraction)


@given(texts)
def test_nothing_but_tags_and_white_space_is_lost(text: str) -> None:
    reasoning, content = split(text)
    left = Counter("".join(((reasoning or "") + (content or "")).lower().split()))
    missing = Counter("".join(text.lower().split()))
    missing.subtract(left)
    closed = missing["/"]
    opened = missing["<"] - closed
    assert opened in (closed, closed + 1)
    tags = Counter("<think>" * opened + "</think>" * closed)
    assert {char: count for char, count in missing.items() if count} == dict(tags)


@given(st.lists(texts, min_size=1, max_size=3), st.integers(0, 2**32))
def test_streams_as_wild_as_upstreams_are(contents: list[str], seed: int) -> None:
    body = completion_of(*({"role": "assistant", "content": text} for text in contents))
    assert streamed(cut_completion(body, random.Random(seed))) == whole(body)


# At length


def test_the_work_is_linear_in_tags_and_in_white_space() -> None:
    def many_blocks(count: int) -> object:
        return split("a<think>b</think>" * count)

    def much_white_space(count: int) -> object:
        chunks = [text_chunk("\n") for _ in range(count)]
        return streamed([text_chunk("<think>a"), *chunks, text_chunk("</think>b")])

    assert_linear(many_blocks, 2000)
    assert_linear(much_white_space, 500)


# In a client

QWQ = "qwen/qwq-32b"


@pytest.mark.anyio
async def test_one_object_serves_many_streams_and_whole_answers_at_once() -> None:
    async with (
        LocalGateway(seed=3, chunking="random") as gateway,
        KiloClient("key", base_url=gateway.base_url, default_model=QWQ) as plain,
    ):
        client = plain.with_options(response_middleware=[THINK])
        create, stream = client.chat.completions.create, client.chat.completions.stream
        asked = [f"Say {number} words" for number in range(3, 15)]

        async def ask(question: str) -> tuple[ChatCompletion, ChatCompletion, str]:
            completion = await create(messages=question, reasoning="low")
            async with stream(messages=question, reasoning="low") as answer:
                text = "".join([piece async for piece in answer.text_deltas()])
                return completion, await answer.get_final_completion(), text

        for completion, answer, text in await asyncio.gather(*map(ask, asked)):
            assert answer.message == completion.message
            assert text == completion.text
            assert completion.reasoning
            assert completion.reasoning.startswith("The user says: Say")
            assert "<" not in completion.text + completion.reasoning
        untouched = await plain.chat.completions.create(messages="Hi", reasoning="low")
        assert untouched.text.startswith("<think>")
        assert untouched.reasoning is None


@pytest.mark.anyio
async def test_what_was_thought_goes_back_as_the_upstream_may_take_it() -> None:
    async with (
        LocalGateway() as gateway,
        KiloClient(
            "key", base_url=gateway.base_url, default_model=QWQ, response_middleware=[THINK]
        ) as client,
    ):
        first = await client.chat.completions.create(messages="Hi", reasoning="low")
        history = [{"role": "user", "content": "Hi"}, first.message.to_param()]
        again = [*history, {"role": "user", "content": "And now?"}]
        await client.chat.completions.create(messages=again, reasoning="low")
        assert gateway.requests[-1].payload["messages"] == again
        assert again[1]["reasoning"] == first.reasoning


def cut_stream(*texts: str, ending: bytes = b"") -> RawReply:
    events = (b"data: " + orjson.dumps(text_chunk(text)) + b"\n\n" for text in texts)
    return RawReply(body=b"".join(events) + ending)


@pytest.mark.anyio
async def test_what_is_held_back_when_a_stream_ends_is_handed_out_before_the_verdict() -> None:
    done = b"data: [DONE]\n\n"
    async with (
        LocalGateway() as gateway,
        KiloClient(
            "key",
            base_url=gateway.base_url,
            response_middleware=[THINK],
            retries=RetryPolicy(max_attempts=1),
        ) as client,
    ):
        gateway.enqueue(cut_stream("Hi <thi", ending=done), cut_stream("Hi <thi"))
        async with client.chat.completions.stream(messages="Hi") as stream:
            chunks = [chunk async for chunk in stream]
            assert [one.choices[0].delta.content for one in chunks] == ["Hi ", "<thi"]
            assert [(one.id, one.model, one.object) for one in chunks[1:]] == [
                ("gen-1", "m/x", "chat.completion.chunk")
            ]
            assert (await stream.get_final_completion()).text == "Hi <thi"
        async with client.chat.completions.stream(messages="Hi") as stream:
            deltas = stream.text_deltas()
            assert [await anext(deltas), await anext(deltas)] == ["Hi ", "<thi"]
            with pytest.raises(StreamInterruptedError) as raised:
                await anext(deltas)
            assert raised.value.partial is not None
            assert raised.value.partial.text == "Hi <thi"


@pytest.mark.anyio
async def test_what_is_held_back_when_the_clock_runs_out_is_handed_out_as_well() -> None:
    async with (
        LocalGateway() as gateway,
        KiloClient(
            "key",
            base_url=gateway.base_url,
            response_middleware=[THINK],
            timeouts=Timeouts(idle=0.2),
        ) as client,
    ):
        gateway.enqueue(RawReply(body=cut_stream("Hi <thi").body, ending="hang"))
        async with client.chat.completions.stream(messages="Hi") as stream:
            deltas = stream.text_deltas()
            assert [await anext(deltas), await anext(deltas)] == ["Hi ", "<thi"]
            with pytest.raises(APITimeoutError) as raised:
                await anext(deltas)
            assert raised.value.phase == "idle"
            assert raised.value.partial is not None
            assert raised.value.partial.text == "Hi <thi"


@pytest.mark.anyio
async def test_a_stream_that_is_left_has_all_that_came_in_its_partial() -> None:
    async with (
        LocalGateway() as gateway,
        KiloClient("key", base_url=gateway.base_url, response_middleware=[THINK]) as client,
    ):
        gateway.enqueue(RawReply(body=cut_stream("Hi <thi").body, ending="hang"))
        stream = await client.chat.completions.create(messages="Hi", stream=True)
        assert (await anext(stream)).choices[0].delta.content == "Hi "
        await stream.close()
        with pytest.raises(StreamError) as raised:
            await stream.get_final_completion()
        assert raised.value.partial is not None
        assert raised.value.partial.text == "Hi <thi"
