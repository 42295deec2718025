"""Whatever bytes come, nothing but the documented exceptions leaves (``tests/support/fuzz.py``)."""

from __future__ import annotations

import orjson
from fuzz import fuzz_chunks, fuzz_errors, fuzz_sse
from hypothesis import given, settings
from hypothesis import strategies as st

scalars = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False)
words = st.text(max_size=20) | st.sampled_from(["[DONE]", "<think>", "\u2028", "data: ", "error"])
keys = st.sampled_from(
    [
        "id",
        "model",
        "choices",
        "index",
        "delta",
        "message",
        "content",
        "role",
        "finish_reason",
        "reasoning",
        "reasoning_details",
        "tool_calls",
        "function",
        "name",
        "arguments",
        "type",
        "text",
        "signature",
        "usage",
        "cost",
        "error",
        "code",
        "metadata",
        "raw",
        "provider_name",
        "balance",
        "status",
    ]
)
values = st.recursive(
    scalars | words,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys | words, inner, max_size=6),
    max_leaves=25,
)
json_bytes = values.map(orjson.dumps)
lines = st.sampled_from(
    [b"data:", b"data: ", b"event: x", b"id: 1", b"id: \x00", b"retry: 9", b": hi", b"data: [DONE]"]
)
ends = st.sampled_from([b"\n", b"\r", b"\r\n", b"\n\n", b""])
streams = st.lists(st.tuples(lines, st.binary(max_size=10) | json_bytes, ends), max_size=12).map(
    lambda parts: b"".join(b"".join(part) for part in parts)
)
events = st.lists(json_bytes, max_size=8).map(
    lambda parts: b"".join(b"data: " + part + b"\n\n" for part in parts)
)


@settings(max_examples=200)
@given(streams | st.binary(max_size=300))
def test_the_parser_of_events_takes_any_bytes(data: bytes) -> None:
    fuzz_sse(data)


@settings(max_examples=200)
@given(events | streams | json_bytes | st.binary(max_size=300))
def test_the_decoding_of_chunks_takes_any_bytes(data: bytes) -> None:
    fuzz_chunks(data)


@settings(max_examples=200)
@given(st.tuples(st.binary(min_size=1, max_size=1), json_bytes | st.binary(max_size=300)))
def test_the_mapping_of_errors_takes_any_body(parts: tuple[bytes, bytes]) -> None:
    fuzz_errors(b"".join(parts))
