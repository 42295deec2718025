"""What a token is to the embedded gateway: about a word, or a run of punctuation.

No model's tokenizer, only something close enough to count, to stream and to price. Text can
also be cut where no token ends.
"""

from __future__ import annotations

import random
import re
from itertools import pairwise

__all__ = ["count_tokens", "cut_text", "split_tokens"]

# Every character falls under one branch, so that joining the tokens gives the text back.
_TOKEN = re.compile(r" ?\w{1,8}| ?[^\w\s]{1,4}|\s+?(?= \S)|\s+")
_MOST_CUTS = 200


def split_tokens(text: str) -> tuple[str, ...]:
    """Split text into tokens; joined they are the text again."""
    return tuple(_TOKEN.findall(text))


def count_tokens(text: str) -> int:
    """Count the tokens of a text."""
    return sum(1 for _ in _TOKEN.finditer(text))


def cut_text(text: str, rng: random.Random) -> list[str]:
    """Cut text at any places, between any two characters, into pieces small or large.

    Returns:
        At least one piece; joined they are the text. Some may be empty.
    """
    cuts = rng.choice((0, 1, 2, len(text) // 12, len(text) // 4, len(text)))
    places = sorted(rng.randint(0, len(text)) for _ in range(min(cuts, _MOST_CUTS)))
    return [text[start:end] for start, end in pairwise([0, *places, len(text)])]
