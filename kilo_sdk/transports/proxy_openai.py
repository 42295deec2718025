"""The gateway's OpenAI-shaped path: every model that has no path of its own.

Source: GATEWAY 1 (proxy shapes, nothing that only OpenAI's own service understands).
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
from kilo_sdk.middleware.thought_signatures import ForeignSignatureRemoval
from kilo_sdk.refs import ModelRef
from kilo_sdk.transports.base import OpenAICompatibleTransport

if TYPE_CHECKING:
    from kilo_sdk.catalog.catalog import ModelCatalog
    from kilo_sdk.transports.prefixes import AssistantPrefix

__all__ = ["ProxyOpenAITransport"]


class ProxyOpenAITransport(OpenAICompatibleTransport):
    """Serves every model through the gateway.

    Args:
        auth: Sets the key.
        app_headers: Sets the gateway's own headers.
        hints: Which models get no reasoning level; default: ``ModelHints()``.
        catalog: Returns the model list that is at hand, or None; never asks for one.
        base_url: Where to send requests; None uses the client's base URL.
    """

    name = "proxy-openai"

    def __init__(
        self,
        *,
        auth: BearerAuth,
        app_headers: AppHeaders,
        hints: ModelHints | None = None,
        catalog: Callable[[], ModelCatalog | None] | None = None,
        base_url: str | None = None,
    ) -> None:
        super().__init__(
            base_url=base_url,
            request_middleware=(
                auth,
                app_headers,
                ReasoningInjection(hints, catalog=catalog),
                ProviderPinning(),
                StopNormalisation(),
                ReplaySanitation(),
                ForeignSignatureRemoval(),
            ),
            response_middleware=(
                DeltaRepairs(),
                ReasoningNormalisation(),
            ),
        )

    def assistant_prefix(self, ref: ModelRef, /) -> AssistantPrefix | str:
        """Return how the model's vendor has it go on with an answer, or why it does not."""
        # For streams that are to go on when they are cut, and those alone.
        from kilo_sdk.transports.prefixes import vendors_prefix

        return vendors_prefix(ref)
