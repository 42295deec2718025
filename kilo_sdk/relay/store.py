"""StreamStore: where answers are kept so that a client may come back for the rest.

A store holds, for each answer, an append-only log with an end state. Who writes one is settled
once, when it is created; the writer depends on no reader, and readers learn of a writer that
died: the log then ends with ``cut``.
"""

from __future__ import annotations

from typing import Protocol

from kilo_sdk.errors import KiloError
from kilo_sdk.relay.events import Ended, Failed, RelayEvent
from kilo_sdk.relay.log import StreamLog

__all__ = ["StoreError", "StreamStore", "StreamWriter"]


class StoreError(KiloError):
    """A store cannot be reached, or has no room."""


class StreamWriter(Protocol):
    """The one that writes an answer. For one task at a time.

    Attributes:
        log: What is written; readers in this process read from it directly.
        is_wanted: Whether someone in another process reads the answer.
    """

    log: StreamLog
    is_wanted: bool

    def append(self, event: RelayEvent) -> None:
        """Add an event; never waits, and never raises."""
        ...

    async def end(self, event: Ended | Failed) -> None:
        """Add the last event, and wait until the store has everything, within reason."""
        ...


class StreamStore(Protocol):
    """Any number of tasks of one event loop may use one at once."""

    async def create(self, stream: str, owner: str | None) -> StreamWriter | None:
        """Begin an answer, and settle that the caller writes it.

        Returns:
            None where there is one of that id already: someone else writes it.

        Raises:
            StoreError: The store cannot take it.
        """
        ...

    async def open(self, stream: str) -> StreamLog | None:
        """Return the log of an answer, which grows while it is written, wherever that is.

        The log goes on growing while it is watched, and for a moment before it first is. Where
        the rest cannot be read any more, it fails, and the next one that is opened is another.

        Returns:
            None where there is none of that id, or no more.

        Raises:
            StoreError: The store cannot be reached.
        """
        ...

    async def cancel(self, stream: str) -> None:
        """Ask whoever writes an answer to stop, wherever that is; one that ended is fine.

        Raises:
            StoreError: The store cannot be reached.
        """
        ...

    async def close(self) -> None:
        """Let go of connections and tasks; what is stored stays. Doing so twice is fine."""
        ...
