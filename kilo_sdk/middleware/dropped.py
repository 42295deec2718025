"""What had to be left out of a history, and the one place where that is told.

Middleware notes it in ``OutgoingRequest.dropped``. The line is written when the request is
final, by who knows what was told of the same call before: a request is built again after a
401 and for each fallback model.

Source: GATEWAY 7 (what upstreams refuse to take back).
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from itertools import groupby
from typing import Final

import attrs

__all__ = ["DroppedPart", "tell_dropped"]

_logger: Final = logging.getLogger("kilo_sdk.replay")

_ROLES: Final = frozenset({"system", "developer", "user", "assistant", "tool"})
_MESSAGES_NAMED: Final = 8


def _known_role(role: object) -> str:
    # Whatever else stands there is the caller's, and nothing of theirs is logged.
    return role if isinstance(role, str) and role in _ROLES else "unknown role"


@attrs.frozen(slots=True)
class DroppedPart:
    """Something that was left out of one message of the history.

    Attributes:
        index: Position of the message in ``messages``, from 0.
        role: The message's role, or ``unknown role``.
        reason: Why, in a few fixed words; none of the message's own.
        count: How many parts, at least 1.
        malformed: Whether the history was wrong, and not only made for another model.
    """

    index: int
    role: str = attrs.field(converter=_known_role)
    reason: str
    count: int = 1
    malformed: bool = False


def tell_dropped(
    model: str, dropped: Iterable[DroppedPart], told: frozenset[DroppedPart]
) -> frozenset[DroppedPart]:
    """Write one line on the logger ``kilo_sdk.replay`` of what was not told before.

    A warning where something was malformed, else info. The record has the attributes
    ``model`` and ``dropped``, a tuple of ``DroppedPart``.

    Args:
        model: The gateway id of the model that is asked.
        dropped: What was left out of the request.
        told: What was told of this call before.

    Returns:
        All that was told of it now.
    """
    new = sorted({part for part in dropped if part not in told}, key=lambda part: part.index)
    if not new:
        return told
    named = [
        f"messages[{index}] ({role}) "
        + ", ".join(f"{part.reason} ({part.count})" for part in sorted(parts, key=_reason))
        for (index, role), parts in groupby(new, key=lambda part: (part.index, part.role))
    ]
    more = len(named) - _MESSAGES_NAMED
    _logger.log(
        logging.WARNING if any(part.malformed for part in new) else logging.INFO,
        "replay.dropped model=%s left out of the history: %s%s",
        model,
        "; ".join(named[:_MESSAGES_NAMED]),
        f"; and {more} more messages" if more > 0 else "",
        extra={"model": model, "dropped": tuple(new)},
    )
    return told.union(new)


def _reason(part: DroppedPart) -> str:
    return part.reason
