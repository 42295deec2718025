"""A template reads what a whole parse would read, or nothing."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kilo_sdk.answers import AnswerContext
from kilo_sdk.chunk_template import ChunkTemplate, chunk_of, lone_delta, text_of, wire_of
from kilo_sdk.middleware.app_headers import AppHeaders
from kilo_sdk.middleware.auth import BearerAuth
from kilo_sdk.middleware.chain import ResponseChain
from kilo_sdk.refs import ModelRef
from kilo_sdk.stream_decoder import StreamDecoder
from kilo_sdk.transports.base import OpenAICompatibleTransport
from kilo_sdk.transports.proxy_gemini import ProxyGeminiTransport
from kilo_sdk.transports.proxy_openai import ProxyOpenAITransport
from kilo_sdk.types.chunk import CompletionChunk


def wire(text: str = "Hi", **delta: Any) -> dict[str, Any]:
    return {
        "id": "gen-1",
        "provider": "Mistral",
        "model": "mistralai/devstral-2512",
        "object": "chat.completion.chunk",
        "created": 1767693133,
        "choices": [
            {
                "index": 0,
                "delta": {"role": "assistant", "content": text, **delta},
                "finish_reason": None,
                "native_finish_reason": None,
                "logprobs": None,
            }
        ],
    }


def learn(chunk: dict[str, Any], data: bytes | None = None) -> ChunkTemplate | None:
    delta = lone_delta(chunk)
    if delta is None:
        return None
    return ChunkTemplate.learn(orjson.dumps(chunk) if data is None else data, chunk, delta)


def decoder(*middleware: Any) -> StreamDecoder:
    transport = OpenAICompatibleTransport()
    chain = ResponseChain((*transport.response_middleware, *middleware))
    ref = ModelRef.parse("mistralai/devstral-2512")
    return StreamDecoder(AnswerContext(transport, chain, ref, None, {}, "text/event-stream"))


def events(*chunks: dict[str, Any]) -> bytes:
    return b"".join(b"data: %b\n\n" % orjson.dumps(chunk) for chunk in chunks)


def test_a_template_holds_what_stands_around_the_text() -> None:
    template = learn(wire("Hi"))
    assert template is not None
    assert template.prefix.endswith(b'"delta":{"role":"assistant","content":')
    assert template.suffix.startswith(b'},"finish_reason":null')
    assert template.choice == 0


def test_white_space_after_the_colon_is_part_of_the_template() -> None:
    data = orjson.dumps(wire("Hi")).replace(b'"content":', b'"content": ')
    template = learn(wire("Hi"), data)
    assert template is not None
    assert template.prefix.endswith(b'"content": ')


@pytest.mark.parametrize(
    "chunk",
    [
        pytest.param(wire(""), id="no text"),
        pytest.param({**wire(), "usage": {"total_tokens": 3}}, id="usage"),
        pytest.param(wire(reasoning="hm"), id="reasoning"),
        pytest.param(wire(tool_calls=[{"index": 0}]), id="tool calls"),
        pytest.param({**wire(), "choices": []}, id="no choice"),
        pytest.param({**wire(), "choices": wire()["choices"] * 2}, id="two choices"),
        pytest.param(
            {**wire(), "choices": [{**wire()["choices"][0], "finish_reason": "stop"}]},
            id="finish reason",
        ),
        pytest.param(
            {**wire(), "choices": [{**wire()["choices"][0], "logprobs": {"content": []}}]},
            id="logprobs",
        ),
    ],
)
def test_a_chunk_that_says_more_than_its_text_teaches_nothing(chunk: dict[str, Any]) -> None:
    assert learn(chunk) is None


def test_text_that_stands_elsewhere_first_teaches_nothing() -> None:
    """The first place that looks like the text is another field's: the proof fails."""
    chunk = wire("Hi")
    chunk["choices"][0] = {"shadow": {"content": "Hi"}, **chunk["choices"][0]}
    assert learn(chunk) is None


def test_text_that_was_escaped_otherwise_teaches_nothing() -> None:
    assert learn(wire("é"), orjson.dumps(wire("é")).replace("é".encode(), b"\\u00e9")) is None


def test_a_chunk_that_middleware_changed_teaches_nothing() -> None:
    changed = wire("Hi")
    data = orjson.dumps(changed)
    changed["provider"] = "changed"
    assert learn(changed, data) is None


@given(st.text())
def test_a_template_makes_the_chunk_that_a_parse_would_make(text: str) -> None:
    template = learn(wire("Hi"))
    assert template is not None
    assert template.wire(text) == wire(text)
    assert template.chunk(text) == CompletionChunk.from_wire(wire(text))
    assert template.chunk(text).raw == wire(text)


def test_a_templated_chunk_copies_and_pickles() -> None:
    template = learn(wire("Hi"))
    assert template is not None
    chunk = template.chunk("there")
    assert copy.deepcopy(chunk) == chunk
    assert pickle.loads(pickle.dumps(chunk)).choices[0].delta.content == "there"


def test_changing_one_chunk_changes_no_other() -> None:
    template = learn(wire("Hi"))
    assert template is not None
    template.chunk("a").raw["choices"][0]["delta"]["content"] = "changed"
    template.wire("b")["choices"][0]["delta"]["content"] = "changed"
    assert template.wire("c") == wire("c")


def test_text_of_another_choice_is_not_this_choices_text() -> None:
    template = learn(wire("Hi"))
    assert template is not None
    assert text_of((template, "x"), 0) == "x"
    assert text_of((template, "x"), 1) == ""
    assert text_of(wire("y"), 0) == "y"


def test_chunks_that_differ_in_text_alone_are_decoded_by_template() -> None:
    decoded = decoder().feed(events(wire("a"), wire("b"), wire('"c"\n\\'), wire("")))
    assert [isinstance(one, tuple) for one in decoded] == [False, True, True, True]
    assert [text_of(one, 0) for one in decoded] == ["a", "b", '"c"\n\\', ""]


def test_both_built_in_paths_take_the_short_way() -> None:
    """A middleware on either path that forgets its promise costs every chunk a parse."""
    shared: dict[str, Any] = {"auth": BearerAuth(None), "app_headers": AppHeaders()}
    for transport in (ProxyOpenAITransport(**shared), ProxyGeminiTransport(**shared)):
        assert ResponseChain(transport.response_middleware).ignores_text is True


def test_an_event_with_more_between_prefix_and_suffix_goes_the_whole_way() -> None:
    stream = decoder()
    more = orjson.dumps(wire("b")).replace(b'"b"}', b'"b","refusal":"no"},"x":{"content":"b"}')
    decoded = stream.feed(events(wire("a")) + b"data: %b\n\n" % more)
    assert wire_of(decoded[1])["choices"][0]["delta"]["refusal"] == "no"
    assert stream.completion().message.refusal == "no"


def test_a_middleware_that_reads_text_is_shown_every_chunk() -> None:
    seen: list[str] = []
    stream = decoder(lambda chunk: seen.append(chunk["choices"][0]["delta"]["content"]))
    stream.feed(events(wire("a"), wire("b"), wire("c")))
    assert seen == ["a", "b", "c"]


def test_another_created_is_the_same_template_at_another_time() -> None:
    template = learn(wire("Hi"))
    assert template is not None
    later = {**wire("there"), "created": 1767693999}
    renewed = template.renewed(orjson.dumps(later))
    assert renewed is not None
    assert wire_of(renewed) == later
    assert chunk_of(renewed).created == 1767693999
    assert template.chunk("there").created == 1767693133
    back = renewed[0].renewed(orjson.dumps(wire("x")))
    assert back is not None
    assert wire_of(back) == wire("x")


def test_more_than_a_text_at_another_time_renews_nothing() -> None:
    template = learn(wire("Hi"))
    assert template is not None
    for text in (b"12", b'"a","refusal":"no"', b'"a'):
        later = orjson.dumps({**wire("x"), "created": 1767693999}).replace(b'"x"', text)
        assert template.renewed(later) is None


@pytest.mark.parametrize("digits", [b"0767693999", b"-767693999", b"1.76769399", b"12345678901"])
def test_what_is_no_other_time_renews_nothing(digits: bytes) -> None:
    template = learn(wire("Hi"))
    assert template is not None
    assert template.renewed(orjson.dumps(wire("x")).replace(b"1767693133", digits)) is None


@pytest.mark.parametrize(
    "chunk",
    [
        pytest.param({**wire(), "created": None}, id="no time"),
        pytest.param({**wire(), "created": 1767693133.5}, id="a time of another kind"),
        pytest.param({"shadow": {"created": 1767693133}, **wire()}, id="a time of another field"),
        pytest.param(
            {**{k: v for k, v in wire().items() if k != "created"}, "created": 1767693133},
            id="a time after the text",
        ),
    ],
)
def test_a_time_that_is_not_known_for_sure_is_part_of_the_template(chunk: dict[str, Any]) -> None:
    template = learn(chunk)
    assert template is not None
    assert template.renewed(orjson.dumps(chunk).replace(b"1767693133", b"1767693134")) is None


def test_chunks_of_a_ticking_stream_are_decoded_by_template() -> None:
    chunks = [{**wire("a"), "created": 1767693133 + n} for n in range(5)]
    stream = decoder()
    decoded = stream.feed(events(*chunks))
    assert [isinstance(one, tuple) for one in decoded] == [False, True, True, True, True]
    assert list(map(wire_of, decoded)) == chunks
    assert stream.completion().text == "aaaaa"
    assert stream.completion().created == 1767693133


def test_a_template_ends_where_the_chunks_say_something_else_beside_their_text() -> None:
    """What the last chunk says counts where the first ones left it open."""
    other = {**wire("b"), "choices": [{**wire("b")["choices"][0], "index": 1}]}
    chunks = [{**wire(""), "created": None}, other, {**wire(""), "created": 1}, other]
    stream = decoder()
    stream.feed(events(*chunks))
    assert stream.completion().created == 1767693133


CHUNKS = st.one_of(
    st.builds(wire, st.text(max_size=5)),
    st.builds(lambda text: wire(text, reasoning="r"), st.text(max_size=3)),
    st.builds(
        lambda text, created: {**wire(text), "created": created},
        st.text(max_size=3),
        st.sampled_from([1, 1767693134, 1767693135, None]),
    ),
    st.builds(
        lambda text: {**wire(text), "choices": [{**wire(text)["choices"][0], "index": 1}]},
        st.text(max_size=3),
    ),
)


@given(st.lists(CHUNKS, min_size=1, max_size=30))
def test_templates_change_nothing_in_what_a_stream_says(chunks: list[dict[str, Any]]) -> None:
    """The same stream with templates and with a middleware that rules them out."""
    with_templates, without = decoder(), decoder(lambda chunk: None)
    decoded = with_templates.feed(events(*chunks))
    plain = without.feed(events(*chunks))
    assert [wire_of(one) for one in decoded] == plain
    assert list(map(chunk_of, decoded)) == list(map(chunk_of, plain))
    assert with_templates.completion() == without.completion()
    assert with_templates.completion().raw == without.completion().raw
