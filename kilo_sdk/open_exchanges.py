"""OpenExchanges: the answers of one client that are being read, looked after together.

A stream's clocks run out in minutes, if ever. A timer for each stream would fire once a second
all the same, to find out whether its connection is still there: at ten thousand streams more
often than their tokens come. One timer for all of them asks each in turn.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from kilo_sdk.exchange import Exchange

__all__ = ["WATCH_S", "OpenExchanges"]

WATCH_S: Final = 1.0
"""Seconds between two looks at an exchange, about."""
# Those looked at in one turn of the loop, so that tokens do not wait for all of ten thousand.
_AT_ONCE: Final = 500


class OpenExchanges:
    """The exchanges that are not closed. For one event loop."""

    __slots__ = ("_exchanges", "_timer")

    def __init__(self) -> None:
        self._exchanges: set[Exchange] = set()
        # Set as long as there is a round to come, or one under way.
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._exchanges)

    def __iter__(self) -> Iterator[Exchange]:
        return iter(self._exchanges)

    def add(self, exchange: Exchange, loop: asyncio.AbstractEventLoop) -> None:
        """Look after an exchange until it is discarded."""
        self._exchanges.add(exchange)
        if self._timer is None:
            self._set_timer(loop)

    def discard(self, exchange: Exchange) -> None:
        """Let an exchange go; one that is not there is fine."""
        self._exchanges.discard(exchange)

    def close(self) -> None:
        """Close every exchange, from their own loop."""
        for exchange in list(self._exchanges):
            exchange.close()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _set_timer(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = loop.call_later(WATCH_S, self._begin_round, loop)

    def _begin_round(self, loop: asyncio.AbstractEventLoop) -> None:
        # A loop that was held up elsewhere reads what came in time and finds the clocks run
        # out in the same turn: the tasks that wait for those bytes go first.
        loop.call_soon(self._look, loop, list(self._exchanges))

    def _look(self, loop: asyncio.AbstractEventLoop, unseen: list[Exchange]) -> None:
        for exchange in unseen[-_AT_ONCE:]:
            exchange.look()
        del unseen[-_AT_ONCE:]
        if unseen:
            loop.call_soon(self._look, loop, unseen)
        elif self._exchanges:
            self._set_timer(loop)
        else:
            self._timer = None
