"""How long an answer goes on being written while nobody reads it."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from typing import Final

from kilo_sdk.relay.store import StreamWriter

__all__ = ["Linger"]

# Whoever asks by one request and reads by another needs a moment in between.
_FIRST_READER_S: Final = 10.0


class Linger:
    """Gives an answer up once it has had no reader for so long. For one event loop.

    Args:
        writer: Whose answer it is.
        seconds: 0 gives it up at once; infinity never.
        give_up: Called once.
    """

    def __init__(self, writer: StreamWriter, seconds: float, give_up: Callable[[], None]) -> None:
        self._writer = writer
        self._seconds = seconds
        self._give_up = give_up
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin to look after it; a first reader has ten seconds at least."""
        self._writer.log.on_unwatched = self._unwatched
        if not self._writer.log.is_watched:
            self._arm(max(self._seconds, _FIRST_READER_S))

    def stop(self) -> None:
        """Look after it no more: it is over."""
        self._writer.log.on_unwatched = None
        if self._timer is not None:
            self._timer.cancel()

    def _unwatched(self) -> None:
        if self._seconds == 0 and not self._writer.is_wanted:
            self._give_up()
        else:
            self._arm(self._seconds or _FIRST_READER_S)

    def _arm(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if not math.isinf(seconds):
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(seconds, self._check, seconds)

    def _check(self, seconds: float) -> None:
        if self._writer.log.is_watched:
            return
        if self._writer.is_wanted:
            self._arm(seconds)
        else:
            self._give_up()
