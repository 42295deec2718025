"""How much a client may do, and how long the relay waits for one."""

from __future__ import annotations

import math
from typing import Final

import attrs

from kilo_sdk.errors import ConfigurationError

__all__ = ["RelayLimits", "TokenBucket"]

_LEAST: Final = {
    "max_message_bytes": 128,
    "max_streams": 1,
    "max_invalid": 0,
    "messages_per_second": 0.001,
    "max_waiting_bytes": 1024,
    "max_frame_chars": 1,
    "max_answer_bytes": 1024,
}


@attrs.frozen(kw_only=True)
class RelayLimits:
    """Limits per socket. Durations are seconds; None is no limit, for those that may be None.

    Attributes:
        max_message_bytes: Longest message of a client; a longer one closes with 1009.
        max_streams: Answers at once, asked for or resumed; one more is refused.
        messages_per_second: Messages of a client, on average; three seconds' worth may come
            in a burst, and more closes with 1008.
        max_invalid: Messages that cannot be read; one more closes with 1008.
        max_waiting_bytes: What may come for a client while one frame waits to be taken; more
            closes with 4409.
        send_timeout: How long a frame may wait to be taken; longer closes with 4409.
        max_frame_chars: Waiting text is joined up to about this length of a frame.
        min_interval: Least time between two frames; what comes between is joined.
        max_answer_bytes: Longest answer, as it lies in memory: its text and tool calls, and
            some 64 bytes for each piece; a longer one is stopped with ``too_long``.
        idle_timeout: How long a socket without an answer may be silent; longer closes with
            4408.
        ping_interval: Time between pings; a client that answers none is gone. Of aiohttp's
            sockets; ASGI servers have a setting of their own.
        auth_timeout: How long the app's auth hook may take.
        close_timeout: How long the peer has to answer a close; what it did not take by then
            is thrown away.
    """

    max_message_bytes: int = 1024 * 1024
    max_streams: int = 4
    messages_per_second: float = 20.0
    max_invalid: int = 10
    max_waiting_bytes: int = 1024 * 1024
    send_timeout: float | None = 30.0
    max_frame_chars: int = 16 * 1024
    min_interval: float = 0.0
    max_answer_bytes: int = 16 * 1024 * 1024
    idle_timeout: float | None = 300.0
    ping_interval: float | None = 20.0
    auth_timeout: float | None = 10.0
    close_timeout: float = 2.0

    def __attrs_post_init__(self) -> None:
        for name, least in _LEAST.items():
            if not _is_number(value := getattr(self, name)) or value < least:
                raise ConfigurationError(f"{name} is a number, at least {least}")
        for name in ("send_timeout", "idle_timeout", "ping_interval", "auth_timeout"):
            value = getattr(self, name)
            if value is not None and not (_is_number(value) and value > 0):
                raise ConfigurationError(f"{name} is seconds above 0, or None for no limit")
        for name in ("min_interval", "close_timeout"):
            if not _is_number(value := getattr(self, name)) or value < 0:
                raise ConfigurationError(f"{name} is seconds from 0")


def _is_number(value: object) -> bool:
    """Return whether it can be compared and waited for: infinity breaks a server's timers."""
    return isinstance(value, int | float) and math.isfinite(value)


class TokenBucket:
    """So many on average, with a burst of three seconds' worth. Never reads a clock.

    Args:
        per_second: How many on average.
        now: Seconds, on the clock of the later calls.
    """

    __slots__ = ("_at", "_left", "_most", "_per_second")

    def __init__(self, per_second: float, now: float) -> None:
        self._per_second = per_second
        self._most = max(1.0, 3.0 * per_second)
        self._left = self._most
        self._at = now

    def take(self, now: float) -> bool:
        """Take one; False when none is left."""
        self._left = min(self._most, self._left + (now - self._at) * self._per_second)
        self._at = now
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True
