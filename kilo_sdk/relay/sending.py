"""One stream of an app's own, on its way to a socket that the app has accepted."""

from __future__ import annotations

import secrets

import anyio

from kilo_sdk.relay.connection import Connection
from kilo_sdk.relay.events import Started
from kilo_sdk.relay.framing import Framing
from kilo_sdk.relay.generation import EndedAnswer, Generation
from kilo_sdk.relay.limits import RelayLimits
from kilo_sdk.relay.log import LogWriter, StreamLog
from kilo_sdk.relay.protocol import Cancel, ClientMessage, CloseCode
from kilo_sdk.relay.refusals import RelayRefusedError
from kilo_sdk.relay.sockets import RelaySocket
from kilo_sdk.streaming import CompletionStream

__all__ = ["Sending"]


class Sending:
    """Copies a stream into a log that one connection reads. ``run`` it once.

    Args:
        stream: Open; closed when ``run`` returns.
        socket: Accepted.
        framing: How its frames look.
        limits: What the client may do.
        report_cost: Whether the client is told what the answer cost.
    """

    def __init__(
        self,
        stream: CompletionStream,
        socket: RelaySocket,
        framing: Framing,
        limits: RelayLimits,
        *,
        report_cost: bool,
    ) -> None:
        self._stream = stream
        self._log = StreamLog(secrets.token_urlsafe(16))
        writer = LogWriter(self._log)
        writer.append(Started())
        self._generation = Generation(
            writer, {}, max_bytes=limits.max_answer_bytes, report_cost=report_cost
        )
        self._log.on_unwatched = self._generation.cancel
        self._writing = anyio.CancelScope()
        self._connection = Connection(socket, framing, limits, None, self._act)
        self._connection.session.follow(self._log)

    @property
    def over(self) -> anyio.Event:
        """Set once nothing more is sent."""
        return self._connection.over

    @property
    def ended(self) -> EndedAnswer:
        """How it ended, once it has run."""
        return self._generation.ended(None)

    async def run(self) -> None:
        """Send the stream to its end, or until the client leaves or stops it."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._write)
            await self._connection.run(until_over=True)

    def finish(self, code: CloseCode) -> None:
        """Break the stream off, tell the client of the cut, and close its socket."""
        self._writing.cancel()
        self._connection.finish(code)

    def close(self, code: CloseCode) -> None:
        """Close the socket; what is still to be sent is not."""
        self._connection.close(code)

    async def _write(self) -> None:
        with self._writing:
            await self._generation.run(lambda: self._stream)

    async def _act(self, _: Connection, message: ClientMessage) -> None:
        if not isinstance(message, Cancel) or message.stream != self._log.stream:
            raise RelayRefusedError("only cancel is understood here, of the stream being sent")
        self._generation.cancel()
