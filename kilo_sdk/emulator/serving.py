"""Deliveries onto the connection: the only module that writes to a client.

Whoever leaves is noticed at once, also while nothing is being sent: the server cancels the
handler of a connection that is lost, and a write to a closed one raises.
"""

from __future__ import annotations

import asyncio
import math
import socket
import struct
from collections.abc import Sequence
from typing import cast

import attrs
from aiohttp import web

from kilo_sdk.emulator.delivery import Delivery

__all__ = ["Pace", "send"]

# Writing never waits while the client keeps up, so a long answer would hold the loop.
_WRITES_PER_TURN = 16


@attrs.frozen(slots=True)
class Pace:
    """How fast paced deliveries go.

    Attributes:
        ttft: Seconds before the first event.
        interval: Seconds between events, 0 for as fast as the client reads.
        events_per_write: Events that go out together.
    """

    ttft: float
    interval: float
    events_per_write: int

    @classmethod
    def of(cls, tokens_per_second: float | None, ttft: float, events_per_write: int) -> Pace:
        """Make a pace from what a gateway is told.

        Raises:
            ValueError: A number out of range.
        """
        if tokens_per_second is not None and not tokens_per_second > 0:
            raise ValueError("tokens_per_second is a number above 0, or None")
        if not 0 <= ttft < math.inf:
            raise ValueError("ttft is a number of seconds from 0 up")
        if events_per_write < 1:
            raise ValueError("events_per_write is 1 or more")
        interval = 0.0 if tokens_per_second is None else 1 / tokens_per_second
        return cls(ttft, interval, events_per_write)


async def send(request: web.BaseRequest, delivery: Delivery, pace: Pace) -> web.StreamResponse:
    """Send a delivery and end it as it says.

    Returns:
        The response, which the server must be given back. A delivery that hangs returns
        only by cancellation.

    Raises:
        ConnectionError: The client is gone.
    """
    if delivery.delay:
        await asyncio.sleep(delivery.delay)
    response = web.StreamResponse(status=delivery.status, headers=delivery.headers)
    if delivery.length is not None:
        response.content_length = delivery.length
    await response.prepare(request)
    await _write(response, delivery, [delivery.prelude] if delivery.prelude else [])
    if not delivery.paced:
        await _write(response, delivery, delivery.parts)
    else:
        await _write_paced(response, delivery, pace)
    if delivery.endless:
        sign_of_life, interval = delivery.endless
        while True:
            await response.write(sign_of_life)
            await asyncio.sleep(interval)
    await _end(request, response, delivery)
    return response


async def _write(
    response: web.StreamResponse, delivery: Delivery, parts: Sequence[bytes | float]
) -> None:
    for count, part in enumerate(parts, start=1):
        if not isinstance(part, bytes):
            await asyncio.sleep(part)
        elif delivery.bytewise:
            for position in range(len(part)):
                await response.write(part[position : position + 1])
                await asyncio.sleep(0)
        elif part:
            await response.write(part)
        if delivery.separate or count % _WRITES_PER_TURN == 0:
            await asyncio.sleep(0)


async def _write_paced(response: web.StreamResponse, delivery: Delivery, pace: Pace) -> None:
    if pace.ttft:
        await asyncio.sleep(pace.ttft)
    parts = cast("Sequence[bytes]", delivery.parts)
    step = pace.events_per_write
    if step > 1:
        parts = [b"".join(parts[start : start + step]) for start in range(0, len(parts), step)]
    if not pace.interval:
        await _write(response, delivery, parts)
        return
    now = asyncio.get_running_loop().time
    due = now()
    for part in parts:
        # Against a schedule, so that a late write does not delay all that follow.
        wait = due - now()
        if wait > 0:
            await asyncio.sleep(wait)
        await _write(response, delivery, [part])
        due += pace.interval * step


async def _end(request: web.BaseRequest, response: web.StreamResponse, delivery: Delivery) -> None:
    if delivery.ending == "clean":
        await response.write_eof()
        return
    if delivery.ending == "hang":
        await asyncio.get_running_loop().create_future()
    transport = request.transport
    if transport is None:
        raise ConnectionResetError("the client is gone")
    # What was written must have left before the connection does.
    while transport.get_write_buffer_size():  # noqa: ASYNC110 - transports tell no event
        await asyncio.sleep(0.001)
    if delivery.ending == "reset":
        lingering = struct.pack("ii", 1, 0)
        transport.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, lingering
        )
    transport.abort()
