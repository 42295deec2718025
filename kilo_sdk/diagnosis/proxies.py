"""Whether a proxy is set up for calls to the gateway.

The SDK does not look at proxy variables unless it is given a session that does, so that
nothing but a caller's own settings decides where a key goes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit
from urllib.request import (  # type: ignore[attr-defined] # typeshed leaves it out
    getproxies_environment,
    proxy_bypass_environment,  # pyright: ignore[reportAttributeAccessIssue]
)

from kilo_sdk.diagnosis.finding import Finding, Health

__all__ = ["current_proxies", "proxy_finding"]

_CHECK: Final = "proxy"


def current_proxies() -> Mapping[str, str]:
    """Return what the environment says: URLs by scheme, and under ``no`` who goes without."""
    return getproxies_environment()


def proxy_finding(base_url: str, proxies: Mapping[str, str]) -> Finding:
    """Say whether the environment wants a proxy for the gateway, never with its password.

    Args:
        base_url: Where calls go.
        proxies: As from ``current_proxies``.
    """
    parts = urlsplit(base_url)
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    if not proxy:
        return Finding(_CHECK, Health.OK, "no proxy is set for it, and none is used")
    if proxy_bypass_environment(parts.netloc, dict(proxies)):
        return Finding(_CHECK, Health.OK, "NO_PROXY says to go without a proxy, as is done")
    return Finding(
        _CHECK,
        Health.WARNING,
        f"{parts.scheme.upper()}_PROXY names the proxy {_without_secrets(proxy)}, "
        "and it is not used",
        "nothing, if the gateway can be reached without it; else give KiloClient a session with "
        "aiohttp.ClientSession(trust_env=True)",
    )


def _without_secrets(proxy: str) -> str:
    try:
        parts = urlsplit(proxy if "://" in proxy else f"//{proxy}")
        host, port = parts.hostname, parts.port
    except ValueError:
        return "(no valid URL)"
    return f"{host}:{port}" if host and port else host or "(no valid URL)"
