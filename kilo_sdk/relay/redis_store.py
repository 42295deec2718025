"""RedisStreamStore: answers that any process with the same Redis can go on reading.

Source: the Redis documentation of streams, XREAD, EVAL and PUBLISH.
"""

from __future__ import annotations

import importlib
import logging
import math
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING, Any, Final

import anyio

from kilo_sdk.background import BackgroundTasks
from kilo_sdk.config.extras import needs_extra
from kilo_sdk.errors import ConfigurationError
from kilo_sdk.lifetime import Lifetime
from kilo_sdk.relay.events import RelayEvent
from kilo_sdk.relay.log import StreamLog
from kilo_sdk.relay.redis_keys import (
    APPEND,
    BURY,
    CREATE,
    HEARTBEAT,
    RedisKeys,
    entries_of,
    packed,
    unpacked,
)
from kilo_sdk.relay.redis_limits import answered_within
from kilo_sdk.relay.redis_outage import RedisOutage
from kilo_sdk.relay.redis_writer import RedisWriter
from kilo_sdk.relay.refusals import CUT, RelayRefusedError, service_failed
from kilo_sdk.relay.store import StoreError, StreamWriter

if TYPE_CHECKING:
    from redis.asyncio import Redis

__all__ = ["RedisStreamStore"]

_log: Final = logging.getLogger("kilo_sdk.relay")
_CHANNEL: Final = "channel"
_BLOCK_S: Final = 0.5
_MOST_RETRY_S: Final = 2.0
# How long a log is followed that nobody here reads: a client may just be changing sockets.
_UNREAD_S: Final = 10.0


class RedisStreamStore:
    """See ``StreamStore``. Any number of processes may share one Redis; needs 5.0 or later.

    Needs the extra ``relay-redis``. Two processes with different clocks do not mind.

    Args:
        redis: A URL such as ``redis://127.0.0.1:6379/0``, or a client of ``redis.asyncio``,
            which stays open when the store closes.
        prefix: Of all keys.
        ttl: Seconds that an answer is kept after its end.
        writer_timeout: Seconds of silence after which a writer counts as dead, and Redis as
            away.
        flush_interval: Least seconds between two batches of one answer: what readers in
            other processes may lag behind.

    Raises:
        ConfigurationError: The extra is missing, or the arguments cannot work.
    """

    def __init__(
        self,
        redis: str | Redis,
        *,
        prefix: str = "kilo:relay:",
        ttl: float = 300.0,
        writer_timeout: float = 10.0,
        flush_interval: float = 0.02,
    ) -> None:
        # Whatever is told to Redis is whole milliseconds; and a writer that waits between two
        # batches is to be heard of before it counts as dead.
        if not (
            0.001 <= writer_timeout <= ttl < math.inf and 0 <= flush_interval <= writer_timeout / 2
        ):
            raise ConfigurationError(
                "writer_timeout is seconds from 0.001 and at most ttl, which is finite; "
                "flush_interval is from 0 and at most half of writer_timeout"
            )
        with needs_extra("relay-redis", what="RedisStreamStore"):
            asyncio_redis = importlib.import_module("redis.asyncio")
            errors = importlib.import_module("redis.exceptions")
        self._owns_redis = isinstance(redis, str)
        try:
            self._redis: Any = asyncio_redis.from_url(redis) if isinstance(redis, str) else redis
        except ValueError as exc:
            raise ConfigurationError(
                "redis is a URL such as redis://127.0.0.1:6379/0, or a client of redis.asyncio"
            ) from exc
        self._errors: tuple[type[Exception], ...] = (errors.RedisError, OSError)
        self._prefix = prefix
        self._ttl = ttl
        self._writer_timeout = writer_timeout
        self._flush_interval = flush_interval
        self._scripts = {
            text: self._redis.register_script(text) for text in (CREATE, APPEND, HEARTBEAT, BURY)
        }
        self._outage = RedisOutage()
        self._tasks = BackgroundTasks(Lifetime())
        self._written: dict[str, RedisWriter] = {}
        self._followed: dict[str, StreamLog] = {}
        self._listens = False

    async def create(self, stream: str, owner: str | None) -> StreamWriter | None:
        """Begin an answer; None where there is one of that id, in whatever process."""
        keys, token = RedisKeys.of(self._prefix, stream), secrets.token_hex(16)
        milliseconds = [int(self._ttl * 1000), int(self._writer_timeout * 1000)]
        arguments: list[Any] = [token, int(owner is not None), owner or "", *milliseconds]
        async with self._reached():
            is_new = await self._scripts[CREATE](keys=keys.all, args=arguments)
        if not is_new:
            return None
        writer = RedisWriter(
            StreamLog(stream, owner),
            keys,
            token,
            append=self._scripts[APPEND],
            heartbeat=self._scripts[HEARTBEAT],
            errors=self._errors,
            outage=self._outage,
            ttl=self._ttl,
            writer_timeout=self._writer_timeout,
            flush_interval=self._flush_interval,
        )
        try:
            self._tasks.start(self._write(writer), name=f"relay writer {stream}")
        except ConfigurationError as exc:
            # Whoever finds the answer learns of a writer that died.
            raise StoreError("the store was closed meanwhile") from exc
        self._written[stream] = writer
        if not self._listens:
            self._listens = True
            self._tasks.start(self._listen(), name="relay cancel")
        return writer

    async def open(self, stream: str) -> StreamLog | None:
        """Return the log of an answer, or None."""
        if writer := self._written.get(stream):
            return writer.log
        if log := self._followed.get(stream):
            return log
        keys = RedisKeys.of(self._prefix, stream)
        async with self._reached():
            writer_token, owner, state = await self._redis.hmget(
                keys.meta, ["writer", "owner", "state"]
            )
        if writer_token is None:
            return None
        # Another task may have opened it meanwhile.
        if log := self._followed.get(stream):
            return log
        log = StreamLog(stream, owner.decode() if isinstance(owner, bytes) else owner)
        if state is not None:
            # Nothing more comes: whoever asks learns at once that it is over, and where.
            with _readable(log):
                async with self._reached():
                    await self._copy_whole(log, keys)
            return log
        self._followed[stream] = log
        self._tasks.start(self._follow(log, keys), name=f"relay reader {stream}")
        return log

    async def cancel(self, stream: str) -> None:
        """Ask whoever writes an answer to stop, in whatever process."""
        if writer := self._written.get(stream):
            writer.log.cancel()
            return
        async with self._reached():
            await self._redis.publish(f"{self._prefix}cancel", stream)

    async def close(self) -> None:
        """Stop reading and writing; what is stored stays. Doing so twice is fine."""
        await self._tasks.close()
        if self._owns_redis:
            await self._redis.aclose()

    @asynccontextmanager
    async def _reached(self) -> AsyncIterator[None]:
        try:
            async with answered_within(self._writer_timeout):
                yield
        except self._errors as exc:
            raise StoreError(f"Redis cannot be used: {type(exc).__name__}") from exc

    async def _write(self, writer: RedisWriter) -> None:
        try:
            await writer.run()
        finally:
            self._written.pop(writer.log.stream, None)

    async def _listen(self) -> None:
        """Hear which answers other processes want to stop."""
        while True:
            try:
                async with self._redis.pubsub() as channel:
                    while True:
                        await self._hear(channel)
            except self._errors as exc:
                await anyio.sleep(self._outage.failed(_CHANNEL, exc, most=_MOST_RETRY_S))

    async def _hear(self, channel: Any) -> None:
        """Hear for as long as a silent Redis is trusted; it has answered at least by then."""
        until = anyio.current_time() + self._writer_timeout
        async with answered_within(self._writer_timeout):
            # Said again to the same connection, for Redis answers each time: a dead one looks
            # as if nobody wanted to stop anything.
            await channel.subscribe(f"{self._prefix}cancel")
        is_alive = False
        while (left := until - anyio.current_time()) > 0:
            # Heard for a while at a time, for it is between two that a lost cancellation shows.
            at_once = min(left, _BLOCK_S)
            async with answered_within(at_once + self._writer_timeout):
                message = await channel.get_message(timeout=at_once)
            if message is None:
                continue
            is_alive = True
            self._outage.reached(_CHANNEL)
            if message["type"] == "message":
                stream = message["data"]
                stream = stream.decode() if isinstance(stream, bytes) else stream
                if writer := self._written.get(stream):
                    writer.log.cancel()
        if not is_alive:
            raise TimeoutError

    async def _follow(self, log: StreamLog, keys: RedisKeys) -> None:
        """Copy a log from Redis while someone reads it here."""
        task, most = f"stream={log.stream}", min(_MOST_RETRY_S, self._writer_timeout / 4)
        unread_since = heard_at = anyio.current_time()
        try:
            with _readable(log):
                while not log.ended:
                    now = anyio.current_time()
                    if log.is_watched:
                        unread_since = now
                    elif now - unread_since > _UNREAD_S:
                        return
                    try:
                        async with answered_within(_BLOCK_S + self._writer_timeout):
                            await self._copy_more(log, keys)
                        heard_at = anyio.current_time()
                        self._outage.reached(task)
                    except self._errors as exc:
                        wait = self._outage.failed(task, exc, most=most)
                        if anyio.current_time() - heard_at > self._writer_timeout:
                            log.fail(_unavailable(log.stream))
                            return
                        await anyio.sleep(wait)
        finally:
            self._outage.forget(task)
            self._followed.pop(log.stream, None)

    async def _copy_more(self, log: StreamLog, keys: RedisKeys) -> None:
        redis = self._redis
        if log.is_watched:
            await redis.set(keys.watch, "", px=int(self._writer_timeout * 1000))
        block = int(_BLOCK_S * 1000)
        reply = await redis.xread({keys.log: f"{log.last_seq}-0"}, block=block, count=100)
        if not reply:
            arguments: list[Any] = [packed([CUT]), int(self._ttl * 1000)]
            if await self._scripts[BURY](keys=keys.all, args=arguments):
                await self._copy_whole(log, keys)
            return
        _extend(log, reply)

    async def _copy_whole(self, log: StreamLog, keys: RedisKeys) -> None:
        while not log.ended:
            reply = await self._redis.xread({keys.log: f"{log.last_seq}-0"}, count=1000)
            if reply:
                _extend(log, reply)
            else:
                # Expired or deleted by hand; or Redis had no room, or lost what was read already.
                log.append(CUT)


def _extend(log: StreamLog, reply: Any) -> None:
    """Add what XREAD returned, in one go: what a reader has to catch up with is few frames.

    Raises:
        ValueError: Something of it cannot be read; what comes before that is added.
    """
    events: list[RelayEvent] = []
    try:
        for seq, data in entries_of(reply):
            batch = unpacked(data)
            # Its writer begins anew where Redis lost what it had, and may have read on here.
            known = log.last_seq + len(events) - (seq - len(batch))
            if known < 0:
                raise ValueError("events are missing in the log")
            events += batch[known:]
    finally:
        log.extend(events)


@contextmanager
def _readable(log: StreamLog) -> Iterator[None]:
    """Fail a log whose next events cannot be read."""
    try:
        yield
    except ValueError:
        # Of a newer version of this SDK, while a fleet is being renewed.
        _log.exception("store.unreadable stream=%s", log.stream)
        log.fail(service_failed(stream=log.stream))


def _unavailable(stream: str) -> RelayRefusedError:
    words = "answers cannot be read just now; try again later"
    return RelayRefusedError(words, code="unavailable", stream=stream)
