"""EventList: the events of a log, held so that a long answer costs the process little."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, overload

from kilo_sdk.relay.events import Reasoning, RelayEvent, Text, size_of

__all__ = ["EventList"]

_TEXT: Final = 0
_REASONING: Final = 1
_OTHER: Final = 2


class EventList(Sequence[RelayEvent]):
    """Events in their order; what was added stays.

    Text and reasoning are held as strings, and made events again when someone reads them. As an
    object, each token would stay until its answer is let go; and the more objects stay, the more
    often Python's collector looks through what a process has. At strings it need not look.
    """

    __slots__ = ("_held", "_kinds")

    def __init__(self) -> None:
        self._held: list[str | RelayEvent] = []
        self._kinds = bytearray()

    def append(self, event: RelayEvent) -> int:
        """Add an event.

        Returns:
            About how many bytes it takes, as ``size_of`` has it.
        """
        if type(event) is Text:
            self._kinds.append(_TEXT)
            self._held.append(event.text)
        elif type(event) is Reasoning:
            self._kinds.append(_REASONING)
            self._held.append(event.text)
        else:
            self._kinds.append(_OTHER)
            self._held.append(event)
        return size_of(event)

    def __len__(self) -> int:
        return len(self._kinds)

    @overload
    def __getitem__(self, at: int) -> RelayEvent: ...

    @overload
    def __getitem__(self, at: slice) -> list[RelayEvent]: ...

    def __getitem__(self, at: int | slice) -> RelayEvent | list[RelayEvent]:
        if isinstance(at, slice):
            return [_event(*one) for one in zip(self._kinds[at], self._held[at], strict=True)]
        return _event(self._kinds[at], self._held[at])

    def __iter__(self) -> Iterator[RelayEvent]:
        for kind, held in zip(self._kinds, self._held, strict=True):
            yield _event(kind, held)

    def __repr__(self) -> str:
        return f"<EventList of {len(self)}>"


def _event(kind: int, held: str | RelayEvent) -> RelayEvent:
    if isinstance(held, str):
        return Text(held) if kind == _TEXT else Reasoning(held)
    return held
