"""StreamLog: one answer as an append-only list of events, read from any place in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, Protocol

from kilo_sdk.relay.event_list import EventList
from kilo_sdk.relay.events import Ended, EndState, Failed, RelayEvent, Text
from kilo_sdk.relay.refusals import RelayRefusedError

__all__ = ["LogWatcher", "LogWriter", "StreamLog"]


# A tuple, for it is asked per token: a union of types would be made anew each time.
_LAST: Final = (Ended, Failed)


class LogWatcher(Protocol):
    """Whoever wants to know that a log has grown."""

    def grown(self, event: RelayEvent, size: int) -> None:
        """Take note; called while events are added, so it must neither wait nor raise.

        Args:
            event: The newest.
            size: About how many bytes were added.
        """
        ...

    def failed(self) -> None:
        """Take note that nothing more is added, and why; see ``StreamLog.fail``."""
        ...


class StreamLog:
    """The events of one answer. For the tasks of one event loop; one of them appends.

    The event at place n has the sequence number n + 1. Once a last event (``Ended``,
    ``Failed``) is in it, a log takes no more. A copy of one that is written elsewhere may end
    without: what came is in it, and ``failure`` says why the rest is not.

    Attributes:
        stream: The answer's id.
        owner: Who may read it, as the app's auth hook named them; None where it has none.
        events: All of them, in order; not to be changed from outside.
        size: About how many bytes they take.
        state: How the answer ended; None while it goes on.
        failure: Why no more of it can be read here; None while it can.
        on_unwatched: Called when the last of the watchers has left before the end.
        on_cancel: Called when someone asks the writer to stop.
    """

    __slots__ = (
        "_watchers",
        "events",
        "failure",
        "on_cancel",
        "on_unwatched",
        "owner",
        "size",
        "state",
        "stream",
    )

    def __init__(self, stream: str, owner: str | None = None) -> None:
        self.stream = stream
        self.owner = owner
        self.events = EventList()
        self.size = 0
        self.state: EndState | None = None
        self.failure: RelayRefusedError | None = None
        self.on_unwatched: Callable[[], None] | None = None
        self.on_cancel: Callable[[], None] | None = None
        self._watchers: list[LogWatcher] = []

    def __repr__(self) -> str:
        return f"<StreamLog {self.stream} {self.state or 'live'}, {len(self.events)} events>"

    @property
    def ended(self) -> bool:
        """Whether the last event is in it."""
        return self.state is not None

    @property
    def last_seq(self) -> int:
        """The sequence number of the newest event; 0 while there is none."""
        return len(self.events)

    @property
    def is_watched(self) -> bool:
        """Whether anyone reads it here."""
        return bool(self._watchers)

    def append(self, event: RelayEvent) -> int:
        """Add an event and tell the watchers; after the end, nothing is added.

        Returns:
            About how many bytes were added.
        """
        if self.state is not None:
            return 0
        size = self.events.append(event)
        self.size += size
        watchers: Sequence[LogWatcher] = self._watchers
        # Nearly every event is text: asked first, for this runs per token.
        if type(event) is not Text and isinstance(event, _LAST):
            self.state = event.state
            # Those that have taken the last event watch no more.
            watchers = tuple(watchers)
        for watcher in watchers:
            watcher.grown(event, size)
        return size

    def extend(self, events: Sequence[RelayEvent]) -> None:
        """Add events that came together, and tell the watchers once."""
        before, newest = self.size, None
        for event in events:
            if self.state is None:
                self.size += self.events.append(event)
                newest = event
                if isinstance(event, _LAST):
                    self.state = event.state
        if newest is not None:
            for watcher in tuple(self._watchers):
                watcher.grown(newest, self.size - before)

    def fail(self, failure: RelayRefusedError) -> None:
        """Say that no more of the answer can be read here; nothing is to be added then.

        It is no event, which would have the number of one that readers have yet to get: they
        may come back for the rest. A log that ended, or failed before, stays as it is.

        Args:
            failure: What they are told; names the stream.
        """
        if self.state is None and self.failure is None:
            self.failure = failure
            for watcher in tuple(self._watchers):
                watcher.failed()

    def watch(self, watcher: LogWatcher) -> None:
        """Tell a watcher of whatever comes from now on."""
        self._watchers.append(watcher)

    def unwatch(self, watcher: LogWatcher) -> None:
        """Tell it no more; doing so twice is fine."""
        if watcher in self._watchers:
            self._watchers.remove(watcher)
            if not self._watchers and self.state is None and self.on_unwatched is not None:
                self.on_unwatched()

    def cancel(self) -> None:
        """Ask whoever writes to stop; where nobody does, nothing happens."""
        if self.on_cancel is not None:
            self.on_cancel()


class LogWriter:
    """See ``StreamWriter``: into a log of this process alone, so that nothing is waited for.

    Args:
        log: What is written.
    """

    is_wanted = False

    def __init__(self, log: StreamLog) -> None:
        self.log = log

    def append(self, event: RelayEvent) -> None:
        """Add an event."""
        self.log.append(event)

    def end_at_once(self, event: Ended | Failed) -> None:
        """Add the last event."""
        self.append(event)

    async def end(self, event: Ended | Failed) -> None:
        """Add the last event."""
        self.end_at_once(event)
