"""Requests led through middleware, as a call leads them."""

from __future__ import annotations

from kilo_sdk.middleware.base import OutgoingRequest
from kilo_sdk.middleware.chain import AnyRequestMiddleware, RequestChain

__all__ = ["led_through"]


async def led_through(request: OutgoingRequest, *middleware: AnyRequestMiddleware) -> None:
    """Let a request pass the middleware, waiting where one of them waits."""
    rest = RequestChain(middleware).run(request)
    if rest is not None:
        await rest
