"""Fixtures that every test may use."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from own_time import OwnTimeLoop

from kilo_sdk import KiloClient
from kilo_sdk.emulator import LocalGateway
from kilo_sdk.http import Connections
from tests.support.raw_streams import AT_ONCE

# How long an example takes says something about the machine and nothing about the code; all
# else stays as it is, on CI with the same examples every time.
settings.register_profile(
    "any speed", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any speed")


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    """The SDK is bound to asyncio through aiohttp; its clocks are those of the loop."""
    return "asyncio", {"loop_factory": OwnTimeLoop}


@pytest.fixture
async def gateway() -> AsyncIterator[LocalGateway]:
    """An embedded gateway that answers as soon as it can and takes any key."""
    async with LocalGateway() as gateway:
        yield gateway


@pytest.fixture
async def client(gateway: LocalGateway) -> AsyncIterator[KiloClient]:
    """A client of that gateway, whose tries follow one another at once."""
    async with KiloClient("key", base_url=gateway.base_url, retries=AT_ONCE) as client:
        yield client


@pytest.fixture
async def connections() -> AsyncIterator[Connections]:
    """Connections of no client."""
    connections = Connections()
    yield connections
    await connections.close()


@pytest.fixture(scope="session")
def empty_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home directory with nothing in it; tests that write make their own."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch, empty_home: Path) -> None:
    """No key, file, base URL or proxy of the person running the tests reaches a test."""
    for name in ("HOME", "USERPROFILE", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(empty_home))
    for name in (
        "KILOCODE_API_KEY",
        "KILO_API_KEY",
        "KILOCODE_BASE_URL",
        "KILOCODE_DEFAULT_MODEL",
        "KILOCODE_FEATURE",
        "KILOCODE_ORGANIZATION_ID",
        "KILOCODE_REASONING",
        "KILO_SDK_CONFIG",
        "OPENCLAW_CONFIG_PATH",
        "OPENCLAW_HOME",
        "OPENCLAW_STATE_DIR",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "http_proxy",
        "https_proxy",
        "all_proxy",
    ):
        monkeypatch.delenv(name, raising=False)
