"""Server-sent events: bytes as they arrive in, whole events out.

Sans-IO: nothing here awaits, reads a socket or knows what an event's data means. One
grammar serves ``feed`` (event objects) and ``feed_data`` (bare data, for the hot path).

Source: WHATWG HTML 9.2.5 (grammar) and 9.2.6 (interpretation, dispatch).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

import attrs

from kilo_sdk.errors import ConfigurationError, StreamProtocolError

__all__ = ["SSEParser", "ServerSentEvent"]

_T = TypeVar("_T")

_BOM: Final = b"\xef\xbb\xbf"
_MAY_BE_BOM: Final = (b"", _BOM[:1])
_COLON: Final = 0x3A
_CR: Final = 0x0D
_LF: Final = 0x0A
# Python converts this many digits whatever limit the process has set; a longer number
# is no duration anyone could wait for.
_RETRY_DIGITS_MAX: Final = 640


@attrs.frozen(slots=True)
class ServerSentEvent:
    """One dispatched event.

    Attributes:
        event: The event's type; ``"message"`` when the stream named none.
        data: The data lines joined by LF; bytes that are no UTF-8 are U+FFFD.
        id: The last event id the stream has given so far; ``""`` when none.
        retry: Milliseconds from a ``retry`` field of this event, else None.
    """

    event: str = "message"
    data: str = ""
    id: str = ""
    retry: int | None = None


class SSEParser:
    """Parses one event stream, whatever way it is cut into reads.

    The work is linear in the bytes fed, and what is kept between reads is the event that
    is not yet whole, never more than about twice ``max_event_bytes``. Not for use by two
    tasks at once.

    Args:
        max_event_bytes: Most bytes the lines of one event may have together, their line
            ends and comments not counted; also the most that one unfinished line, of a
            comment too, may have.
        flush_incomplete: Let ``close()`` dispatch an event the stream ended inside of,
            where WHATWG drops it.

    Raises:
        ConfigurationError: ``max_event_bytes`` is no whole number from 1 up.
    """

    __slots__ = (
        "_after_cr",
        "_at_start",
        "_data",
        "_event",
        "_event_bytes",
        "_failure",
        "_flush_incomplete",
        "_last_event_id",
        "_line",
        "_max_event_bytes",
        "_plain",
        "_retry",
    )

    def __init__(
        self, *, max_event_bytes: int = 64 * 1024 * 1024, flush_incomplete: bool = False
    ) -> None:
        if type(max_event_bytes) is not int or max_event_bytes < 1:
            raise ConfigurationError(
                f"max_event_bytes is {max_event_bytes!r}; it is a whole number from 1 up"
            )
        self._max_event_bytes = max_event_bytes
        self._flush_incomplete = flush_incomplete
        self._failure: str | None = None
        self._last_event_id = ""
        self._reset_stream()

    def _reset_stream(self) -> None:
        self._at_start = True  # a BOM may still come
        self._after_cr = False  # the last read ended in CR: an LF now belongs to it
        self._line = bytearray()  # the unfinished line
        # True when nothing but ``_line`` is pending: only then may reads take the fast way.
        self._plain = False
        self._reset_event()

    def _reset_event(self) -> None:
        self._data = bytearray()  # every data line with an LF after it, as the spec has it
        self._event = b""
        self._retry: int | None = None
        self._event_bytes = 0

    def feed(self, data: bytes) -> list[ServerSentEvent]:
        """Parse what has arrived and return the events it completes.

        Args:
            data: Bytes as read, any length; cuts may fall anywhere, inside a UTF-8
                sequence or between CR and LF.

        Returns:
            Events in order of arrival; empty while none is complete.

        Raises:
            StreamProtocolError: An event grew past ``max_event_bytes``. The parser is of
                no further use: feeding it again raises again.

        Source: WHATWG HTML 9.2.5 (grammar), 9.2.6 (dispatch).
        """
        plain = self._parse_plain(data)
        if plain is None:
            return self._parse(data, self._take_event)
        return [
            ServerSentEvent("message", body.decode("utf-8", "replace"), self._last_event_id)
            for body in plain
        ]

    def feed_data(self, data: bytes) -> list[bytes]:
        """Like ``feed``, but return only each event's data, as bytes and not decoded.

        For a stream whose types, ids and retry times do not matter, such as a
        chat-completions stream (GATEWAY 5). May be mixed with ``feed``.

        Returns:
            The data of each completed event, its lines joined by LF.

        Raises:
            StreamProtocolError: As in ``feed``.
        """
        plain = self._parse_plain(data)
        return self._parse(data, self._take_data) if plain is None else plain

    def close(self) -> list[ServerSentEvent]:
        """Tell the parser that the stream has ended.

        Afterwards it is ready for the stream of a reconnect: all is forgotten but the last
        event id (WHATWG HTML 9.2.3). After a failure it stays failed.

        Returns:
            The incomplete last event when ``flush_incomplete`` is set and it has data,
            else nothing.
        """
        if self._failure is not None:
            return []
        events: list[ServerSentEvent] = []
        if self._flush_incomplete:
            if self._line:
                self._take_line(bytes(self._line))
            if self._data:
                events.append(self._take_event())
        self._reset_stream()
        return events

    @property
    def in_event(self) -> bool:
        """Whether a stream that ended now would end inside an event.

        True while data, or an unfinished line that is or may become a ``data`` field, is
        pending. Comments and pending ``event``, ``id`` and ``retry`` fields do not count.
        """
        line = self._line
        return bool(self._data or line.startswith(b"data:") or (line and b"data".startswith(line)))

    @property
    def between_events(self) -> bool:
        """Whether nothing is pending, so that a read that holds whole events stands alone."""
        return self._plain and not self._line

    @property
    def pending_data(self) -> bytes:
        """The data of the event not yet dispatched, that of an unfinished line included.

        Shows a last ``data: [DONE]`` whose blank line never came; ``b""`` when there is
        no data.
        """
        data = bytes(self._data)
        if self._line.startswith(b"data:"):
            return data + bytes(self._line[5:]).removeprefix(b" ")
        return data[:-1]

    def _parse_plain(self, data: bytes) -> list[bytes] | None:
        """Take the reads that nearly all live streams consist of at C speed.

        These are ``data: ...`` lines and comments, each with one blank line after it, the
        last one possibly unfinished. None, with nothing changed, for all other reads.
        """
        if not self._plain:
            # At the start of a stream all depends on its first byte, which may be a BOM's.
            if not self._at_start or self._line or data[:1] in _MAY_BE_BOM or self._failure:
                return None
            self._at_start, self._plain = False, True
        line = self._line
        if _LF not in data:
            if _CR in data or len(line) + len(data) > self._max_event_bytes:
                return None
            line += data
            return []
        if line:
            # Joined only now that its end has come, so that a long line stays linear.
            data = b"".join((line, data))
        if _CR in data:
            data = data.replace(b"\r\n", b"\n")
            if _CR in data:
                return None
        if len(data) > self._max_event_bytes:
            return None
        if data.endswith(b"\n\n"):
            end = len(data) - 2
            rest = b""
        else:
            end = data.rfind(b"\n\n")
            rest = data[end + 2 :]
            if end < 0 or _LF in rest:
                return None
        bodies = None
        if data.startswith(b"data: "):
            bodies = [data[6:end]]
            if _LF in bodies[0]:
                bodies = bodies[0].split(b"\n\ndata: ")
                # Any LF left is not one of a separator. Joining costs less than counting.
                if _LF in b"".join(bodies):
                    bodies = None
        if bodies is None:
            lines = data[: end + 1].split(b"\n")
            if any(lines[1::2]):
                return None
            lines = lines[::2]
            bodies = [text[6:] for text in lines if text[:6] == b"data: "]
            comments = data.count(b"\n\n:", 0, end) + data.startswith(b":")
            if len(bodies) + comments != len(lines):
                return None
        if line or rest:
            self._line = bytearray(rest)
        return bodies

    def _parse(self, data: bytes, take: Callable[[], _T]) -> list[_T]:
        """Parse any read, calling ``take`` for each event that is to be dispatched."""
        if self._failure is not None:
            raise StreamProtocolError(self._failure)
        if self._at_start:
            data = self._without_bom(data)
        if self._after_cr and data:
            self._after_cr = False
            if data[0] == _LF:
                data = data[1:]
        if _CR in data:
            self._after_cr = data[-1:] == b"\r"
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        # bytes.split and not splitlines: U+2028, VT and their like end no line.
        lines = data.split(b"\n")
        rest = lines.pop()
        taken: list[_T] = []
        if lines and self._line:
            lines[0] = b"".join((self._line, lines[0]))
            self._line.clear()
        for line in lines:
            if line:
                self._take_line(line)
            else:
                if self._data:
                    taken.append(take())
                if self._event_bytes:
                    self._reset_event()
        self._line += rest
        self._limit_unfinished_line()
        self._plain = not (self._at_start or self._after_cr or self._event_bytes)
        return taken

    def _without_bom(self, data: bytes) -> bytes:
        """Drop one BOM at the start of the stream, keeping back what may become one."""
        data = bytes(self._line) + data
        self._line.clear()
        if len(data) < len(_BOM) and _BOM.startswith(data):
            self._line += data
            return b""
        self._at_start = False
        return data.removeprefix(_BOM)

    def _take_line(self, line: bytes) -> None:
        """Process one finished, non-empty line (WHATWG HTML 9.2.6)."""
        if line[0] == _COLON:
            return
        self._event_bytes += len(line)
        if self._event_bytes > self._max_event_bytes:
            self._fail()
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._data += value
            self._data += b"\n"
        elif name == b"event":
            self._event = value
        elif name == b"id":
            if b"\0" not in value:
                self._last_event_id = value.decode("utf-8", "replace")
        elif name == b"retry" and value.isdigit() and len(value) <= _RETRY_DIGITS_MAX:
            self._retry = int(value)

    def _take_event(self) -> ServerSentEvent:
        return ServerSentEvent(
            self._event.decode("utf-8", "replace") or "message",
            self._take_data().decode("utf-8", "replace"),
            self._last_event_id,
            self._retry,
        )

    def _take_data(self) -> bytes:
        del self._data[-1:]
        return bytes(self._data)

    def _limit_unfinished_line(self) -> None:
        line = self._line
        # A comment is no part of the event around it.
        before = 0 if line[:1] == b":" else self._event_bytes
        if before + len(line) > self._max_event_bytes:
            self._fail()

    def _fail(self) -> None:
        self._reset_stream()
        self._failure = (
            f"the stream holds an event or a line of more than {self._max_event_bytes} bytes "
            f"(max_event_bytes); if such events are expected, raise max_event_bytes"
        )
        raise StreamProtocolError(self._failure)
