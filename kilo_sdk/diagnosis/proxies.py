"""Whether a proxy is set up for calls to the gateway, and whether it is used."""

from __future__ import annotations

from typing import Final

from kilo_sdk.diagnosis.finding import Finding, Health
from kilo_sdk.proxies import Proxy

__all__ = ["proxy_finding"]

_CHECK: Final = "proxy"


def proxy_finding(proxy: Proxy | None, *, in_use: bool) -> Finding:
    """Say whether the environment wants a proxy for the gateway, never with its password.

    Args:
        proxy: As from ``environment_proxy``.
        in_use: Whether the client goes through the proxy of the environment.
    """
    if proxy is None:
        return Finding(_CHECK, Health.OK, "none is set for the gateway, and none is used")
    named = f"{proxy.variable} names {proxy}"
    if not proxy.is_usable:
        return Finding(
            _CHECK,
            Health.WARNING,
            f"{named}, which is not used: it is no HTTP proxy",
            f"nothing, if the gateway can be reached without it; else set {proxy.variable} to "
            "http://host:port",
        )
    if in_use:
        return Finding(_CHECK, Health.OK, f"{named}, and calls go through it")
    return Finding(
        _CHECK,
        Health.WARNING,
        f"{named}, and it is not used",
        "nothing, if the gateway can be reached without it; else KiloClient(trust_env=True)",
    )
