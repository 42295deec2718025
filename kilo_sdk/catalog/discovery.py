"""From the model list's JSON to a catalogue; asking for it is the caller's part.

One bad entry costs that entry and a warning, never the list.

Source: GATEWAY 9.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Final, TypeVar

from kilo_sdk.catalog.catalog import ModelCatalog
from kilo_sdk.types.model_info import ModelInfo

__all__ = ["catalog_from_wire", "valid_entries"]

_logger: Final = logging.getLogger("kilo_sdk.catalog")
_LONGEST_REASON: Final = 200
_MOST_WARNINGS: Final = 10
# Twenty times what the largest router lists. Reading more would hold up the event loop.
_MOST_ENTRIES: Final = 10_000

T = TypeVar("T")


def catalog_from_wire(
    body: object, *, bundled: Iterable[ModelInfo], fetched_at: datetime | None = None
) -> ModelCatalog:
    """Read the answer to ``GET models``.

    Malformed entries are skipped with a warning. Of valid repeats the first wins. Past
    10,000 entries the rest is left out, with a warning.

    Args:
        body: The decoded JSON, ``{"data": [...]}`` when all is well.
        bundled: Models to append where the gateway's list lacks them.
        fetched_at: When the answer came, with its time zone.

    Returns:
        The gateway's models in its order, then the bundled ones it lacks.

    Raises:
        ValueError: The body is an error, has another shape or describes no model at all;
            the message says which.
    """
    data = _list_of(body)
    if len(data) > _MOST_ENTRIES:
        _logger.warning("model_list.cut entries=%d read=%d", len(data), _MOST_ENTRIES)
        data = data[:_MOST_ENTRIES]
    discovered = list(valid_entries(data, ModelInfo.from_wire, what="model"))
    if not discovered:
        raise ValueError(
            f"none of the {len(data)} entries describes a model" if data else "the list is empty"
        )
    return ModelCatalog([*discovered, *bundled], source="gateway", fetched_at=fetched_at)


def _list_of(body: object) -> list[object]:
    if not isinstance(body, dict):
        raise ValueError(f"the answer is no JSON object, but {type(body).__name__}")
    if body.get("error"):
        raise ValueError("the answer is an error")
    data = body.get("data")
    if not isinstance(data, list):
        raise ValueError("the answer holds no list 'data'")
    return data


def valid_entries(
    entries: Iterable[object], read: Callable[[object], T], *, what: str
) -> Iterator[T]:
    """Read entries one by one, leaving out those that ``read`` refuses.

    The first ten are warned of one by one, the rest in one line.

    Args:
        entries: Decoded JSON values.
        read: A ``from_wire``: raises ``ValueError`` for an entry that makes no sense.
        what: What an entry describes, for the warning.
    """
    skipped = 0
    for index, entry in enumerate(entries):
        try:
            value = read(entry)
        except ValueError as exc:
            skipped += 1
            if skipped <= _MOST_WARNINGS:
                # An id may be any JSON string: what is logged of it has a limit.
                reason = str(exc)[:_LONGEST_REASON]
                _logger.warning("%s_entry.skipped index=%d reason=%s", what, index, reason)
        else:
            yield value
    if skipped > _MOST_WARNINGS:
        _logger.warning("%s_entry.skipped more=%d", what, skipped - _MOST_WARNINGS)
