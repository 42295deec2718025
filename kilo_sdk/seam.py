"""The seam between a cut answer and what goes on with it: no character twice, none lost.

Sans-IO. A model that goes on may say its beginning again, and the white space that the cut
answer ended in, which was not sent. How much of that a continuation repeats is known only after
some of it has come, so its beginning is held back until it is.

Source: GATEWAY 5 (chunks).
"""

from __future__ import annotations

from enum import Enum, auto
from itertools import takewhile
from typing import Final, Literal, TypeAlias

from kilo_sdk.errors import StreamProtocolError
from kilo_sdk.types.wire import WireChunk, WireCompletion, WireDict

__all__ = ["Echo", "Seam"]

Echo: TypeAlias = Literal["always", "perhaps", "never"]
"""Whether a continuation begins with the prefix that was sent, as some upstreams have it.

``perhaps``: hosts differ. There a repetition is taken for an echo only where the prefix is so
long, and so little periodic, that a text hardly goes on with the same by itself.
"""

_TELLING: Final = 16
# So much of the beginning, and then something else, is an answer begun anew.
_BEGUN_ANEW: Final = 64
_REASONING: Final = ("reasoning", "reasoning_details")


class _State(Enum):
    """What of the continuation is awaited."""

    ECHO = auto()
    """The prefix, which all that has come so far repeats."""
    BLANK = auto()
    """The white space that the caller has, which all that has come so far repeats."""
    OTHER_BLANK = auto()
    """The end of white space that differs from what the caller has: that counts."""
    JOINED = auto()
    """Nothing: all that comes is new."""


class Seam:
    """Where one continuation is joined on. Its chunks pass it last of all middleware.

    The text of choice 0 is joined; a model takes one beginning.

    Args:
        prefix: What was sent as the beginning, without the white space at its end.
        blank: That white space. What the caller has is ``prefix + blank``.
        echo: Whether the prefix comes back.
        keeps_reasoning: Whether reasoning in it counts: the continuation of an answer that
            had begun is to have none, and what comes all the same is left out.
    """

    __slots__ = (
        "_at",
        "_blank",
        "_has_brought",
        "_held",
        "_keeps_reasoning",
        "_prefix",
        "_state",
        "_was_reasoning",
        "failed",
    )

    def __init__(
        self, prefix: str, blank: str, *, echo: Echo = "never", keeps_reasoning: bool = False
    ) -> None:
        self._prefix = prefix
        self._blank = blank
        self._keeps_reasoning = keeps_reasoning
        self._at = 0  # so much of the prefix was repeated
        self._held = ""
        self._has_brought = False
        self._was_reasoning = False
        self._state = _State.ECHO if _may_be_told(prefix, echo) else self._after_echo()
        self.failed = False
        """Whether it was found out that what came is no continuation."""

    def on_chunk(self, chunk: WireChunk, /) -> None:
        """Join a repaired and normalised chunk on, in place.

        Raises:
            StreamProtocolError: It is no continuation.
        """
        for choice in chunk["choices"]:
            self._join(choice, choice["delta"], is_last=bool(choice.get("finish_reason")))

    def on_completion(self, completion: WireCompletion, /) -> None:
        """Join on a continuation that came whole, in place.

        Raises:
            StreamProtocolError: It is none.
        """
        for choice in completion["choices"]:
            self._join(choice, choice["message"], is_last=True)

    def on_end(self) -> WireChunk | None:
        """Return what is still held back of a stream that ended well, in a chunk of its own.

        Raises:
            StreamProtocolError: What came is no continuation.
        """
        rest = self.take("", is_last=True)
        self._check_end()
        return {"choices": [{"index": 0, "delta": {"content": rest}}]} if rest else None

    def take(self, text: str, *, is_last: bool = False) -> str:
        """Take a piece of the continuation and return what of it, and before it, is new.

        Args:
            text: The piece; cuts may fall anywhere.
            is_last: Whether nothing more comes: what is held back is told apart as it is.

        Raises:
            StreamProtocolError: The model began its answer anew.
        """
        if self._state is _State.JOINED:
            return text
        if self._state is _State.ECHO:
            text = self._without_echo(text, is_last=is_last)
        if self._state is _State.BLANK:
            text = self._without_blank(text, is_last=is_last)
        if self._state is _State.OTHER_BLANK:
            text = text.lstrip()
            if text:
                self._state = _State.JOINED
        return text

    def _join(self, choice: WireDict, owner: WireDict, *, is_last: bool) -> None:
        if not self._keeps_reasoning:
            for field in _REASONING:
                if owner.pop(field, None):
                    self._was_reasoning = True
        if choice["index"] != 0:
            return
        text = owner.get("content") or ""
        if text or is_last:
            new = self.take(text, is_last=is_last)
            if new != text:
                owner["content"] = new
        if owner.get("content") or owner.get("tool_calls"):
            self._has_brought = True
        if is_last:
            self._check_end()

    def _check_end(self) -> None:
        if self._was_reasoning and not self._has_brought:
            # A middleware that looks for reasoning may have taken the text for it.
            raise self._failure("went on with reasoning alone, where its text was cut")

    def _without_echo(self, text: str, *, is_last: bool) -> str:
        prefix, at = self._prefix, self._at
        left = len(prefix) - at
        if len(text) < left and prefix.startswith(text, at) and not is_last:
            self._at += len(text)
            return ""
        self._state = self._after_echo()
        if len(text) >= left and text.startswith(prefix[at:]):
            return text[left:]
        same = takewhile(lambda pair: pair[0] == pair[1], zip(prefix[at:], text, strict=False))
        if at + sum(1 for _ in same) >= _BEGUN_ANEW:
            raise self._failure("began its answer anew and did not go on with it")
        return prefix[:at] + text

    def _without_blank(self, text: str, *, is_last: bool) -> str:
        text, self._held = self._held + text, ""
        blank = self._blank
        if text.startswith(blank):
            self._state = _State.JOINED
            return text[len(blank) :]
        if blank.startswith(text) and not is_last:
            self._held = text
            return ""
        self._state = _State.OTHER_BLANK
        return text

    def _after_echo(self) -> _State:
        return _State.BLANK if self._blank else _State.JOINED

    def _failure(self, what: str) -> StreamProtocolError:
        self.failed = True
        return StreamProtocolError(f"the model {what}")


def _may_be_told(prefix: str, echo: Echo) -> bool:
    """Whether what repeats the prefix is to be taken for its echo."""
    if echo == "perhaps":
        return len(prefix) >= _TELLING and not _is_periodic(prefix)
    return echo == "always" and bool(prefix)


def _is_periodic(text: str) -> bool:
    """Whether a text is the same over and over, at least twice; the last time may break off."""
    half = text[: (len(text) + 1) // 2]
    at = text.find(half, 1)
    while 0 < at <= len(text) // 2:
        if text.startswith(text[at:]):
            return True
        at = text.find(half, at + 1)
    return False
