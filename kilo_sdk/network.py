"""How connections are made: which certificates are trusted, and through which proxy.

Which proxy the environment names, and which can be used, is known to ``proxies``, imported
where it is asked: who has no proxy does not pay for it.
"""

from __future__ import annotations

from ssl import SSLContext
from typing import Final
from urllib.parse import urlsplit

import aiohttp

from kilo_sdk.errors import ConfigurationError
from kilo_sdk.middleware.auth import is_loopback

__all__ = ["Network"]

_KEEPALIVE_S: Final = 60.0


class Network:
    """What a client was told about the way to the gateway; never changed.

    Args:
        ssl: Decides which certificates are trusted; None for the system's.
        proxy: Where every request goes through; may hold a user and a password.
        trust_env: Whether the variables of the environment name the proxy. This machine's
            own addresses are never asked for through one, and nothing else is read: no
            ``.netrc``.
        max_connections: Most connections open at once; 0 for no limit.
        session: The caller's session, which has settings of its own; not kept.

    Raises:
        ConfigurationError: One of them is of no accepted form, or stands beside a session.
    """

    __slots__ = ("max_connections", "proxy", "ssl", "trust_env")

    def __init__(
        self,
        *,
        ssl: SSLContext | None = None,
        proxy: str | None = None,
        trust_env: bool = False,
        max_connections: int = 0,
        session: object = None,
    ) -> None:
        if isinstance(max_connections, bool) or not isinstance(max_connections, int):
            raise ConfigurationError("max_connections is a whole number; 0 means no limit")
        if max_connections < 0:
            raise ConfigurationError("max_connections is 0 or more; 0 means no limit")
        if ssl is not None and not isinstance(ssl, SSLContext):
            raise ConfigurationError(
                f"ssl is an ssl.SSLContext, not {type(ssl).__name__}; "
                "ssl.create_default_context(cafile='ca.pem') trusts an authority of your own"
            )
        if not isinstance(trust_env, bool):
            raise ConfigurationError(f"trust_env is True or False, not {type(trust_env).__name__}")
        if proxy is not None:
            _check_proxy(proxy, "proxy")
        if session is not None and (ssl is not None or proxy is not None or trust_env):
            raise ConfigurationError(
                "ssl, proxy and trust_env belong to connections that the client makes; a session "
                "of yours has its own: ClientSession(connector=TCPConnector(ssl=...), proxy=...)"
            )
        self.ssl = ssl
        self.proxy = proxy
        self.trust_env = trust_env
        self.max_connections = max_connections

    def open_session(self) -> aiohttp.ClientSession:
        """Return a new session. To be called where the event loop runs."""
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=self.max_connections,
                keepalive_timeout=_KEEPALIVE_S,
                ssl=True if self.ssl is None else self.ssl,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    def proxy_for(self, url: str) -> str | None:
        """Return the proxy that a request goes through, or None.

        Raises:
            ConfigurationError: The environment names one that cannot be used.
        """
        if self.proxy is not None:
            return self.proxy
        if not self.trust_env:
            return None
        from kilo_sdk.proxies import environment_proxy

        proxy = environment_proxy(url)
        if proxy is None:
            return None
        _check_proxy(proxy.url, f"the environment's {proxy.variable}")
        return proxy.url

    def refuse_clear_text(self, base_url: str) -> None:
        """Refuse a proxy that would see a key in the clear.

        Raises:
            ConfigurationError: ``base_url`` is plain http, and the proxy another machine.
        """
        if self.proxy is None or base_url.startswith("https://"):
            return
        if not is_loopback(urlsplit(self.proxy).hostname or ""):
            raise ConfigurationError(
                "base_url is plain http and the proxy is not this machine: the key would travel "
                "in the clear; use https, or allow_insecure=True where the network is yours"
            )


def _check_proxy(proxy: object, name: str) -> None:
    from kilo_sdk.proxies import is_proxy_url

    if not is_proxy_url(proxy):
        # The URL is not shown: it may hold a password.
        raise ConfigurationError(
            f"{name} is no http or https URL of a proxy; it reads like "
            "http://proxy.example:3128, with user:password@ before the host where it wants one"
        )
