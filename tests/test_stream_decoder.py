"""Bytes of an answer in, chunks and a verdict out; streamed or not, one and the same answer."""

from __future__ import annotations

import contextlib
import copy
import os
import pickle
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import attrs
import orjson
import pytest
from growth import assert_linear
from hypothesis import given, settings
from hypothesis import strategies as st

from kilo_sdk.answers import decode_completion
from kilo_sdk.chunk_template import chunk_of, text_of, wire_of
from kilo_sdk.errors import (
    APIError,
    APIStatusError,
    AuthenticationError,
    BadRequestError,
    ContextLengthExceededError,
    InsufficientCreditsError,
    InternalServerError,
    NotFoundError,
    PermissionDeniedError,
    ProtocolError,
    RateLimitError,
    ServiceUnavailableError,
    StreamError,
    StreamInterruptedError,
    StreamProtocolError,
    UpstreamError,
)
from kilo_sdk.middleware.app_headers import AppHeaders
from kilo_sdk.middleware.auth import BearerAuth
from kilo_sdk.stream_decoder import StreamDecoder
from kilo_sdk.stream_events import events_of, final_events
from kilo_sdk.transports.proxy_gemini import ProxyGeminiTransport
from kilo_sdk.types.completion import ChatCompletion
from kilo_sdk.types.message import Message
from tests.support.contexts import OPENAI, context

RECORDINGS = Path(
    os.environ.get("KILO_RECORDINGS", Path(__file__).parents[2] / "shared" / "recordings")
)
SHARED: dict[str, Any] = {"auth": BearerAuth(None), "app_headers": AppHeaders()}
GEMINI = ProxyGeminiTransport(**SHARED)


def event(payload: Any) -> bytes:
    return b"data: " + orjson.dumps(payload) + b"\n\n"


def chunk(finish_reason: Any = None, *, index: int = 0, **delta: Any) -> dict[str, Any]:
    choice = {"index": index, "delta": delta, "finish_reason": finish_reason}
    return {"id": "gen-1", "model": "vendor/model", "choices": [choice]}


HI = event(chunk(role="assistant", content="Hi"))
END = event(chunk("stop"))
USAGE = event({"id": "gen-1", "choices": [], "usage": {"prompt_tokens": 3}})
DONE = b"data: [DONE]\n\n"
OTHER = event(chunk(content="Ho", index=1))
OTHER_END = event(chunk("stop", index=1))


def reads(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


def decoded(*data: bytes, **changes: Any) -> tuple[StreamDecoder, list[Any]]:
    """The decoder after its end, and the wire chunks it gave out."""
    decoder = StreamDecoder(context(**changes))
    chunks = [wire_of(one) for read in data for one in decoder.feed(read)]
    decoder.end()
    return decoder, chunks


# What a stream was: complete, cut or no stream at all


COMPLETE = {
    "finish_reason, usage and [DONE]": HI + END + USAGE + DONE,
    "[DONE] alone": HI + DONE,
    "a finish_reason alone": HI + END,
    "a finish_reason and usage, no [DONE]": HI + END + USAGE,
    "usage before the finish_reason": HI + USAGE + END,
    "[DONE] without its blank line": HI + b"data: [DONE]\n",
    "[DONE] without its line end": HI + b"data: [DONE]",
    "[DONE] without a space": HI + b"data:[DONE]\n\n",
    "[DONE] amid spaces": HI + b"data:   [DONE]  \n\n",
    "[DONE] with CRLF": (HI + DONE).replace(b"\n", b"\r\n"),
    "[DONE] with CR": (HI + DONE).replace(b"\n", b"\r"),
    "[DONE] of a named event": HI + b"event: done\nid: 7\ndata: [DONE]\n\n",
    "a comment cut at the end": HI + END + b": OPENROUTER PROCES",
    "a comment not yet dispatched": HI + END + b": OPENROUTER PROCESSING\n",
    "a field that is no data at the end": HI + END + b"event: message\nid: 3",
    "blank lines at the end": HI + END + b"\n\n\r\n",
    "comments everywhere": b": a\n\n:\n\n" + HI + b": b\n" + END + b":c\n\n" + DONE,
    "events of white space": b"data: \n\n" + HI + b"data\n\ndata:  \ndata:\n\n" + END + DONE,
    "events after [DONE]": HI + DONE + event(chunk(content="!")) + event({"error": "late"}),
    "garbage after [DONE]": HI + DONE + b"<html>\x00\xff" + b"data: {",
    "a BOM at the start": b"\xef\xbb\xbf" + HI + DONE,
    "two choices, both finished": HI + OTHER + END + OTHER_END,
    "two choices, one finished, and [DONE]": HI + OTHER + END + DONE,
    "an event over several data lines": (
        b'data: {"choices":\ndata: [{"delta":{"content":"Hi"},\ndata: "finish_reason":"stop"}]}\n\n'
    ),
}

CUT = {
    "nothing": b"",
    "blank lines alone": b"\n\n\r\n",
    "comments alone": b": OPENROUTER PROCESSING\n\n: OPENROUTER PROCESSING\n\n",
    "a comment cut": b": OPENROUTER PROC",
    "a comment after a BOM": b"\xef\xbb\xbf: OPENROUTER PROCESSING\n\n",
    "fields that are no data": b"retry: 3000\nid: 1\nevent: ping\n\n",
    "a retry field cut": b"retry: 30",
    "the first event cut": HI[:40],
    "the first event without its blank line": HI[:-1],
    "a named first event cut": b"event: message\n" + HI[:40],
    "neither [DONE] nor finish_reason": HI,
    "neither, and a comment at the end": HI + b": OPENROUTER PROCESSING\n\n",
    "usage but neither": HI + USAGE,
    "inside an event": HI + HI[:-20],
    "inside the finish event": HI + END[:-10],
    "after the finish, inside the usage event": HI + END + USAGE[:30],
    "after the finish, before the usage event's blank line": HI + END + USAGE[:-1],
    "after the finish, inside the word data": HI + END + b"dat",
    "inside [DONE]": HI + b"data: [DON",
    "two choices, one finished": HI + OTHER + END,
    "two choices, the second after the first finished": HI + END + OTHER,
    "a finish_reason that is no word": HI + event(chunk({"why": "stop"})) + event(chunk("")),
    "a chunk of usage alone": USAGE,
}

NO_STREAM = {
    "HTML": b"<!DOCTYPE html><html><body>502 Bad Gateway</body></html>",
    "HTML after blank lines": b"\r\n\r\n  <html></html>\n",
    "words": b"Internal Server Error",
    "words in lines": b"upstream connect error\nreset before headers\n\n",
    "JSON": b'{"choices": [{"message": {"content": "Hi"}}]}',
    "bytes": b"\x1f\x8b\x08\x00\xff\xfe\x00",
    "an event that is no JSON": HI + b"data: Hello\n\n" + END + DONE,
    "an event of HTML": HI + b"data: <html>\n\n",
    "an event of broken JSON": HI + b'data: {"choices": [\n\n' + END,
    "an event of two objects": HI + b"data: {}{}\n\n" + DONE,
    "an event of a list": HI + b"data: []\n\n" + DONE,
    "an event of a string": HI + b'data: "[DONE]"\n\n' + DONE,
    "an event of null": HI + b"data: null\n\n" + DONE,
    "an event of a number": b"data: 3\n\n" + DONE,
    "an event of NaN": HI + b'data: {"a": NaN}\n\n' + DONE,
    "an event of bytes that are no UTF-8": HI + b'data: {"a": "\xff"}\n\n' + DONE,
    "an event with half a surrogate pair": HI + b'data: {"a": "\\ud800"}\n\n' + DONE,
    "an event nested past every limit": HI + b"data: " + b"[" * 2000 + b"\n\n" + DONE,
}
VERDICTS = [
    *((name, data, None) for name, data in COMPLETE.items()),
    *((name, data, StreamInterruptedError) for name, data in CUT.items()),
    *((name, data, StreamProtocolError) for name, data in NO_STREAM.items()),
]


@pytest.mark.parametrize("size", [1, 2, 7, 10_000])
@pytest.mark.parametrize(
    ("data", "verdict"),
    [pytest.param(data, verdict, id=name) for name, data, verdict in VERDICTS],
)
def test_a_stream_is_judged_by_how_it_ended(
    data: bytes, verdict: type[APIError] | None, size: int
) -> None:
    decoder, chunks = decoded(*reads(data, size))
    assert type(decoder.failure) is (verdict or type(None))
    text = "".join(text_of(one, 0) for one in chunks)
    assert text == decoder.completion().text
    if verdict is None:
        assert text == "Hi"
        decoder.end()
        assert decoder.failure is None
    elif HI in data:
        assert text[:2] == "Hi"


@pytest.mark.parametrize("content_type", ["", "text/event-stream", "text/html", "text/plain"])
@pytest.mark.parametrize("data", [b"<html>", b"oops", b"\x00\xff"])
def test_what_is_no_stream_is_none_under_any_content_type(data: bytes, content_type: str) -> None:
    decoder, _ = decoded(data, content_type=content_type)
    assert type(decoder.failure) is StreamProtocolError
    assert "the answer is no event stream, but" in str(decoder.failure)
    assert content_type in str(decoder.failure)
    assert "oops" not in str(decoder.failure)


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_an_error_sent_as_bare_json_where_a_stream_was_promised_is_that_error(size: int) -> None:
    decoder, _ = decoded(*reads(b"\n" + orjson.dumps(refusal(402)) + b"\n", size))
    assert type(decoder.failure) is InsufficientCreditsError


@pytest.mark.parametrize("raw", [100, 5_000, 60_000])
def test_an_error_sent_as_bare_json_may_bring_a_long_answer_of_the_upstreams(raw: int) -> None:
    said = {"error": {"message": "no", "code": 429, "metadata": {"raw": "x" * raw}}}
    decoder, _ = decoded(*reads(orjson.dumps(said), 1_000))
    assert type(decoder.failure) is RateLimitError
    assert decoder.failure.metadata == {"raw": "x" * raw}


def test_of_what_is_no_stream_the_beginning_is_kept() -> None:
    data = b'{"error": {"message": "no", "metadata": {"raw": "' + b"x" * 2**20
    decoder, _ = decoded(*reads(data, 2**14))
    assert type(decoder.failure) is StreamProtocolError
    assert "65536 bytes of JSON that breaks off" in str(decoder.failure)
    assert decoder.failure.body == data[:4096].decode()


def test_a_failure_names_the_model_and_the_request() -> None:
    decoder, _ = decoded(HI)
    assert decoder.failure is not None
    assert str(decoder.failure) == (
        "the stream was cut: it ended without [DONE] or a finish_reason; "
        "model vendor/model, request id req-1"
    )
    assert (decoder.failure.model, decoder.failure.request_id) == ("vendor/model", "req-1")


def test_without_a_request_id_a_failure_names_none() -> None:
    decoder, _ = decoded(HI + HI[:30], request_id=None)
    assert str(decoder.failure) == (
        "the stream was cut: it ended inside an event; model vendor/model"
    )


def test_what_broke_the_connection_is_the_cause_of_a_cut() -> None:
    broken = ConnectionResetError("reset")
    decoder = StreamDecoder(context())
    decoder.feed(HI)
    decoder.end(cause=broken)
    assert isinstance(decoder.failure, StreamInterruptedError)
    assert decoder.failure.__cause__ is broken


def test_a_broken_connection_after_the_end_is_none() -> None:
    decoder = StreamDecoder(context())
    decoder.feed(HI + END)
    decoder.end(cause=ConnectionResetError("reset"))
    assert decoder.failure is None


def test_after_done_nothing_more_is_taken() -> None:
    decoder = StreamDecoder(context())
    assert len(decoder.feed(HI + DONE)) == 1
    assert decoder.done
    assert decoder.feed(HI) == []
    assert decoder.feed(b"data: oops\n\n") == []
    decoder.end()
    assert decoder.failure is None
    assert decoder.completion().text == "Hi"


def test_after_a_failure_nothing_more_is_taken() -> None:
    decoder = StreamDecoder(context())
    assert len(decoder.feed(HI + b"data: oops\n\n" + HI)) == 1
    failure = decoder.failure
    assert decoder.feed(HI + DONE) == []
    decoder.end()
    assert decoder.failure is failure
    assert decoder.completion().text == "Hi"


def test_an_event_past_the_limit_is_a_protocol_error_that_names_the_model() -> None:
    decoder = StreamDecoder(context())
    for _ in range(65):
        decoder.feed(b"data: " + b"x" * 2**20 if decoder.failure is None else b"")
        decoder.feed(b"x" * 2**20)
    assert type(decoder.failure) is StreamProtocolError
    assert "max_event_bytes" in str(decoder.failure)
    assert "model vendor/model, request id req-1" in str(decoder.failure)


@pytest.mark.parametrize(
    ("data", "started", "has_output"),
    [
        (b": alive\n\n", False, False),
        (b"data: \n\n", False, False),
        (event(chunk(role="assistant")), True, False),
        (event(chunk(role="assistant", content="")), True, False),
        (event(chunk(tool_calls=[], reasoning=None)), True, False),
        (USAGE, True, False),
        (END, True, False),
        (HI, True, True),
        (event(chunk(reasoning="Hm")), True, True),
        (event(chunk(reasoning_content="Hm")), True, True),
        (event(chunk(refusal="No")), True, True),
        (event(chunk(tool_calls=[{"function": {"name": "f"}}])), True, True),
        (event(chunk(reasoning_details=[{"type": "reasoning.encrypted"}])), True, True),
    ],
)
def test_it_knows_the_first_chunk_and_the_first_output(
    data: bytes, started: bool, has_output: bool
) -> None:
    decoder = StreamDecoder(context())
    decoder.feed(data)
    assert (decoder.started, decoder.has_output) == (started, has_output)


# Errors inside a stream


def refusal(code: Any = None, message: str = "it failed", **more: Any) -> dict[str, Any]:
    return {"error": {"message": message} | ({} if code is None else {"code": code}) | more}


ERRORS: list[tuple[dict[str, Any], type[APIError], int | None, int | str | None]] = [
    (refusal(400), BadRequestError, 400, 400),
    (refusal(401), AuthenticationError, 401, 401),
    (refusal(402), InsufficientCreditsError, 402, 402),
    (refusal(403), PermissionDeniedError, 403, 403),
    (refusal(404), NotFoundError, 404, 404),
    (refusal(429), RateLimitError, 429, 429),
    (refusal("429"), RateLimitError, 429, "429"),
    (refusal(500), InternalServerError, 500, 500),
    (refusal(502), UpstreamError, 502, 502),
    (refusal(503.0), ServiceUnavailableError, 503, 503),
    (refusal(524), InternalServerError, 524, 524),
    (refusal(418), APIStatusError, 418, 418),
    (refusal("server_error"), InternalServerError, 500, "server_error"),
    (refusal("rate_limit_exceeded"), RateLimitError, 429, "rate_limit_exceeded"),
    (
        refusal("context_length_exceeded"),
        ContextLengthExceededError,
        400,
        "context_length_exceeded",
    ),
    (refusal(type="overloaded_error"), ServiceUnavailableError, 503, None),
    (refusal(), StreamError, None, None),
    (refusal("odd"), StreamError, None, None),
    (refusal(["?"]), StreamError, None, None),
    ({"error": "it failed"}, StreamError, None, None),
    ({"error": True}, StreamError, None, None),
    ({"error": [{"message": "it failed", "code": 429}]}, RateLimitError, 429, 429),
]


@pytest.mark.parametrize(("payload", "cls", "status", "code"), ERRORS)
@pytest.mark.parametrize("before", [b"", b": alive\n\n", HI], ids=["first", "comment", "text"])
@pytest.mark.parametrize("with_choices", [False, True])
@pytest.mark.parametrize("after", [b"", DONE, HI + END + DONE], ids=["last", "done", "more"])
def test_an_error_event_raises_the_class_of_its_own_code(
    payload: Any, cls: Any, status: Any, code: Any, before: bytes, with_choices: bool, after: bytes
) -> None:
    if with_choices:
        payload = {**payload, **chunk("error", content="")}
    decoder, chunks = decoded(before + event(payload) + after)
    failure = decoder.failure
    assert failure is not None
    assert type(failure) is cls
    assert len(chunks) == (before == HI)
    assert (failure.model, failure.request_id) == ("vendor/model", "req-1")
    assert failure.body == payload
    if isinstance(failure, APIStatusError):
        assert (failure.status_code, failure.code) == (status, code)
    assert "vendor/model" in str(failure)


@pytest.mark.parametrize("error", [None, {}, "", [], 0, False])
def test_an_error_that_is_empty_is_none(error: Any) -> None:
    decoder, _ = decoded(event({**chunk(content="Hi"), "error": error}) + DONE)
    assert decoder.failure is None
    assert decoder.completion().text == "Hi"


def with_choice(payload: Any, **fields: Any) -> Any:
    return {**payload, "choices": [{**payload["choices"][0], **fields}]}


@pytest.mark.parametrize(
    ("last", "cls"),
    [
        (
            with_choice(chunk("error"), error={"message": "no", "code": 503}),
            ServiceUnavailableError,
        ),
        (
            with_choice(chunk(), error={"message": "no", "code": "server_error"}),
            InternalServerError,
        ),
        (with_choice(chunk(), error="no"), StreamError),
        ({"choices": [{"index": 0, "delta": {}, "error": {"code": 429}}]}, RateLimitError),
        (chunk("error"), StreamError),
        (chunk("error", index=1), StreamError),
    ],
)
@pytest.mark.parametrize("after", [b"", USAGE, USAGE + DONE], ids=["last", "usage", "done"])
def test_an_error_of_a_choice_is_told_at_the_end(last: Any, cls: Any, after: bytes) -> None:
    decoder, chunks = decoded(HI + event(last) + after)
    assert type(decoder.failure) is cls
    assert len(chunks) == 2 + (USAGE in after)
    assert decoder.completion().text == "Hi"


def test_an_error_with_what_came_before_it_pickles_and_copies() -> None:
    decoder, _ = decoded(HI + event(refusal(402)))
    failure = decoder.failure
    assert failure is not None
    failure.partial = decoder.completion()
    for twin in (pickle.loads(pickle.dumps(failure)), copy.copy(failure), copy.deepcopy(failure)):
        assert type(twin) is InsufficientCreditsError
        assert str(twin) == str(failure)
        assert twin.partial == failure.partial
        assert twin.partial.text == "Hi"


# Middleware of the caller's own


def test_a_middleware_sees_each_chunk_repaired_and_may_change_it() -> None:
    seen: list[Any] = []

    def shout(wire: Any) -> None:
        for choice in wire["choices"]:
            seen.append(choice["delta"].get("content"))
            choice["delta"]["content"] = (choice["delta"].get("content") or "").upper()

    decoder = StreamDecoder(context(OPENAI, shout))
    decoder.feed(HI + event(chunk(content=[{"text": "ho"}])) + END)
    assert seen == ["Hi", "ho", None]
    assert decoder.completion().text == "HIHO"


def test_a_middleware_refuses_by_raising_an_error_of_the_sdk() -> None:
    def refuse(wire: Any) -> None:
        if wire["choices"][0]["delta"].get("content") == "Ho":
            raise ProtocolError("not that word")

    decoder = StreamDecoder(context(OPENAI, refuse))
    chunks = decoder.feed(HI + event(chunk(content="Ho")) + HI)
    assert [text_of(one, 0) for one in chunks] == ["Hi"]
    assert str(decoder.failure) == "not that word"
    assert decoder.failure is not None
    assert decoder.failure.model == "vendor/model"


class Keeping:
    """Keeps every text back until the end; then it has it as often as it is asked."""

    def __init__(self, failure: APIError | None = None) -> None:
        self.kept = ""
        self.failure = failure

    def for_call(self) -> Keeping:
        return Keeping(self.failure)

    def on_chunk(self, wire: Any, /) -> None:
        for choice in wire["choices"]:
            self.kept += choice["delta"].pop("content", None) or ""

    def on_completion(self, wire: Any, /) -> None:
        raise AssertionError("this is a stream")

    def on_end(self) -> Any:
        if self.failure is not None:
            raise self.failure
        return {"choices": [{"index": 0, "delta": {"content": self.kept}}]}


@pytest.mark.parametrize(
    ("data", "failure"),
    [
        (HI + END + DONE, None),
        (HI + DONE, None),
        (HI + END, None),
        (HI, StreamInterruptedError),
        (HI + event({"error": {"message": "No", "code": 502}}), UpstreamError),
        (HI + b"data: {\n\n", StreamProtocolError),
    ],
)
@pytest.mark.parametrize("size", [7, 2**26])
def test_what_middleware_holds_back_comes_once_and_before_the_verdict(
    data: bytes, failure: type[APIError] | None, size: int
) -> None:
    def exclaim(wire: Any) -> None:
        for choice in wire["choices"]:
            if choice["delta"].get("content"):
                choice["delta"]["content"] += "!"

    decoder = StreamDecoder(context(OPENAI, Keeping(), exclaim))
    chunks = [wire_of(one) for read in reads(data, size) for one in decoder.feed(read)]
    chunks += map(wire_of, decoder.end())
    assert decoder.end() == []
    assert [one["choices"][0]["delta"].get("content") for one in chunks][-1] == "Hi!"
    assert chunks[-1]["id"] == "gen-1"
    assert chunks[-1]["object"] == "chat.completion.chunk"
    assert decoder.completion().text == "Hi!"
    assert type(decoder.failure) is (failure or type(None))
    assert decoder.done is (failure is None)


def test_what_middleware_holds_back_comes_before_an_event_past_the_limit() -> None:
    decoder = StreamDecoder(context(OPENAI, Keeping()))
    decoder.feed(HI)
    (held,) = decoder.feed(b"data: " + b"x" * (64 * 2**20))
    assert text_of(held, 0) == "Hi"
    assert type(decoder.failure) is StreamProtocolError


def test_a_middleware_may_refuse_at_the_end() -> None:
    decoder = StreamDecoder(context(OPENAI, Keeping(ProtocolError("not that word"))))
    decoder.feed(HI + END + DONE)
    decoder.end()
    assert str(decoder.failure) == "not that word"


def test_a_stream_without_a_chunk_has_nothing_held_back() -> None:
    decoder = StreamDecoder(context(OPENAI, Keeping()))
    assert decoder.feed(b": hi\n\n") == decoder.end() == []
    assert type(decoder.failure) is StreamInterruptedError


# A body where a stream was promised, and whole answers


BODY: dict[str, Any] = {
    "id": "gen-1",
    "model": "vendor/model",
    "object": "chat.completion",
    "created": 7,
    "choices": [
        {
            "index": 0,
            "message": {
                "role": "assistant",
                "content": "Hi",
                "reasoning": "ab",
                "reasoning_details": [
                    {"type": "reasoning.text", "text": "a", "signature": "s1"},
                    {"type": "reasoning.text", "text": "b", "signature": "s2"},
                ],
                "tool_calls": [
                    {"function": {"name": "f", "arguments": ""}},
                    {"function": {"name": "f", "arguments": {"a": 1}}},
                ],
            },
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 3},
}


def test_a_body_where_a_stream_was_promised_is_a_stream_of_one() -> None:
    decoder = StreamDecoder(context())
    [one] = map(chunk_of, decoder.decode_body(b"\n\n" + orjson.dumps(BODY)))
    assert (decoder.done, decoder.started, decoder.has_output) == (True, True, True)
    assert (one.object, one.id) == ("chat.completion.chunk", "gen-1")
    [choice] = one.choices
    assert (choice.delta.content, choice.delta.reasoning, choice.finish_reason) == (
        "Hi",
        "ab",
        "stop",
    )
    assert choice.delta.tool_calls is not None
    assert [(call.index, call.arguments) for call in choice.delta.tool_calls] == [
        (0, ""),
        (1, '{"a":1}'),
    ]
    decoder.end()
    assert decoder.failure is None
    assert decoder.completion() == decode_completion(orjson.dumps(BODY), context())
    assert len(decoder.finished_tool_calls()) == 2


def test_a_body_in_a_chunk_s_shape_is_an_answer_too() -> None:
    body = orjson.dumps(chunk("stop", content="Hi"))
    decoder = StreamDecoder(context())
    assert [text_of(one, 0) for one in decoder.decode_body(body)] == ["Hi"]
    assert decoder.completion() == decode_completion(body, context())


# Any answer, cut in any legal way, is the same answer


Draw: TypeAlias = Callable[[st.SearchStrategy[Any]], Any]

texts = st.text(max_size=12)
some_text = st.text(min_size=1, max_size=12)


def pieces_of(draw: Draw, text: str) -> list[str]:
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=4)))
    return [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]


@st.composite
def detail_lists(draw: st.DrawFn) -> list[dict[str, Any]]:
    details: list[dict[str, Any]] = []
    for index in range(draw(st.integers(1, 3))):
        kind = draw(st.sampled_from(["text", "summary", "encrypted"]))
        detail: dict[str, Any] = {"type": f"reasoning.{kind}", "index": index}
        detail["data" if kind == "encrypted" else kind] = draw(some_text)
        if kind == "text" and draw(st.booleans()):
            detail["signature"] = draw(some_text)
        if draw(st.booleans()):
            detail |= {"id": f"r{index}", "format": "unknown"}
        details.append(detail)
    return details


@st.composite
def messages(draw: st.DrawFn) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": draw(st.none() | texts)}
    reasoning = draw(st.sampled_from([None, "plain", "alias", "details"]))
    if reasoning == "plain":
        message["reasoning"] = draw(some_text)
    elif reasoning == "alias":
        name = draw(st.sampled_from(["reasoning_content", "reasoning_text"]))
        message[name] = draw(some_text)
    elif reasoning == "details":
        details = message["reasoning_details"] = draw(detail_lists())
        shown = "".join(one.get("text") or one.get("summary") or "" for one in details)
        message["reasoning"] = shown or None
    if draw(st.booleans()):
        message["tool_calls"] = [
            {
                "id": f"call_{number}",
                "type": "function",
                "function": {
                    "name": draw(st.sampled_from(["f", "get_weather", "f_2"])),
                    "arguments": draw(texts | st.just({"a": 1})),
                },
            }
            for number in range(draw(st.integers(1, 3)))
        ]
    if draw(st.booleans()):
        message["refusal"] = draw(st.none() | texts)
    if draw(st.booleans()):
        message["annotations"] = [{"n": n} for n in range(draw(st.integers(1, 3)))]
    return message


@st.composite
def bodies(draw: st.DrawFn) -> dict[str, Any]:
    body: dict[str, Any] = {
        "id": draw(some_text),
        "provider": draw(st.none() | some_text),
        "model": draw(some_text),
        "object": "chat.completion",
        "created": draw(st.integers(0, 2**40)),
        "choices": [],
    }
    for index in range(draw(st.integers(1, 3))):
        tokens = draw(st.lists(some_text, max_size=3))
        reason = draw(st.sampled_from(["stop", "length", "tool_calls", "content_filter"]))
        body["choices"].append(
            {
                "index": index,
                "message": draw(messages()),
                "finish_reason": reason,
                "native_finish_reason": reason.upper(),
                "logprobs": {"content": [{"token": token} for token in tokens], "refusal": None}
                if tokens
                else None,
            }
        )
    if draw(st.booleans()):
        body["usage"] = {"prompt_tokens": 3, "cost": draw(st.floats(0, 9))}
    return body


def detail_deltas(draw: Draw, details: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Deltas of whole details: each text in pieces, with or without the text to show."""
    for detail in details:
        kind = detail["type"].partition(".")[2]
        if kind == "encrypted":
            for _ in range(draw(st.integers(1, 2))):
                yield {"reasoning_details": [detail]}
            continue
        ids = {"type": detail["type"], "index": detail["index"]}
        for piece in pieces_of(draw, detail[kind]):
            shown = {"reasoning": piece} if draw(st.booleans()) else {}
            yield {**shown, "reasoning_details": [{**ids, kind: piece}]}
        rest = {key: value for key, value in detail.items() if key not in (kind, *ids)}
        if rest:
            yield {"reasoning_details": [{**ids, **rest}]}


def call_deltas(draw: Draw, calls: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Deltas of whole tool calls, told apart by index, by id, or by neither."""
    style = draw(st.sampled_from(["index", "index and id", "id", "neither"]))
    queues: list[list[dict[str, Any]]] = []
    for number, call in enumerate(calls):
        arguments = call["function"]["arguments"]
        pieces = pieces_of(draw, arguments) if isinstance(arguments, str) else [arguments]
        queue = []
        for position, piece in enumerate(pieces):
            one: dict[str, Any] = {"function": {"arguments": piece}}
            if position == 0:
                one = {**call, "function": {**call["function"], "arguments": piece}}
            elif style == "index" and draw(st.booleans()):
                one |= {"id": None, "type": None}
                one["function"]["name"] = draw(st.none() | st.just(call["function"]["name"]))
            if "index" in style:
                one["index"] = number
            if "id" in style:
                one["id"] = call["id"]
            queue.append(one)
        queues.append(queue)
    if style == "neither" or draw(st.booleans()):
        order = [one for queue in queues for one in queue]
    else:
        order = merged(draw, queues)
    while order:
        count = draw(st.integers(1, 2))
        yield {"tool_calls": order[:count]}
        order = order[count:]


def merged(draw: Draw, queues: Iterable[Iterable[Any]]) -> list[Any]:
    """One list of several, each in its own order; the first of each queue in turn first."""
    lists = [list(queue) for queue in queues]
    order = [queue.pop(0) for queue in lists if queue]
    while waiting := [queue for queue in lists if queue]:
        order.append(draw(st.sampled_from(waiting)).pop(0))
    return order


def choice_chunks(draw: Draw, choice: dict[str, Any]) -> list[dict[str, Any]]:
    """The choice as the choices of its chunks."""
    message = choice["message"]
    deltas: list[dict[str, Any]] = [
        {"role": "assistant", "content": draw(st.sampled_from(["", None]))}
    ]
    if "reasoning_details" in message:
        deltas += detail_deltas(draw, message["reasoning_details"])
    else:
        for name in ("reasoning", "reasoning_content", "reasoning_text"):
            if message.get(name):
                deltas += [{name: piece} for piece in pieces_of(draw, message[name])]
    for name in ("content", "refusal"):
        if message.get(name) is not None:
            deltas += [{name: piece} for piece in pieces_of(draw, message[name])]
    if "tool_calls" in message:
        deltas += call_deltas(draw, message["tool_calls"])
    deltas += [{"annotations": [one]} for one in message.get("annotations", ())]
    if draw(st.booleans()):
        for delta in deltas:
            delta.setdefault("role", draw(st.sampled_from(["assistant", "", None])))
    if draw(st.booleans()) or choice["logprobs"]:
        deltas.append({})
    made = [{"index": choice["index"], "delta": delta, "finish_reason": None} for delta in deltas]
    if choice["logprobs"]:
        for token in choice["logprobs"]["content"]:
            made[-1]["logprobs"] = {"content": [token], "refusal": None}
            made.append({"index": choice["index"], "delta": {}, "finish_reason": None})
    made[-1]["finish_reason"] = choice["finish_reason"]
    made[-1]["native_finish_reason"] = choice["native_finish_reason"]
    if draw(st.booleans()):
        for one in made[:-1]:
            del one["finish_reason"]
    return made


def stream_of(draw: Draw, body: dict[str, Any]) -> bytes:
    """The whole answer as a stream of events, cut and ordered as upstreams do."""
    top = {key: body[key] for key in ("id", "provider", "model", "created")}
    top["object"] = "chat.completion.chunk"
    choices = merged(draw, [choice_chunks(draw, choice) for choice in body["choices"]])
    chunks = [{**top, "choices": one if draw(st.booleans()) else [one]} for one in choices]
    if "usage" in body:
        where = draw(st.sampled_from(["finish", "choice", "before", "empty", "missing", "null"]))
        last = chunks[-1]
        if where == "finish":
            last["usage"] = body["usage"]
        elif where == "choice":
            choices[-1]["usage"] = body["usage"]
        elif where == "before":
            chunks.insert(len(chunks) - 1, {**top, "choices": [], "usage": body["usage"]})
        else:
            after = {**top, "usage": body["usage"]}
            if where != "missing":
                after["choices"] = [] if where == "empty" else None
            chunks.append(after)
    between = st.sampled_from([b"", b"", b": OPENROUTER PROCESSING\n\n", b"data: \n\n"])
    events = [draw(between) + event(one) for one in chunks]
    ending = draw(st.sampled_from([b"", DONE, b"data: [DONE]"]))
    return b"".join([*events, ending])


def cut_into_reads(draw: Draw, data: bytes) -> list[bytes]:
    if draw(st.booleans()):
        cuts = sorted(draw(st.sets(st.integers(0, len(data)), max_size=8)))
        return [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]
    return reads(data, draw(st.sampled_from([1, 100, 4096])))


@settings(max_examples=250)
@given(st.data())
def test_an_answer_cut_in_any_legal_way_is_the_same_answer(data: st.DataObject) -> None:
    body = data.draw(bodies())
    transport = data.draw(st.sampled_from([OPENAI, GEMINI]))
    expected = decode_completion(orjson.dumps(body), context(transport))
    stream = stream_of(data.draw, body)
    decoder = StreamDecoder(context(transport))
    given_out = [one for read in cut_into_reads(data.draw, stream) for one in decoder.feed(read)]
    decoder.end()
    assert decoder.failure is None
    assert decoder.completion() == expected
    for choice in expected.choices:
        assert "".join(text_of(one, choice.index) for one in given_out) == (
            choice.message.content or ""
        )


@settings(max_examples=100)
@given(st.data())
def test_an_answer_cut_off_anywhere_is_never_taken_for_a_whole_one(data: st.DataObject) -> None:
    stream = stream_of(data.draw, data.draw(bodies()))
    whole, _ = decoded(stream)
    cut = data.draw(st.integers(0, len(stream)))
    decoder, _ = decoded(stream[:cut])
    if decoder.failure is None:
        # Nothing but comments, blanks, the report and [DONE] may be missing.
        assert attrs.evolve(decoder.completion(), usage=None) == attrs.evolve(
            whole.completion(), usage=None
        )
    else:
        assert type(decoder.failure) is StreamInterruptedError


# JSON of any shape, in every place


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=4)
    | st.sampled_from(
        ["", "{", "}", "{}", "stop", "error", "length", "reasoning.text", "[REDACTED]"]
    ),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["index", "delta", "content", "text", "type", "id", "function", "name", "message"]
            )
            | st.text(max_size=2),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)


def shape(**fields: Any) -> st.SearchStrategy[Any]:
    """An object whose fields are as they should be, or anything else, or missing."""
    return st.fixed_dictionaries(
        {}, optional={name: value | json_values for name, value in fields.items()}
    )


few = st.integers(-1, 2)
odd_calls = shape(
    index=few,
    id=st.sampled_from(["", "a", "b"]),
    type=st.just("function"),
    function=shape(name=st.sampled_from(["f", "g"]), arguments=st.sampled_from(["{", "}", "{}"])),
    extra_content=shape(google=shape(thought_signature=texts)),
)
odd_details = shape(
    type=st.sampled_from(["reasoning.text", "reasoning.summary", "reasoning.encrypted"]),
    text=texts,
    summary=texts,
    data=texts,
    signature=texts,
    index=few,
    id=st.sampled_from(["x", "y"]),
)
odd_messages = shape(
    role=st.just("assistant"),
    content=texts,
    reasoning=texts,
    reasoning_content=texts,
    reasoning_text=texts,
    reasoning_details=st.lists(odd_details | json_values, max_size=3),
    tool_calls=st.lists(odd_calls | json_values, max_size=3),
    refusal=texts,
    annotations=st.lists(json_values, max_size=2),
    images=st.lists(json_values, max_size=2),
)
odd_choices = shape(
    index=few,
    delta=odd_messages,
    message=odd_messages,
    finish_reason=st.sampled_from(["stop", "error", "length", ""]),
    native_finish_reason=texts,
    logprobs=shape(content=st.lists(json_values, max_size=2), refusal=st.none()),
    usage=json_values,
    error=json_values,
)
odd_answers = shape(
    id=texts,
    model=texts,
    provider=texts,
    created=few,
    choices=st.lists(odd_choices | json_values, max_size=3),
    usage=shape(
        prompt_tokens=few,
        cost=st.floats(allow_nan=False, allow_infinity=False),
        prompt_tokens_details=shape(cached_tokens=few),
        completion_tokens_details=shape(reasoning_tokens=few),
    ),
)


def read_everything(value: Any) -> None:
    """Read each property of a value; none of them may break."""
    repr(value)
    for name in dir(type(value)):
        if isinstance(getattr(type(value), name, None), property):
            getattr(value, name)


def read_completion(completion: ChatCompletion) -> None:
    read_everything(completion)
    for choice in completion.choices:
        assert choice.finish_reason is None or isinstance(choice.finish_reason, str)
        assert choice.message.content is None or isinstance(choice.message.content, str)
        assert all(isinstance(call.arguments, str) for call in choice.message.tool_calls)
        param = choice.message.to_param()
        assert Message.from_param(param).to_param() == param
    twin = pickle.loads(pickle.dumps(completion))
    assert twin == completion


@settings(max_examples=400)
@given(st.lists(odd_answers | json_values, max_size=4), st.sampled_from([OPENAI, GEMINI]))
def test_events_of_any_shape_end_in_an_answer_or_in_a_documented_error(
    payloads: list[Any], transport: Any
) -> None:
    decoder = StreamDecoder(context(transport))
    for payload in payloads:
        for one in decoder.feed(event(payload)):
            read = chunk_of(one)
            read_everything(read)
            for choice in read.choices:
                read_everything(choice)
                read_everything(choice.delta)
                for call in choice.delta.tool_calls or ():
                    read_everything(call)
            for said in events_of(wire_of(one)):
                repr(said)
    decoder.end()
    assert isinstance(decoder.failure, APIError | None)
    read_completion(decoder.completion())
    for said in final_events(decoder.completion(), decoder.finished_tool_calls()):
        repr(said)


@settings(max_examples=400)
@given(odd_answers | json_values, st.sampled_from([OPENAI, GEMINI]))
def test_a_body_of_any_shape_is_an_answer_or_raises_a_documented_error(
    payload: Any, transport: Any
) -> None:
    body = orjson.dumps(payload)
    decoder = StreamDecoder(context(transport))
    chunks = decoder.decode_body(body)
    decoder.end()
    try:
        completion = decode_completion(body, context(transport))
    except APIError as error:
        # An error whose code says nothing is a StreamError in one place, not in the other.
        told = {type(error), type(decoder.failure)}
        assert len(told) == 1 or told == {APIStatusError, StreamError}
        return
    read_completion(completion)
    assert len(chunks) == 1
    assert decoder.completion() == completion


@given(st.lists(st.binary(max_size=30) | st.sampled_from([HI, END, DONE, b"data: "]), max_size=8))
def test_bytes_of_any_kind_end_in_an_answer_or_in_a_documented_error(data: list[bytes]) -> None:
    decoder, _ = decoded(*data)
    assert isinstance(decoder.failure, APIError | None)
    read_completion(decoder.completion())
    with contextlib.suppress(APIError):
        read_completion(decode_completion(b"".join(data), context()))


OWNER_FIELDS = [
    "content",
    "reasoning",
    "reasoning_content",
    "reasoning_details",
    "tool_calls",
    "refusal",
    "annotations",
    "new",
]
DEEP_PLACES = [
    *(f'"choices":[{{"%(part)s":{{"{name}":%(deep)s}}}}]' for name in OWNER_FIELDS),
    '"choices":[{"%(part)s":{"tool_calls":[{"function":{"arguments":%(deep)s}}]}}]',
    '"choices":[{"%(part)s":{"reasoning_details":[{"type":"reasoning.encrypted","a":%(deep)s}]}}]',
    '"choices":[{"%(part)s":{},"error":%(deep)s}]',
    '"choices":[{"%(part)s":{},"finish_reason":%(deep)s}]',
    '"choices":%(deep)s',
    '"error":%(deep)s',
    '"error":{"metadata":{"raw":%(deep)s}}',
    '"usage":%(deep)s',
]


@pytest.mark.parametrize("place", DEEP_PLACES)
@pytest.mark.parametrize(
    ("opening", "closing", "levels"),
    [
        ('{"a":', "}", 300),
        ('{"a":', "}", 1000),
        ('[{"text":', "}]", 500),
        ('[{"message":', "}]", 500),
    ],
)
def test_json_nested_deep_ends_in_an_answer_or_in_a_documented_error(
    place: str, opening: str, closing: str, levels: int
) -> None:
    deep = opening * levels + '"x"' + closing * levels
    stream = "data: {" + place % {"part": "delta", "deep": deep} + "}\n\n"
    decoder, _ = decoded(stream.encode())
    assert isinstance(decoder.failure, APIError)
    assert len(str(decoder.failure)) < 2000
    decoder.completion()
    body = "{" + place % {"part": "message", "deep": deep} + "}"
    try:
        decode_completion(body.encode(), context())
    except APIError as error:
        assert len(str(error)) < 2000  # noqa: PT017 - some of them are answers


# Work


@pytest.mark.parametrize(
    "delta",
    [
        {"content": "x" * 250},
        {"reasoning": "x" * 250},
        {"reasoning_details": [{"type": "reasoning.text", "text": "x" * 250, "index": 0}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": "x" * 250}}]},
    ],
    ids=lambda delta: next(iter(delta)),
)
def test_a_stream_is_decoded_in_linear_work(delta: Any) -> None:
    one = event(chunk(**delta))

    def work(count: int) -> None:
        decoder = StreamDecoder(context())
        for _ in range(count):
            decoder.feed(one)
        decoder.end()
        decoder.completion()

    assert_linear(work, 2_000)


# Recorded answers


def recordings(suffix: str) -> list[Any]:
    found = sorted(RECORDINGS.glob(f"*{suffix}")) if RECORDINGS.is_dir() else []
    skip = pytest.mark.skip(reason="no recordings here")
    return [pytest.param(path, id=path.stem) for path in found] or [
        pytest.param(None, marks=skip, id="none")
    ]


@pytest.mark.parametrize("path", recordings(".sse"))
def test_a_recorded_stream_is_the_same_answer_however_it_is_read(path: Path) -> None:
    data = path.read_bytes()
    whole, _ = decoded(data)
    for size in (1, 13, 1400):
        decoder, _ = decoded(*reads(data, size))
        assert type(decoder.failure) is type(whole.failure)
        assert decoder.completion() == whole.completion()
    if "out-of-credits" in path.name:
        assert type(whole.failure) is InsufficientCreditsError
    else:
        assert whole.failure is None
        assert whole.completion().usage is not None
        assert whole.completion().finish_reason in ("stop", "tool_calls")
