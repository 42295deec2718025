"""From the model list's JSON to a catalogue; asking for it is the caller's part.

One bad entry costs that entry and a warning, never the list.

Source: GATEWAY 9.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from typing import Final, TypeVar

from kilo_sdk.catalog.catalog import ModelCatalog
from kilo_sdk.types.model_info import ModelInfo

__all__ = ["catalog_from_wire", "valid_entries"]

_logger: Final = logging.getLogger("kilo_sdk.catalog")
_LONGEST_REASON: Final = 200

T = TypeVar("T")


def catalog_from_wire(body: object, *, bundled: Iterable[ModelInfo]) -> ModelCatalog | None:
    """Read the answer to ``GET models``.

    Malformed entries are skipped with a warning. Of valid repeats the first wins.

    Args:
        body: The decoded JSON, ``{"data": [...]}`` when all is well.
        bundled: Models to append where the gateway's list lacks them.

    Returns:
        The gateway's models in its order, then the bundled ones it lacks; or None when the
        body holds an error, has another shape or describes no model at all.
    """
    if not isinstance(body, dict) or body.get("error"):
        return None
    data = body.get("data")
    if not isinstance(data, list):
        return None
    discovered = list(valid_entries(data, ModelInfo.from_wire, what="model"))
    if not discovered:
        return None
    return ModelCatalog([*discovered, *bundled], source="gateway")


def valid_entries(
    entries: Iterable[object], read: Callable[[object], T], *, what: str
) -> Iterator[T]:
    """Read entries one by one, leaving out those that ``read`` refuses.

    Args:
        entries: Decoded JSON values.
        read: A ``from_wire``: raises ``ValueError`` for an entry that makes no sense.
        what: What an entry describes, for the warning.
    """
    for index, entry in enumerate(entries):
        try:
            value = read(entry)
        except ValueError as exc:
            # An id may be any JSON string: what is logged of it has a limit.
            reason = str(exc)[:_LONGEST_REASON]
            _logger.warning("%s_entry.skipped index=%d reason=%s", what, index, reason)
        else:
            yield value
