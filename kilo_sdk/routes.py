"""Which way a model's calls take: its transport, and the middleware they pass.

The caller's transports are asked first, then the built-in ones; the caller's middleware
comes after the transport's own. What form each middleware has is decided here, once per
client.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from kilo_sdk.middleware.app_headers import AppHeaders
from kilo_sdk.middleware.auth import BearerAuth
from kilo_sdk.middleware.chain import (
    AnyRequestMiddleware,
    AnyResponseMiddleware,
    RequestChain,
    ResponseChain,
)
from kilo_sdk.middleware.reasoning_injection import ModelHints
from kilo_sdk.refs import ModelRef
from kilo_sdk.transports.base import TransportAdapter
from kilo_sdk.transports.proxy_gemini import ProxyGeminiTransport
from kilo_sdk.transports.proxy_openai import ProxyOpenAITransport
from kilo_sdk.transports.registry import TransportRegistry

if TYPE_CHECKING:
    from kilo_sdk.catalog.catalog import ModelCatalog

__all__ = ["Route", "Routes"]

# A caller who makes up models does not fill the memory.
_MOST_KNOWN: Final = 256


class Route:
    """A transport with the chains that its calls pass, the caller's middleware included.

    Args:
        transport: Makes requests of calls and chunks of events.
        request_chain: The transport's own request middleware, then the caller's.
        response_chain: The transport's own response middleware, then the caller's.
    """

    __slots__ = ("request_chain", "response_chain", "transport")

    def __init__(
        self,
        transport: TransportAdapter,
        request_chain: RequestChain,
        response_chain: ResponseChain,
    ) -> None:
        self.transport = transport
        self.request_chain = request_chain
        self.response_chain = response_chain


class Routes:
    """The routes of one client.

    Args:
        auth: Sets the gateway's key.
        app_headers: Sets the gateway's own headers.
        hints: Which models get no reasoning level; None for the defaults.
        catalog: Returns the model list that is at hand, or None; never asks for one.
        transports: The caller's, asked before the built-in ones.
        request_middleware: The caller's, after each transport's own.
        response_middleware: The caller's, after each transport's own.

    Raises:
        ConfigurationError: A transport or a middleware is of no accepted form.
    """

    __slots__ = ("_known", "_may_know", "_registry", "_routes")

    def __init__(
        self,
        *,
        auth: BearerAuth,
        app_headers: AppHeaders,
        hints: ModelHints | None = None,
        catalog: Callable[[], ModelCatalog | None] | None = None,
        transports: Sequence[TransportAdapter] = (),
        request_middleware: Sequence[AnyRequestMiddleware] = (),
        response_middleware: Sequence[AnyResponseMiddleware] = (),
    ) -> None:
        self._registry = TransportRegistry(
            (
                *transports,
                ProxyGeminiTransport(
                    auth=auth, app_headers=app_headers, hints=hints, catalog=catalog
                ),
                ProxyOpenAITransport(
                    auth=auth, app_headers=app_headers, hints=hints, catalog=catalog
                ),
            )
        )
        # Which models the caller's own transports match may change with the day.
        self._may_know = not transports
        self._known: dict[str, Route] = {}
        self._routes: dict[int, Route] = {}
        for transport in self._registry.transports:
            self._routes[id(transport)] = Route(
                transport,
                RequestChain((*transport.request_middleware, *request_middleware)),
                ResponseChain((*transport.response_middleware, *response_middleware)),
            )

    def transport_for(self, ref: ModelRef) -> TransportAdapter:
        """Return the transport that serves a model."""
        return self._registry.transport_for(ref)

    def route_for(self, ref: ModelRef) -> Route:
        """Return the transport that serves a model, with the chains its calls pass."""
        route = self._known.get(ref.id)
        if route is None:
            route = self._routes[id(self._registry.transport_for(ref))]
            if self._may_know and len(self._known) < _MOST_KNOWN:
                self._known[ref.id] = route
        return route
