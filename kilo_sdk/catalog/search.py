"""Finding a model by what somebody typed: ranked search, and what a wrong ref was meant to be.

Pure and deterministic: the same list and the same words give the same answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from difflib import SequenceMatcher
from typing import Final

import attrs

from kilo_sdk.types.model_info import ModelInfo

__all__ = ["ranked", "similar_ids"]

_PREFIX: Final = "kilocode/"
# Letters and digits part: "gpt4" finds what is written gpt-4.
_WORD: Final = re.compile(r"[^\W\d_]+|\d+")
# Nobody types more, and comparing letters takes time by their number squared.
_LONGEST_QUERY: Final = 100
_ALIKE: Final = 0.75
_SIMILAR: Final = 0.6
_SAME_MODEL: Final = 0.95
# Next to a good guess a poor one is none.
_FAR_BEHIND: Final = 0.75
# Letters in order, but scattered over more than this many times their number, are chance.
_LOOSEST: Final = 3


@attrs.frozen(slots=True)
class _Query:
    """What was typed, in lower case, and the words in it."""

    text: str
    words: tuple[str, ...]


@attrs.frozen(slots=True)
class _Names:
    """What a model goes by, in lower case.

    Attributes:
        id: ``vendor/model:tag``.
        model: The id without the vendor.
        base: That without the tag.
        name: The name that is shown.
        words: The words of id and name.
    """

    id: str
    model: str
    base: str
    name: str
    words: tuple[str, ...]


def ranked(models: Iterable[ModelInfo], text: str) -> list[ModelInfo]:
    """Return the models that fit what was typed, the best first.

    Case does not matter, nor does a ``kilocode/`` prefix. The ranks:

    1. The id, the name, or the id without vendor or tag *is* what was typed.
    2. One of these begins with it.
    3. Each word typed begins a word of id or name.
    4. Each word typed is somewhere in id or name.

    Only where no model has any of these ranks:

    5. Each word typed is a word of id or name but for a slip: at least 0.75 alike.
    6. The letters typed stand in the id in this order, close together.

    Within ranks 1 to 4 the list's order stays, in 5 the more alike come first, in 6 the
    closer together.

    Returns:
        Each model at most once; empty for words that fit nothing, or for none.
    """
    query = _query_of(text)
    if not query.words:
        return []
    candidates = [(model, _names_of(model)) for model in models]
    # Sorting is stable: what ranks alike stays in the list's order.
    return (
        _sorted(candidates, lambda names: _plain_rank(query, names))
        or _sorted(candidates, lambda names: _slip(query, names))
        or _sorted(candidates, lambda names: _scatter(query, names))
    )


def similar_ids(models: Iterable[ModelInfo], ref: str, most: int) -> list[str]:
    """Return the ids that somebody who wrote ``ref`` may have meant, the likeliest first.

    Compared is the whole id, at least 0.6 alike, and the part after the slash, at least
    0.75 alike, for a ref without a vendor or with the wrong one. An id equal to the ref in
    all but case counts; the ref itself does not, nor does what is far behind the best.

    Args:
        models: Where to look.
        ref: What was written: a ref, with or without its vendor, or anything else.
        most: How many ids at most.
    """
    wanted = ref.strip().removeprefix(_PREFIX)
    text = wanted.lower()
    if not text or len(text) > _LONGEST_QUERY or most < 1:
        return []
    last = text.rpartition("/")[2]
    whole, part = SequenceMatcher(b=text), SequenceMatcher(b=last)
    best: list[tuple[float, str]] = []
    least = _SIMILAR
    for model in models:
        if model.id == wanted:
            continue
        names = _names_of(model)
        score = _likeness(whole, names.id, least)
        for name in {names.model, names.base} if last else ():
            # A shade less: the same vendor is the better guess.
            alike = _likeness(part, name, max(_ALIKE, least / _SAME_MODEL))
            score = max(score, _SAME_MODEL * alike)
        if score < least or (len(best) == most and score == least):
            continue
        best.append((score, model.id))
        # Stable: of equal ones the first of the list stays in front.
        best.sort(key=lambda one: -one[0])
        del best[most:]
        least = max(least, _FAR_BEHIND * best[0][0])
        if len(best) == most:
            least = max(least, best[-1][0])
    return [id_ for score, id_ in best if score >= _FAR_BEHIND * best[0][0]]


def _sorted(
    candidates: Sequence[tuple[ModelInfo, _Names]], rank: Callable[[_Names], float | None]
) -> list[ModelInfo]:
    fitting = [(r, model) for model, names in candidates if (r := rank(names)) is not None]
    fitting.sort(key=lambda one: one[0])
    return [model for _, model in fitting]


def _plain_rank(query: _Query, names: _Names) -> float | None:
    wholes = (names.id, names.model, names.base, names.name)
    if query.text in wholes:
        # A ref names one model; its part after the slash may be that of several.
        return 0 if query.text == names.id else 1
    if any(whole.startswith(query.text) for whole in wholes):
        return 2
    if all(any(word.startswith(typed) for word in names.words) for typed in query.words):
        return 3
    if all(typed in names.id or typed in names.name for typed in query.words):
        return 4
    return None


def _slip(query: _Query, names: _Names) -> float | None:
    likeness = 0.0
    for typed in query.words:
        matcher = SequenceMatcher(b=typed)
        best = max(_likeness(matcher, word, _ALIKE) for word in names.words)
        if best < _ALIKE:
            return None
        likeness += best
    return -likeness / len(query.words)


def _scatter(query: _Query, names: _Names) -> float | None:
    """Return over how many letters of the id those typed are scattered."""
    letters = "".join(query.words)
    if len(letters) < 2:
        return None
    shortest: int | None = None
    for start in (i for i, letter in enumerate(names.id) if letter == letters[0]):
        at = start
        for letter in letters[1:]:
            at = names.id.find(letter, at + 1)
            if at < 0:
                break
        if at >= 0 and (shortest is None or at - start < shortest):
            shortest = at - start
    return None if shortest is None or shortest >= _LOOSEST * len(letters) else shortest


def _likeness(matcher: SequenceMatcher[str], text: str, least: float) -> float:
    """Return how alike, from 0 to 1; 0 also for all that is below ``least``."""
    matcher.set_seq1(text)
    # The first two are upper bounds that cost little.
    for ratio in (matcher.real_quick_ratio, matcher.quick_ratio):
        if ratio() < least:
            return 0.0
    return matcher.ratio()


def _query_of(text: str) -> _Query:
    lowered = text.strip().lower().removeprefix(_PREFIX)[:_LONGEST_QUERY]
    return _Query(lowered, tuple(_WORD.findall(lowered)))


def _names_of(model: ModelInfo) -> _Names:
    id_, name = model.id.lower(), model.name.lower()
    after = id_.partition("/")[2]
    words = (*_WORD.findall(id_), *_WORD.findall(name))
    return _Names(id_, after, after.partition(":")[0], name, words)
