"""How far a turn has come: counted while it runs, told when it ends or is interrupted."""

from __future__ import annotations

import attrs

from kilo_sdk.streaming import CompletionStream
from kilo_sdk.types.completion import ChatCompletion

__all__ = ["Progress"]


@attrs.define
class Progress:
    """What has arrived of one answer.

    Attributes:
        started: When the call began, seconds on a monotonic clock.
        chunks: Chunks received.
        characters: Characters of the answer's text received.
        reasoning_characters: Characters of reasoning received.
        ttft: Seconds from the start of the call to the first text or reasoning, or None.
        stream: The stream, once it is open.
    """

    started: float
    chunks: int = 0
    characters: int = 0
    reasoning_characters: int = 0
    ttft: float | None = None
    stream: CompletionStream | None = attrs.field(default=None, repr=False)

    @property
    def partial(self) -> ChatCompletion | None:
        """What has arrived, as a completion, or None before the first chunk."""
        return self.stream.partial if self.stream is not None and self.chunks else None

    def count(self, text: str, reasoning: str, now: float) -> None:
        """Count one chunk that arrived at ``now``."""
        self.chunks += 1
        self.characters += len(text)
        self.reasoning_characters += len(reasoning)
        if self.ttft is None and (text or reasoning):
            self.ttft = now - self.started

    def describe(self) -> str:
        """Say in words what has arrived: ``123 characters, 31 chunks``."""
        thought = self.reasoning_characters
        aside = f" (and {_counted(thought, 'character')} of reasoning)" if thought else ""
        return f"{_counted(self.characters, 'character')}, {_counted(self.chunks, 'chunk')}{aside}"


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
