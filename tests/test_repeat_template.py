"""A run of reasoning, or of arguments, reads as a whole parse of each chunk would read it."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kilo_sdk.answers import AnswerContext
from kilo_sdk.chunk_template import chunk_of, lone_delta, wire_of
from kilo_sdk.middleware.chain import ResponseChain
from kilo_sdk.middleware.thought_signatures import ThoughtSignatureSanitation
from kilo_sdk.refs import ModelRef
from kilo_sdk.repeat_template import RepeatTemplate
from kilo_sdk.stream_decoder import StreamDecoder
from kilo_sdk.transports.base import OpenAICompatibleTransport


def wire(created: int = 1767693133, choice: int = 0, **delta: Any) -> dict[str, Any]:
    return {
        "id": "gen-1",
        "model": "mistralai/devstral-2512",
        "object": "chat.completion.chunk",
        "created": created,
        "choices": [
            {
                "index": choice,
                "delta": {"role": "assistant", "content": "", **delta},
                "finish_reason": None,
                "logprobs": None,
            }
        ],
    }


def reasoning(text: str, **more: Any) -> dict[str, Any]:
    detail = {"type": "reasoning.text", "text": text, "index": 0, "format": "unknown", **more}
    return wire(reasoning=text, reasoning_details=[detail])


def summary(text: str) -> dict[str, Any]:
    return wire(reasoning=text, reasoning_details=[{"type": "reasoning.summary", "summary": text}])


def arguments(text: str, index: int = 0, function: Any = None, **more: Any) -> dict[str, Any]:
    call = {"index": index, **more, "function": {**(function or {}), "arguments": text}}
    return wire(content=None, tool_calls=[call])


def learn(chunk: dict[str, Any], data: bytes | None = None) -> RepeatTemplate | None:
    delta = lone_delta(chunk)
    if delta is None:
        return None
    return RepeatTemplate.learn(orjson.dumps(chunk) if data is None else data, chunk, delta)


def decoder(*middleware: Any) -> StreamDecoder:
    transport = OpenAICompatibleTransport()
    chain = ResponseChain(
        (*transport.response_middleware, ThoughtSignatureSanitation(), *middleware)
    )
    ref = ModelRef.parse("mistralai/devstral-2512")
    return StreamDecoder(AnswerContext(transport, chain, ref, None, {}, "text/event-stream"))


def events(*chunks: dict[str, Any]) -> bytes:
    return b"".join(b"data: %b\n\n" % orjson.dumps(chunk) for chunk in chunks)


FORMS = {
    "reasoning alone": lambda text: wire(reasoning=text),
    "reasoning and its detail": reasoning,
    "a summary": summary,
    "arguments": arguments,
    "arguments with an id each time": lambda text: arguments(text, id="call_1", type="function"),
    "a signature beside": lambda text: arguments(text, extra_content={"google": {}}),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@given(text=st.text(min_size=1).filter(lambda text: "[" not in text))
def test_a_template_makes_the_chunk_that_a_parse_would_make(form: Any, text: str) -> None:
    template = learn(form("Hm, so"))
    assert template is not None
    assert template.text_of(orjson.dumps(form(text))) == text
    assert template.wire(text) == form(text)
    assert orjson.dumps(template.wire(text)) == orjson.dumps(form(text))


@pytest.mark.parametrize(
    "chunk",
    [
        pytest.param(wire(content="Hi"), id="text"),
        pytest.param(wire(content="Hi", reasoning="hm"), id="text and reasoning"),
        pytest.param(wire(), id="nothing"),
        pytest.param(reasoning(""), id="an empty text"),
        pytest.param(reasoning("a [RE"), id="the beginning of a mark"),
        pytest.param(reasoning("role"), id="a text that is a word of the chunk"),
        pytest.param(wire(refusal="no"), id="a refusal"),
        pytest.param(arguments("{", function={"name": "fill"}), id="a name"),
        pytest.param(wire(tool_calls=[{"index": 0, "function": {}}]), id="no arguments"),
        pytest.param(
            wire(tool_calls=arguments("{")["choices"][0]["delta"]["tool_calls"] * 2),
            id="two calls",
        ),
        pytest.param(
            wire(reasoning="a", reasoning_details=[{"type": "reasoning.text", "text": "b"}]),
            id="a detail that says something else",
        ),
        pytest.param(
            wire(reasoning="a", reasoning_details=[{"type": "reasoning.encrypted", "data": "a"}]),
            id="a detail that is kept whole",
        ),
        pytest.param(wire(reasoning="a", reasoning_details=5), id="details that are no list"),
        pytest.param({**reasoning("a"), "usage": {"total_tokens": 3}}, id="usage"),
        pytest.param({**reasoning("a"), "choices": reasoning("a")["choices"] * 2}, id="choices"),
    ],
)
def test_a_chunk_that_says_anything_else_teaches_nothing(chunk: dict[str, Any]) -> None:
    assert learn(chunk) is None


def test_a_chunk_that_middleware_changed_teaches_nothing() -> None:
    changed = arguments("{", index=1)
    data = orjson.dumps(changed).replace(b'"index":1,', b'"index":true,')
    assert learn(changed, data) is None  # although True equals 1


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(orjson.dumps(reasoning("")), id="empty"),
        pytest.param(orjson.dumps(reasoning("x [")), id="a mark"),
        pytest.param(orjson.dumps(reasoning("x")).replace(b'"x"', b'"x', 1), id="broken"),
        pytest.param(orjson.dumps(reasoning("x")).replace(b'"x"', b"12"), id="no text"),
        pytest.param(orjson.dumps(reasoning("x")).replace(b'"x"', b'"y"', 1), id="two texts"),
        pytest.param(orjson.dumps(reasoning("x", format="other")), id="another form"),
        pytest.param(b"", id="nothing"),
        pytest.param(b"[DONE]", id="the end"),
    ],
)
def test_what_does_not_match_has_no_text_here(data: bytes) -> None:
    template = learn(reasoning("Hm"))
    assert template is not None
    assert template.text_of(data) is None


def test_changing_one_chunk_changes_no_other() -> None:
    template = learn(reasoning("Hm"))
    assert template is not None
    template.wire("b")["choices"][0]["delta"]["reasoning_details"][0]["text"] = "changed"
    assert template.wire("c") == reasoning("c")


def test_a_run_is_shown_to_no_middleware_after_its_first_chunk() -> None:
    class Counting:
        ignores_text = passes_repeats = True

        def __init__(self) -> None:
            self.seen = 0

        def on_chunk(self, chunk: Any, /) -> None:
            self.seen += 1

        def on_completion(self, completion: Any, /) -> None:
            raise AssertionError("there is none")

    counting = Counting()
    stream = decoder(counting)
    stream.feed(events(*map(reasoning, "abc"), *map(arguments, "abc"), wire(content="Hi")))
    assert counting.seen == 3
    assert stream.completion().reasoning == "abc"
    assert stream.completion().tool_calls[0].arguments == "abc"


def test_without_the_promise_every_chunk_is_shown() -> None:
    class Counting:
        ignores_text = True
        seen = 0

        def on_chunk(self, chunk: Any, /) -> None:
            self.seen += 1

        def on_completion(self, completion: Any, /) -> None:
            raise AssertionError("there is none")

    counting = Counting()
    decoder(counting).feed(events(*map(reasoning, "abc"), *map(arguments, "abc")))
    assert counting.seen == 6


TEXTS = st.sampled_from(
    ["a", "bc", "[", "[RED", "ACTED]", "[REDACTED]", "{", "}", '{"a":1}', "é", ""]
)
CHUNKS = st.one_of(
    st.builds(lambda text: wire(content=text), TEXTS),
    st.builds(lambda text, n: wire(1767693133 + n, content=text), TEXTS, st.integers(0, 9)),
    st.builds(reasoning, TEXTS),
    st.builds(lambda text: reasoning(text, id="r_1", index=None), TEXTS),
    st.builds(lambda text: reasoning(text, signature="s"), TEXTS),
    st.builds(summary, TEXTS),
    st.builds(lambda text, n: wire(n, reasoning=text), TEXTS, st.integers(0, 2)),
    st.builds(lambda text: wire(choice=1, reasoning=text), TEXTS),
    st.builds(lambda text: wire(reasoning_content=text), TEXTS),
    st.builds(lambda text: wire(reasoning=text, reasoning_content=None), TEXTS),
    st.builds(arguments, TEXTS, st.integers(0, 1)),
    st.builds(lambda text: arguments(text, id="call_1", type="function"), TEXTS),
    st.builds(lambda text, name: arguments(text, 0, {"name": name}), TEXTS, TEXTS),
    st.builds(lambda text: arguments(text, None), TEXTS),  # type: ignore[arg-type]
    st.builds(lambda text: arguments(text, id="call_2", function={"name": "b"}), TEXTS),
    st.builds(lambda text: arguments(text, thought_signature=text), TEXTS),
    st.just(wire(reasoning_details=[{"type": "reasoning.encrypted", "data": "x"}])),
)


@settings(max_examples=400)
@given(st.lists(st.tuples(CHUNKS, st.integers(1, 4)), min_size=1, max_size=12), st.integers(1, 900))
def test_templates_change_nothing_in_what_a_stream_says(
    runs: list[tuple[dict[str, Any], int]], size: int
) -> None:
    """The same stream with templates and with a middleware that rules them out."""
    data = events(*(chunk for chunk, times in runs for _ in range(times))) + b"data: [DONE]\n\n"
    told: list[Any] = []
    for stream in (decoder(), decoder(lambda chunk: None)):
        decoded = [
            one for at in range(0, len(data), size) for one in stream.feed(data[at : at + size])
        ]
        decoded += stream.end()
        chunks = [chunk_of(one) for one in decoded]
        completion = stream.completion()
        failure = repr(stream.failure)
        told.append((list(map(wire_of, decoded)), chunks, completion, completion.raw, failure))
    assert told[0] == told[1]
    assert orjson.dumps(told[0][3]) == orjson.dumps(told[1][3])
