"""The words of a line that bash wants completed, as the person typed them.

Bash cuts words at ``:`` and ``=`` for completion, so ``vendor/model:free`` reaches a
program as three words, and only what follows the colon is replaced by what the program
offers. Here the words are put together again.

Source: Bash Reference Manual, 8.6 (Programmable Completion), ``COMP_WORDBREAKS``.
"""

from __future__ import annotations

import shlex
from collections.abc import MutableMapping
from typing import Final

__all__ = ["TYPED_BEFORE", "join_words"]

TYPED_BEFORE: Final = "_KILO_SDK_TYPED_BEFORE"
"""Holds what stands before the part of the word that bash replaces."""

_COMPLETE: Final = "_KILO_SDK_COMPLETE"


def join_words(environment: MutableMapping[str, str]) -> None:
    """Put the words of a completion together again, in the environment where they stand.

    The word to be completed becomes what bash replaces of it; what stands before that goes
    to ``TYPED_BEFORE``. Nothing happens where bash asks for no completion.
    """
    if environment.get(_COMPLETE) != "complete_bash":
        return
    try:
        words = shlex.split(environment.get("COMP_WORDS", ""))
        index = int(environment.get("COMP_CWORD", ""))
    except ValueError:  # a quote is open, or bash did not set them
        return
    current = words[index] if index < len(words) else ""
    # The cursor stands behind the mark, or in what follows it.
    mark_at = index if current in (":", "=") else index - 1
    mark = words[mark_at] if 0 < mark_at < len(words) else ""
    if mark not in (":", "="):
        return
    rest = "" if mark_at == index else current
    if mark == "=":
        words = [*words[:mark_at], rest]
    else:
        environment[TYPED_BEFORE] = f"{words[mark_at - 1]}:"
        words = [*words[: mark_at - 1], rest]
    # An option whose value was cut at "=" may hold a colon as well.
    if len(words) > 2 and words[-2] == "=":
        del words[-2]
    environment["COMP_WORDS"] = shlex.join(words)
    environment["COMP_CWORD"] = str(len(words) - 1)
