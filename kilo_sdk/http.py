"""Connections: the code on a call's path that opens them and sends requests.

It sends one request under the clocks of the call and lets no failure through untranslated
(``foreign_errors``). It knows nothing of models, chunks or retries; what comes back is an
``Exchange``, which hands out the bytes.

Source: GATEWAY 1 (the wire).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import lru_cache
from time import monotonic
from typing import TYPE_CHECKING

import aiohttp

from kilo_sdk.deadline import Deadlines
from kilo_sdk.errors import APIConnectionError, ConfigurationError
from kilo_sdk.event_loops import cancellations, check_loop, clock_of
from kilo_sdk.exchange import Exchange, timeout_error
from kilo_sdk.foreign_errors import FOREIGN_ERRORS, api_error_of
from kilo_sdk.lifetime import Lifetime
from kilo_sdk.network import Network
from kilo_sdk.open_exchanges import OpenExchanges
from kilo_sdk.read_buffers import keep_read_buffers
from kilo_sdk.request_body import RequestBody
from kilo_sdk.timeouts import CallClocks

if TYPE_CHECKING:
    from aiohttp.typedefs import LooseHeaders

__all__ = ["Connections"]


class Connections:
    """The connections of one client, shared by all its views.

    Bound to the event loop of its first use. ``close`` may be called twice.

    Args:
        session: A session of the caller's, which is used and never closed.
        network: How connections are made, where there is no session.

    Attributes:
        lifetime: Open until ``close``; ends the waits between tries.
        network: How connections are made.

    Raises:
        ConfigurationError: ``session`` is something else.
    """

    def __init__(
        self, *, session: aiohttp.ClientSession | None = None, network: Network | None = None
    ) -> None:
        if session is not None and not isinstance(session, aiohttp.ClientSession):
            raise ConfigurationError(
                f"session is an aiohttp.ClientSession, not {type(session).__name__}"
            )
        self._given = session
        self._session: aiohttp.ClientSession | None = session
        self.network = network or Network()
        # A session is bound to the loop it was made in; asking it openly is deprecated.
        self._loop: asyncio.AbstractEventLoop | None = getattr(session, "_loop", None)
        self._deadlines: Deadlines | None = None
        self._time: Callable[[], float] = monotonic
        # The latest request's headers, and as aiohttp makes them: nearly always the next one's.
        self._latest: Mapping[str, str] | None = None
        self._headers: LooseHeaders = {}
        self._exchanges = OpenExchanges()
        self.lifetime = Lifetime()
        keep_read_buffers()

    @property
    def closed(self) -> bool:
        """Whether ``close`` was called."""
        return self.lifetime.over

    async def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None,
        clocks: CallClocks,
        model: str | None = None,
    ) -> Exchange:
        """Send a request and return once the response's headers are here.

        Redirects are not followed: the caller sees their status.

        Raises:
            APIConnectionError: No connection, or it broke before the headers came, or the
                client was closed meanwhile.
            APITimeoutError: The connect, first_token or total clock ran out.
            ProtocolError: What came is not HTTP.
            ConfigurationError: The client is closed or belongs to another event loop, or
                the URL is not valid.
        """
        loop = asyncio.get_running_loop()
        session = self._open_session(loop)
        deadlines = self._deadlines
        if deadlines is None:
            deadlines = self._deadlines = Deadlines(loop)
            self._time = clock_of(loop)
        proxy = self.network.proxy_for(url)
        clocks.start(self._time())
        when = clocks.next_check()
        deadline = deadlines.at(when)
        try:
            with deadline:
                response = await session.request(
                    method,
                    url,
                    data=None if body is None else RequestBody(body),
                    headers=self._made_headers(headers, session),
                    allow_redirects=False,
                    proxy=proxy,
                    raise_for_status=False,
                    timeout=_connect_timeout(clocks.timeouts.connect),
                )
        except FOREIGN_ERRORS as exc:
            if isinstance(exc, TimeoutError) and deadline.expired:
                if self.lifetime.over:
                    raise _closed_meanwhile("client", model) from None
                # The loop may fire a shade early, by its clock's resolution.
                phase = clocks.expired(max(loop.time(), when)) or "first_token"
                raise timeout_error(clocks, phase, model) from exc
            if isinstance(exc, aiohttp.ServerTimeoutError):
                raise timeout_error(clocks, "connect", model) from exc
            raise api_error_of(exc, model=model) from exc
        except asyncio.CancelledError:
            # A connector that closes cancels whoever waits for a connection of it.
            if session.closed and not cancellations():
                raise _closed_meanwhile("session", model) from None
            raise
        except ValueError as exc:
            # aiohttp refuses what it cannot put on the wire with a bare ValueError.
            raise ConfigurationError(f"the request cannot be sent: {type(exc).__name__}") from exc
        finally:
            clocks.stop(self._time())
        clocks.response_began()
        return Exchange(response, clocks, loop, model, self._exchanges, self._time)

    def _made_headers(
        self, headers: Mapping[str, str], session: aiohttp.ClientSession
    ) -> LooseHeaders:
        """Return the headers in aiohttp's own class, which it would make of them each time."""
        if headers != self._latest:
            made = session.headers.copy()
            made.clear()
            made.update(headers)
            # A copy: the header that counts retries is set where it stands.
            self._latest, self._headers = dict(headers), made
        return self._headers

    def check_usable(self) -> None:
        """Raise ``ConfigurationError`` after ``close``, and on another loop than the first."""
        self.lifetime.check_open()
        if self._loop is not None:
            check_loop(self._loop)

    def check_closable(self) -> None:
        """Raise ``ConfigurationError`` in another loop than theirs while that is running.

        Where theirs is over, any loop may close them.
        """
        if self._loop is not None and self._loop.is_running():
            check_loop(self._loop)

    async def close(self) -> None:
        """Close every connection; later use raises ``ConfigurationError``.

        Whoever waits for an answer gets an ``APIConnectionError``, whoever waits for the
        next try a ``ConfigurationError``.

        Raises:
            ConfigurationError: As in ``check_closable``; nothing was closed.
        """
        self.check_closable()
        self.lifetime.end()
        # A session that closes wakes nobody who reads from it, nor who waits for headers.
        self._exchanges.close()
        if self._deadlines is not None:
            self._deadlines.close()
        if self._session is not None and self._given is None:
            await self._session.close()

    def _open_session(self, loop: asyncio.AbstractEventLoop) -> aiohttp.ClientSession:
        self.lifetime.check_open()
        if self._loop is None:
            self._loop = loop
        elif self._loop is not loop:
            check_loop(self._loop)
        session = self._session
        if session is None:
            session = self._session = self.network.open_session()
        elif session is self._given and session.closed:
            raise ConfigurationError("the aiohttp session given to the client is closed")
        return session


def _closed_meanwhile(what: str, model: str | None) -> APIConnectionError:
    return APIConnectionError(f"the {what} was closed before the answer began", model=model)


@lru_cache(maxsize=16)
def _connect_timeout(seconds: float | None) -> aiohttp.ClientTimeout:
    """All other limits are the clocks' to watch."""
    return aiohttp.ClientTimeout(total=None, connect=seconds)
