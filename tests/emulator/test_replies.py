from __future__ import annotations

import pytest

from kilo_sdk.emulator import RawReply


@pytest.mark.parametrize(
    "start", [b"data:{}", b"event: x", b"id: 1", b"retry: 5", b": hi", b"\xef\xbb\xbfdata: 1"]
)
def test_what_looks_like_sse_is_sent_as_sse(start: bytes) -> None:
    bodies: list[bytes | list[bytes | float]] = [start, [0.1, start, b"\n\n"]]
    for body in bodies:
        delivery = RawReply(body=body).delivery()
        assert delivery.headers["Content-Type"] == "text/event-stream"
        assert delivery.is_stream


def test_anything_else_is_sent_as_json_with_its_length() -> None:
    delivery = RawReply(body=b'{"a": 1}').delivery()
    assert delivery.headers == {"Content-Type": "application/json"}
    assert delivery.length == 8


def test_a_sequence_is_chunked_and_kept_apart() -> None:
    delivery = RawReply(body=[b"{", 0.5, b"}"]).delivery()
    assert (delivery.parts, delivery.length) == ((b"{", 0.5, b"}"), None)


def test_headers_of_its_own_win_whatever_their_case() -> None:
    delivery = RawReply(headers={"content-type": "text/html"}, body=b"data: 1").delivery()
    assert delivery.headers == {"content-type": "text/html"}


def test_only_a_clean_200_counts_as_served() -> None:
    assert RawReply(body=b"{}").delivery().is_whole
    assert not RawReply(body=b"{}", ending="cut").delivery().is_whole
    assert not RawReply(status=500).delivery().is_whole
