"""The SSE parser against the spec's examples, a slow reading of the spec, and large streams."""

from __future__ import annotations

import os
import tracemalloc
from collections.abc import Callable, Iterable
from itertools import pairwise, repeat
from pathlib import Path
from typing import Any

import pytest
from growth import assert_linear
from hypothesis import given, settings
from hypothesis import strategies as st

from kilo_sdk.errors import ConfigurationError, ProtocolError, StreamError, StreamProtocolError
from kilo_sdk.sse import ServerSentEvent as Event
from kilo_sdk.sse import SSEParser

RECORDINGS = Path(
    os.environ.get("KILO_RECORDINGS", Path(__file__).parents[2] / "shared" / "recordings")
)
MIB = 1024 * 1024

# Bytes of a whole stream, and what it dispatches. The first five are the examples of
# WHATWG HTML 9.2.6 and 9.2.2.
CASES: dict[str, tuple[bytes, list[Event]]] = {
    "spec: stock ticker": (
        b"data: YHOO\ndata: +2\ndata: 10\n\n",
        [Event(data="YHOO\n+2\n10")],
    ),
    "spec: four blocks, the last with a leading space": (
        b": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\n"
        b"data:  third event\n\n",
        [Event(data="first event", id="1"), Event(data="second event"), Event(data=" third event")],
    ),
    "spec: empty data, and a last block without a blank line": (
        b"data\n\ndata\ndata\n\ndata:",
        [Event(data=""), Event(data="\n")],
    ),
    "spec: the space after the colon is optional": (
        b"data:test\n\ndata: test\n\n",
        [Event(data="test"), Event(data="test")],
    ),
    "spec: named events": (
        b"event: add\ndata: 73857293\n\nevent: remove\ndata: 2153\n\nevent: add\ndata: 113411\n\n",
        [
            Event("add", "73857293"),
            Event("remove", "2153"),
            Event("add", "113411"),
        ],
    ),
    "nothing": (b"", []),
    "CR line ends": (b"data: a\rdata: b\r\rdata: c\r\r", [Event(data="a\nb"), Event(data="c")]),
    "CRLF line ends": (b"data: a\r\ndata: b\r\n\r\n", [Event(data="a\nb")]),
    "CRLF line ends, one event after another": (
        b"data: a\r\n\r\ndata: b\r\n\r\n: alive\r\n\r\ndata: c\r\n\r\n",
        [Event(data="a"), Event(data="b"), Event(data="c")],
    ),
    "mixed line ends": (b"data: a\r\ndata: b\rdata: c\n\r\n", [Event(data="a\nb\nc")]),
    "CR LF CR is two line ends": (b"data: a\r\n\rdata: b\n\r", [Event(data="a"), Event(data="b")]),
    "LF CR is two line ends": (b"data: a\n\rdata: b\n\r", [Event(data="a"), Event(data="b")]),
    "a BOM at the start is dropped": (b"\xef\xbb\xbfdata: a\n\n", [Event(data="a")]),
    "only one BOM is dropped": (
        b"\xef\xbb\xbf\xef\xbb\xbfdata: a\n\ndata: b\n\n",
        [Event(data="b")],
    ),
    "a BOM later on is text": (b"data: \xef\xbb\xbfa\n\n", [Event(data="\ufeffa")]),
    "half a BOM is no BOM": (b"\xef\xbbdata: a\n\ndata: b\n\n", [Event(data="b")]),
    "a BOM and nothing else": (b"\xef\xbb\xbf", []),
    "half a BOM and nothing else": (b"\xef\xbb", []),
    "a BOM before a blank line": (b"\xef\xbb\xbf\n\ndata: a\n\n", [Event(data="a")]),
    "keep-alive comments (GATEWAY 5)": (
        b": OPENROUTER PROCESSING\n\n: OPENROUTER PROCESSING\n\ndata: {}\n\n"
        b": OPENROUTER PROCESSING\n\ndata: [DONE]\n\n",
        [Event(data="{}"), Event(data="[DONE]")],
    ),
    "a comment inside an event": (b"data: a\n: alive\ndata: b\n\n", [Event(data="a\nb")]),
    "a comment that looks like data": (b":data: a\n\n", []),
    "a comment's text inside data is data": (
        b"data: x\n\ndata: : OPENROUTER PROCESSING\n\n",
        [Event(data="x"), Event(data=": OPENROUTER PROCESSING")],
    ),
    "only one space is stripped": (b"data:   a \n\n", [Event(data="  a ")]),
    "a tab is not stripped": (b"data:\ta\n\n", [Event(data="\ta")]),
    "a colon in the value": (b"data: a: b:c\n\n", [Event(data="a: b:c")]),
    "a space before the name makes another field": (b" data: a\n\ndata : b\n\n", []),
    "names are case-sensitive": (b"Data: a\n\nDATA: b\n\n", []),
    "unknown fields are ignored": (b"foo: 1\nbar\ndata: a\n\n", [Event(data="a")]),
    "a lone colon is a comment": (b":\ndata: a\n:\n\n", [Event(data="a")]),
    "empty data is data": (b"data:\n\ndata: \n\ndata\n\n", [Event(), Event(), Event()]),
    "data of spaces": (b"data:  \n\n", [Event(data=" ")]),
    "leading blank data lines": (b"data:\ndata: a\ndata:\n\n", [Event(data="\na\n")]),
    "blank lines dispatch nothing": (b"\n\n\n\r\r\n\r\n", []),
    "three blank lines between events": (
        b"data: a\n\n\n\ndata: b\n\n\n",
        [Event(data="a"), Event(data="b")],
    ),
    "no data, no event, and its type is forgotten": (
        b"event: lost\n\ndata: a\n\n",
        [Event(data="a")],
    ),
    "the last event type counts": (b"event: a\nevent: b\ndata: x\n\n", [Event("b", "x")]),
    "an empty event type is message": (b"event: a\nevent:\ndata: x\n\n", [Event("message", "x")]),
    "an event type holds for one event": (
        b"event: a\ndata: x\n\ndata: y\n\n",
        [Event("a", "x"), Event("message", "y")],
    ),
    "an id persists": (
        b"id: 7\ndata: a\n\ndata: b\n\n",
        [Event(data="a", id="7"), Event(data="b", id="7")],
    ),
    "an id without data persists": (b"id: 7\n\ndata: b\n\n", [Event(data="b", id="7")]),
    "an empty id resets": (
        b"id: 7\ndata: a\n\nid\ndata: b\n\n",
        [Event(data="a", id="7"), Event(data="b")],
    ),
    "an id with NUL is ignored": (
        b"id: 7\nid: 8\x009\ndata: a\n\n",
        [Event(data="a", id="7")],
    ),
    "NUL in data and in a type stays": (b"event: \0\ndata: \0\n\n", [Event("\0", "\0")]),
    "retry in milliseconds": (
        b"retry: 1500\ndata: a\n\ndata: b\n\n",
        [Event(data="a", retry=1500), Event(data="b")],
    ),
    "retry without data belongs to no event": (b"retry: 5\n\ndata: b\n\n", [Event(data="b")]),
    "retry takes ASCII digits only": (
        b"retry: 1_000\nretry: -1\nretry: +1\nretry: 1.5\nretry:  1\nretry:\nretry"
        b"\nretry: 1e3\nretry: \xd9\xa1\ndata: a\n\n",
        [Event(data="a")],
    ),
    "a bad retry leaves the good one": (
        b"retry: 007\nretry: x\ndata: a\n\n",
        [Event(data="a", retry=7)],
    ),
    "retry of absurd length is ignored": (
        b"retry: " + b"9" * 5000 + b"\ndata: a\n\n",
        [Event(data="a")],
    ),
    "bytes that are no UTF-8 become U+FFFD": (
        b"event: \xff\nid: \xc3\ndata: a\xff\xe2\x80b\n\n",
        [Event("\ufffd", "a\ufffd\ufffdb", "\ufffd")],
    ),
    "bytes that are no UTF-8 in plain data": (b"data: a\xff\n\n", [Event(data="a\ufffd")]),
    "UTF-8 sequences are not line ends": (
        "data: a\u2028b\u2029c\u0085d\x0be\x0cf\x1cg\n\n".encode(),
        [Event(data="a\u2028b\u2029c\u0085d\x0be\x0cf\x1cg")],
    ),
    "data before the stream's first line end": (b"data: a\n\ndata: b", [Event(data="a")]),
    "an event without its blank line": (b"data: a\n\ndata: b\n", [Event(data="a")]),
    "two lines, then plain events": (
        b"data: a\ndata: b\n\ndata: c\n\ndata: d\n\n",
        [Event(data="a\nb"), Event(data="c"), Event(data="d")],
    ),
    "data without its space among plain events": (
        b"data: a\n\ndata:b\n\ndata: c\n\n",
        [Event(data="a"), Event(data="b"), Event(data="c")],
    ),
    "an odd line among plain events": (
        b"data: a\n\nid: 1\n\ndata: b\n\n",
        [Event(data="a"), Event(data="b", id="1")],
    ),
}

every_case = pytest.mark.parametrize(("stream", "expected"), list(CASES.values()), ids=list(CASES))


def parse(reads: Iterable[bytes]) -> list[Event]:
    """Feed two parsers side by side, and hold ``feed_data`` to what ``feed`` says."""
    parser, data_parser = SSEParser(), SSEParser()
    events: list[Event] = []
    for read in reads:
        new = parser.feed(read)
        data = data_parser.feed_data(read)
        assert [body.decode("utf-8", "replace") for body in data] == [e.data for e in new]
        assert parser.in_event == data_parser.in_event
        assert parser.pending_data == data_parser.pending_data
        events += new
    assert parser.close() == []
    return events


def one_by_one(stream: bytes) -> list[bytes]:
    return [stream[i : i + 1] for i in range(len(stream))]


def cut(stream: bytes, places: Iterable[int]) -> list[bytes]:
    edges = [0, *sorted(min(place, len(stream)) for place in places), len(stream)]
    return [stream[a:b] for a, b in pairwise(edges)]


def feed_all(feed: Callable[[bytes], object], reads: Iterable[bytes]) -> None:
    for read in reads:
        feed(read)


def read_the_spec(stream: bytes) -> list[Event]:
    """WHATWG HTML 9.2.5 and 9.2.6, sentence by sentence, slowly and in one go."""
    text = stream.decode("utf-8", "replace")
    if stream.startswith(b"\xef\xbb\xbf"):
        text = text[1:]
    lines, line, previous = [], "", ""
    for character in text:
        if character == "\n" and previous == "\r":
            pass
        elif character in "\r\n":
            lines.append(line)
            line = ""
        else:
            line += character
        previous = character
    events: list[Event] = []
    data, event_type, last_event_id = "", "", ""
    retry: int | None = None
    for line in lines:
        if line == "":
            if data != "":
                events.append(Event(event_type or "message", data[:-1], last_event_id, retry))
            data, event_type, retry = "", "", None
            continue
        if line.startswith(":"):
            continue
        field, value = line, ""
        if ":" in line:
            field, value = line.split(":", 1)
            if value.startswith(" "):
                value = value[1:]
        if field == "event":
            event_type = value
        elif field == "data":
            data += value + "\n"
        elif field == "id" and "\0" not in value:
            last_event_id = value
        elif field == "retry" and value and set(value) <= set("0123456789"):
            retry = int(value)
    return events


TOKENS = [
    b"data: ", b"data:", b"data", b"da", b"id: 1", b"id:", b"event: x", b"retry: 5", b"retry:",
    b"\n", b"\n\n", b"\r", b"\r\n", b"\r\n\r\n", b":", b" ", b"\0", b"7", b"x", b"{}",
    b"\xef\xbb\xbf", b"\xef", b"\xbb", b"\xff", b"\xe2\x80", b"\xa8", b"\xc2\x85",
    b": alive\n\n", b"data: {}\n\n", b"data: a\n\ndata: b\n\n",
]  # fmt: skip
streams = st.lists(st.sampled_from(TOKENS), max_size=24).map(b"".join)
places = st.lists(st.integers(0, 120), max_size=8)


@every_case
def test_case_in_one_read(stream: bytes, expected: list[Event]) -> None:
    assert parse([stream]) == expected


@every_case
def test_case_byte_by_byte(stream: bytes, expected: list[Event]) -> None:
    assert parse(one_by_one(stream)) == expected


@every_case
def test_case_at_every_single_cut(stream: bytes, expected: list[Event]) -> None:
    for place in range(min(len(stream), 200)):
        assert parse(cut(stream, [place])) == expected


@settings(max_examples=300)
@given(st.sampled_from(sorted(CASES)), places)
def test_case_at_random_cuts(name: str, at: list[int]) -> None:
    stream, expected = CASES[name]
    assert parse(cut(stream, at)) == expected


@every_case
def test_the_slow_reading_of_the_spec_agrees_with_the_table(
    stream: bytes, expected: list[Event]
) -> None:
    if b"9999" not in stream:  # the one departure: retry numbers past 640 digits
        assert read_the_spec(stream) == expected


@settings(max_examples=1500)
@given(streams, places)
def test_any_stream_reads_as_the_spec_says(stream: bytes, at: list[int]) -> None:
    expected = read_the_spec(stream)
    assert parse([stream]) == expected
    assert parse(cut(stream, at)) == expected
    assert parse(one_by_one(stream)) == expected


@settings(max_examples=300)
@given(st.binary(max_size=60))
def test_any_bytes_read_as_the_spec_says(stream: bytes) -> None:
    assert parse([stream]) == read_the_spec(stream)
    assert parse([b"\n", b"data: x\n\n" + stream]) == read_the_spec(b"\ndata: x\n\n" + stream)


@pytest.mark.parametrize("size", [1, 7, 100, 4096, 1 << 20])
def test_recorded_streams_read_the_same_at_any_read_size(size: int) -> None:
    recordings = sorted(RECORDINGS.glob("*.sse")) if RECORDINGS.is_dir() else []
    if not recordings:
        pytest.skip("no recordings here")
    for recording in recordings:
        stream = recording.read_bytes()
        reads = [stream[i : i + size] for i in range(0, len(stream), size)]
        assert parse(reads) == read_the_spec(stream), recording.name


def test_empty_reads_change_nothing() -> None:
    reads = [b"", b"data: a\r", b"", b"\n", b"", b"\r\n", b"", b"data: b\n\n", b""]
    assert parse(reads) == [Event(data="a"), Event(data="b")]


def test_an_event_is_dispatched_by_the_cr_of_its_blank_line_at_once() -> None:
    parser = SSEParser()
    assert parser.feed(b"data: a\r\n\r") == [Event(data="a")]
    assert parser.feed(b"\ndata: b\r\n\r\n") == [Event(data="b")]


def test_feed_and_feed_data_may_be_mixed() -> None:
    parser = SSEParser()
    assert parser.feed_data(b"id: 3\ndata: a\n\ndata: b") == [b"a"]
    assert parser.feed(b"c\n\ndata: d\n\n") == [Event(data="bc", id="3"), Event(data="d", id="3")]


def test_feed_data_leaves_bytes_undecoded() -> None:
    parser = SSEParser()
    assert parser.feed_data(b"data: \xff\n\n") == [b"\xff"]
    assert parser.feed_data(b"data: \xff\n\n") == [b"\xff"]


def test_events_are_values() -> None:
    assert Event("message", "a", "", None) == Event(data="a")
    assert hash(Event(data="a")) == hash(Event(data="a"))
    assert not hasattr(Event(), "__dict__")
    with pytest.raises(AttributeError):
        Event().data = "b"  # type: ignore[misc]


# Bytes fed, in_event, pending_data.
PENDING = [
    (b"", False, b""),
    (b"\n", False, b""),
    (b"\xef\xbb", False, b""),
    (b": alive", False, b""),
    (b": alive\n", False, b""),
    (b"id: 1\nevent: x\nretry: 5\n", False, b""),
    (b"event: data", False, b""),
    (b"d", True, b""),
    (b"da", True, b""),
    (b"data", True, b""),
    (b"data:", True, b""),
    (b"data: ", True, b""),
    (b"data: {..", True, b"{.."),
    (b"data:{..", True, b"{.."),
    (b"data:  x", True, b" x"),
    (b"database", False, b""),
    (b"dat: x", False, b""),
    (b"data\n", True, b""),
    (b"data: a\n", True, b"a"),
    (b"data: a\r", True, b"a"),
    (b"data: a\ndata: b", True, b"a\nb"),
    (b"data: a\ndata:", True, b"a\n"),
    (b"data: a\ndat", True, b"a"),
    (b"data: a\n: aliv", True, b"a"),
    (b"data: a\n\n", False, b""),
    (b"data: a\n\n: aliv", False, b""),
    (b"data: a\r\n\r", False, b""),
    (b"data: a\n\nda", True, b""),
    (b"data: a\n\ndata: [DONE]", True, b"[DONE]"),
    (b"data: a\n\ndata: [DONE]\n", True, b"[DONE]"),
    (b"data: a\n\ndata: b\n\ndata: \xe2\x80", True, b"\xe2\x80"),
]


@pytest.mark.parametrize("split", [False, True], ids=["whole", "byte by byte"])
@pytest.mark.parametrize(("stream", "in_event", "pending"), PENDING)
def test_what_is_pending_shows(stream: bytes, in_event: bool, pending: bytes, split: bool) -> None:
    for feed in ("feed", "feed_data"):
        parser = SSEParser()
        for read in one_by_one(stream) if split else [stream]:
            getattr(parser, feed)(read)
        assert parser.in_event is in_event
        assert parser.pending_data == pending


def test_close_drops_the_incomplete_event() -> None:
    parser = SSEParser()
    assert parser.feed(b"data: a\n\ndata: b\n") == [Event(data="a")]
    assert parser.close() == []
    assert not parser.in_event
    assert parser.close() == []


@pytest.mark.parametrize(
    ("stream", "expected"),
    [
        (b"data: a", [Event(data="a")]),
        (b"data: a\n", [Event(data="a")]),
        (b"data", [Event()]),
        (b"event: x\nid: 1\nretry: 5\ndata: a\r\ndata:b\r", [Event("x", "a\nb", "1", 5)]),
        (b"data: a\n\ndata: b", [Event(data="b")]),
        (b"data: \xe2\x80", [Event(data="\ufffd")]),
        (b"da", []),
        (b"event: x\nid: 1\n", []),
        (b": alive", []),
        (b"\xef\xbb", []),
        (b"data: a\n\n", []),
        (b"", []),
    ],
)
def test_close_flushes_the_incomplete_event_when_asked(
    stream: bytes, expected: list[Event]
) -> None:
    for reads in ([stream], one_by_one(stream)):
        parser = SSEParser(flush_incomplete=True)
        for read in reads:
            parser.feed(read)
        assert parser.close() == expected
        assert parser.close() == []


def test_a_closed_parser_reads_the_stream_of_a_reconnect() -> None:
    parser = SSEParser()
    parser.feed(b"id: 9\ndata: a\n\nevent: x\ndata: lost\r")
    parser.close()
    assert parser.feed(b"\xef\xbb\xbfdata: b\n\n") == [Event(data="b", id="9")]


@pytest.mark.parametrize("feed", ["feed", "feed_data"])
@pytest.mark.parametrize("warm", [b"", b"data: x\n\n"], ids=["first event", "later event"])
@pytest.mark.parametrize(
    "event",
    [b"data: aaaaaaaaaaaaaa", b"data: aaaa\ndata: bbbb", b"data: aaaa\n: comment\ndata:bbbbb"],
    ids=["one line", "two lines", "a comment between"],
)
def test_an_event_of_the_limit_is_whole_and_one_byte_more_is_refused(
    event: bytes, warm: bytes, feed: str
) -> None:
    for reads in (lambda stream: [stream], one_by_one):
        parser = SSEParser(max_event_bytes=20)
        events = [e for read in reads(warm + event + b"\n\n") for e in getattr(parser, feed)(read)]
        assert len(events) == 1 + bool(warm)
        parser = SSEParser(max_event_bytes=20)
        with pytest.raises(StreamProtocolError):
            feed_all(getattr(parser, feed), reads(warm + event + b"x\n\n"))


@pytest.mark.parametrize("line", [b"data: aaaaaaaaaaaaaa", b": a long comment ..", b"x" * 20])
def test_an_unfinished_line_of_the_limit_is_kept_and_one_byte_more_is_refused(line: bytes) -> None:
    parser = SSEParser(max_event_bytes=20)
    assert parser.feed_data(b"\n" + line[:10]) == []
    assert parser.feed_data(line[10:20]) == []
    with pytest.raises(StreamProtocolError):
        parser.feed_data(b"x" * (21 - len(line)))


def test_comments_do_not_count_into_the_event_around_them() -> None:
    parser = SSEParser(max_event_bytes=20)
    parser.feed(b"data: aaaaaaaa\n")
    for _ in range(10):
        parser.feed(b": keep-al")
        parser.feed(b"ive\n")
    assert parser.feed(b"data:b\n\n") == [Event(data="aaaaaaaa\nb")]


def test_many_events_in_one_read_may_exceed_the_limit_together() -> None:
    parser = SSEParser(max_event_bytes=20)
    assert parser.feed_data(b"data: a\n\n" * 10) == [b"a"] * 10
    assert parser.feed_data(b"data: a\n\n" * 10) == [b"a"] * 10


def test_the_error_states_the_limit_and_what_to_do_and_comes_again() -> None:
    parser = SSEParser(max_event_bytes=20)
    for read in (b"data: " + b"secret" * 10, b"data: a\n\n", b""):
        with pytest.raises(
            StreamProtocolError, match=r"more than 20 bytes .* raise max_event_bytes"
        ):
            parser.feed(read)
        with pytest.raises(StreamProtocolError) as caught:
            parser.feed_data(read)
        assert isinstance(caught.value, (StreamError, ProtocolError))
        assert "secret" not in str(caught.value)
        assert not parser.in_event
        assert parser.pending_data == b""
    assert parser.close() == []
    with pytest.raises(StreamProtocolError):
        parser.feed(b"data: a\n\n")


@pytest.mark.parametrize("limit", [0, -1, 1.5, True, None, "1"])
def test_a_limit_that_is_no_number_of_bytes_is_refused(limit: Any) -> None:
    with pytest.raises(ConfigurationError, match=f"max_event_bytes is {limit!r}; "):
        SSEParser(max_event_bytes=limit)


def test_ten_megabytes_one_byte_at_a_time_are_one_event() -> None:
    size = 10_000_000
    parser = SSEParser()
    feed = parser.feed_data
    for byte in (b"d", b"a", b"t", b"a", b":", b" "):
        feed(byte)
    for _ in range(size):
        feed(b"x")
    assert feed(b"\n") == []
    assert feed(b"\n") == [b"x" * size]


@pytest.mark.parametrize(
    ("start", "filler"),
    [
        (b": c\n\ndata: ", b"x" * 64),
        (b"data: a\ndata: ", b"x" * 64),
        (b"data: a\n", b"data: " + b"x" * 64 + b"\n"),
        (b"data: a\n", b": " + b"c" * 64 + b"\n"),
    ],
    ids=["a line", "a second line", "lines", "comments"],
)
def test_an_event_without_end_is_read_in_linear_work(start: bytes, filler: bytes) -> None:
    def work(count: int) -> None:
        parser = SSEParser()
        parser.feed_data(start)
        for _ in range(count):
            parser.feed_data(filler)

    assert_linear(work, 4_000)


@pytest.mark.parametrize(
    "endless",
    [
        b"x" * 65536,
        b":" * 65536,
        b"data: " + b"y" * 65530,
        b"data:\n" * 10000,
        b"event: a\n" * 8000,
    ],
    ids=["a line", "a comment", "a data line", "data lines", "fields"],
)
def test_memory_is_bounded_on_a_stream_without_end(endless: bytes) -> None:
    parser = SSEParser(max_event_bytes=MIB)
    parser.feed_data(b"data: a\n")
    tracemalloc.start()
    try:
        with pytest.raises(StreamProtocolError):
            feed_all(parser.feed_data, repeat(endless, 1000))
        now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 5 * MIB
    assert now < MIB / 4


def test_comments_without_end_take_no_memory() -> None:
    parser = SSEParser(max_event_bytes=MIB)
    tracemalloc.start()
    try:
        for _ in range(500):
            assert parser.feed_data(b": OPENROUTER PROCESSING\n\n" * 200) == []
        now, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert now < MIB / 4
