"""Words that chunks may cut: what has to be held back until more has come.

Chunks are cut anywhere. Whoever looks for a word in a text that comes in pieces cannot let
the end of a piece go while it may be the beginning of the word.
"""

from __future__ import annotations

__all__ = ["held_back"]


def held_back(text: str, word: str, *, ignore_case: bool = False) -> int:
    """Return how many characters at the end of a text may begin a word.

    Args:
        text: What has come.
        word: A word whose first character is nowhere else in it: two beginnings cannot
            overlap then, and the last one is the only one to look at.
        ignore_case: Whether letters match in any case; the word is in lower case then.
    """
    at = text.rfind(word[0], 1 - len(word))
    if at < 0:
        return 0
    end = text[at:]
    return len(end) if word.startswith(end.lower() if ignore_case else end) else 0
