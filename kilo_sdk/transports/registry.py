"""Which transport serves a model: the caller's are asked first, then the built-in ones."""

from __future__ import annotations

from collections.abc import Sequence

from kilo_sdk.errors import ConfigurationError
from kilo_sdk.refs import ModelRef
from kilo_sdk.transports.base import TransportAdapter

__all__ = ["TransportRegistry"]


class TransportRegistry:
    """An ordered list of transports.

    Args:
        transports: In the order they are asked; the first that matches serves.

    Raises:
        ConfigurationError: One of them is none.
    """

    __slots__ = ("transports",)

    def __init__(self, transports: Sequence[TransportAdapter]) -> None:
        self.transports = transports
        for transport in transports:
            if not isinstance(transport, TransportAdapter):
                raise ConfigurationError(
                    f"{type(transport).__name__} is no transport adapter; extend "
                    "OpenAICompatibleTransport, or offer name, matches, prepare, decode_chunk, "
                    "decode_completion, request_middleware and response_middleware"
                )

    def transport_for(self, ref: ModelRef) -> TransportAdapter:
        """Return the first transport that matches.

        Raises:
            ConfigurationError: None does.
        """
        for transport in self.transports:
            if transport.matches(ref):
                return transport
        raise ConfigurationError(f"no transport serves {ref.ref}")
