"""What a token is to the embedded gateway: about a word, or a run of punctuation.

No model's tokenizer, only something close enough to count, to stream and to price.
"""

from __future__ import annotations

import re

__all__ = ["count_tokens", "split_tokens"]

# Every character falls under one branch, so that joining the tokens gives the text back.
_TOKEN = re.compile(r" ?\w{1,8}| ?[^\w\s]{1,4}|\s+?(?= \S)|\s+")


def split_tokens(text: str) -> tuple[str, ...]:
    """Split text into tokens; joined they are the text again."""
    return tuple(_TOKEN.findall(text))


def count_tokens(text: str) -> int:
    """Count the tokens of a text."""
    return sum(1 for _ in _TOKEN.finditer(text))
