"""Asking the gateway one thing, with a client of its own, and keeping its model list."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import attrs

from kilo_sdk.client import KiloClient
from kilo_sdk.config import KiloConfig
from kilo_sdk.proxies import environment_proxy

__all__ = ["opened_client", "with_client", "with_list_on_disk"]

T = TypeVar("T")


def with_list_on_disk(config: KiloConfig) -> KiloConfig:
    """Keep the model list on disk, unless the configuration says otherwise.

    A command lives for one list. What an earlier one obtained is not served when it is
    stale: nobody would be there to see the new one.
    """
    catalog = attrs.evolve(config.catalog, stale=0)
    if config.sources.get("catalog.disk") == "default":
        catalog = attrs.evolve(catalog, disk=True)
    return attrs.evolve(config, catalog=catalog)


@asynccontextmanager
async def opened_client(config: KiloConfig) -> AsyncIterator[KiloClient]:
    """Open the client that is configured; it goes through the environment's proxy, if any.

    One that cannot be used is gone without.

    Raises:
        ConfigurationError: What is configured cannot work.
    """
    proxy = environment_proxy(config.base_url)
    is_proxied = proxy is not None and proxy.is_usable
    async with KiloClient(**config.client_options(), trust_env=is_proxied) as client:
        yield client


def with_client(config: KiloConfig, ask: Callable[[KiloClient], Awaitable[T]]) -> T:
    """Run a question to its end, with a client of its own.

    Raises:
        KiloError: What the question raises, or the client.
    """
    # What goes wrong is told in words, once.
    logging.getLogger("kilo_sdk.catalog").addHandler(logging.NullHandler())

    async def run() -> T:
        async with opened_client(config) as client:
            return await ask(client)

    return asyncio.run(run())
