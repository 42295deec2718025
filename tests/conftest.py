"""Fixtures that every test may use."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, settings

# How long an example takes says something about the machine and nothing about the code; all
# else stays as it is, on CI with the same examples every time.
settings.register_profile(
    "any speed", settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("any speed")


@pytest.fixture
def anyio_backend() -> str:
    """The SDK is bound to asyncio through aiohttp."""
    return "asyncio"


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No key, base URL or proxy of the person running the tests reaches a test."""
    for name in (
        "KILOCODE_API_KEY",
        "KILO_API_KEY",
        "KILOCODE_BASE_URL",
        "KILOCODE_FEATURE",
        "HTTP_PROXY",
        "HTTPS_PROXY",
        "ALL_PROXY",
        "http_proxy",
        "https_proxy",
        "all_proxy",
    ):
        monkeypatch.delenv(name, raising=False)
