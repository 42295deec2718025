"""Events that wait for a slow reader, joined into as few as say the same.

The log is the buffer: a reader is a place in it, so that however many readers are slow, no
event is held twice. Values to values; nothing here waits.
"""

from __future__ import annotations

from collections.abc import Sequence

from kilo_sdk.relay.events import Reasoning, RelayEvent, Text

__all__ = ["next_joined"]


def next_joined(events: Sequence[RelayEvent], at: int, *, max_chars: int) -> tuple[RelayEvent, int]:
    """Return what is to be sent next, and the place after it.

    Text that follows text, and reasoning that follows reasoning, becomes one event. Order is
    kept and nothing is left out: joined or not, the texts add up to the same.

    Args:
        events: A log's events; there is one at ``at``.
        at: Place of the first event that was not sent, from 0.
        max_chars: No more events are joined once so many characters are together.
    """
    event = events[at]
    after = at + 1
    # The reader keeps up, nearly always: one event waits, and is sent as it is.
    if after == len(events):
        return event, after
    if not isinstance(event, Text | Reasoning):
        return event, after
    cls = type(event)
    following = events[after]
    if not isinstance(following, cls):
        return event, after
    pieces = [event.text]
    size = len(event.text)
    while size < max_chars and after < len(events):
        following = events[after]
        if not isinstance(following, cls):
            break
        pieces.append(following.text)
        size += len(following.text)
        after += 1
    return cls("".join(pieces)), after
