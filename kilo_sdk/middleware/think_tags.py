"""Reasoning that a model writes into its text, between tags, brought to where it belongs.

For models whose upstream does not do it; nothing here runs for who does not ask for it.
Chunks may cut a tag anywhere, so the end of a piece that may begin one is held back.

Source: GATEWAY 6 (tags, and the normal form that the rest of the reasoning has).
"""

from __future__ import annotations

import re
from enum import Enum, auto
from typing import Final

from kilo_sdk.errors import ConfigurationError
from kilo_sdk.middleware.base import ResponseMiddleware
from kilo_sdk.middleware.held_back import held_back
from kilo_sdk.types.wire import WireChunk, WireCompletion, WireDict

__all__ = ["ThinkTagExtraction"]

_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_BLANK: Final = re.compile(r"\s+")
_BETWEEN_BLOCKS: Final = "\n\n"


class ThinkTagExtraction:
    """Moves what stands between ``<think>`` and ``</think>`` from the text to the reasoning.

    A response middleware for models that write their reasoning into their text; give it to
    a client, or with ``with_options`` to a view that such models are asked through. What
    was streamed and what came whole read the same. One object serves any number of streams
    at once, and each of the ``n`` choices by itself.

    - Tags match in any case of their letters.
    - A block that the answer begins with goes with the white space around it. What stands
      between text stays where it is, white space included.
    - White space at both ends of a block is no reasoning; a blank line parts two blocks. An
      empty block leaves nothing.
    - A tag that is never closed makes reasoning of all that follows it: the model was cut
      off while it was thinking.
    - Tags do not nest: in reasoning an opening tag is text, and the first closing tag ends
      it. A closing tag in text is text.

    The reasoning goes to ``reasoning``, after what the upstream put there, and to
    ``reasoning_details`` as a ``reasoning.text`` of format ``unknown``, so that it goes back
    with the history. Details that the upstream sent are not added to.

    Args:
        tag: The name between the angle brackets.
        starts_inside: Whether answers begin with reasoning although no tag opens it, as
            where a model's template has written the tag already. One that does is fine.

    Raises:
        ConfigurationError: ``tag`` is no name.
    """

    __slots__ = ("_starts_inside", "_tags")

    def __init__(self, tag: str = "think", *, starts_inside: bool = False) -> None:
        if not isinstance(tag, str) or not _NAME.fullmatch(tag):
            raise ConfigurationError(
                f"tag is a name such as 'think', without the angle brackets, not {tag!r}"
            )
        self._tags = _Tags(tag.lower())
        self._starts_inside = starts_inside

    def for_call(self) -> ResponseMiddleware:
        """Return the middleware for one answer."""
        return _AnswerExtraction(self._tags, starts_inside=self._starts_inside)


class _Tags:
    """The two tags, and where to find them."""

    __slots__ = ("close", "find_close", "find_open", "match_open", "open")

    def __init__(self, name: str) -> None:
        self.open, self.close = f"<{name}>", f"</{name}>"
        flags = re.IGNORECASE | re.ASCII
        opening = re.compile(re.escape(self.open), flags)
        self.match_open, self.find_open = opening.match, opening.search
        self.find_close = re.compile(re.escape(self.close), flags).search


class _AnswerExtraction:
    """The extraction from one answer."""

    __slots__ = ("_choices", "_starts_inside", "_tags")

    def __init__(self, tags: _Tags, *, starts_inside: bool) -> None:
        self._tags = tags
        self._starts_inside = starts_inside
        self._choices: dict[int, _ChoiceExtraction] = {}

    def on_chunk(self, chunk: WireChunk, /) -> None:
        """Extract from the deltas of a repaired chunk in place."""
        for choice in chunk["choices"]:
            index = choice["index"]
            extraction = self._choices.get(index)
            if extraction is None:
                extraction = self._choices[index] = self._begun()
            extraction.extract(choice["delta"], is_last=bool(choice.get("finish_reason")))

    def on_end(self) -> WireChunk | None:
        """Return what is still held back of a stream, in a chunk of its own."""
        choices: list[WireDict] = []
        for index, extraction in self._choices.items():
            delta: WireDict = {}
            extraction.extract(delta, is_last=True)
            if delta:
                choices.append({"index": index, "delta": delta})
        return {"choices": choices} if choices else None

    def on_completion(self, completion: WireCompletion, /) -> None:
        """Extract from the messages of a repaired completion in place."""
        for choice in completion["choices"]:
            message = choice["message"]
            had_text = bool(message.get("content"))
            self._begun().extract(message, is_last=True)
            if had_text and not message["content"]:
                message["content"] = None

    def _begun(self) -> _ChoiceExtraction:
        return _ChoiceExtraction(_Splitter(self._tags, starts_inside=self._starts_inside))


class _ChoiceExtraction:
    """The extraction from one choice: from owners of text to owners of both."""

    __slots__ = ("_has_details", "_has_reasoning", "_splitter")

    def __init__(self, splitter: _Splitter) -> None:
        self._splitter = splitter
        self._has_details = False
        self._has_reasoning = False

    def extract(self, owner: WireDict, *, is_last: bool) -> None:
        """Extract from a delta, or a whole message, in place."""
        content = owner.get("content")
        if owner.get("reasoning_details"):
            self._has_details = True
        if owner.get("reasoning"):
            self._has_reasoning = True
        if not content and not is_last:
            return
        splitter = self._splitter
        if content:
            splitter.feed(content)
        if is_last:
            splitter.end()
        text, thoughts = splitter.take()
        if content or text:
            owner["content"] = text
        if thoughts:
            self._add_reasoning(owner, thoughts)

    def _add_reasoning(self, owner: WireDict, thoughts: list[tuple[bool, str]]) -> None:
        said: list[str] = []
        for begins_block, thought in thoughts:
            if begins_block and self._has_reasoning:
                said.append(_BETWEEN_BLOCKS)
            said.append(thought)
            self._has_reasoning = True
        text = "".join(said)
        owner["reasoning"] = (owner.get("reasoning") or "") + text
        if not self._has_details:
            detail = {"type": "reasoning.text", "text": text, "format": "unknown"}
            owner["reasoning_details"] = [detail]


class _State(Enum):
    """Where in its answer a model is."""

    START = auto()
    """Nothing but white space has come."""
    AFTER = auto()
    """The answer begins with a block, and nothing but white space has come after it."""
    INSIDE = auto()
    """An opening tag came, or was presumed."""
    TEXT = auto()
    """Text has come."""


class _Splitter:
    """Splits one text, as its pieces come, into text and reasoning.

    What the pieces are makes no difference to the two, taken as a whole.
    """

    __slots__ = (
        "_blank",
        "_end",
        "_leads",
        "_starts_inside",
        "_state",
        "_tags",
        "_text",
        "_thoughts",
        "_was_thought",
    )

    def __init__(self, tags: _Tags, *, starts_inside: bool) -> None:
        self._tags = tags
        self._starts_inside = starts_inside
        self._state = _State.START
        # Whether the block that one is in, or was in last, is what the answer begins with.
        self._leads = True
        # Whether the block that one is in has brought anything.
        self._was_thought = False
        # Held back: white space, until it is known whether it counts; and the end of what
        # came, while it may begin a tag.
        self._blank: list[str] = []
        self._end = ""
        self._text: list[str] = []
        self._thoughts: list[tuple[bool, str]] = []

    def take(self) -> tuple[str, list[tuple[bool, str]]]:
        """Return the text since the last time, and the reasoning; what begins a block says so."""
        text, thoughts = "".join(self._text), self._thoughts
        self._text, self._thoughts = [], []
        return text, thoughts

    def feed(self, piece: str) -> None:
        """Take a piece."""
        piece, self._end = self._end + piece, ""
        at = 0
        while at < len(piece):
            match self._state:
                case _State.START | _State.AFTER:
                    at = self._at_start(piece, at)
                case _State.INSIDE:
                    at = self._inside(piece, at)
                case _State.TEXT:
                    at = self._in_text(piece, at)

    def end(self) -> None:
        """Let go of what is held back: nothing more will come."""
        rest, self._end = self._end, ""
        if rest and self._state in (_State.START, _State.AFTER):
            self._begin()
        if self._state is _State.INSIDE:
            self._think(rest)
        elif self._state is not _State.AFTER:
            self._text += [*self._blank, rest]
        self._blank.clear()

    # Each of these takes a piece from some place on, and returns where to go on.

    def _at_start(self, piece: str, at: int) -> int:
        blank = _BLANK.match(piece, at)
        if blank is not None:
            self._blank.append(blank[0])
            at = blank.end()
        found = self._tags.match_open(piece, at)
        if found is not None:
            self._open(leads=True)
            return found.end()
        tag = self._tags.open
        if len(piece) - at < len(tag) and tag.startswith(piece[at:].lower()):
            self._end = piece[at:]
            return len(piece)
        self._begin()
        return at

    def _inside(self, piece: str, at: int) -> int:
        found = self._tags.find_close(piece, at)
        if found is None:
            self._think(self._without_end(piece[at:], self._tags.close))
            return len(piece)
        self._think(piece[at : found.start()])
        self._blank.clear()
        self._state = _State.AFTER if self._leads else _State.TEXT
        return found.end()

    def _in_text(self, piece: str, at: int) -> int:
        found = self._tags.find_open(piece, at)
        if found is None:
            self._text.append(self._without_end(piece[at:], self._tags.open))
            return len(piece)
        self._text.append(piece[at : found.start()])
        self._open(leads=False)
        return found.end()

    def _begin(self) -> None:
        """Note that something other than white space and a tag came."""
        if self._state is _State.START and self._starts_inside:
            self._open(leads=True)
            return
        if self._state is _State.START:
            self._text += self._blank
        self._blank.clear()
        self._state = _State.TEXT

    def _open(self, *, leads: bool) -> None:
        self._blank.clear()
        self._state = _State.INSIDE
        self._leads = leads
        self._was_thought = False

    def _without_end(self, piece: str, tag: str) -> str:
        held = held_back(piece, tag, ignore_case=True)
        self._end = piece[len(piece) - held :]
        return piece[: len(piece) - held]

    def _think(self, thought: str) -> None:
        if not self._was_thought:
            thought = thought.lstrip()
        kept = thought.rstrip()
        if kept:
            starts = not self._was_thought
            self._thoughts.append((starts, "".join((*self._blank, kept))))
            self._was_thought = True
            self._blank.clear()
        if len(kept) < len(thought):
            self._blank.append(thought[len(kept) :])
