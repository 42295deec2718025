"""What a socket is sent next."""

from __future__ import annotations

from typing import Any

import orjson

from kilo_sdk.relay.events import Ended, Failed, Started, Text
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
