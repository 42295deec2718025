"""Chunks that differ from the one before in their reasoning, or in a tool call's arguments, alone.

What ``chunk_template`` is for text. Reasoning and arguments pass middleware that may remember
them, and collectors of several kinds, so a template of theirs holds for a run of chunks
only: from the one that taught it, which went the whole way and was left as it was, to the first
that does not match. Such a chunk stands in the same collectors as the one that taught it.

The bytes around the text are compared whole. Where they are the same and what they leave is
one JSON string, the same in each place, JSON's grammar leaves one reading.

Source: RFC 8259 (grammar), GATEWAY 5 and 6 (what such chunks look like).
"""

from __future__ import annotations

from typing import Final

import orjson

from kilo_sdk.text_pieces import TextPieces
from kilo_sdk.types.fields import object_field
from kilo_sdk.types.wire import WireChunk, WireDict

__all__ = ["RepeatTemplate"]

_PROBE: Final = "\x01"
# Middleware is shown every text with this in it, whatever it promises.
_MARK: Final = "["
_TEXTS_OF_DETAILS: Final = {"reasoning.text": "text", "reasoning.summary": "summary"}


class RepeatTemplate:
    """What the chunks of one run have in common.

    Attributes:
        choice: Index of the choice that the text belongs to.
        call: Index of the tool call that it belongs to; None for reasoning.
        has_detail: Whether the reasoning stands in a detail as well.
        collectors: Where the text goes.
    """

    __slots__ = (
        "_around",
        "_at",
        "_choice",
        "_places",
        "_size",
        "_wire",
        "call",
        "choice",
        "collectors",
        "has_detail",
    )

    def __init__(self, around: list[bytes], wire: WireChunk, call: int | None) -> None:
        self._around = around
        self._places = len(around) - 1
        self._size = sum(map(len, around))
        self._at = len(around[0])
        self._wire = wire
        self._choice: WireDict = wire["choices"][0]
        self.choice: int = self._choice["index"]
        self.call = call
        self.has_detail = bool(self._choice["delta"].get("reasoning_details"))
        self.collectors: tuple[TextPieces, ...] = ()

    @classmethod
    def learn(cls, data: bytes, wire: WireChunk, delta: WireDict) -> RepeatTemplate | None:
        """Return the template of a chunk, or None where it holds anything else.

        Args:
            data: The event's data.
            wire: What the event became after the response middleware.
            delta: Its ``lone_delta``.
        """
        told = {name for name, value in delta.items() if value and name != "role"}
        call: int | None = None
        if told == {"tool_calls"}:
            one = delta["tool_calls"][0]
            function = object_field(one, "function") or {}
            text, call = function.get("arguments"), one["index"]
            # A name that comes in pieces grows with each of them.
            if len(delta["tool_calls"]) != 1 or function.get("name"):
                return None
        elif told == {"reasoning"} or told == {"reasoning", "reasoning_details"}:
            text = delta["reasoning"]
            details = delta.get("reasoning_details")
            if details and (type(details) is not list or _detail_text(details) != text):
                return None
        else:
            return None
        if type(text) is not str or not text or _MARK in text:
            return None
        places = 2 if "reasoning_details" in told else 1
        around = data.split(orjson.dumps(text))
        if len(around) != places + 1:
            return None
        template = cls(around, wire, call)
        try:
            # The proof that the text stands in these places and that nothing was changed; of
            # equal bytes, for True equals 1.
            probe = orjson.loads(orjson.dumps(_PROBE).join(around))
            is_proven = orjson.dumps(probe) == orjson.dumps(template.wire(_PROBE))
        except (orjson.JSONDecodeError, TypeError):  # nested deeper than can be written
            return None
        return template if is_proven else None

    def text_of(self, data: bytes) -> str | None:
        """Return the text of an event that matches, or None."""
        length, odd = divmod(len(data) - self._size, self._places)
        encoded = data[self._at : self._at + length]
        if odd or length <= 0 or encoded.join(self._around) != data:
            return None
        try:
            text = orjson.loads(encoded)
        except orjson.JSONDecodeError:
            return None
        return text if type(text) is str and text and _MARK not in text else None

    def wire(self, text: str) -> WireChunk:
        """Return the wire chunk with that text: new objects wherever it stands."""
        delta: WireDict = {**self._choice["delta"]}
        if self.call is None:
            delta["reasoning"] = text
            if self.has_detail:
                detail = delta["reasoning_details"][0]
                name = _TEXTS_OF_DETAILS[detail["type"]]
                delta["reasoning_details"] = [{**detail, name: text}]
        else:
            call = delta["tool_calls"][0]
            function = {**call["function"], "arguments": text}
            delta["tool_calls"] = [{**call, "function": function}]
        return {**self._wire, "choices": [{**self._choice, "delta": delta}]}


def _detail_text(details: list[object]) -> object:
    """Return the text of the one detail, or None where there are more or it has none."""
    detail = details[0]
    if len(details) != 1 or not isinstance(detail, dict):
        return None
    kind = detail.get("type")
    name = _TEXTS_OF_DETAILS.get(kind) if isinstance(kind, str) else None
    return None if name is None else detail.get(name)
