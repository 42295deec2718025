from __future__ import annotations

from bench_records import record_of


def test_tokens_are_those_of_the_usage_where_it_tells_them() -> None:
    record = record_of([1.0, 2.0], [3, 1], output_tokens=9)
    assert (record.chunks, record.tokens, record.token_source) == (4, 9, "usage")


def test_without_usage_a_chunk_is_a_token() -> None:
    record = record_of([1.0, 2.0], [3, 1])
    assert (record.chunks, record.tokens, record.token_source) == (4, 4, "chunks")
