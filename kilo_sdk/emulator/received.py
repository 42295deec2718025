"""What the embedded gateway remembers of each request, for tests to look at."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

__all__ = ["ReceivedRequest"]


@attrs.define(slots=True, eq=False)
class ReceivedRequest:
    """One request, filled in as it is served. Times are the event loop's, in seconds.

    Attributes:
        method: ``GET`` or ``POST``.
        path: Path of the URL, without its query.
        headers: Names in lower case; of a repeated one, the last.
        arrived: When its headers were there.
        payload: The body as JSON, or None where it is none.
        disconnected_at: When the client closed the connection before the answer was
            through, whether anything was being sent or not; else None.
        completed_at: When the last byte of the answer was handed to the system; None for
            one that was left, cut by a fault, or is still on its way.
        status: HTTP status of the answer, or None while there is none.
        rejection: What was said about the reasoning in its history, where that was why it
            was refused; else None.
    """

    method: str
    path: str
    headers: Mapping[str, str] = attrs.field(repr=False)
    arrived: float
    payload: Any = attrs.field(default=None, repr=False)
    disconnected_at: float | None = None
    completed_at: float | None = None
    status: int | None = None
    rejection: str | None = None
