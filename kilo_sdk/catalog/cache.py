"""The catalogue a client holds: the gateway's list as it was last obtained.

Source: GATEWAY 9.
"""

from __future__ import annotations

from typing import TypeAlias

from kilo_sdk.catalog.catalog import ModelCatalog

__all__ = ["CacheKey", "CatalogCache", "cache_of"]

CacheKey: TypeAlias = tuple[str, str | None, str | int | None]
"""Whose list it is: base URL, organisation, and the key or the id of the token source."""

_MOST_CACHES = 64


class CatalogCache:
    """The catalogue of one gateway, organisation and key, shared by views that agree on them."""

    __slots__ = ("_loaded",)

    def __init__(self) -> None:
        self._loaded: ModelCatalog | None = None

    @property
    def loaded(self) -> ModelCatalog | None:
        """The gateway's list as last obtained; None before that."""
        return self._loaded

    def keep(self, catalog: ModelCatalog) -> None:
        """Remember a catalogue that came from the gateway."""
        self._loaded = catalog


def cache_of(caches: dict[CacheKey, CatalogCache], key: CacheKey) -> CatalogCache:
    """Return the cache of that key, making it where it is the first to ask.

    A server that makes a view per user would fill the memory: past 64 caches the oldest
    gives way.
    """
    cache = caches.get(key)
    if cache is None:
        if len(caches) >= _MOST_CACHES:
            del caches[next(iter(caches))]
        cache = caches[key] = CatalogCache()
    return cache
