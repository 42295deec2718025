"""The proxy that the environment names for a URL, and which proxies can be used.

The SDK looks at no proxy variable unless it is told to (``KiloClient(trust_env=True)``), so
that nothing but its caller's own settings decides where a key goes; the command line does, as
command lines do.

aiohttp's own ``trust_env=True`` reads ``.netrc`` as well, and fails for a host that stands
there: the key is in the header already that it would set.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit
from urllib.request import (  # type: ignore[attr-defined] # typeshed leaves it out
    getproxies_environment,
    proxy_bypass_environment,  # pyright: ignore[reportAttributeAccessIssue]
)

import attrs

from kilo_sdk.middleware.auth import is_loopback

__all__ = ["Proxy", "environment_proxy", "is_proxy_url"]

_SCHEMES: Final = ("http", "https")


@attrs.frozen(slots=True)
class Proxy:
    """A proxy, as a variable names it.

    Attributes:
        url: Its URL, user and password included.
        variable: The variable, such as ``HTTPS_PROXY``.
    """

    url: str = attrs.field(repr=False)
    variable: str

    def __str__(self) -> str:
        """Host and port, without user and password."""
        try:
            parts = urlsplit(self.url)
            host, port = parts.hostname, parts.port
        except ValueError:
            return "(no valid URL)"
        if not host:
            return "(no valid URL)"
        return host if port is None else f"{host}:{port}"

    @property
    def is_usable(self) -> bool:
        """Whether it is an HTTP proxy with a valid URL, the only kind that can be used."""
        return is_proxy_url(self.url)


def is_proxy_url(url: object) -> bool:
    """Whether it is the URL of an HTTP proxy, the only kind that can be used."""
    if not isinstance(url, str):
        return False
    try:
        parts = urlsplit(url)
        return parts.scheme in _SCHEMES and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def environment_proxy(url: str) -> Proxy | None:
    """Return the proxy that the environment names for a URL, or None.

    ``HTTPS_PROXY`` or ``HTTP_PROXY`` by the URL's scheme, else ``ALL_PROXY``, in small
    letters or capitals. None goes to this machine itself, or where ``NO_PROXY`` says so.
    """
    parts = urlsplit(url)
    proxies = getproxies_environment()
    for scheme in (parts.scheme, "all"):
        if proxy := proxies.get(scheme):
            break
    else:
        return None
    if is_loopback(parts.hostname or "") or proxy_bypass_environment(parts.netloc, proxies):
        return None
    return Proxy(proxy if "://" in proxy else f"http://{proxy}", f"{scheme.upper()}_PROXY")
