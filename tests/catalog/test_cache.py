"""Facts about the catalogue a client holds."""

from __future__ import annotations

import subprocess
import sys

import pytest

from kilo_sdk import KiloClient
from kilo_sdk.catalog.cache import CacheKey, CatalogCache, cache_of
from kilo_sdk.emulator import LocalGateway, RawReply

pytestmark = pytest.mark.anyio


async def test_nothing_is_loaded_before_the_gateways_list_was_obtained() -> None:
    async with LocalGateway() as gateway, KiloClient("key", base_url=gateway.base_url) as client:
        assert client.loaded_catalog is None
        gateway.enqueue(RawReply(status=404))
        assert (await client.models.list()).source == "static"
        assert client.loaded_catalog is None
        listed = await client.models.list()
        assert client.loaded_catalog is listed
        assert len(gateway.requests) == 2


async def test_views_share_it_when_gateway_organisation_and_key_are_the_same() -> None:
    async with LocalGateway() as gateway, KiloClient("key", base_url=gateway.base_url) as client:
        before = client.with_options(default_model="openai/gpt-5")
        listed = await client.models.list()
        assert before.loaded_catalog is listed
        assert client.with_options(headers={"X-Mine": "1"}).loaded_catalog is listed
        assert client.with_options(api_key="other").loaded_catalog is None
        assert client.with_options(api_key=lambda: "key").loaded_catalog is None
        assert client.with_options(organization_id="o1").loaded_catalog is None
        assert client.with_options(base_url="http://127.0.0.1:9/").loaded_catalog is None


def test_the_oldest_of_too_many_gives_way() -> None:
    caches: dict[CacheKey, CatalogCache] = {}
    first = cache_of(caches, ("url", None, "0"))
    for number in range(1, 64):
        cache_of(caches, ("url", None, str(number)))
    assert cache_of(caches, ("url", None, "0")) is first
    cache_of(caches, ("url", None, "64"))
    assert len(caches) == 64
    assert cache_of(caches, ("url", None, "0")) is not first


def test_asking_what_is_loaded_imports_no_catalogue() -> None:
    code = (
        "import sys, kilo_sdk\n"
        "assert kilo_sdk.KiloClient('key').loaded_catalog is None\n"
        "assert 'kilo_sdk.catalog' not in sys.modules"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, timeout=60)
