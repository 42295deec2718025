"""Text that arrives in many small pieces, kept in little memory and joined in linear time.

A list of a thousand short strings costs sixty times its characters, one growing string
costs quadratic copying: pieces are folded a few hundred at a time, each character once.
"""

from __future__ import annotations

__all__ = ["FOLD_AT", "TextPieces"]

FOLD_AT = 256
"""So many pieces are joined into one."""


class TextPieces:
    """An append-only text.

    Attributes:
        pieces: The latest pieces; appending to this list directly is the fast way in,
            provided that ``fold`` is called now and then.
    """

    __slots__ = ("_folded", "pieces")

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self._folded: list[str] | None = None  # most texts are short

    def append(self, piece: str) -> None:
        """Add a piece."""
        self.pieces.append(piece)
        if len(self.pieces) >= FOLD_AT:
            self.fold()

    def fold(self) -> None:
        """Join the latest pieces into one, where they have become many."""
        if len(self.pieces) >= FOLD_AT:
            if self._folded is None:
                self._folded = []
            self._folded.append("".join(self.pieces))
            self.pieces.clear()

    def __bool__(self) -> bool:
        return bool(self.pieces or self._folded)

    def __str__(self) -> str:
        return "".join((*(self._folded or ()), *self.pieces))
