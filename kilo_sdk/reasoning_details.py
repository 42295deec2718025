"""Joining streamed reasoning details into what a non-streaming answer would hold.

Upstreams verify signatures over the result, so text is joined byte for byte and nothing
is reordered, trimmed or removed but exact repeats of encrypted details.

Source: GATEWAY 6.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Any

import orjson

from kilo_sdk.text_pieces import TextPieces
from kilo_sdk.types.wire import WireDict

__all__ = ["ReasoningDetailsAccumulator", "StandInDetail"]

_TEXT_FIELDS = {"reasoning.text": "text", "reasoning.summary": "summary"}


class StandInDetail(dict[str, Any]):
    """A piece that the SDK made of reasoning text without details.

    It stands for details that may still come: those of the vendor's take its place.
    """


class _Joined:
    """One detail whose text comes in pieces."""

    __slots__ = ("fields", "pieces", "stands_in", "text_field")

    def __init__(self, piece: WireDict, text_field: str) -> None:
        self.text_field = text_field
        self.fields: WireDict = {}
        self.pieces = TextPieces()
        self.stands_in = True
        self.add(piece)

    def add(self, piece: WireDict) -> None:
        # A signature that comes alone and last makes it the vendor's own.
        self.stands_in = self.stands_in and isinstance(piece, StandInDetail)
        for key, value in piece.items():
            if key == self.text_field and isinstance(value, str):
                self.pieces.append(value)
                self.fields.setdefault(key, "")
            elif value not in (None, "") or key not in self.fields:
                # A later null or empty signature does not unset the one that came.
                self.fields[key] = value

    def may_take(self, kind: str, id_: Hashable) -> bool:
        """Whether a piece without an index may be of this detail, going by its id."""
        told_apart = _key(self.fields.get("index")) is not None or _key(self.fields.get("id"))
        return self.fields.get("type") == kind and (id_ is None or not told_apart)

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
        own = [d for d in self._details if not (isinstance(d, _Joined) and d.stands_in)]
        return [d.build() if isinstance(d, _Joined) else dict(d) for d in own or self._details]

    @property
    def latest_text(self) -> TextPieces | None:
        """Where the text of the last piece went; None for a piece that is kept whole."""
        return self._last.pieces if isinstance(self._last, _Joined) else None

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
        text = piece.get(text_field)
        joined = self._find(kind, index, id_, text, stands_in=isinstance(piece, StandInDetail))
        self._last = joined
        if joined is None and index is None and not text and piece.get("signature"):
            # Alone, after content or other details began; none follows on from it.
            joined = self._unsigned(kind, id_)
        if joined is None:
            joined = self._last = _Joined(piece, text_field)
            self._details.append(joined)
        else:
            joined.add(piece)
        if index is not None:
            self._by_index[kind, index] = joined
        if id_ is not None:
            self._by_id[kind, id_] = joined

    def _find(
        self, kind: str, index: Hashable, id_: Hashable, text: object, *, stands_in: bool
    ) -> _Joined | None:
        if index is not None:
            return self._by_index.get((kind, index))
        if id_ is not None and (joined := self._by_id.get((kind, id_))) is not None:
            return joined
        last = self._last
        if (
            isinstance(last, _Joined)
            and last.may_take(kind, id_)
            and not (text and (id_ is not None or last.stands_in != stands_in))
        ):
            return last
        return None

    def _unsigned(self, kind: str, id_: Hashable) -> _Joined | None:
        """Return the last detail that a signature without an index may be for."""
        for detail in reversed(self._details):
            if isinstance(detail, _Joined) and detail.may_take(kind, id_):
                return None if detail.fields.get("signature") else detail
        return None


def _key(value: object) -> Hashable:
    return value if isinstance(value, int | str) and value != "" else None
