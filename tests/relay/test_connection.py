"""One socket, from the side of the server, with a peer that does what the test wants."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import orjson
import pytest

from kilo_sdk.relay import CloseCode, Handshake, RelayLimits
from kilo_sdk.relay.connection import Connection
from kilo_sdk.relay.framing import JSONFraming
from kilo_sdk.relay.log import StreamLog
from kilo_sdk.relay.protocol import ClientMessage, Prompt, Resume
from kilo_sdk.relay.refusals import RelayRefusedError
from kilo_sdk.relay.sockets import SocketClosedError

pytestmark = pytest.mark.anyio


class Peer:
    """See ``RelaySocket``."""

    def __init__(self, *, answers_close: bool = True) -> None:
        self.handshake = Handshake(path="/", headers={})
        self.inbox: asyncio.Queue[str | None] = asyncio.Queue()
        self.frames: list[Any] = []
        self.closed: list[int] = []
        self.aborted = False
        self.answers_close = answers_close
        self.is_gone = False

    async def accept(self, subprotocol: str | None) -> None:
        pass

    async def refuse(self) -> None:
        pass

    async def receive(self) -> str | bytes:
        frame = await self.inbox.get()
        if frame is None:
            raise SocketClosedError
        return frame

    async def send(self, frame: bytes, *, is_text: bool) -> None:
        assert is_text
        if self.is_gone:
            raise SocketClosedError
        self.frames.append(orjson.loads(frame))

    def at_once(self, *, is_text: bool) -> None:
        pass

    async def close(self, code: int, reason: str) -> None:
        self.closed.append(code)
        if not self.answers_close:
            await anyio.sleep_forever()

    def abort(self) -> None:
        self.aborted = True

    def says(self, **fields: Any) -> None:
        self.inbox.put_nowait(orjson.dumps(fields).decode())


Act = Callable[[Connection, ClientMessage], Awaitable[None]]


def serve(peer: Peer, act: Act, **limits: Any) -> Connection:
    return Connection(peer, JSONFraming(), RelayLimits(**limits), "anna", act)


async def ignore(connection: Connection, message: ClientMessage) -> None:
    pass


async def test_it_ends_when_the_peer_leaves_and_closes_nothing() -> None:
    peer = Peer()
    connection = serve(peer, ignore)
    peer.inbox.put_nowait(None)
    with anyio.fail_after(60):
        await connection.run()
    assert (peer.closed, connection.over.is_set()) == ([], True)


async def test_it_ends_when_a_frame_cannot_be_sent() -> None:
    peer = Peer()
    connection = serve(peer, ignore)
    peer.is_gone = True
    peer.inbox.put_nowait("{")
    with anyio.fail_after(60):
        await connection.run()
    assert peer.closed == []


async def test_the_first_code_counts_and_a_peer_that_does_not_answer_is_dropped() -> None:
    peer = Peer(answers_close=False)
    connection = serve(peer, ignore, close_timeout=0.01)
    connection.close(CloseCode.TOO_SLOW)
    connection.close(CloseCode.IDLE)
    with anyio.fail_after(60):
        await connection.run()
    assert (peer.closed, peer.aborted) == ([4409], True)


async def test_what_is_acted_on_at_once_is_limited() -> None:
    peer = Peer()

    async def wait(connection: Connection, message: ClientMessage) -> None:
        await anyio.sleep_forever()

    connection = serve(peer, wait, max_streams=1, messages_per_second=100)
    for _ in range(2):
        peer.says(type="prompt", messages="hi", id="r")
    for _ in range(10):
        peer.says(type="cancel", stream="s")
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(connection.run)
        with anyio.fail_after(60):
            while len(peer.frames) < 3:  # noqa: ASYNC110 - a list tells no event
                await anyio.sleep(0.005)
        connection.close(CloseCode.NORMAL)
    assert [(one["code"], one.get("request"), one.get("stream")) for one in peer.frames] == [
        ("too_many_streams", "r", None),
        ("rate_limited", None, "s"),
        ("rate_limited", None, "s"),
    ]


async def test_answers_that_are_being_looked_for_count_among_those_at_once() -> None:
    peer, acted_on = Peer(), list[ClientMessage]()

    async def wait(connection: Connection, message: ClientMessage) -> None:
        acted_on.append(message)
        await anyio.sleep_forever()

    connection = serve(peer, wait, max_streams=3)
    connection.session.follow(StreamLog("followed", "anna"))
    peer.says(type="prompt", messages="hi", id="r")
    peer.says(type="resume", stream="first")
    peer.says(type="resume", stream="second")
    peer.says(type="prompt", messages="hi", id="q")
    # It is one of the three.
    peer.says(type="resume", stream="followed")
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(connection.run)
        with anyio.fail_after(60):
            while len(peer.frames) < 2 or len(acted_on) < 3:  # noqa: ASYNC110 - as above
                await anyio.sleep(0.005)
        connection.close(CloseCode.NORMAL)
    assert [(one["code"], one.get("stream"), one.get("request")) for one in peer.frames] == [
        ("too_many_streams", "second", None),
        ("too_many_streams", None, "q"),
    ]
    assert acted_on[1:] == [Resume("first"), Resume("followed")]


async def test_a_prompt_that_is_one_message_too_many_is_not_counted_as_an_answer() -> None:
    peer = Peer()
    may_end = anyio.Event()

    async def wait(connection: Connection, message: ClientMessage) -> None:
        if not isinstance(message, Prompt):
            await may_end.wait()
        raise RelayRefusedError("no", code=type(message).__name__)

    connection = serve(peer, wait, max_streams=1, messages_per_second=100)
    for _ in range(9):
        peer.says(type="cancel", stream="s")
    peer.says(type="prompt", messages="hi", id="refused")
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(connection.run)
        with anyio.fail_after(60):
            while not peer.frames:  # noqa: ASYNC110 - a list tells no event
                await anyio.sleep(0.005)
            may_end.set()
            while len(peer.frames) < 10:  # noqa: ASYNC110
                await anyio.sleep(0.005)
            peer.says(type="prompt", messages="hi", id="acted on")
            while len(peer.frames) < 11:  # noqa: ASYNC110
                await anyio.sleep(0.005)
        connection.close(CloseCode.NORMAL)
    codes = [frame["code"] for frame in peer.frames]
    assert codes == ["rate_limited", *["Cancel"] * 9, "Prompt"]


@pytest.mark.parametrize("way", ["closed", "cancelled"])
async def test_what_is_acted_on_ends_with_the_connection_and_its_late_log_has_no_reader(
    way: str,
) -> None:
    peer = Peer()
    log = StreamLog("late", "anna")
    told: list[str] = []

    async def put_in_order(connection: Connection, message: ClientMessage) -> None:
        told.append("began")
        try:
            await anyio.sleep_forever()
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.sleep(0.01)
            connection.session.follow(log)
            told.append("in order")

    connection = serve(peer, put_in_order)
    peer.says(type="prompt", messages="hi")
    task = asyncio.create_task(connection.run())
    with anyio.fail_after(60):
        while not told:  # noqa: ASYNC110 - a list tells no event
            await anyio.sleep(0.005)
        if way == "closed":
            connection.close(CloseCode.NORMAL)
        else:
            task.cancel()
        await asyncio.wait([task])
    assert told == ["began", "in order"]
    assert (log.is_watched, len(connection.session)) == (False, 0)
    assert (task.cancelled(), peer.closed) == ((False, [1000]) if way == "closed" else (True, []))


async def test_refusals_name_what_they_are_about() -> None:
    peer = Peer()

    async def refuse(connection: Connection, message: ClientMessage) -> None:
        raise LookupError("of the app")

    connection = serve(peer, refuse)
    peer.says(type="prompt", messages="hi", id="r")
    peer.says(type="resume", stream="s")
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(connection.run)
        with anyio.fail_after(60):
            while len(peer.frames) < 2:  # noqa: ASYNC110 - a list tells no event
                await anyio.sleep(0.005)
        connection.close(CloseCode.NORMAL)
    about = [(frame["code"], frame.get("request"), frame.get("stream")) for frame in peer.frames]
    assert about == [("internal", "r", None), ("internal", None, "s")]


async def test_a_refusal_that_an_app_raises_again_and_again_names_each_client_its_own() -> None:
    peer, no = Peer(), RelayRefusedError("no")

    async def refuse(connection: Connection, message: ClientMessage) -> None:
        raise no

    connection = serve(peer, refuse)
    for request in ("1", "2"):
        peer.says(type="prompt", messages="hi", id=request)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(connection.run)
        with anyio.fail_after(60):
            while len(peer.frames) < 2:  # noqa: ASYNC110 - a list tells no event
                await anyio.sleep(0.005)
        connection.close(CloseCode.NORMAL)
    assert [frame["request"] for frame in peer.frames] == ["1", "2"]
    assert no.request is None


async def test_a_socket_of_a_server_that_fails_is_closed_all_the_same() -> None:
    class Failing(Peer):
        async def receive(self) -> str | bytes:
            raise LookupError("of the server")

    peer = Failing()
    connection = serve(peer, ignore)
    with pytest.raises(ExceptionGroup):
        await connection.run()
    assert (peer.closed, connection.over.is_set()) == ([1011], True)


@pytest.mark.parametrize(
    ("frame", "closed"),
    [
        ('{"type":"no"}' + " " * 115, [1000]),
        ('{"type":"no"}' + " " * 116, [1009]),
        ('{"type":"жж"}' + " " * 113, [1000]),
        ('{"type":"жж"}' + " " * 114, [1009]),
    ],
)
async def test_a_message_is_measured_in_bytes(frame: str, closed: list[int]) -> None:
    peer = Peer()
    connection = serve(peer, ignore, max_message_bytes=128)
    peer.inbox.put_nowait(frame)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(connection.run)
        with anyio.fail_after(60):
            while not (peer.frames or peer.closed):  # noqa: ASYNC110 - lists tell no event
                await anyio.sleep(0.005)
        connection.close(CloseCode.NORMAL)
    assert peer.closed == closed


async def test_it_is_over_for_those_who_wait_when_its_task_is_cancelled() -> None:
    connection = serve(Peer(), ignore)
    task = asyncio.create_task(connection.run())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert connection.over.is_set()


async def test_finishing_closes_once_everything_is_sent() -> None:
    peer = Peer()
    connection = serve(peer, ignore)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(connection.run)
        await anyio.sleep(0.005)
        connection.finish(CloseCode.GOING_AWAY)
    assert peer.closed == [1001]
