"""What an app decides: who may ask, what of, who may read, and what becomes of answers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias, TypeVar

from kilo_sdk.relay.generation import EndedAnswer
from kilo_sdk.relay.protocol import Prompt
from kilo_sdk.relay.sockets import Handshake

__all__ = ["AuthHook", "EndHook", "PrepareHook", "ReadHook", "answer_of"]

T = TypeVar("T")

AuthHook: TypeAlias = Callable[[Handshake], str | Awaitable[str | None] | None]
"""Says who is at the door; None, or ``RelayRefusedError``, lets them not in."""

PrepareHook: TypeAlias = Callable[[Prompt], Mapping[str, Any] | Awaitable[Mapping[str, Any]]]
"""Makes the arguments of ``client.chat.completions.stream`` of a prompt, or refuses it."""

ReadHook: TypeAlias = Callable[[str | None, str, str | None], bool | Awaitable[bool]]
"""Says whether a reader may read an answer that is not their own: reader, stream, owner."""

EndHook: TypeAlias = Callable[[EndedAnswer], Awaitable[None] | None]
"""Is told that an answer is over."""


async def answer_of(value: T | Awaitable[T]) -> T:
    """Return what a hook returned, whether it is async or not."""
    if isinstance(value, Awaitable):
        awaited: T = await value
        return awaited
    return value
