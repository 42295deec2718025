"""Sending what a session has to one peer, as fast as the peer takes it and no faster."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from kilo_sdk.relay.framing import Framing
from kilo_sdk.relay.limits import RelayLimits
from kilo_sdk.relay.session import Session

__all__ = ["Outlet"]


class Outlet:
    """One peer's session, and the loop that sends it. One task runs it.

    Args:
        framing: How its frames look.
        limits: How slow the peer may be.
        send: Sends a frame, and waits while the peer does not take it.
        too_slow: Called when the peer is slower than the limits allow.
        at_once: Sends a frame that need not wait, and says whether it has; None where there is
            no such way.

    Attributes:
        session: What is to be sent.
        busy_at: When the peer last had an answer to read, by the loop's clock.
    """

    def __init__(
        self,
        framing: Framing,
        limits: RelayLimits,
        send: Callable[[bytes], Awaitable[None]],
        too_slow: Callable[[], None],
        at_once: Callable[[bytes], bool] | None = None,
    ) -> None:
        self.session = Session(
            framing, max_frame_chars=limits.max_frame_chars, wake=self._wake, over=self._over
        )
        self._limits = limits
        self._send = send
        self._too_slow = too_slow
        # A frame that is sent at once keeps to no pace.
        self._at_once = None if limits.min_interval else at_once
        self._loop = asyncio.get_running_loop()
        self._waiter: asyncio.Future[None] | None = None
        self._sending_since: float | None = None
        self._until_over = False
        self.busy_at = self._loop.time()

    @property
    def is_stuck(self) -> bool:
        """Whether a frame has waited longer than it may."""
        since, limit = self._sending_since, self._limits.send_timeout
        return since is not None and limit is not None and self._loop.time() - since >= limit

    def finish(self) -> None:
        """Let ``run`` return once nothing is followed and everything is sent."""
        self._until_over = True
        self._wake()

    async def run(
        self, *, until_over: bool = False, keepalive: tuple[float, bytes] | None = None
    ) -> None:
        """Send until cancelled.

        Args:
            until_over: Return once nothing is followed and everything is sent.
            keepalive: What to send when nothing was for so many seconds.
        """
        session, send, time = self.session, self._send, self._loop.time
        interval = self._limits.min_interval
        self._until_over |= until_over
        while True:
            frame = session.next_frame()
            if frame is None:
                if self._until_over and not len(session):
                    return
                grown = await self._grown(keepalive[0] if keepalive else None)
                self.busy_at = time()
                if grown or keepalive is None:
                    continue
                frame = keepalive[1]
            session.taken()
            self._sending_since = began = time()
            await send(frame)
            self._sending_since = None
            self.busy_at = began
            if interval:
                await asyncio.sleep(began + interval - time())

    async def _grown(self, timeout: float | None) -> bool:
        """Wait until there is more to send; False when it took longer than that."""
        self._waiter = waiter = self._loop.create_future()
        self.session.at_once = self._at_once
        try:
            if timeout is None:
                await waiter
                return True
            await asyncio.wait([waiter], timeout=timeout)
            return waiter.done()
        finally:
            self._waiter = self.session.at_once = None

    def _over(self) -> None:
        self.busy_at = self._loop.time()
        if self._until_over:
            self._wake()

    def _wake(self) -> None:
        waiter = self._waiter
        if waiter is not None:
            self.session.at_once = None
            if not waiter.done():
                waiter.set_result(None)
        elif (
            self._sending_since is not None
            and self.session.waiting_bytes > self._limits.max_waiting_bytes
        ):
            self._too_slow()
