"""As fast as the peer takes it, and no faster."""

from __future__ import annotations

import anyio
import orjson
import pytest

from kilo_sdk.relay import RelayLimits
from kilo_sdk.relay.events import Ended, Started, Text
from kilo_sdk.relay.framing import JSONFraming
from kilo_sdk.relay.log import StreamLog
from kilo_sdk.relay.outlet import Outlet

pytestmark = pytest.mark.anyio


class Peer:
    """Takes frames when it is let."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.slow: list[int] = []
        self.at_once: list[bytes] = []
        self.takes_at_once = True
        self.may_take = anyio.Event()
        self.may_take.set()

    async def send(self, frame: bytes) -> None:
        self.frames.append(frame)
        await self.may_take.wait()

    def outlet(self, **limits: float) -> Outlet:
        made = RelayLimits(**limits)  # type: ignore[arg-type]
        return Outlet(JSONFraming(), made, self.send, lambda: self.slow.append(1))

    def quick_outlet(self, **limits: float) -> Outlet:
        """One that may send at once; such frames are in both lists."""
        made = RelayLimits(**limits)  # type: ignore[arg-type]
        return Outlet(JSONFraming(), made, self.send, lambda: self.slow.append(1), self.take)

    def take(self, frame: bytes) -> bool:
        if self.takes_at_once:
            self.frames.append(frame)
            self.at_once.append(frame)
        return self.takes_at_once

    def texts(self) -> list[str]:
        return [orjson.loads(frame).get("text", "") for frame in self.frames if frame != b"beat"]


def started(stream: str = "s") -> StreamLog:
    log = StreamLog(stream)
    log.append(Started())
    return log


async def test_it_sends_what_comes_and_returns_when_all_is_over() -> None:
    peer, log = Peer(), started()
    outlet = peer.outlet()
    outlet.session.follow(log)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: outlet.run(until_over=True))
        for text in "abc":
            await anyio.sleep(0.005)
            log.append(Text(text))
        await anyio.sleep(0.005)
        log.append(Ended())
    assert peer.texts() == ["", "a", "b", "c", ""]


async def test_what_comes_while_a_frame_waits_is_joined() -> None:
    peer, log = Peer(), started()
    outlet = peer.outlet()
    outlet.session.follow(log)
    peer.may_take = anyio.Event()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: outlet.run(until_over=True))
        for text in "abcdef":
            await anyio.sleep(0.002)
            log.append(Text(text))
        peer.may_take.set()
        await anyio.sleep(0.005)
        log.append(Ended())
    assert peer.texts() == ["", "abcdef", ""]
    assert not peer.slow


async def test_too_much_behind_a_frame_that_waits_is_told() -> None:
    peer, log = Peer(), started()
    outlet = peer.outlet(max_waiting_bytes=2000)
    outlet.session.follow(log)
    peer.may_take = anyio.Event()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(outlet.run)
        await anyio.sleep(0.005)
        log.append(Text("x" * 1000))
        assert not peer.slow
        log.append(Text("x" * 1000))
        assert peer.slow
        tasks.cancel_scope.cancel()


async def test_a_frame_that_waits_too_long_is_seen() -> None:
    peer, log = Peer(), started()
    outlet = peer.outlet(send_timeout=0.02)
    outlet.session.follow(log)
    assert not outlet.is_stuck
    peer.may_take = anyio.Event()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(outlet.run)
        await anyio.sleep(0.05)
        assert outlet.is_stuck
        peer.may_take.set()
        await anyio.sleep(0.005)
        assert not outlet.is_stuck
        tasks.cancel_scope.cancel()


async def test_silence_is_filled_where_told_to() -> None:
    peer, log = Peer(), started()
    outlet = peer.outlet()
    outlet.session.follow(log)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: outlet.run(until_over=True, keepalive=(0.01, b"beat")))
        await anyio.sleep(0.05)
        log.append(Ended())
    assert peer.frames.count(b"beat") >= 2
    assert peer.texts() == ["", ""]


async def test_it_can_be_told_to_finish() -> None:
    peer = Peer()
    outlet = peer.outlet()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(outlet.run)
        await anyio.sleep(0.005)
        outlet.finish()


async def test_an_idle_peer_is_sent_what_comes_before_anyone_else_runs() -> None:
    peer, log = Peer(), started()
    outlet = peer.quick_outlet()
    outlet.session.follow(log)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: outlet.run(until_over=True))
        await anyio.sleep(0.005)
        for text in "abc":
            log.append(Text(text))
        assert peer.texts() == ["", "a", "b", "c"]
        log.append(Ended())
    # The first one had come before it ran.
    assert (len(peer.frames), len(peer.at_once)) == (5, 4)


async def test_an_answer_that_was_sent_at_once_leaves_a_peer_that_was_busy_until_then() -> None:
    peer, log = Peer(), started()
    outlet = peer.quick_outlet()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(outlet.run)
        await anyio.sleep(0.005)
        outlet.session.follow(log)
        await anyio.sleep(0.02)
        before = anyio.current_time()
        log.append(Ended())
        # Nobody had to wake for it, and the next answer finds it ready.
        assert outlet.busy_at >= before
        outlet.session.follow(started("t"))
        tasks.cancel_scope.cancel()
    assert [orjson.loads(frame)["stream"] for frame in peer.at_once] == ["s", "s", "t"]


async def test_order_is_kept_when_a_peer_takes_nothing_at_once_for_a_while() -> None:
    peer, log = Peer(), started()
    outlet = peer.quick_outlet()
    outlet.session.follow(log)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: outlet.run(until_over=True))
        await anyio.sleep(0.005)
        log.append(Text("a"))
        peer.takes_at_once = False
        log.append(Text("b"))
        peer.takes_at_once = True
        log.append(Text("c"))
        await anyio.sleep(0.005)
        log.append(Text("d"))
        log.append(Ended())
    assert peer.texts() == ["", "a", "bc", "d", ""]
    assert len(peer.at_once) == 3


async def test_behind_a_frame_that_waits_nothing_is_sent_at_once() -> None:
    peer, log = Peer(), started()
    outlet = peer.quick_outlet(max_waiting_bytes=2000)
    outlet.session.follow(log)
    peer.may_take = anyio.Event()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(outlet.run)
        await anyio.sleep(0.005)
        log.append(Text("x" * 1000))
        log.append(Text("x" * 1000))
        assert (peer.at_once, peer.slow) == ([], [1])
        tasks.cancel_scope.cancel()


async def test_paced_frames_keep_their_pace() -> None:
    peer, log = Peer(), started()
    outlet = peer.quick_outlet(min_interval=0.01)
    outlet.session.follow(log)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: outlet.run(until_over=True))
        await anyio.sleep(0.05)
        log.append(Text("a"))
        log.append(Text("b"))
        log.append(Ended())
    assert (peer.texts(), peer.at_once) == (["", "ab", ""], [])
