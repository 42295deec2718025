"""Bodies of answers in, completions out; and what is said of bodies that are none."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import orjson
import pytest

from kilo_sdk.answers import decode_completion, describe_garbage
from kilo_sdk.errors import (
    APIError,
    APIStatusError,
    InsufficientCreditsError,
    NotFoundError,
    ProtocolError,
    RateLimitError,
    ServiceUnavailableError,
)
from kilo_sdk.stream_decoder import StreamDecoder
from tests.support.contexts import REF, context

RECORDINGS = Path(
    os.environ.get("KILO_RECORDINGS", Path(__file__).parents[2] / "shared" / "recordings")
)


def refusal(code: Any = None, message: str = "it failed", **more: Any) -> dict[str, Any]:
    return {"error": {"message": message} | ({} if code is None else {"code": code}) | more}


def with_choice(payload: Any, **fields: Any) -> Any:
    return {**payload, "choices": [{**payload["choices"][0], **fields}]}


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


def test_a_whole_answer_reads_exactly() -> None:
    completion = decode_completion(b"\n \n\n" + orjson.dumps(BODY), context())
    assert (completion.id, completion.model, completion.created) == ("gen-1", "vendor/model", 7)
    assert (completion.text, completion.reasoning, completion.finish_reason) == ("Hi", "ab", "stop")
    assert (
        completion.message.reasoning_details == (BODY["choices"][0]["message"]["reasoning_details"])
    )
    assert [(call.name, call.arguments) for call in completion.tool_calls] == [
        ("f", ""),
        ("f", '{"a":1}'),
    ]
    assert completion.usage is not None
    assert completion.usage.prompt_tokens == 3
    assert (completion.model_ref, completion.request_id) == (REF, "req-1")


BAD_BODIES: dict[str, tuple[bytes, type[APIError]]] = {
    "nothing": (b"", ProtocolError),
    "blank lines": (b"\n\n\n", ProtocolError),
    "HTML": (b"<html></html>", ProtocolError),
    "words": (b"Bad Gateway", ProtocolError),
    "half a body": (orjson.dumps(BODY)[:-1], ProtocolError),
    "two bodies": (orjson.dumps(BODY) * 2, ProtocolError),
    "a list": (b"[]", ProtocolError),
    "a string": (b'"Hi"', ProtocolError),
    "null": (b"null", ProtocolError),
    "no choices": (b'{"id": "gen-1"}', ProtocolError),
    "choices null": (b'{"choices": null}', ProtocolError),
    "choices empty": (b'{"choices": []}', ProtocolError),
    "choices an empty object": (b'{"choices": {}}', ProtocolError),
    "choices a word": (b'{"choices": "stop"}', ProtocolError),
    "choices of words": (b'{"choices": ["a", null, 3]}', ProtocolError),
    "an error": (orjson.dumps(refusal(402)), InsufficientCreditsError),
    "an error beside choices": (orjson.dumps(BODY | refusal(429)), RateLimitError),
    "an error without a code": (orjson.dumps(refusal()), APIStatusError),
    "an error of a word": (b'{"error": "Model not found"}', NotFoundError),
    "a choice with an error": (
        orjson.dumps({"choices": [{"message": {}, "error": {"code": 503}}]}),
        ServiceUnavailableError,
    ),
    "a choice that ended in an error": (
        orjson.dumps(with_choice(BODY, finish_reason="error")),
        APIStatusError,
    ),
}


@pytest.mark.parametrize("name", BAD_BODIES)
def test_a_body_that_is_no_answer_raises(name: str) -> None:
    body, cls = BAD_BODIES[name]
    with pytest.raises(cls) as caught:
        decode_completion(body, context())
    assert type(caught.value) is cls
    assert (caught.value.model, caught.value.request_id) == ("vendor/model", "req-1")
    assert "vendor/model" in str(caught.value)


@pytest.mark.parametrize("name", BAD_BODIES)
def test_the_same_body_fails_where_a_stream_was_promised(name: str) -> None:
    body, cls = BAD_BODIES[name]
    decoder = StreamDecoder(context())
    chunks = decoder.decode_body(body)
    decoder.end()
    assert isinstance(decoder.failure, cls if cls is not APIStatusError else APIError)
    assert (chunks == []) is ("a choice" not in name)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "nothing"),
        (b" \r\n", "nothing"),
        (b"  <html>", "8 bytes of HTML or XML"),
        (b'\n{"a"', "5 bytes of JSON that breaks off or is malformed"),
        (b"[1", "2 bytes of JSON that breaks off or is malformed"),
        (b"Bad Gateway\r\n", "13 bytes of other text"),
        (b"x" * 100, "100 bytes of other text"),
        (b"\xff\x00", "2 bytes that are no text"),
        ("é".encode(), "2 bytes that are no text"),
        (b"a\x1b[2J", "5 bytes that are no text"),
    ],
)
def test_garbage_is_described_in_a_few_words(data: bytes, words: str) -> None:
    assert describe_garbage(data, "") == words
    assert describe_garbage(data, "text/html") == f"{words} (content type text/html)"


def recordings(suffix: str) -> list[Any]:
    found = sorted(RECORDINGS.glob(f"*{suffix}")) if RECORDINGS.is_dir() else []
    skip = pytest.mark.skip(reason="no recordings here")
    return [pytest.param(path, id=path.stem) for path in found] or [
        pytest.param(None, marks=skip, id="none")
    ]


@pytest.mark.parametrize("path", recordings(".json"))
def test_a_recorded_body_after_its_blank_lines_is_an_answer(path: Path) -> None:
    completion = decode_completion(path.read_bytes(), context())
    assert completion.text
    assert completion.finish_reason == "stop"
    assert completion.usage is not None
