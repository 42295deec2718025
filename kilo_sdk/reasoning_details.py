"""Joining streamed reasoning details into what a non-streaming answer would hold.

Upstreams verify signatures over the result, so text is joined byte for byte and nothing
is reordered, trimmed or removed but exact repeats of encrypted details.

Source: GATEWAY 6.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable

import orjson

from kilo_sdk.text_pieces import TextPieces
from kilo_sdk.types.wire import WireDict

__all__ = ["ReasoningDetailsAccumulator"]

_TEXT_FIELDS = {"reasoning.text": "text", "reasoning.summary": "summary"}


class _Joined:
    """One detail whose text comes in pieces."""

    __slots__ = ("fields", "pieces", "text_field")

    def __init__(self, piece: WireDict, text_field: str) -> None:
        self.text_field = text_field
        self.fields: WireDict = {}
        self.pieces = TextPieces()
        self.add(piece)

    def add(self, piece: WireDict) -> None:
        for key, value in piece.items():
            if key == self.text_field and isinstance(value, str):
                self.pieces.append(value)
                self.fields.setdefault(key, "")
            elif value not in (None, "") or key not in self.fields:
                # A later null or empty signature does not unset the one that came.
                self.fields[key] = value

    def build(self) -> WireDict:
        if self.text_field in self.fields and self.pieces:
            return {**self.fields, self.text_field: str(self.pieces)}
        return dict(self.fields)


class ReasoningDetailsAccumulator:
    """Collects the details of one choice, piece by piece."""

    __slots__ = ("_by_id", "_by_index", "_details", "_last", "_whole")

    def __init__(self) -> None:
        self._details: list[_Joined | WireDict] = []
        self._by_index: dict[tuple[str, Hashable], _Joined] = {}
        self._by_id: dict[tuple[str, Hashable], _Joined] = {}
        self._last: _Joined | WireDict | None = None
        self._whole: set[bytes] = set()

    def add(self, pieces: Iterable[object]) -> None:
        """Take the ``reasoning_details`` of one delta; entries that are no object are not."""
        for piece in pieces:
            if isinstance(piece, dict):
                self._add(piece)

    def build(self) -> list[WireDict]:
        """Return the details so far, in order of first appearance, as new dicts."""
        return [d.build() if isinstance(d, _Joined) else dict(d) for d in self._details]

    def _add(self, piece: WireDict) -> None:
        kind = piece.get("type")
        text_field = _TEXT_FIELDS.get(kind) if isinstance(kind, str) else None
        if not isinstance(kind, str) or text_field is None:
            self._last = piece
            # Encrypted and unknown details arrive whole; an exact repeat says nothing new.
            try:
                canonical = orjson.dumps(piece, option=orjson.OPT_SORT_KEYS)
            except TypeError:  # nested too deep to be compared: kept, be it a repeat
                self._details.append(piece)
                return
            if canonical not in self._whole:
                self._whole.add(canonical)
                self._details.append(piece)
            return
        index, id_ = _key(piece.get("index")), _key(piece.get("id"))
        joined = self._find(kind, index, id_, piece.get(text_field))
        if joined is None:
            joined = _Joined(piece, text_field)
            self._details.append(joined)
        else:
            joined.add(piece)
        if index is not None:
            self._by_index[kind, index] = joined
        if id_ is not None:
            self._by_id[kind, id_] = joined
        self._last = joined

    def _find(self, kind: str, index: Hashable, id_: Hashable, text: object) -> _Joined | None:
        if index is not None:
            return self._by_index.get((kind, index))
        if id_ is not None and (joined := self._by_id.get((kind, id_))) is not None:
            return joined
        if id_ is not None and text:
            return None
        last = self._last
        if isinstance(last, _Joined) and last.fields.get("type") == kind:
            return last
        if text:
            return None
        # A signature alone, after content or other details began: the last of its kind.
        for detail in reversed(self._details):
            if isinstance(detail, _Joined) and detail.fields.get("type") == kind:
                return detail
        return None


def _key(value: object) -> Hashable:
    return value if isinstance(value, int | str) and value != "" else None
