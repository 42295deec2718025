"""What one socket is to be sent next: places in logs, and words about its own messages.

A session holds no text of any answer, only how far each was sent, so that a slow reader costs
what a quick one does. It never awaits and never reads a clock.
"""

from __future__ import annotations

from collections.abc import Callable

import attrs

from kilo_sdk.relay.coalescing import next_joined
from kilo_sdk.relay.events import RelayEvent
from kilo_sdk.relay.framing import Framing
from kilo_sdk.relay.log import StreamLog
from kilo_sdk.relay.refusals import RelayRefusedError

__all__ = ["Session"]


@attrs.define(eq=False)
class _View:
    """A reader's place in a log: the next event to send has the sequence number at + 1."""

    session: Session
    log: StreamLog
    at: int
    request: str | None

    def grown(self, event: RelayEvent, size: int) -> None:
        """See ``LogWatcher``."""
        self.session.grown(self, event, size)

    def failed(self) -> None:
        """See ``LogWatcher``."""
        self.session.failed()


class Session:
    """The answers that one socket follows, and what waits for it. For one event loop.

    Args:
        framing: How its frames look.
        max_frame_chars: Waiting text is joined up to about so many characters.
        wake: Called when there is something to send.
        over: Called when the last frame of an answer was sent at once.

    Attributes:
        waiting_bytes: What has come since ``taken`` was last called.
        at_once: Sends a frame without waiting, or says that it cannot be. Set while nothing
            waits to be sent, so that no frame overtakes another; None where there is no such
            way.
    """

    def __init__(
        self,
        framing: Framing,
        *,
        max_frame_chars: int,
        wake: Callable[[], None],
        over: Callable[[], None],
    ) -> None:
        self.framing = framing
        self.waiting_bytes = 0
        self.at_once: Callable[[bytes], bool] | None = None
        self._max_frame_chars = max_frame_chars
        self._wake = wake
        self._over = over
        # Lists, and short ones: an empty deque holds 760 bytes, for each socket that is silent.
        self._said: list[bytes] = []
        self._views: dict[str, _View] = {}
        # Whose turn it is, when several answers are being written.
        self._turn: list[_View] = []

    def __len__(self) -> int:
        """Answers that it follows."""
        return len(self._views)

    def __contains__(self, stream: str) -> bool:
        return stream in self._views

    @property
    def unsaid(self) -> int:
        """Frames about its own messages that wait to be sent."""
        return len(self._said)

    def grown(self, view: _View, event: RelayEvent, size: int) -> None:
        """A log that it follows has grown; its newest event is that one."""
        at_once, seq = self.at_once, view.at + 1
        if at_once is not None:
            log = view.log
            # One event more than the reader has, which keeps up: it need not wait for its turn.
            if seq == len(log.events) and at_once(self.framing.event(log.stream, seq, event)):
                view.at = seq
                if log.state is not None:
                    self.leave(log.stream)
                    self._over()
                return
        self.waiting_bytes += size
        self._wake()

    def failed(self) -> None:
        """A log that it follows goes on no more, and has something to tell in its turn."""
        self._wake()

    def taken(self) -> None:
        """The peer has taken what was sent."""
        self.waiting_bytes = 0

    def follow(self, log: StreamLog, after: int = 0, *, request: str | None = None) -> None:
        """Send a log's events from the one after ``after``; a second time goes on from there.

        Args:
            log: Of the answer.
            after: The last number that the client has.
            request: The client's id of the prompt that led to it, for what no event can tell.
        """
        view = _View(self, log, after, request)
        # Before it is left: its writer would think that nobody reads any more.
        log.watch(view)
        self.leave(log.stream)
        if log.ended and after >= log.last_seq:
            # Whoever asks does not know how it ended; a writer that died may have been ahead
            # of its log.
            view.at = log.last_seq - 1
        self._views[log.stream] = view
        self._turn.append(view)
        # As if what is there had just come: the first frame need not wait for its turn either.
        if log.events:
            self.grown(view, log.events[-1], 0)
        if log.failure is not None:
            self.failed()

    def leave(self, stream: str) -> None:
        """Follow an answer no more; one that is not followed is fine."""
        view = self._views.pop(stream, None)
        if view is not None:
            self._turn.remove(view)
            view.log.unwatch(view)

    def leave_all(self) -> None:
        """Follow nothing any more."""
        for stream in tuple(self._views):
            self.leave(stream)

    def say(self, refusal: RelayRefusedError) -> None:
        """Tell the client what was wrong with its message."""
        self._said.append(self.framing.refusal(refusal))
        self._wake()

    def next_frame(self) -> bytes | None:
        """Return what is to be sent now, or None while nothing is.

        Answers take turns. One whose last frame is returned is followed no more, nor is one that
        cannot be read on: that is told without a number, for the next one is to come.
        """
        if self._said:
            return self._said.pop(0)
        turn = self._turn
        for _ in range(len(turn)):
            view = turn.pop(0)
            turn.append(view)
            log = view.log
            if view.at < len(log.events):
                event, view.at = next_joined(log.events, view.at, max_chars=self._max_frame_chars)
                frame = self.framing.event(log.stream, view.at, event)
                if log.ended and view.at == len(log.events):
                    self.leave(log.stream)
                return frame
            if log.ended:
                # Its writer died behind what this reader had.
                view.at = len(log.events) - 1
                return self.next_frame()
            if log.failure is not None:
                self.leave(log.stream)
                failure = log.failure.about(stream=log.stream, request=view.request)
                return self.framing.refusal(failure)
        return None
