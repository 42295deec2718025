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
    """Open from the start, over after ``end``. For the tasks of one event loop."""

    __slots__ = ("_awaited", "_over")

    def __init__(self) -> None:
        # Not anyio's: a client may be made where no loop runs. This one is bound to the
        # loop of the first wait.
        self._over = asyncio.Event()
        self._awaited: set[asyncio.Future[None]] = set()

    @property
    def over(self) -> bool:
        """Whether ``end`` was called."""
        return self._over.is_set()

    def end(self) -> None:
        """End it, and every wait with it. Doing so twice is fine."""
        self._over.set()
        for future in self._awaited:
            if not future.done():
                future.set_result(None)

    def check_open(self) -> None:
        """Refuse to go on after the end.

        Raises:
            ConfigurationError: It is over.
        """
        if self._over.is_set():
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
            await self._over.wait()
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
