"""A log takes events until its end, and tells who watches."""

from __future__ import annotations

import pytest

from kilo_sdk.relay.events import Ended, Failed, RelayEvent, Text
from kilo_sdk.relay.log import LogWriter, StreamLog
from kilo_sdk.relay.refusals import RelayRefusedError


class Watcher:
    def __init__(self) -> None:
        self.sizes: list[int] = []

        self.failures = 0

    def grown(self, event: RelayEvent, size: int) -> None:
        self.newest = event
        self.sizes.append(size)

    def failed(self) -> None:
        self.failures += 1


def test_a_log_ends_once() -> None:
    log = StreamLog("s", "anna")
    log.append(Text("a"))
    assert (log.ended, log.state, log.last_seq) == (False, None, 1)
    log.append(Ended("cancelled"))
    log.append(Text("b"))
    log.append(Failed("cut", "cut", ""))
    assert (log.ended, log.state, log.last_seq) == (True, "cancelled", 2)
    assert repr(log) == "<StreamLog s cancelled, 2 events>"


def test_watchers_are_told_until_they_leave() -> None:
    log, watcher, left = StreamLog("s"), Watcher(), list[int]()
    log.on_unwatched = lambda: left.append(1)
    other = Watcher()
    log.watch(watcher)
    log.watch(other)
    assert log.append(Text("abc")) == log.size
    log.unwatch(watcher)
    log.unwatch(watcher)
    log.append(Text("abcd"))
    assert (log.is_watched, left) == (True, [])
    log.unwatch(other)
    assert (log.is_watched, left) == (False, [1])
    assert (len(watcher.sizes), sum(other.sizes)) == (1, log.size)
    assert other.newest == Text("abcd")


def test_events_that_came_together_are_told_of_once() -> None:
    log, watcher = StreamLog("s"), Watcher()
    log.watch(watcher)
    log.extend([Text("a"), Text("bc"), Ended(), Text("late")])
    log.extend([Text("later")])
    assert (list(log.events), log.state) == ([Text("a"), Text("bc"), Ended()], "done")
    assert (watcher.newest, watcher.sizes) == (Ended(), [log.size])
    assert log.append(Text("latest")) == 0


def test_a_log_that_fails_has_what_came_and_tells_once_why_there_is_no_more() -> None:
    log, watchers = StreamLog("s"), [Watcher(), Watcher()]
    for watcher in watchers:
        log.watch(watcher)
    log.append(Text("a"))
    failure = RelayRefusedError("later", code="unavailable", stream="s")
    log.fail(failure)
    log.fail(RelayRefusedError("again"))
    assert (log.failure, log.state, log.ended, log.last_seq) == (failure, None, False, 1)
    assert [watcher.failures for watcher in watchers] == [1, 1]


def test_a_log_that_ended_does_not_fail() -> None:
    log, watcher = StreamLog("s"), Watcher()
    log.watch(watcher)
    log.append(Ended())
    log.fail(RelayRefusedError("later"))
    assert (log.failure, watcher.failures) == (None, 0)


def test_whoever_leaves_at_the_end_lets_the_others_hear_it_and_stops_nobody() -> None:
    class Leaving(Watcher):
        def grown(self, event: RelayEvent, size: int) -> None:
            super().grown(event, size)
            log.unwatch(self)

    log, left = StreamLog("s"), list[int]()
    log.on_unwatched = lambda: left.append(1)
    watchers = [Leaving(), Leaving(), Leaving()]
    for watcher in watchers:
        log.watch(watcher)
    log.append(Ended())
    assert [len(watcher.sizes) for watcher in watchers] == [1, 1, 1]
    assert (log.is_watched, left) == (False, [])


def test_cancel_reaches_whoever_writes() -> None:
    log, asked = StreamLog("s"), list[int]()
    log.cancel()
    log.on_cancel = lambda: asked.append(1)
    log.cancel()
    assert asked == [1]


@pytest.mark.anyio
async def test_a_writer_of_a_log_alone_ends_it_at_once_or_when_awaited() -> None:
    first, second = LogWriter(StreamLog("s")), LogWriter(StreamLog("t"))
    first.append(Text("a"))
    first.end_at_once(Ended())
    await second.end(Ended("cancelled"))
    assert (list(first.log.events), first.log.state) == ([Text("a"), Ended()], "done")
    assert (list(second.log.events), second.log.state) == ([Ended("cancelled")], "cancelled")
