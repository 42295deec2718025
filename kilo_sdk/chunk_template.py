"""Chunks that differ from the last one in their text alone, decoded by what differs.

Nine of ten chunks of a stream are the same bytes but for ``delta.content``. A template
remembers the bytes before and after the text of one such chunk. Where the next event
begins and ends with them and holds exactly one JSON string between, JSON's grammar leaves
one reading: the same chunk with that text. It costs two comparisons and a string instead
of a whole parse, and everything that only looks at other fields has nothing to do.

A template is never guessed: ``learn`` checks it by parsing, and an event that does not
match goes the whole way.

Source: RFC 8259 (grammar), GATEWAY 5 (what chunks look like).
"""

from __future__ import annotations

from typing import Final, TypeAlias

import orjson

from kilo_sdk.types.chunk import ChunkChoice, CompletionChunk, Delta
from kilo_sdk.types.wire import WireChunk, WireDict

__all__ = ["ChunkTemplate", "DecodedChunk", "chunk_of", "text_of", "wire_of"]

_KEY: Final = b'"content":'
_FIELD: Final = b"data: "
_EVENT_END: Final = b"\n\n"
_PROBE: Final = "\x01"
# A choice that says any of these says more than its text.
_TELLING: Final = ("finish_reason", "logprobs", "error", "usage")


class ChunkTemplate:
    """What the text chunks of one stream have in common.

    Attributes:
        prefix: The bytes before the text's JSON string.
        suffix: The bytes after it.
        start: Where the text's JSON string begins in an event that matches.
        end: Where it ends, counted from the event's end.
        choice: Index of the choice that the text belongs to.
        read_prefix: ``prefix`` as it begins a network read that holds one event.
        read_suffix: ``suffix`` as it ends such a read.
        read_start: Where the text's JSON string begins in such a read.
        read_end: Where it ends, counted from the read's end.
    """

    __slots__ = (
        "_choice",
        "_delta",
        "_wire",
        "choice",
        "end",
        "prefix",
        "read_end",
        "read_prefix",
        "read_start",
        "read_suffix",
        "start",
        "suffix",
    )

    def __init__(self, prefix: bytes, suffix: bytes, wire: WireChunk) -> None:
        self.prefix = prefix
        self.suffix = suffix
        self.start = len(prefix)
        self.end = -len(suffix)
        self.read_prefix = _FIELD + prefix
        self.read_suffix = suffix + _EVENT_END
        self.read_start = len(self.read_prefix)
        self.read_end = -len(self.read_suffix)
        self._wire = wire
        self._choice: WireDict = wire["choices"][0]
        self._delta: WireDict = self._choice["delta"]
        self.choice: int = self._choice["index"]

    @classmethod
    def learn(cls, data: bytes, wire: WireChunk) -> ChunkTemplate | None:
        """Return the template of a chunk, or None where it holds more than text.

        Args:
            data: The event's data.
            wire: What the event became after the response middleware, which may have
                changed nothing.
        """
        choices = wire["choices"]
        if len(choices) != 1 or wire.get("usage") or any(map(choices[0].get, _TELLING)):
            return None
        delta = choices[0]["delta"]
        text = delta.get("content")
        if not text or any(v for k, v in delta.items() if k not in ("content", "role")):
            return None
        encoded = orjson.dumps(text)
        at = data.find(_KEY) + len(_KEY)
        if data[at : at + 1] == b" ":
            at += 1
        end = at + len(encoded)
        if at < len(_KEY) or data[at:end] != encoded:
            return None
        prefix, suffix = data[:at], data[end:]
        template = cls(prefix, suffix, wire)
        # The proof that the text stands in one place and that nothing else was changed.
        probe = orjson.loads(b"".join((prefix, orjson.dumps(_PROBE), suffix)))
        try:
            return template if probe == template.wire(_PROBE) else None
        except RecursionError:
            return None  # nested deeper than Python compares

    def wire(self, text: str) -> WireChunk:
        """Return the wire chunk with that text: new dicts all the way down to the delta."""
        choice = {**self._choice, "delta": {**self._delta, "content": text}}
        return {**self._wire, "choices": [choice]}

    def chunk(self, text: str) -> CompletionChunk:
        """Return the typed chunk with that text; its other fields are the template's."""
        return CompletionChunk(self._wire, [ChunkChoice(self._choice, Delta(self._delta, text))])


DecodedChunk: TypeAlias = WireChunk | tuple[ChunkTemplate, str]
"""A wire chunk, or the template and the text that make one."""


def wire_of(decoded: DecodedChunk) -> WireChunk:
    """Return the wire chunk."""
    return decoded[0].wire(decoded[1]) if isinstance(decoded, tuple) else decoded


def chunk_of(decoded: DecodedChunk) -> CompletionChunk:
    """Return the typed chunk."""
    if isinstance(decoded, tuple):
        return decoded[0].chunk(decoded[1])
    return CompletionChunk.from_wire(decoded)


def text_of(decoded: DecodedChunk, choice: int) -> str:
    """Return what the chunk adds to the text of one choice; empty for nothing."""
    if isinstance(decoded, tuple):
        return decoded[1] if decoded[0].choice == choice else ""
    text = ""
    for one in decoded["choices"]:
        if one["index"] == choice:
            text += one["delta"].get("content") or ""
    return text
