"""The gateway's path for Gemini-backed models.

It adds thought-signature sanitation to the OpenAI-shaped path and nothing else: no
turn-order validation, no bootstrap turn, no rewriting of tool ids.

Source: GATEWAY 7.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from kilo_sdk.middleware.app_headers import AppHeaders
from kilo_sdk.middleware.auth import BearerAuth
from kilo_sdk.middleware.delta_repairs import DeltaRepairs
from kilo_sdk.middleware.provider_pinning import ProviderPinning
from kilo_sdk.middleware.reasoning_injection import ModelHints, ReasoningInjection
from kilo_sdk.middleware.reasoning_normalisation import ReasoningNormalisation
from kilo_sdk.middleware.replay import ReplaySanitation
from kilo_sdk.middleware.stop import StopNormalisation
from kilo_sdk.middleware.thought_signatures import ThoughtSignatureSanitation
from kilo_sdk.refs import ModelRef
from kilo_sdk.transports.base import OpenAICompatibleTransport

if TYPE_CHECKING:
    from kilo_sdk.catalog.catalog import ModelCatalog
    from kilo_sdk.transports.prefixes import AssistantPrefix

__all__ = ["ProxyGeminiTransport"]


class ProxyGeminiTransport(OpenAICompatibleTransport):
    """Serves the models whose gateway id contains ``gemini``, in any case.

    Args:
        auth: Sets the key.
        app_headers: Sets the gateway's own headers.
        hints: Which models get no reasoning level; default: ``ModelHints()``.
        catalog: Returns the model list that is at hand, or None; never asks for one.
        base_url: Where to send requests; None uses the client's base URL.
    """

    name = "proxy-gemini"

    def __init__(
        self,
        *,
        auth: BearerAuth,
        app_headers: AppHeaders,
        hints: ModelHints | None = None,
        catalog: Callable[[], ModelCatalog | None] | None = None,
        base_url: str | None = None,
    ) -> None:
        thought_signatures = ThoughtSignatureSanitation()
        super().__init__(
            base_url=base_url,
            request_middleware=(
                auth,
                app_headers,
                ReasoningInjection(hints, catalog=catalog),
                ProviderPinning(),
                StopNormalisation(),
                ReplaySanitation(),
                thought_signatures,
            ),
            response_middleware=(
                DeltaRepairs(),
                ReasoningNormalisation(),
                thought_signatures,
            ),
        )

    def matches(self, ref: ModelRef, /) -> bool:
        """Whether the model is backed by Gemini."""
        return "gemini" in ref.id.lower()

    def assistant_prefix(self, ref: ModelRef, /) -> AssistantPrefix | str:
        """Return why the model does not go on with an answer."""
        # For streams that are to go on when they are cut, and those alone.
        from kilo_sdk.transports.prefixes import vendors_prefix

        return vendors_prefix(ref)
