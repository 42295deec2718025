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

__all__ = [
    "ChunkTemplate",
    "DecodedChunk",
    "chunk_of",
    "has_output",
    "lone_delta",
    "text_of",
    "wire_of",
]

_KEY: Final = b'"content":'
_PROBE: Final = "\x01"
# What stands around an event's data in a read that holds one event, as upstreams write it.
_EVENT_START: Final = b"data: "
_EVENT_END: Final = b"\n\n"
_CREATED: Final = b'"created":'
_OUTPUT_FIELDS: Final = ("content", "reasoning", "tool_calls", "reasoning_details", "refusal")
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
        pieces: Where the text goes.
    """

    __slots__ = (
        "_choice",
        "_delta",
        "_tick",
        "_ticks",
        "_wire",
        "choice",
        "end",
        "pieces",
        "prefix",
        "read_prefix",
        "read_suffix",
        "start",
        "suffix",
    )

    def __init__(self, prefix: bytes, suffix: bytes, wire: WireChunk, pieces: list[str]) -> None:
        self.prefix = prefix
        self.suffix = suffix
        self.start = len(prefix)
        self.end = -len(suffix)
        self.read_prefix = _EVENT_START + prefix
        self.read_suffix = suffix + _EVENT_END
        self.pieces = pieces
        self._wire = wire
        self._choice: WireDict = wire["choices"][0]
        self._delta: WireDict = self._choice["delta"]
        self.choice: int = self._choice["index"]
        # Where the digits of ``created`` stand, once one differs; nowhere at 0.
        self._tick: tuple[int, int] | None = None
        self._ticks = False  # whether that was proven

    @classmethod
    def learn(cls, data: bytes, wire: WireChunk, delta: WireDict) -> ChunkTemplate | None:
        """Return the template of a chunk, or None where it holds more than text.

        Args:
            data: The event's data.
            wire: What the event became after the response middleware, which may have
                changed nothing.
            delta: Its ``lone_delta``.
        """
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
        template = cls(prefix, suffix, wire, [])
        # The proof that the text stands in one place and that nothing else was changed.
        return template if template._is_read_as(template.wire(_PROBE)) else None

    def _is_read_as(self, wire: WireChunk) -> bool:
        """Whether an event of this template, with the probe as its text, is that chunk."""
        probe = orjson.loads(b"".join((self.prefix, orjson.dumps(_PROBE), self.suffix)))
        try:
            return bool(probe == wire)
        except RecursionError:
            return False  # nested deeper than Python compares

    def _place_of_created(self) -> tuple[int, int]:
        """Return where the digits of ``created`` seem to stand before the text; 0 for nowhere."""
        created = self._wire.get("created")
        digits = b"%d" % created if type(created) is int and created > 0 else b""
        at = self.prefix.find(_CREATED + digits) + len(_CREATED)
        return (at, at + len(digits)) if digits and at >= len(_CREATED) else (0, 0)

    def _proves_tick(self, at: int, end: int) -> bool:
        """Whether ``created`` stands there, and nowhere else."""
        other = (b"1" if self.prefix[at:end].startswith(b"2") else b"2") * (end - at)
        prefix = self.prefix[:at] + other + self.prefix[end:]
        twin = ChunkTemplate(prefix, self.suffix, self._wire, [])
        return twin._is_read_as({**self.wire(_PROBE), "created": int(other)})

    def renewed(self, data: bytes) -> tuple[ChunkTemplate, str] | None:
        """Return the template of an event that has another ``created``, and its text; else None."""
        if not data.endswith(self.suffix):
            return None
        if self._tick is None:
            self._tick = self._place_of_created()
        at, end = self._tick
        digits = data[at:end]
        if (
            not digits.isdigit()
            or digits.startswith(b"0")
            or not data.startswith(self.prefix[:at])
            or not data.startswith(self.prefix[end:], end)
        ):
            return None
        try:
            text = orjson.loads(data[self.start : self.end])
        except orjson.JSONDecodeError:
            return None  # more than a string stands there
        if type(text) is not str:
            return None
        wire = {**self._wire, "created": int(digits)}
        template = ChunkTemplate(data[: self.start], self.suffix, wire, self.pieces)
        if not self._ticks and not self._proves_tick(at, end):
            self._tick = (0, 0)
            return None
        template._tick, template._ticks = self._tick, True
        return template, text

    def shares_head(self, wire: WireChunk) -> bool:
        """Whether a chunk says the same beside its choices as those of this template."""
        own = self._wire
        return len(wire) == len(own) and bool({**wire, "choices": 0} == {**own, "choices": 0})

    @property
    def head(self) -> WireChunk:
        """A chunk with what such events say beside their choices."""
        return self._wire

    def wire(self, text: str) -> WireChunk:
        """Return the wire chunk with that text: new dicts all the way down to the delta."""
        choice = {**self._choice, "delta": {**self._delta, "content": text}}
        return {**self._wire, "choices": [choice]}

    def chunk(self, text: str) -> CompletionChunk:
        """Return the typed chunk with that text; its other fields are the template's."""
        # No constructors: ``types.chunk`` says why.
        chunk, choice, delta = CompletionChunk(), ChunkChoice(), Delta()
        delta._fields, delta.content = self._delta, text
        choice._fields, choice.delta = self._choice, delta
        chunk._fields, chunk.choices = self._wire, [choice]
        return chunk


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


def has_output(decoded: DecodedChunk) -> bool:
    """Whether the chunk brings more than a role, to any choice."""
    return any(
        choice["delta"].get(field)
        for choice in wire_of(decoded)["choices"]
        for field in _OUTPUT_FIELDS
    )


def lone_delta(wire: WireChunk) -> WireDict | None:
    """Return the delta of a chunk that holds nothing beside it; None for any other."""
    choices = wire["choices"]
    if len(choices) != 1 or wire.get("usage") or any(map(choices[0].get, _TELLING)):
        return None
    delta: WireDict = choices[0]["delta"]
    return delta


def text_of(decoded: DecodedChunk, choice: int) -> str:
    """Return what the chunk adds to the text of one choice; empty for nothing."""
    if isinstance(decoded, tuple):
        return decoded[1] if decoded[0].choice == choice else ""
    text = ""
    for one in decoded["choices"]:
        if one["index"] == choice:
            text += one["delta"].get("content") or ""
    return text
