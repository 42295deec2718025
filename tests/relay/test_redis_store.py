"""Redis, the real one: two stores with two connections stand for two processes."""

from __future__ import annotations

import asyncio
import json
import math
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import anyio
import pytest
from own_time import elapsed

from kilo_sdk import ConfigurationError, KiloClient
from kilo_sdk.emulator import LocalGateway
from kilo_sdk.relay import RedisStreamStore, StoreError, StreamLog, WebSocketRelay
from kilo_sdk.relay.events import Ended, RelayEvent, Started, Text
from kilo_sdk.relay.redis_keys import APPEND, RedisKeys
from kilo_sdk.relay.store import StreamWriter

redis_asyncio = pytest.importorskip(
    "redis.asyncio", reason="the Redis store needs the extra 'relay-redis'"
)
SERVER = shutil.which("redis-server")
pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(SERVER is None, reason="no redis-server here; apt install redis-server"),
]


class Redis:
    """A server of its own on a free port of this machine, holding nothing on disk."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        assert SERVER is not None
        options = ("--save", "", "--appendonly", "no", "--bind", "127.0.0.1")
        self.process = subprocess.Popen(
            [SERVER, "--port", str(self.port), *options],
            cwd=self.directory,
            stdout=subprocess.DEVNULL,
        )
        for _ in range(600):
            with socket.socket() as probe:
                probe.settimeout(60)
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            self.process.poll()
            assert self.process.returncode is None
            time.sleep(0.05)
        raise AssertionError("redis-server does not listen")

    def pause(self) -> None:
        """Answer nothing, and refuse nobody, until ``go_on``."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Redis]:
    server = Redis(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def prefix(request: pytest.FixtureRequest) -> str:
    return f"{request.node.name}:"


@pytest.fixture
async def stores(redis: Redis, prefix: str) -> AsyncIterator[list[RedisStreamStore]]:
    made = [RedisStreamStore(redis.url, prefix=prefix, writer_timeout=0.6) for _ in range(2)]
    yield made
    for store in made:
        await store.close()


class Reader:
    """Reads a log to its end."""

    def __init__(self, log: StreamLog) -> None:
        self.log = log
        log.watch(self)

    def grown(self, event: RelayEvent, size: int) -> None:
        pass

    def failed(self) -> None:
        raise AssertionError(self.log.failure)

    async def events(self) -> list[RelayEvent]:
        with anyio.fail_after(60):
            while not self.log.ended:  # noqa: ASYNC110 - polling is what a test may do
                await anyio.sleep(0.005)
        self.log.unwatch(self)
        return list(self.log.events)


async def created(store: RedisStreamStore) -> StreamWriter:
    writer = await store.create("s", None)
    assert writer is not None
    return writer


async def found(store: RedisStreamStore, stream: str) -> StreamLog:
    log = await store.open(stream)
    assert log is not None
    return log


async def test_a_store_that_was_closed_meanwhile_begins_nothing(
    stores: list[RedisStreamStore],
) -> None:
    here, there = stores
    await here.close()
    with pytest.raises(StoreError, match="closed meanwhile"):
        await here.create("s", "anna")
    events = await Reader(await found(there, "s")).events()
    assert [event.kind for event in events] == ["error"]


async def test_it_closes_at_once_whatever_its_tasks_are_about(redis: Redis, prefix: str) -> None:
    # At each step of connecting and asking: redis-py may keep a cancellation to itself.
    for steps in range(40):
        store = RedisStreamStore(redis.url, prefix=f"{prefix}{steps}:", writer_timeout=60)
        writer = await created(store)
        for _ in range(steps):
            await asyncio.sleep(0)
        with elapsed(0, late=2.0):
            await store.close()
        assert not writer.log.ended


async def test_another_process_reads_what_is_written_exactly_once(
    stores: list[RedisStreamStore],
) -> None:
    here, there = stores
    writer = await here.create("s", "anna")
    assert writer is not None
    assert await found(here, "s") is writer.log
    writer.append(Started("r"))
    log = await found(there, "s")
    assert log.owner == "anna"
    assert await found(there, "s") is log
    reader = Reader(log)
    for number in range(1200):
        writer.append(Text(f"{number} "))
        if number % 100 == 0:
            await anyio.sleep(0.01)
    await writer.end(Ended("done", "stop"))
    assert await reader.events() == list(writer.log.events)
    assert log.state == "done"
    # Also for whoever comes when it is over, in a process that never wrote it.
    late = await found(here, "s")
    assert late is not writer.log
    assert (late.state, late.last_seq) == ("done", 1202), "it is known at once that it is over"
    assert await Reader(late).events() == list(writer.log.events)


async def test_what_was_stored_while_its_reply_was_lost_is_read_once(
    stores: list[RedisStreamStore],
) -> None:
    here, there = stores
    script, lost = here._scripts[APPEND], list[int]()

    async def losing(**given: Any) -> Any:
        told = await script(**given)
        if len(lost) < 2:
            lost.append(1)
            # More than was sent, by the time that it is sent again.
            writer.append(Text("meanwhile "))
            raise ConnectionError("reset")
        return told

    here._scripts[APPEND] = losing
    writer = await created(here)
    writer.append(Started())
    reader = Reader(await found(there, "s"))
    for number in range(5):
        writer.append(Text(f"{number} "))
    with anyio.fail_after(60):
        while len(lost) < 2:  # noqa: ASYNC110 - polling is what a test may do
            await anyio.sleep(0.005)
        await writer.end(Ended())
    assert len(writer.log.events) == 9
    assert await reader.events() == list(writer.log.events)
    assert await Reader(await found(here, "s")).events() == list(writer.log.events)


async def test_what_redis_lost_is_stored_again_and_read_once(
    stores: list[RedisStreamStore], redis: Redis, prefix: str, eventually: Any
) -> None:
    here, there = stores
    writer = await created(here)
    writer.append(Started())
    reader = Reader(await found(there, "s"))
    await eventually(lambda: reader.log.last_seq == 1)
    writer.append(Text("a"))
    writer.append(Text("b"))
    await eventually(lambda: reader.log.last_seq == 3)
    keys = RedisKeys.of(prefix, "s")
    async with redis_asyncio.from_url(redis.url) as raw:
        # As one that takes another's place, and has not heard of the last entries yet.
        await raw.delete(keys.log)
        await raw.xadd(keys.log, {"e": b'[{"type":"start"}]'}, id="1-0")
        await raw.hset(keys.meta, "seq", 1)
        writer.append(Text("c"))
        with anyio.fail_after(60):
            await writer.end(Ended())
        assert (await raw.hget(keys.meta, "seq"), writer.log.last_seq) == (b"5", 5)
    assert await reader.events() == list(writer.log.events)
    assert await Reader(await found(here, "s")).events() == list(writer.log.events)


async def test_a_reader_of_a_log_that_lost_its_end_is_told_that_it_is_over(
    stores: list[RedisStreamStore], redis: Redis, prefix: str, eventually: Any
) -> None:
    here, there = stores
    writer = await created(here)
    writer.append(Text("a"))
    log = await found(there, "s")
    reader = Reader(log)
    await eventually(lambda: log.last_seq == 1)
    async with redis_asyncio.from_url(redis.url) as raw:
        await raw.hset(RedisKeys.of(prefix, "s").meta, mapping={"state": "done"})
    assert [event.kind for event in await reader.events()] == ["text", "error"]
    assert log.state == "cut"


async def test_who_writes_is_settled_once_for_all_processes(
    stores: list[RedisStreamStore],
) -> None:
    here, there = stores
    made = await asyncio.gather(*(store.create("s", None) for store in stores * 10))
    (writer,) = [one for one in made if one is not None]
    await writer.end(Ended())
    assert await there.create("s", None) is None
    assert (await found(here, "s")).owner is None
    assert await there.open("unknown") is None


async def test_readers_learn_of_a_writer_that_died(stores: list[RedisStreamStore]) -> None:
    here, there = stores
    writer = await created(here)
    writer.append(Text("a"))
    log = await found(there, "s")
    reader = Reader(log)
    while not log.events:  # noqa: ASYNC110 - polling is what a test may do
        await anyio.sleep(0.005)
    assert list(log.events) == [Text("a")]
    # Its process is gone: nothing says any more that it lives.
    for task in list(here._tasks._tasks):
        task.cancel()
    events = await reader.events()
    assert (log.state, len(events)) == ("cut", 2)
    # For everyone, and for good.
    assert (await Reader(await found(there, "s")).events())[-1] == events[-1]


async def test_a_writer_that_was_given_up_stays_out(
    stores: list[RedisStreamStore], redis: Redis, prefix: str, caplog: pytest.LogCaptureFixture
) -> None:
    here, there = stores
    writer = await created(here)
    writer.append(Text("a"))
    await anyio.sleep(0.1)
    async with redis_asyncio.from_url(redis.url) as raw:
        keys = RedisKeys.of(prefix, "s")
        await raw.hset(keys.meta, mapping={"state": "cut"})
        writer.append(Text("b"))
        with anyio.fail_after(60):
            await writer.end(Ended())
        assert await raw.hget(keys.meta, "seq") == b"1"
    assert "store.fenced" in caplog.text
    assert (await found(there, "s")).state == "cut"


async def test_a_writer_that_was_given_up_is_for_those_who_read_it_here(
    stores: list[RedisStreamStore], redis: Redis, prefix: str, eventually: Any
) -> None:
    here, there = stores
    writer = await created(here)
    asked: list[int] = []
    writer.log.on_cancel = lambda: asked.append(1)
    writer.append(Text("a"))
    elsewhere = Reader(await found(there, "s"))
    await eventually(lambda: writer.is_wanted)
    async with redis_asyncio.from_url(redis.url) as raw:
        # As a reader elsewhere does it that takes its writer for dead.
        await raw.hset(RedisKeys.of(prefix, "s").meta, mapping={"state": "cut"})
    assert (await elsewhere.events())[-1].kind == "error"
    writer.append(Text("b"))
    await eventually(lambda: not writer.is_wanted)
    assert await found(here, "s") is writer.log
    assert not writer.log.ended
    await here.cancel("s")
    assert asked == [1]
    with anyio.fail_after(60):
        await writer.end(Ended("cancelled"))
    # Then there is but what the others were told.
    await eventually(lambda: "s" not in here._written)
    assert (await found(here, "s")).state == "cut"


async def test_cancel_reaches_the_process_that_writes(stores: list[RedisStreamStore]) -> None:
    here, there = stores
    asked = anyio.Event()
    writer = await created(here)
    writer.log.on_cancel = asked.set
    with anyio.fail_after(60):
        while not asked.is_set():
            # Until its process listens; once it does, once is enough.
            await there.cancel("s")
            await anyio.sleep(0.05)
    asked = anyio.Event()
    writer.log.on_cancel = asked.set
    await here.cancel("s")
    assert asked.is_set()


class Wire:
    """Between a store and Redis; a connection that is cut off stays open, and brings nothing."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis
        self._open: list[asyncio.StreamWriter] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._cut_off: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Wire:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"redis://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/0"
        return self

    async def __aexit__(self, *exc: object) -> None:
        self._server.close()
        for writer in self._open:
            writer.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut_off(self) -> None:
        """Bring nothing any more on those that are open now."""
        self._cut_off |= self._tasks

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self._redis.port)
        self._open += [writer, back]
        for pair in ((reader, back), (there, writer)):
            self._tasks.add(asyncio.create_task(self._carry(*pair)))

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            if asyncio.current_task() not in self._cut_off:
                writer.write(data)
        if asyncio.current_task() not in self._cut_off:
            writer.close()


async def test_cancel_reaches_the_process_whose_connections_were_dead(
    stores: list[RedisStreamStore], redis: Redis, prefix: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with Wire(redis) as wire:
        store = RedisStreamStore(wire.url, prefix=prefix, writer_timeout=0.6)
        try:
            writer = await store.create("s", None)
            assert writer is not None
            asked = anyio.Event()
            writer.log.on_cancel = asked.set
            await anyio.sleep(0.2)
            wire.cut_off()
            writer.append(Text("a"))
            with anyio.fail_after(60):
                while not asked.is_set():
                    # Until its process listens again; once it does, once is enough.
                    await stores[1].cancel("s")
                    await anyio.sleep(0.05)
                await writer.end(Ended("cancelled"))
            events = await Reader(await found(stores[1], "s")).events()
            assert events == [Text("a"), Ended("cancelled")]
        finally:
            await store.close()
    told = {record.getMessage().split(" ")[0] for record in caplog.records}
    assert told == {"store.failed", "store.back"}


async def test_a_writer_knows_that_someone_reads_elsewhere(
    stores: list[RedisStreamStore], eventually: Any
) -> None:
    here, there = stores
    writer = await created(here)
    writer.append(Text("a"))
    assert not writer.is_wanted
    reader = Reader(await found(there, "s"))
    await eventually(lambda: writer.is_wanted)
    reader.log.unwatch(reader)
    await eventually(lambda: not writer.is_wanted)


async def test_a_writer_that_never_pauses_knows_it_as_well(
    stores: list[RedisStreamStore],
) -> None:
    here, there = stores
    writer = await created(here)
    writer.append(Started())
    reader = Reader(await found(there, "s"))
    with anyio.fail_after(60):
        while not writer.is_wanted:
            writer.append(Text("a"))
            await anyio.sleep(0.01)
        reader.log.unwatch(reader)
        while writer.is_wanted:
            writer.append(Text("a"))
            await anyio.sleep(0.01)
    await writer.end(Ended())


async def test_an_ended_answer_that_cannot_be_read_is_told_as_such(
    stores: list[RedisStreamStore], redis: Redis, prefix: str
) -> None:
    here, there = stores
    writer = await created(here)
    await writer.end(Ended())
    async with redis_asyncio.from_url(redis.url) as raw:
        keys = RedisKeys.of(prefix, "s")
        await raw.delete(keys.log)
        await raw.xadd(keys.log, {"e": b'[{"type":"text","text":"a"}]'}, id="1-0")
        await raw.xadd(keys.log, {"e": b'[{"type":"hologram"}]'}, id="2-0")
        log = await found(there, "s")
        assert (log.state, list(log.events)) == (None, [Text("a")])
        assert log.failure is not None
        assert (log.failure.code, log.failure.stream) == ("internal", "s")
        # Nor is one that lacks a part of it.
        await raw.xdel(keys.log, "2-0")
        await raw.xadd(keys.log, {"e": b'[{"type":"done"}]'}, id="3-0")
        log = await found(there, "s")
        assert (log.state, list(log.events)) == (None, [Text("a")])
        assert log.failure is not None


async def test_what_is_stored_expires(redis: Redis, prefix: str) -> None:
    store = RedisStreamStore(redis.url, prefix=prefix, ttl=0.3, writer_timeout=0.2)
    writer = await store.create("s", None)
    assert writer is not None
    # Being written, it is kept for as long as that takes.
    await anyio.sleep(0.5)
    assert await store.open("s") is not None
    await writer.end(Ended())
    with anyio.fail_after(60):
        while await store.open("s") is not None:  # noqa: ASYNC110 - expiry tells no event
            await anyio.sleep(0.05)
    await store.close()
    await store.close()


async def test_redis_may_go_away_and_come_back(tmp_path: Path, caplog: Any) -> None:
    redis = Redis(tmp_path)
    redis.start()
    store = RedisStreamStore(redis.url, writer_timeout=30)
    writer = await store.create("s", None)
    assert writer is not None
    writer.append(Text("a"))
    await anyio.sleep(0.1)
    redis.stop()
    writer.append(Text("b"))
    with anyio.fail_after(60):
        while "store.failed" not in caplog.text:  # noqa: ASYNC110 - a log tells no event
            await anyio.sleep(0.01)
    assert list(writer.log.events) == [Text("a"), Text("b")], "readers here do not notice"
    with pytest.raises(StoreError, match="Redis cannot be used"):
        await store.create("t", None)
    await store.close()


async def test_a_redis_that_does_not_answer_is_waited_for_no_longer_than_a_writer() -> None:
    taken: list[asyncio.StreamWriter] = []

    def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        taken.append(writer)

    silent = await asyncio.start_server(take, "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    store = RedisStreamStore(f"redis://127.0.0.1:{port}/0", writer_timeout=0.2)
    try:
        for asked in (store.create("s", None), store.open("s"), store.cancel("s")):
            began = anyio.current_time()
            # Long before the client of Redis gives up by itself.
            with anyio.fail_after(4), pytest.raises(StoreError, match="TimeoutError"):
                await asked
            assert anyio.current_time() - began >= 0.2
        assert taken
    finally:
        await store.close()
        for writer in taken:
            writer.close()
        silent.close()
        await silent.wait_closed()


async def test_a_reader_waits_no_longer_than_for_a_writer_for_a_redis_that_does_not_answer(
    tmp_path: Path,
) -> None:
    redis = Redis(tmp_path)
    redis.start()
    here = RedisStreamStore(redis.url, writer_timeout=60)
    there = RedisStreamStore(redis.url, writer_timeout=0.2)
    try:
        writer = await here.create("s", None)
        assert writer is not None
        log = await found(there, "s")
        redis.pause()
        with anyio.fail_after(4):
            while log.failure is None:  # noqa: ASYNC110 - polling is what a test may do
                await anyio.sleep(0.005)
        assert (log.failure.code, log.state) == ("unavailable", None)
        redis.go_on()
        writer.append(Text("a"))
        again = await found(there, "s")
        assert again is not log
        reader = Reader(again)
        with anyio.fail_after(60):
            await writer.end(Ended())
        assert await reader.events() == [Text("a"), Ended()]
    finally:
        await here.close()
        await there.close()
        redis.stop()


async def test_a_writer_that_redis_did_not_answer_stores_everything_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    redis = Redis(tmp_path)
    redis.start()
    store = RedisStreamStore(redis.url, writer_timeout=0.4)
    try:
        writer = await store.create("s", None)
        assert writer is not None
        writer.append(Text("a"))
        await anyio.sleep(0.1)
        redis.pause()
        for number in range(3):
            # The first has reached Redis, which does what was asked once it goes on.
            writer.append(Text(f"{number}"))
            await anyio.sleep(0.3)
        redis.go_on()
        with anyio.fail_after(60):
            await writer.end(Ended())
            while store._written:  # noqa: ASYNC110 - polling is what a test may do
                await anyio.sleep(0.005)
        assert "store.failed stream=s TimeoutError" in caplog.text
        assert await Reader(await found(store, "s")).events() == list(writer.log.events)
    finally:
        await store.close()
        redis.stop()


def test_arguments_that_cannot_work_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="redis is a URL"):
        RedisStreamStore("10.0.0.7")


@pytest.mark.parametrize(
    "options",
    [
        {"writer_timeout": 0},
        {"writer_timeout": 0.0009, "flush_interval": 0},
        {"writer_timeout": math.nan},
        {"writer_timeout": 10, "ttl": 9},
        {"ttl": math.inf},
        {"ttl": math.nan},
        {"flush_interval": -1},
        {"flush_interval": math.nan},
        {"writer_timeout": 10, "flush_interval": 5.1},
    ],
)
def test_times_that_cannot_work_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(ConfigurationError, match="writer_timeout is seconds"):
        RedisStreamStore("redis://127.0.0.1", **options)


APP = """
import asyncio, sys
from aiohttp import web
from kilo_sdk import KiloClient
from kilo_sdk.relay import RedisStreamStore, WebSocketRelay

async def main():
    redis, prefix, gateway = sys.argv[1:]
    store = RedisStreamStore(redis, prefix=prefix, writer_timeout=1.0)
    async with KiloClient("key", base_url=gateway, default_model="openai/gpt-4.1") as client:
        relay = WebSocketRelay(client, store=store, linger=20)
        app = web.Application()
        async def chat(request):
            return await relay.serve(request)
        app.router.add_get("/ws", chat)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        print(runner.addresses[0][1], flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


async def test_two_processes_share_one_redis(
    redis: Redis, prefix: str, gateway: LocalGateway
) -> None:
    """Asked in one process, resumed and stopped in another; then the first one dies."""
    arguments = [sys.executable, "-c", APP, redis.url, prefix, gateway.base_url]
    apps = [
        await asyncio.create_subprocess_exec(*arguments, stdout=subprocess.PIPE) for _ in range(2)
    ]
    try:
        ports = []
        for app in apps:
            assert app.stdout is not None
            with anyio.fail_after(120):
                ports.append(int(await app.stdout.readline()))
        async with aiohttp.ClientSession() as session:

            async def connect(app: int) -> aiohttp.ClientWebSocketResponse:
                return await session.ws_connect(f"http://127.0.0.1:{ports[app]}/ws")

            async def hear(ws: Any, kind: str, frames: list[Any]) -> Any:
                while True:
                    with anyio.fail_after(120):
                        frames.append(json.loads((await ws.receive()).data))
                    if frames[-1]["type"] == kind:
                        return frames[-1]

            def text(frames: list[Any]) -> str:
                return "".join(frame["text"] for frame in frames if frame["type"] == "text")

            # A reader that moves to the other process gets the rest, exactly once.
            one, first = await connect(0), list[Any]()
            await one.send_json({"type": "prompt", "messages": "300 tokens"})
            await hear(one, "text", first)
            await hear(one, "text", first)
            await one.close()
            two, rest = await connect(1), list[Any]()
            resume = {"type": "resume", "stream": first[0]["stream"], "after": first[-1]["seq"]}
            await two.send_json(resume)
            done = await hear(two, "done", rest)
            assert text(first + rest) == done["message"]["content"]
            assert len(gateway.requests) == 1

            # Stopped from the other process.
            one, frames = await connect(0), list[Any]()
            await one.send_json({"type": "prompt", "messages": "5000 tokens"})
            start = await hear(one, "start", frames)
            await hear(one, "text", frames)
            await two.send_json({"type": "cancel", "stream": start["stream"]})
            assert (await hear(one, "done", frames))["state"] == "cancelled"
            with anyio.fail_after(60):
                while gateway.open_streams:  # noqa: ASYNC110 - the gateway tells no event
                    await anyio.sleep(0.01)

            # The process that writes is killed: the reader elsewhere is told.
            await one.send_json({"type": "prompt", "messages": "5000 tokens"})
            start = await hear(one, "start", frames)
            await hear(one, "text", frames)
            await two.send_json({"type": "resume", "stream": start["stream"]})
            await hear(two, "text", rest)
            apps[0].kill()
            error = await hear(two, "error", rest)
            assert (error["state"], error["code"]) == ("cut", "cut")
            await two.close()
            await one.close()
    finally:
        for app in apps:
            if app.returncode is None:
                app.kill()
            await app.wait()


async def test_a_relay_on_redis_answers(
    client: KiloClient, redis: Redis, prefix: str, serving: Any
) -> None:
    store = RedisStreamStore(redis.url, prefix=prefix)
    browser = await (await serving(WebSocketRelay(client, store=store)))()
    await browser.prompt("20 tokens")
    done = await browser.hear_until("done")
    assert browser.text() == done["message"]["content"]
    await browser.say(type="resume", stream=done["stream"])
    await browser.hear_until("start")
    again = await browser.hear_until("done")
    assert again == done


async def test_a_reader_elsewhere_gets_the_rest_once_redis_is_back(
    client: KiloClient, tmp_path: Path, serving: Any
) -> None:
    redis = Redis(tmp_path)
    redis.start()
    here = RedisStreamStore(redis.url, writer_timeout=60)
    there = RedisStreamStore(redis.url, writer_timeout=0.5)
    relay = WebSocketRelay(client, store=there)
    try:
        writer = await here.create("s", None)
        assert writer is not None
        writer.append(Started())
        for number in range(9):
            writer.append(Text(f"{number} "))
        browser = await (await serving(relay))()
        await browser.say(type="resume", stream="s")
        while browser.text() != "0 1 2 3 4 5 6 7 8 ":
            await browser.hear()
        redis.pause()
        writer.append(Text("9 "))
        assert await browser.hear() == {
            "type": "error",
            "seq": 0,
            "stream": "s",
            "code": "unavailable",
            "text": "answers cannot be read just now; try again later",
        }
        redis.go_on()
        await browser.say(type="resume", stream="s", after=browser.frames[-2]["seq"])
        await browser.hear_until("text")
        writer.append(Text("10 "))
        with anyio.fail_after(60):
            await writer.end(Ended())
        done = await browser.hear_until("done")
        assert (done["seq"], browser.text()) == (13, "0 1 2 3 4 5 6 7 8 9 10 ")
    finally:
        await relay.close()
        await here.close()
        await there.close()
        redis.stop()
