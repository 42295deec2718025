"""Writing an answer into Redis: its log is here, and a task copies it there in batches.

Readers in this process read the log itself, so that Redis adds nothing to their wait.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final

import anyio

from kilo_sdk.relay.events import Ended, Failed, RelayEvent
from kilo_sdk.relay.log import StreamLog
from kilo_sdk.relay.redis_keys import FENCED, RedisKeys, packed
from kilo_sdk.relay.redis_limits import answered_within
from kilo_sdk.relay.redis_outage import RedisOutage

__all__ = ["RedisWriter"]

_log: Final = logging.getLogger("kilo_sdk.relay")
_BATCH: Final = 500
# Less than what a reader elsewhere waits before it looks whether the writer is alive: where Redis
# is back after longer than that takes, both find it at once.
_MOST_RETRY_S: Final = 0.4

Script = Callable[..., Awaitable[Any]]


class RedisWriter:
    """See ``StreamWriter``. ``run`` it in a task for as long as the answer is written.

    Args:
        log: Empty.
        keys: Where it goes.
        token: Who writes, so that a writer that was given up for dead stays out.
        append: The script.
        heartbeat: The script.
        errors: What means that Redis cannot be reached.
        outage: Hears of it.
        ttl: Seconds that an answer is kept.
        writer_timeout: Seconds of silence after which a writer counts as dead.
        flush_interval: Least seconds between two batches.
    """

    def __init__(
        self,
        log: StreamLog,
        keys: RedisKeys,
        token: str,
        *,
        append: Script,
        heartbeat: Script,
        errors: tuple[type[Exception], ...],
        outage: RedisOutage,
        ttl: float,
        writer_timeout: float,
        flush_interval: float,
    ) -> None:
        self.log = log
        self.is_wanted = False
        self._keys = keys
        self._append = append
        self._heartbeat = heartbeat
        self._errors = errors
        self._outage = outage
        self._task = f"stream={log.stream}"
        self._token = token
        self._milliseconds = [int(ttl * 1000), int(writer_timeout * 1000)]
        self._beat_s = writer_timeout / 4
        # So that it is tried again, on another connection, before the writer counts as dead.
        self._answer_s = writer_timeout / 2
        self._flush_interval = flush_interval
        self._flushed = 0
        self._grown = anyio.Event()
        self._over = anyio.Event()

    def append(self, event: RelayEvent) -> None:
        """Add an event; never waits, and never raises."""
        self.log.append(event)
        self._grown.set()

    async def end(self, event: Ended | Failed) -> None:
        """Add the last event, and wait until Redis has everything."""
        self.append(event)
        await self._over.wait()

    async def run(self) -> None:
        """Copy until the end, however often Redis is away.

        One that was given up for dead copies no more, and is over once its answer is.
        """
        try:
            while True:
                try:
                    if await self._copy():
                        break
                except self._errors as exc:
                    wait = self._outage.failed(self._task, exc, most=_MOST_RETRY_S)
                    await anyio.sleep(wait)
        finally:
            self._outage.forget(self._task)
            self._over.set()
        while not self.log.ended:
            await self._growth()

    async def _copy(self) -> bool:
        """Copy what there is, or say that the writer lives; True once nothing is left to do."""
        events = self.log.events
        if self._flushed < len(events):
            batch = events[self._flushed : self._flushed + _BATCH]
            seq = self._flushed + len(batch)
            state = (self.log.state if seq == len(events) else None) or ""
            arguments = [*self._head(self._flushed), seq, packed(batch), state]
            told, stored = await self._told_by(self._append, arguments)
            if told == FENCED:
                return self._given_up()
            self.is_wanted = bool(told)
            self._flushed = stored
            if state and stored == seq:
                return True
            await anyio.sleep(self._flush_interval)
            return False
        with anyio.move_on_after(self._beat_s) as scope:
            await self._growth()
        if scope.cancelled_caught:
            told = await self._told_by(self._heartbeat, self._head(0))
            if told == FENCED:
                return self._given_up()
            self.is_wanted = bool(told)
        return False

    async def _told_by(self, script: Script, arguments: list[Any]) -> Any:
        async with answered_within(self._answer_s):
            told = await script(keys=self._keys.all, args=arguments)
        self._outage.reached(self._task)
        return told

    def _head(self, after: int) -> list[Any]:
        return [self._token, after, 0, *self._milliseconds]

    async def _growth(self) -> None:
        """Wait until an event is added."""
        self._grown = anyio.Event()
        await self._grown.wait()

    def _given_up(self) -> bool:
        # Readers elsewhere were told that it was cut. Those here go on: they have the log; once
        # they are gone, nobody is left who could read it.
        _log.warning("store.fenced stream=%s: it was given up for dead", self.log.stream)
        self.is_wanted = False
        return True
