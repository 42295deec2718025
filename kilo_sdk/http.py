"""Connections and bytes: the code on a call's path that touches aiohttp.

It opens connections, sends one request, hands out bytes as they arrive under the clocks
of the call, and lets no failure through untranslated (``foreign_errors``). It knows
nothing of models, chunks or retries.

Source: GATEWAY 1 (the wire), GATEWAY 5 (closing the connection stops generation).
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import Mapping
from math import inf
from typing import Final, NoReturn
from weakref import WeakSet

import aiohttp

from kilo_sdk.errors import (
    APITimeoutError,
    ConfigurationError,
    KiloError,
    ProtocolError,
    TimeoutPhase,
)
from kilo_sdk.foreign_errors import FOREIGN_ERRORS, api_error_of
from kilo_sdk.lifetime import Lifetime
from kilo_sdk.timeouts import CallClocks

__all__ = ["Connections", "Exchange", "api_error_of", "timeout_error"]

_KEEPALIVE_S: Final = 60.0
# Most seconds between two looks at whether the connection is still there.
_WATCH_S: Final = 1.0
# How long the end of a finished answer may take before its connection is given up.
_DRAIN_S: Final = 0.05
# aiohttp warns when more than this is passed as bytes; a file object is written in parts.
_BYTES_BODY_MAX: Final = 2**20


class _ClockExpiredError(Exception):
    """Set on aiohttp's reader to wake the task that waits there."""


class Connections:
    """The connections of one client, shared by all its views.

    Bound to the event loop of its first use. ``close`` may be called twice.

    Args:
        session: A session of the caller's, which is used and never closed.
        max_connections: Most connections open at once; 0 for no limit.

    Attributes:
        lifetime: Open until ``close``; ends the waits between tries.

    Raises:
        ConfigurationError: ``session`` is something else.
    """

    def __init__(
        self, *, session: aiohttp.ClientSession | None = None, max_connections: int = 0
    ) -> None:
        if session is not None and not isinstance(session, aiohttp.ClientSession):
            raise ConfigurationError(
                f"session is an aiohttp.ClientSession, not {type(session).__name__}"
            )
        self._given = session
        self._session: aiohttp.ClientSession | None = session
        self._max_connections = max_connections
        # A session is bound to the loop it was made in; asking it openly is deprecated.
        self._loop: asyncio.AbstractEventLoop | None = getattr(session, "_loop", None)
        self._exchanges: WeakSet[Exchange] = WeakSet()
        self.lifetime = Lifetime()

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
            APIConnectionError: No connection, or it broke before the headers came.
            APITimeoutError: The connect, first_token or total clock ran out.
            ProtocolError: What came is not HTTP.
            ConfigurationError: The client is closed or belongs to another event loop, or
                the URL is not valid.
        """
        loop = asyncio.get_running_loop()
        session = self._open_session(loop)
        clocks.start(loop.time())
        when = clocks.next_check()
        data = body if body is None or len(body) < _BYTES_BODY_MAX else io.BytesIO(body)
        scope = asyncio.timeout_at(None if when == inf else when)
        try:
            async with scope:
                response = await session.request(
                    method,
                    url,
                    data=data,
                    headers=headers,
                    allow_redirects=False,
                    raise_for_status=False,
                    timeout=aiohttp.ClientTimeout(total=None, connect=clocks.timeouts.connect),
                )
        except FOREIGN_ERRORS as exc:
            if isinstance(exc, TimeoutError) and scope.expired():
                # The loop may fire a shade early, by its clock's resolution.
                phase = clocks.expired(max(loop.time(), when)) or "first_token"
                raise timeout_error(clocks, phase, model) from exc
            if isinstance(exc, aiohttp.ServerTimeoutError):
                raise timeout_error(clocks, "connect", model) from exc
            raise api_error_of(exc, model=model) from exc
        except ValueError as exc:
            # aiohttp refuses what it cannot put on the wire with a bare ValueError.
            raise ConfigurationError(f"the request cannot be sent: {type(exc).__name__}") from exc
        finally:
            clocks.stop(loop.time())
        clocks.response_began()
        exchange = Exchange(response, clocks, loop, model)
        self._exchanges.add(exchange)
        return exchange

    def check_usable(self) -> None:
        """Raise ``ConfigurationError`` after ``close``, and on another loop than the first."""
        self.lifetime.check_open()
        if self._loop is not None:
            _check_loop(self._loop)

    async def close(self) -> None:
        """Close every connection; later use raises ``ConfigurationError``.

        Whoever waits for an answer gets an ``APIConnectionError``, whoever waits for the
        next try a ``ConfigurationError``.
        """
        self.lifetime.end()
        # A session that closes wakes nobody who reads from it.
        for exchange in list(self._exchanges):
            exchange.close()
        if self._session is not None and self._given is None:
            await self._session.close()

    def _open_session(self, loop: asyncio.AbstractEventLoop) -> aiohttp.ClientSession:
        self.lifetime.check_open()
        if self._loop is None:
            self._loop = loop
        _check_loop(self._loop)
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=self._max_connections, keepalive_timeout=_KEEPALIVE_S
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        elif self._session.closed:
            raise ConfigurationError("the aiohttp session given to the client is closed")
        return self._session


class Exchange:
    """One response, read as it arrives. For one task at a time.

    ``close`` may be called at any time and twice. Between ``start_wait`` and
    ``stop_wait`` the clocks run; whoever waits on after a ``read`` says so with ``go_on``.
    """

    __slots__ = (
        "__weakref__",
        "_clocks",
        "_closed",
        "_content",
        "_expired",
        "_failure",
        "_loop",
        "_model",
        "_response",
        "_time",
        "_timer",
    )

    def __init__(
        self,
        response: aiohttp.ClientResponse,
        clocks: CallClocks,
        loop: asyncio.AbstractEventLoop,
        model: str | None,
    ) -> None:
        self._response = response
        self._content = response.content
        self._clocks = clocks
        self._loop = loop
        self._time = loop.time
        self._model = model
        self._closed = False
        self._timer: asyncio.TimerHandle | None = None
        self._expired: TimeoutPhase | None = None
        self._failure: KiloError | None = None

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self._response.status

    @property
    def headers(self) -> Mapping[str, str]:
        """The response headers; names match in any case."""
        return self._response.headers

    @property
    def content_type(self) -> str:
        """The media type in lower case without parameters; empty where none was sent."""
        return self.headers.get("Content-Type", "").partition(";")[0].strip().lower()

    @property
    def closed(self) -> bool:
        """Whether ``close`` or ``finish`` was called, or a failure closed the connection."""
        return self._closed

    def start_wait(self) -> None:
        """The caller asks for something: the clocks run.

        Raises:
            ConfigurationError: The response belongs to another event loop.
        """
        if asyncio.get_running_loop() is not self._loop:
            _refuse_loop()
        self._clocks.start(self._time())
        # One timer serves many waits. No deadline ever moves to an earlier time, so one that
        # is set fires soon enough, finds out how things stand, and is set again.
        if self._timer is None:
            self._set_timer()

    def go_on(self) -> None:
        """What was read is not what the caller waits for: alive, but no progress."""
        self._clocks.byte(self._time())

    def stop_wait(self) -> None:
        """The caller has something: the clocks stand still."""
        self._clocks.stop(self._time())

    async def read(self) -> bytes:
        """Return what one network read brought; ``b""`` at the end of the body.

        What had arrived before a failure is returned first; the failure is raised by the
        next call.

        Raises:
            APITimeoutError: The first_token, idle, stall or total clock ran out.
            APIConnectionError: The connection broke inside the body.
        """
        if self._failure is not None:
            raise self._failure
        try:
            return await self._content.readany()
        except _ClockExpiredError as exc:
            phase = self._expired or "total"
            self._failure = timeout_error(self._clocks, phase, self._model)
            self._failure.__cause__ = exc
        except FOREIGN_ERRORS as exc:
            self._failure = api_error_of(exc, model=self._model)
            self._failure.__cause__ = exc
        except BaseException:
            # Cancelled: generation stops, and is billed, only when the server sees a close.
            self.close()
            raise
        rest = self._buffered_before_failure()
        self.close()
        if not rest:
            raise self._failure
        return rest

    async def read_all(self, limit: int) -> bytes:
        """Return the whole body.

        Raises:
            APITimeoutError, APIConnectionError: As in ``read``.
            ProtocolError: The body is longer than ``limit`` bytes.
        """
        self.start_wait()
        try:
            return await self.read_rest(limit)
        finally:
            self.stop_wait()

    async def read_rest(self, limit: int) -> bytes:
        """Like ``read_all``, inside a wait that has begun."""
        parts: list[bytes] = []
        size = 0
        while data := await self.read():
            self.go_on()
            parts.append(data)
            size += len(data)
            if size > limit:
                self.close()
                raise ProtocolError(
                    f"the answer is longer than {limit} bytes; nothing of it was used",
                    model=self._model,
                )
        return b"".join(parts)

    async def finish(self) -> None:
        """Give the connection back for the next request, or close it.

        An answer that is complete may still lack the end of its body; that is awaited for
        a moment, for a connection can only be used again after it.
        """
        if self._closed:
            return
        try:
            if not self._content.at_eof():
                async with asyncio.timeout(_DRAIN_S):
                    while await self._content.readany():
                        pass
        except FOREIGN_ERRORS:
            self.close()
        finally:
            self.close(reuse=self._content.is_eof())

    def close(self, *, reuse: bool = False) -> None:
        """Close the connection at once; with ``reuse`` give it back instead."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._closed:
            return
        self._closed = True
        if reuse:
            self._response.release()
        elif not self._loop.is_closed():
            self._response.close()

    def _set_timer(self) -> None:
        due = min(self._clocks.next_check(), self._loop.time() + _WATCH_S)
        self._timer = self._loop.call_at(due, self._check_clocks)

    def _check_clocks(self) -> None:
        self._timer = None
        # A loop that was held up elsewhere reads what came in time and finds the clock run
        # out in the same turn: the task that waits for those bytes goes first.
        self._loop.call_soon(self._enforce_clocks)

    def _enforce_clocks(self) -> None:
        if self._closed:
            return
        phase = self._clocks.expired(self._loop.time())
        if phase is not None:
            self._expired = phase
            self._content.set_exception(_ClockExpiredError(phase))
        elif self._is_abandoned():
            self._content.set_exception(aiohttp.ClientPayloadError("closed inside the body"))
        elif self._timer is None:
            self._set_timer()

    def _is_abandoned(self) -> bool:
        """Whether the connection is gone and nobody told the reader.

        aiohttp closes it without a word to the reader when chunks are not framed as they
        must be, for one when a proxy writes an error page into the middle of a stream.
        """
        content, connection = self._content, self._response.connection
        if connection is None or content.is_eof() or content.exception() is not None:
            return False
        return connection.transport is None or connection.transport.is_closing()

    def _buffered_before_failure(self) -> bytes:
        # aiohttp refuses to hand out what it has once an error is set, and what came
        # before a cut belongs to the caller. No public way leads there.
        buffer = self._content._buffer
        rest = b"".join(buffer)
        buffer.clear()
        return rest


def _check_loop(loop: asyncio.AbstractEventLoop) -> None:
    if asyncio.get_running_loop() is not loop:
        _refuse_loop()


def _refuse_loop() -> NoReturn:
    raise ConfigurationError(
        "the client belongs to another event loop; make one KiloClient per event loop "
        "(each asyncio.run has its own)"
    )


def timeout_error(clocks: CallClocks, phase: TimeoutPhase, model: str | None) -> APITimeoutError:
    """Return the exception for a clock that ran out."""
    message = f"{clocks.explain(phase)} ({phase} timeout)"
    if model:
        message = f"{message}; model {model}"
    return APITimeoutError(message, phase=phase, model=model)
