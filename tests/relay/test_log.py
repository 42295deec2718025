"""A log takes events until its end, and tells who watches."""

from __future__ import annotations

from kilo_sdk.relay.events import Ended, Failed, Text
from kilo_sdk.relay.log import StreamLog


class Watcher:
    def __init__(self) -> None:
        self.sizes: list[int] = []

    def grown(self, size: int) -> None:
        self.sizes.append(size)


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
    log.append(Text("abc"))
    log.unwatch(watcher)
    log.unwatch(watcher)
    log.append(Text("abc"))
    assert (log.is_watched, left) == (True, [])
    log.unwatch(other)
    assert (log.is_watched, left) == (False, [1])
    assert (len(watcher.sizes), sum(other.sizes)) == (1, log.size)


def test_cancel_reaches_whoever_writes() -> None:
    log, asked = StreamLog("s"), list[int]()
    log.cancel()
    log.on_cancel = lambda: asked.append(1)
    log.cancel()
    assert asked == [1]
