"""Asks the gateway to route a request to one provider first.

Which one is decided before: by the caller, or by who gave the conversation's last answer.

Source: GATEWAY 3 (``provider``, routing preferences).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Final

from kilo_sdk.middleware.base import OutgoingRequest

__all__ = ["ProviderPinning"]

_logger: Final = logging.getLogger("kilo_sdk.middleware")


class ProviderPinning:
    """Puts ``request.pinned_provider`` into ``provider.order``; a request middleware.

    An order is a preference: a provider that does not serve the model, or is down, makes
    way for the others, unless the caller said ``allow_fallbacks: False``. A caller's own
    ``order`` or ``only`` wins, and nothing is added. The caller's object is copied before
    it is added to.

    The name goes out as the gateway gave it. OpenRouter's API takes both the names that
    answers come with (``Google AI Studio``) and slugs (``google-ai-studio``).
    """

    __slots__ = ()
    passes_plain_requests = True

    def on_request(self, request: OutgoingRequest, /) -> None:
        """Set or complete ``payload["provider"]``, where a provider is pinned."""
        name = request.pinned_provider
        if name is None:
            return
        given = request.payload.get("provider")
        if given is None:
            given = {}
        elif not isinstance(given, Mapping):
            return  # whatever it is, the gateway will say what it thinks of it
        for own in ("order", "only"):
            if given.get(own):
                _logger.debug("provider.not_pinned model=%s reason=%s", request.ref.id, own)
                return
        request.payload["provider"] = {**given, "order": [name]}
        _logger.debug("provider.pinned model=%s provider=%s", request.ref.id, name)
