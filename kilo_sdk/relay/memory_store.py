"""MemoryStreamStore: answers kept in this process, bounded in number, bytes and time."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

import attrs

from kilo_sdk.errors import ConfigurationError
from kilo_sdk.relay.events import Ended, Failed, RelayEvent
from kilo_sdk.relay.log import LogWriter, StreamLog
from kilo_sdk.relay.store import StoreError, StreamWriter

__all__ = ["MemoryStreamStore"]


@attrs.define(eq=False)
class _Kept:
    log: StreamLog
    ended_at: float | None = None


class MemoryStreamStore:
    """See ``StreamStore``. What it holds is gone with the process.

    Args:
        ttl: Seconds that an answer is kept after its end.
        max_streams: Most answers; of those that have ended the oldest make room.
        max_bytes: Most bytes of all answers together, likewise.
        clock: Returns seconds.
    """

    def __init__(
        self,
        *,
        ttl: float = 300.0,
        max_streams: int = 10_000,
        max_bytes: int = 256 * 1024 * 1024,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        # So that what is no number is refused.
        if not (ttl >= 0 and max_streams >= 1 and max_bytes >= 1):
            raise ConfigurationError("ttl is seconds from 0; max_streams and max_bytes from 1")
        self._ttl = ttl
        self._max_streams = max_streams
        self._max_bytes = max_bytes
        self._clock = clock
        self._bytes = 0
        self._live: dict[str, _Kept] = {}
        # In the order in which they ended, so that the oldest are in front.
        self._over: OrderedDict[str, _Kept] = OrderedDict()

    def __len__(self) -> int:
        """Answers that are held."""
        self._expire()
        return len(self._live) + len(self._over)

    @property
    def size(self) -> int:
        """About how many bytes they take."""
        return self._bytes

    async def create(self, stream: str, owner: str | None) -> StreamWriter | None:
        """Begin an answer; None where there is one of that id."""
        self._expire()
        if stream in self._live or stream in self._over:
            return None
        while len(self._live) + len(self._over) >= self._max_streams or (
            self._bytes >= self._max_bytes
        ):
            if not self._over:
                raise StoreError(
                    f"the store is full of answers being written: {len(self._live)} of "
                    f"{self._max_streams}, {self._bytes} bytes of {self._max_bytes}"
                )
            self._forget(next(iter(self._over)))
        log = StreamLog(stream, owner)
        self._live[stream] = _Kept(log)
        return _MemoryWriter(self, log)

    async def open(self, stream: str) -> StreamLog | None:
        """Return the log of an answer, or None."""
        self._expire()
        kept = self._live.get(stream) or self._over.get(stream)
        return None if kept is None else kept.log

    async def cancel(self, stream: str) -> None:
        """Ask whoever writes an answer to stop."""
        if kept := self._live.get(stream):
            kept.log.cancel()

    async def close(self) -> None:
        """Does nothing: there is nothing to let go of."""

    def grown(self, size: int) -> None:
        """Count what a writer has added."""
        self._bytes += size

    def ended(self, log: StreamLog) -> None:
        """Keep an answer that is over for a while."""
        if kept := self._live.pop(log.stream, None):
            kept.ended_at = self._clock()
            self._over[log.stream] = kept
            self._expire()

    def _expire(self) -> None:
        oldest = self._clock() - self._ttl
        while self._over:
            stream, kept = next(iter(self._over.items()))
            if kept.ended_at is None or kept.ended_at > oldest:
                return
            self._forget(stream)

    def _forget(self, stream: str) -> None:
        self._bytes -= self._over.pop(stream).log.size


class _MemoryWriter(LogWriter):
    def __init__(self, store: MemoryStreamStore, log: StreamLog) -> None:
        super().__init__(log)
        self._store = store

    def append(self, event: RelayEvent) -> None:
        self._store.grown(self.log.append(event))

    def end_at_once(self, event: Ended | Failed) -> None:
        self.append(event)
        self._store.ended(self.log)
