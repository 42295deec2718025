"""The bundled catalogue, which serves while discovery cannot.

It holds the gateway's own routing models only. Other vendors' prices and limits change
without notice: a stale figure would be worse than none.

Source: GATEWAY 9 (``kilo/auto`` and its values), GATEWAY 1 (the newer family ids).
"""

from __future__ import annotations

from typing import Final

from kilo_sdk.catalog.catalog import ModelCatalog
from kilo_sdk.types.model_info import ModelInfo
from kilo_sdk.types.wire import WireDict

__all__ = ["static_catalog"]

_FAMILY: Final = ("frontier", "balanced", "efficient", "free", "small")


def static_catalog() -> ModelCatalog:
    """Return the bundled catalogue, ``kilo/auto`` first.

    Of the ``kilo-auto/*`` family only the ids are published; everything else about them
    is unknown here, but for one thing that an id itself promises: ``kilo-auto/free`` is free.
    """
    return ModelCatalog(map(ModelInfo.from_wire, _entries()), source="static")


def _entries() -> list[WireDict]:
    """Build anew each time, so that no caller's change to a ``raw`` reaches another."""
    kilo_auto: WireDict = {
        "id": "kilo/auto",
        "name": "Kilo Auto",
        "context_length": 1_000_000,
        "architecture": {"input_modalities": ["text", "image"], "output_modalities": ["text"]},
        "top_provider": {"context_length": 1_000_000, "max_completion_tokens": 128_000},
        "supported_parameters": ["reasoning", "tools"],
    }
    family: list[WireDict] = [{"id": f"kilo-auto/{name}"} for name in _FAMILY]
    for entry in family:
        if entry["id"] == "kilo-auto/free":
            entry["isFree"] = True
    return [kilo_auto, *family]
