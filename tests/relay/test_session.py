"""What a socket is sent next."""

from __future__ import annotations

from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from kilo_sdk.relay.events import (
    Ended,
    Failed,
    Reasoning,
    RelayEvent,
    Started,
    Text,
    Told,
    ToolCalled,
    fields_of,
)
from kilo_sdk.relay.framing import JSONFraming
from kilo_sdk.relay.log import StreamLog
from kilo_sdk.relay.refusals import RelayRefusedError
from kilo_sdk.relay.session import Session


def log_of(stream: str, *texts: str) -> StreamLog:
    log = StreamLog(stream)
    log.append(Started())
    for text in texts:
        log.append(Text(text))
    return log


def session(max_frame_chars: int = 100) -> tuple[Session, list[int]]:
    woken: list[int] = []
    made = Session(
        JSONFraming(),
        max_frame_chars=max_frame_chars,
        wake=lambda: woken.append(1),
        over=lambda: woken.append(0),
    )
    return made, woken


def drained(session: Session) -> list[Any]:
    frames = []
    while (frame := session.next_frame()) is not None:
        fields = orjson.loads(frame)
        frames.append((fields.get("stream"), fields["seq"], fields.get("text", fields["type"])))
    return frames


def test_what_waits_is_joined_and_numbered_by_its_last() -> None:
    made, _ = session()
    log = log_of("s", "a", "b", "c")
    made.follow(log)
    assert drained(made) == [("s", 1, "start"), ("s", 4, "abc")]
    log.append(Text("d"))
    assert drained(made) == [("s", 5, "d")]
    log.append(Text("e"))
    log.append(Ended())
    assert drained(made) == [("s", 6, "e"), ("s", 7, "done")]
    assert (len(made), log.is_watched) == (0, False)


def test_answers_take_turns_and_words_go_first() -> None:
    made, _ = session(max_frame_chars=1)
    made.follow(log_of("s", "a", "b"))
    made.follow(log_of("t", "c", "d"))
    made.say(RelayRefusedError("no"))
    assert made.unsaid == 1
    assert drained(made) == [
        (None, 0, "no"),
        ("s", 1, "start"),
        ("t", 1, "start"),
        ("s", 2, "a"),
        ("t", 2, "c"),
        ("s", 3, "b"),
        ("t", 3, "d"),
    ]


def test_following_goes_on_from_where_it_is_told() -> None:
    made, woken = session()
    log = log_of("s", "a", "b", "c")
    made.follow(log, after=2)
    assert woken
    assert drained(made) == [("s", 4, "bc")]
    made.follow(log, after=3)
    assert drained(made) == [("s", 4, "c")]
    assert len(made) == 1


def test_following_again_is_no_leaving() -> None:
    made, _ = session()
    log, left = log_of("s"), list[int]()
    log.on_unwatched = lambda: left.append(1)
    made.follow(log)
    made.follow(log)
    assert not left
    made.leave_all()
    assert left == [1]


def test_the_end_is_told_to_whoever_comes_back_after_it() -> None:
    made, _ = session()
    log = log_of("s", "a")
    log.append(Ended())
    made.follow(log, after=3)
    assert drained(made) == [("s", 3, "done")]


def test_a_reader_ahead_of_a_log_waits_for_what_it_lacks() -> None:
    made, _ = session()
    log = log_of("s", "a")
    made.follow(log, after=4)
    log.append(Text("b"))
    log.append(Text("c"))
    assert drained(made) == []
    log.append(Text("d"))
    assert drained(made) == [("s", 5, "d")]


def test_a_reader_ahead_of_a_writer_that_died_hears_of_it() -> None:
    made, _ = session()
    log = log_of("s", "a")
    made.follow(log, after=9)
    log.append(Failed("cut", "cut", "gone"))
    assert drained(made) == [("s", 3, "gone")]
    assert len(made) == 0


def failure_of(log: StreamLog) -> RelayRefusedError:
    return RelayRefusedError("later", code="unavailable", stream=log.stream)


def test_that_a_log_cannot_be_read_on_takes_no_number_of_it() -> None:
    made, woken = session()
    log = log_of("s", "a")
    made.follow(log)
    made.follow(log_of("t", "b"))
    log.append(Text("c"))
    woken.clear()
    log.fail(failure_of(log))
    assert woken == [1]
    assert drained(made) == [
        ("s", 1, "start"),
        ("t", 1, "start"),
        ("s", 3, "ac"),
        ("t", 2, "b"),
        ("s", 0, "later"),
    ]
    assert (len(made), log.is_watched) == (1, False)


def test_a_reader_that_keeps_up_or_is_ahead_is_told_that_a_log_cannot_be_read_on() -> None:
    for after in (0, 1, 9):
        made, woken = session()
        log = log_of("s")
        made.at_once = lambda frame: True
        made.follow(log, after)
        woken.clear()
        log.fail(failure_of(log))
        assert woken == [1]
        made.at_once = None
        assert made.next_frame() == (
            b'{"type":"error","seq":0,"code":"unavailable","text":"later","stream":"s"}'
        )
        assert (made.next_frame(), len(made), log.is_watched) == (None, 0, False)


def test_whoever_follows_a_log_that_failed_is_told_what_came_and_why_no_more() -> None:
    for texts, told in (((), []), (("a", "b"), [("s", 2, "ab")])):
        made, woken = session()
        log = StreamLog("s")
        for text in texts:
            log.append(Text(text))
        log.fail(failure_of(log))
        made.follow(log)
        assert woken
        assert drained(made) == [*told, ("s", 0, "later")]
        assert (len(made), log.is_watched) == (0, False)


def test_who_asked_hears_of_it_by_the_name_of_its_own_prompt() -> None:
    made, _ = session()
    log = StreamLog("s")
    made.follow(log, request="7")
    log.fail(failure_of(log))
    assert made.next_frame() == (
        b'{"type":"error","seq":0,"code":"unavailable","text":"later","stream":"s","request":"7"}'
    )


def test_what_comes_is_counted_until_it_is_taken() -> None:
    made, _ = session()
    log = log_of("s")
    made.follow(log)
    before = log.size
    log.append(Text("abc"))
    assert made.waiting_bytes == log.size - before
    made.taken()
    assert made.waiting_bytes == 0


def test_a_reader_that_keeps_up_is_sent_an_event_at_once() -> None:
    made, woken = session()
    log, other = log_of("s", "a"), log_of("t")
    made.follow(log)
    made.follow(other)
    drained(made)
    woken.clear()
    sent: list[Any] = []

    def at_once(frame: bytes) -> bool:
        sent.append(orjson.loads(frame))
        return True

    made.at_once = at_once
    log.append(Text("b"))
    other.append(Text("c"))
    assert [(frame["stream"], frame["seq"]) for frame in sent] == [("s", 3), ("t", 2)]
    assert (drained(made), made.waiting_bytes, woken) == ([], 0, [])
    log.append(Ended())
    assert (sent[-1]["type"], len(made), log.is_watched, woken) == ("done", 1, False, [0])


def test_the_one_event_of_a_log_that_is_followed_is_sent_at_once_and_more_of_them_joined() -> None:
    made, woken = session()
    sent: list[Any] = []

    def at_once(frame: bytes) -> bool:
        sent.append(orjson.loads(frame))
        return True

    made.at_once = at_once
    made.follow(log_of("s"))
    assert [(frame["type"], frame["stream"], frame["seq"]) for frame in sent] == [("start", "s", 1)]
    assert (drained(made), woken) == ([], [])
    made.follow(log_of("t", "a", "b"))
    assert (len(sent), woken) == (1, [1])
    assert drained(made) == [("t", 1, "start"), ("t", 3, "ab")]


def test_the_end_that_a_reader_lacks_is_sent_at_once_and_it_is_followed_no_more() -> None:
    made, woken = session()
    log = log_of("s", "a")
    log.append(Ended())
    sent: list[Any] = []

    def at_once(frame: bytes) -> bool:
        sent.append(orjson.loads(frame))
        return True

    made.at_once = at_once
    made.follow(log, after=2)
    made.follow(log, after=3)
    assert [(frame["type"], frame["seq"]) for frame in sent] == [("done", 3), ("done", 3)]
    assert (len(made), log.is_watched, woken) == (0, False, [0, 0])


def test_what_cannot_be_sent_at_once_waits_for_its_turn() -> None:
    made, woken = session()
    log, ahead = log_of("s", "a"), log_of("t")
    made.follow(log)
    made.follow(ahead, after=9)
    drained(made)
    woken.clear()
    asked: list[bytes] = []

    def at_once(frame: bytes) -> bool:
        asked.append(frame)
        return False

    made.at_once = at_once
    log.append(Text("b"))
    log.extend([Text("c"), Text("d")])
    ahead.append(Text("e"))
    assert (len(asked), len(woken)) == (1, 3)
    assert drained(made) == [("s", 5, "bcd")]


class Reader:
    """A client that loses its socket, and the part of a server that sends to it."""

    def __init__(self, log: StreamLog, max_frame_chars: int) -> None:
        self.frames: list[Any] = []
        self.takes_at_once = True
        self._log = log
        self._max_frame_chars = max_frame_chars
        self._session: Session | None = None

    def connect(self, after: int) -> None:
        """Come back on another socket."""
        if self._session is not None:
            self._session.leave_all()
        made = self._session = Session(
            JSONFraming(),
            max_frame_chars=self._max_frame_chars,
            wake=lambda: setattr(made, "at_once", None),
            over=lambda: None,
        )
        made.at_once = self._at_once
        made.follow(self._log, after)

    def take(self) -> None:
        """Read what waits; from then on nothing does."""
        assert self._session is not None
        while (frame := self._session.next_frame()) is not None:
            self.frames.append(orjson.loads(frame))
        self._session.at_once = self._at_once

    def _at_once(self, frame: bytes) -> bool:
        if self.takes_at_once:
            self.frames.append(orjson.loads(frame))
        return self.takes_at_once


def assert_said_once(frames: list[Any], events: list[RelayEvent], after: int) -> None:
    """The frames are the events after that number: in order, each once."""
    at = after
    for frame in frames:
        part = events[at : frame["seq"]]
        assert part
        if isinstance(part[0], Text | Reasoning):
            assert {type(event) for event in part} == {type(part[0])}
            assert frame["text"] == "".join(event.text for event in part)  # type: ignore[union-attr]
        else:
            assert len(part) == 1
        named = {**fields_of(part[0]), "stream": "s", "seq": frame["seq"]}
        assert {key: frame[key] for key in named} == {**named, **_text_of(frame)}
        at = frame["seq"]
    assert at == len(events)


def _text_of(frame: Any) -> dict[str, str]:
    return {"text": frame["text"]} if frame["type"] in ("text", "reasoning") else {}


TEXTS = st.text(min_size=1, max_size=4)
ANSWERS = st.tuples(
    st.lists(
        TEXTS.map(Text)
        | TEXTS.map(Reasoning)
        | st.just(Told({"total_tokens": 3}))
        | st.just(ToolCalled(0, "c", "f", "{}")),
        max_size=12,
    ),
    st.sampled_from([Ended(), Ended("cancelled"), Failed("cut", "cut", "gone")]),
)
STEPS = st.lists(st.sampled_from(["take", "stall", "flow", "lose"]), max_size=3)


@settings(max_examples=200)
@given(ANSWERS, st.data(), st.integers(1, 8))
def test_a_reader_that_loses_sockets_is_told_everything_once(
    answer: tuple[list[RelayEvent], RelayEvent], data: st.DataObject, most: int
) -> None:
    log = StreamLog("s")
    reader = Reader(log, most)
    events = [Started(), *answer[0], answer[1]]
    reader.connect(0)
    for event in events:
        log.append(event)
        for step in data.draw(STEPS):
            if step == "take":
                reader.take()
            elif step == "lose" and not log.ended:
                reader.connect(reader.frames[-1]["seq"] if reader.frames else 0)
            else:
                reader.takes_at_once = step == "flow"
    reader.take()
    assert_said_once(reader.frames, events, 0)
    assert not log.is_watched


@settings(max_examples=100)
@given(ANSWERS, st.data(), st.integers(1, 8))
def test_the_rest_is_told_from_every_number(
    answer: tuple[list[RelayEvent], RelayEvent], data: st.DataObject, most: int
) -> None:
    log = StreamLog("s")
    events = [Started(), *answer[0], answer[1]]
    come = data.draw(st.integers(0, len(events)))
    log.extend(events[:come])
    readers = {after: Reader(log, most) for after in range(come + 1)}
    for after, reader in readers.items():
        reader.takes_at_once = data.draw(st.booleans())
        reader.connect(after)
        if data.draw(st.booleans()):
            reader.take()
    for event in events[come:]:
        log.append(event)
    for after, reader in readers.items():
        reader.take()
        # Whoever has all of an answer that is over is told its end again.
        assert_said_once(reader.frames, events, min(after, len(events) - 1))
    assert not log.is_watched
