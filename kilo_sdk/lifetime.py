"""Whether a client is still open, and waits that end when it closes.

A wait between two tries may last a minute; ``close`` is not to be kept waiting for it, nor
is whoever called. Nothing here knows of connections.
"""

from __future__ import annotations

import asyncio

import anyio

from kilo_sdk.errors import ConfigurationError

__all__ = ["Lifetime"]


class Lifetime:
    """Open from the start, over after ``end``. For the tasks of one event loop.

    Attributes:
        over: Whether ``end`` was called; asked several times for each call.
    """

    __slots__ = ("_awaited", "_ended", "over")

    def __init__(self) -> None:
        self.over = False
        # Not anyio's: a client may be made where no loop runs. This one is bound to the
        # loop of the first wait.
        self._ended = asyncio.Event()
        self._awaited: set[asyncio.Future[None]] = set()

    def end(self) -> None:
        """End it, and every wait with it. Doing so twice is fine."""
        self.over = True
        self._ended.set()
        for future in self._awaited:
            if not future.done():
                future.set_result(None)

    def check_open(self) -> None:
        """Refuse to go on after the end.

        Raises:
            ConfigurationError: It is over.
        """
        if self.over:
            raise ConfigurationError(
                "the client is closed; make a new KiloClient, or keep this one open with "
                "'async with' around everything that uses it"
            )

    async def sleep(self, seconds: float) -> None:
        """Wait, unless the end comes first.

        Raises:
            ConfigurationError: It is over, before the wait or in the middle of it.
        """
        self.check_open()
        with anyio.move_on_after(seconds):
            await self._ended.wait()
        self.check_open()

    async def outlasting(self, future: asyncio.Future[None]) -> None:
        """Wait for something that others bring about, unless the end comes first.

        Raises:
            ConfigurationError: It is over, before the wait or in the middle of it.
        """
        self.check_open()
        self._awaited.add(future)
        try:
            await future
        finally:
            self._awaited.discard(future)
        self.check_open()
