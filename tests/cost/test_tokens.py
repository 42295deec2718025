"""How many tokens something is taken for: four bytes each, of prompt and output alike."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kilo_sdk.answers import AnswerContext
from kilo_sdk.cost.tokens import (
    MEDIA_TOKENS,
    estimate_prompt_tokens,
    output_bytes,
    output_bytes_of,
    tokens_in,
)
from kilo_sdk.middleware.app_headers import AppHeaders
from kilo_sdk.middleware.auth import BearerAuth
from kilo_sdk.middleware.chain import ResponseChain
from kilo_sdk.refs import ModelRef
from kilo_sdk.stream_decoder import StreamDecoder
from kilo_sdk.transports.proxy_openai import ProxyOpenAITransport

OPENAI = ProxyOpenAITransport(auth=BearerAuth(None), app_headers=AppHeaders())


def prompt(*messages: Any, **more: Any) -> int:
    return estimate_prompt_tokens({"model": "a/b", "messages": list(messages), **more})


def user(content: Any, **more: Any) -> dict[str, Any]:
    return {"role": "user", "content": content, **more}


@pytest.mark.parametrize(("size", "tokens"), [(0, 0), (1, 1), (4, 1), (5, 2), (4000, 1000)])
def test_four_bytes_are_a_token_rounded_up(size: int, tokens: int) -> None:
    assert tokens_in(size) == tokens


def test_every_text_of_the_messages_counts_by_its_bytes() -> None:
    assert prompt(user("x" * 96)) == 25  # with the four of the role
    assert prompt(user("é" * 48)) == 25
    assert prompt(user([{"type": "text", "text": "x" * 92}])) == 25
    assert prompt(user("x" * 46), user("x" * 46)) == 25


def test_tools_and_the_format_of_the_answer_count_with_their_names() -> None:
    assert prompt(tools=[{"parameters": {"city": "x" * 6}}]) == 5
    assert prompt(response_format={"json_schema": {"a": "x" * 8}}) == 5


def test_other_parameters_are_no_prompt() -> None:
    assert prompt(user("x" * 12), user_id="x" * 500, stop=["x" * 500], temperature=1) == 4


@pytest.mark.parametrize(
    "part",
    [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 9000}},
        {"type": "image_url", "image_url": {"url": "https://x.test/cat.png"}},
        {"type": "input_audio", "input_audio": {"data": "A" * 9000, "format": "wav"}},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "A" * 9000}},
    ],
)
def test_an_image_a_recording_or_a_file_counts_as_one_number(part: dict[str, Any]) -> None:
    assert prompt(user([part])) == MEDIA_TOKENS + 1


def test_reasoning_counts_once_and_signatures_do_not() -> None:
    reasoning = "x" * 87
    details = [{"type": "reasoning.text", "text": reasoning, "signature": "s" * 900}]
    assistant = {"role": "assistant", "reasoning": reasoning, "reasoning_details": details}
    assert prompt(assistant) == 24


def test_a_tool_named_like_an_image_is_a_tool() -> None:
    assert prompt(tools=[{"type": "image_url", "a": "x" * 6}]) == 5


@pytest.mark.parametrize(
    "messages",
    [None, [], "text", 5, [None], [["x"]], [{"type": ["list"], "content": None}], [{1: 2}]],
)
def test_a_payload_of_any_shape_has_a_number(messages: Any) -> None:
    assert estimate_prompt_tokens({"messages": messages}) >= 0
    assert estimate_prompt_tokens({}) == 0


def test_deep_nesting_is_no_recursion() -> None:
    deep: Any = "x" * 4
    for _ in range(5000):
        deep = [deep]
    assert estimate_prompt_tokens({"messages": deep}) == 1


TEXT = st.text(st.characters(codec="utf-8"), max_size=6)
DELTA = st.fixed_dictionaries(
    {},
    optional={
        "content": st.none() | TEXT,
        "reasoning": st.none() | TEXT,
        "refusal": st.none() | TEXT,
        "tool_calls": st.lists(
            st.fixed_dictionaries(
                {
                    "index": st.integers(0, 2),
                    "id": st.sampled_from(["c0", "c1"]),
                    "function": st.fixed_dictionaries(
                        {"name": st.just("weather")}, optional={"arguments": TEXT}
                    ),
                }
            ),
            max_size=2,
        ),
    },
)


@given(st.lists(st.lists(st.tuples(st.integers(0, 1), DELTA), min_size=1, max_size=3), max_size=8))
def test_the_output_of_an_answer_is_that_of_its_chunks(reads: list[list[Any]]) -> None:
    """The estimate while a stream runs and the one after it follow the same rule."""
    ref = ModelRef("vendor/model")
    chain = ResponseChain(OPENAI.response_middleware)
    decoder = StreamDecoder(AnswerContext(OPENAI, chain, ref, None, {}, "text/event-stream"))
    size = 0
    for read in reads:
        data = b"".join(
            b"data: " + orjson.dumps({"choices": [{"index": index, "delta": delta}]}) + b"\n\n"
            for index, delta in read
        )
        size += sum(map(output_bytes, decoder.feed(data)))
    assert decoder.failure is None
    assert output_bytes_of(decoder.completion()) == size


def test_text_reasoning_refusal_and_arguments_are_output() -> None:
    call = {"index": 0, "id": "c", "function": {"name": "weather", "arguments": "{}"}}
    delta = {"content": "é", "reasoning": "abc", "refusal": "no", "tool_calls": [call]}
    assert output_bytes({"choices": [{"index": 0, "delta": delta}]}) == 2 + 3 + 2 + 2
    assert output_bytes({"choices": []}) == 0
