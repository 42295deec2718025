"""Facts about the catalogues of a client: whose they are, and how many are kept."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Awaitable
from typing import Any

import anyio
import pytest

from kilo_sdk import CatalogOptions, ConfigurationError
from kilo_sdk.catalog_shelf import CatalogShelf, asker_of
from kilo_sdk.lifetime import Lifetime


class Source:
    """A token source that cannot be hashed, and equals every other."""

    def __call__(self) -> str:
        return "key"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Source)

    __hash__ = None  # type: ignore[assignment]


def test_the_same_asker_has_the_same_list() -> None:
    def source() -> str:
        return "key"

    sources: list[Any] = [None, "key", source, Source()]
    for key in sources:
        one = asker_of("url", "org", key, {"X-Mine": "1"})
        assert asker_of("url", "org", key, {"X-Mine": "2"}) == one
        assert {one: 1}[asker_of("url", "org", key, {})] == 1


def test_another_asker_has_another_list() -> None:
    askers: list[tuple[str, str | None, Any, dict[str, str]]] = [
        ("url", None, None, {}),
        ("url/2", None, None, {}),
        ("url", "org", None, {}),
        ("url", None, "key", {}),
        ("url", None, lambda: "key", {}),
        ("url", None, lambda: "key", {}),
        ("url", None, Source(), {}),
        ("url", None, Source(), {}),
        ("url", None, None, {"AUTHORIZATION": "Bearer x"}),
        ("url", None, None, {"X-KiloCode-OrganizationId": "org"}),
    ]
    assert len({asker_of(*asker) for asker in askers}) == len(askers)


def test_the_oldest_of_too_many_gives_way_and_a_busy_one_does_not() -> None:
    shelf = CatalogShelf(None, Lifetime())
    held = [shelf.cache_of(("url", number)) for number in range(64)]
    assert [shelf.cache_of(("url", number)) for number in range(64)] == held
    shelf.cache_of(("url", 64))
    assert len(shelf) == 64
    assert shelf.cache_of(("url", 1)) is held[1]

    async def be_busy() -> None:
        hanging = asyncio.create_task(held[1].get(never))
        await asyncio.sleep(0)
        assert held[1].busy
        shelf.cache_of(("url", 65))
        assert shelf.cache_of(("url", 1)) is held[1]
        assert shelf.cache_of(("url", 2)) is not held[2]
        await shelf.close()
        with pytest.raises(ConfigurationError, match="the client is closed"):
            await hanging

    asyncio.run(be_busy())


def never() -> Awaitable[object]:
    return anyio.sleep_forever()


def test_nothing_is_loaded_where_nothing_was_obtained() -> None:
    shelf = CatalogShelf(CatalogOptions(), Lifetime())
    assert shelf.loaded(("url", None)) is None
    assert len(shelf) == 0
    shelf.cache_of(("url", None))
    assert shelf.loaded(("url", None)) is None


def test_advice_is_of_the_bundled_list_where_none_was_obtained() -> None:
    shelf = CatalogShelf(None, Lifetime())
    assert shelf.advice_on_missing(("url", None), "kilo/aut") == "did you mean kilo/auto?"
    assert shelf.advice_on_missing(("url", None), "v/m") == ""


def test_options_are_of_their_class() -> None:
    wrong: Any = {"ttl": 1}
    with pytest.raises(ConfigurationError, match="catalog is a CatalogOptions object, not dict"):
        CatalogShelf(wrong, Lifetime())


def test_asking_what_is_loaded_imports_no_catalogue() -> None:
    code = (
        "import sys, kilo_sdk\n"
        "assert kilo_sdk.KiloClient('key').loaded_catalog is None\n"
        "assert 'kilo_sdk.catalog' not in sys.modules\n"
        "assert 'filelock' not in sys.modules and 'platformdirs' not in sys.modules"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, timeout=240)
