"""The catalogues of a client: one for each gateway, organisation and key that its views ask with.

Importing this imports no catalogue, and neither does asking what is loaded: it is a fifth of
the SDK's import time, and most processes list nothing.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Final, TypeAlias

from kilo_sdk.background import BackgroundTasks
from kilo_sdk.errors import ConfigurationError
from kilo_sdk.lifetime import Lifetime

if TYPE_CHECKING:
    from kilo_sdk.catalog.cache import CatalogCache
    from kilo_sdk.catalog.catalog import ModelCatalog
    from kilo_sdk.catalog.options import CatalogOptions

__all__ = ["Asker", "CatalogShelf", "asker_of"]

_MOST_CACHES: Final = 64
_IDENTIFYING_HEADERS: Final = ("authorization", "x-kilocode-organizationid")

Asker: TypeAlias = tuple[Hashable, ...]
"""Whose list it is: the base URL, the organisation, the key, and what headers add to them."""


def asker_of(
    base_url: str, organization_id: str | None, key: object, headers: Mapping[str, str]
) -> Asker:
    """Return what tells one model list from another: who asks whom, on whose behalf.

    Args:
        base_url: The gateway.
        organization_id: The organisation, or None.
        key: The key, a token source, or None. A source stands for itself, whatever key it
            returns today.
        headers: Those of every request.
    """
    lowered = {name.lower(): value for name, value in headers.items()}
    whose: Hashable = key
    try:
        hash(whose)
    except TypeError:
        # An object that compares by value and is called; no two of them are taken for one.
        whose = _Itself(key)
    return (base_url, organization_id, whose, *map(lowered.get, _IDENTIFYING_HEADERS))


class _Itself:
    """Equal to nothing else; keeps what it stands for alive, so that its id stays its own."""

    def __init__(self, value: object) -> None:
        self._value = value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Itself) and other._value is self._value

    def __hash__(self) -> int:
        return id(self._value)


class CatalogShelf:
    """The catalogues of a client and all its views. Any number of tasks may use it at once.

    Args:
        options: How long lists are kept; None for ``CatalogOptions()``.
        lifetime: That of the client.

    Raises:
        ConfigurationError: ``options`` is something else.
    """

    __slots__ = ("_caches", "_options", "_tasks")

    def __init__(self, options: CatalogOptions | None, lifetime: Lifetime) -> None:
        if options is not None:
            from kilo_sdk.catalog.options import CatalogOptions

            if not isinstance(options, CatalogOptions):
                raise ConfigurationError(
                    f"catalog is a CatalogOptions object, not {type(options).__name__}"
                )
        self._options = options
        self._tasks = BackgroundTasks(lifetime)
        self._caches: dict[Asker, CatalogCache] = {}

    def __len__(self) -> int:
        return len(self._caches)

    def loaded(self, asker: Asker) -> ModelCatalog | None:
        """Return the gateway's list as last obtained, or None; never asks for it."""
        # Asked for each answer; most processes have none.
        cache = self._caches.get(asker) if self._caches else None
        return None if cache is None else cache.loaded

    def cache_of(self, asker: Asker) -> CatalogCache:
        """Return the catalogue of that asker, making it where it is the first to want it.

        A server that makes a view per user would fill the memory: past 64 the oldest that
        is not busy gives way.
        """
        cache = self._caches.get(asker)
        if cache is None:
            from kilo_sdk.catalog.cache import CatalogCache
            from kilo_sdk.catalog.disk import catalog_file
            from kilo_sdk.catalog.options import CatalogOptions

            while len(self._caches) >= _MOST_CACHES:
                idle = next((other for other, one in self._caches.items() if not one.busy), None)
                if idle is None:
                    break
                del self._caches[idle]
            options = self._options or CatalogOptions()
            file = catalog_file(options.disk, asker)
            cache = self._caches[asker] = CatalogCache(self._tasks, options, file)
        return cache

    def advice_on_missing(self, asker: Asker, id_: str) -> str:
        """Say what may have been meant by a model that the gateway does not know.

        Looks in the list that was obtained, else in the bundled one; asks nobody.

        Returns:
            ``did you mean a/b?``, or nothing.
        """
        from kilo_sdk.catalog.suggestions import did_you_mean

        return did_you_mean(id_, self.loaded(asker))

    async def close(self) -> None:
        """End what is being fetched behind a caller's back; closing twice is fine."""
        await self._tasks.close()
