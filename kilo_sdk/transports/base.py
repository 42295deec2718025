"""What a transport adapter is, and the one that most adapters extend.

A transport owns its chain: which middleware a request passes on its way out and which an
answer passes on its way in, in order, stands in its constructor and nowhere else.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Protocol, runtime_checkable

import attrs

from kilo_sdk.errors import ConfigurationError
from kilo_sdk.middleware.base import OutgoingRequest
from kilo_sdk.middleware.chain import AnyRequestMiddleware, AnyResponseMiddleware
from kilo_sdk.middleware.delta_repairs import DeltaRepairs
from kilo_sdk.middleware.reasoning_normalisation import ReasoningNormalisation
from kilo_sdk.refs import ModelRef
from kilo_sdk.types.wire import WireChunk, WireCompletion, WireDict, WirePayload

__all__ = [
    "CompletionCall",
    "OpenAICompatibleTransport",
    "TransportAdapter",
    "join_url",
]


@attrs.frozen(slots=True, repr=False, eq=False)
class CompletionCall:
    """What a caller asked for, before a transport makes a request of it.

    Attributes:
        ref: The model that is asked.
        payload: Everything for the JSON body except ``model`` and ``stream``: ``messages``
            as a list of wire dicts, the parameters, ``extra_body``. Never changed.
        headers: The caller's headers. Never changed.
        base_url: The client's base URL, ending in a slash.
        stream: Whether a stream is asked for.
        reasoning: The level chosen, or None.
        task_id: One per conversation or task, or None.
        mode: A hint for auto models, or None.
        pinned_provider: The provider to route to first, or None.
    """

    ref: ModelRef
    payload: WirePayload
    headers: dict[str, str]
    base_url: str
    stream: bool
    reasoning: str | None = None
    task_id: str | None = None
    mode: str | None = None
    pinned_provider: str | None = None

    def __repr__(self) -> str:
        # The payload holds the prompt: it is not shown.
        return f"CompletionCall({self.ref.id!r}, stream={self.stream})"


@runtime_checkable
class TransportAdapter(Protocol):
    """How one kind of upstream is talked to.

    Attributes:
        name: A short name for logs and for ``client.transport_for(ref).name``.
        request_middleware: What a request passes on its way out, in order; middleware
            given to the client comes after it.
        response_middleware: What chunks and completions pass on their way in, in order;
            middleware given to the client comes after it.
    """

    @property
    def name(self) -> str:
        """A short name for logs."""
        ...

    @property
    def request_middleware(self) -> Sequence[AnyRequestMiddleware]:
        """What a request passes on its way out, in order."""
        ...

    @property
    def response_middleware(self) -> Sequence[AnyResponseMiddleware]:
        """What an answer passes on its way in, in order."""
        ...

    def matches(self, ref: ModelRef, /) -> bool:
        """Whether this transport serves the model."""
        ...

    def prepare(self, call: CompletionCall, /) -> OutgoingRequest:
        """Make the request that the middleware will see. The call is not changed."""
        ...

    def decode_chunk(self, event: WireDict, /) -> WireChunk | None:
        """Turn one event's JSON into an OpenAI chunk; None when it carries none."""
        ...

    def decode_completion(self, body: WireDict, /) -> WireCompletion:
        """Turn a non-streaming answer's JSON into an OpenAI completion."""
        ...


class OpenAICompatibleTransport:
    """Talks to any server that speaks OpenAI's chat completions.

    Extend it, name it, and say what it ``matches``; the defaults do the rest.

    Args:
        base_url: Where to send requests; None uses the client's base URL.
        request_middleware: What a request passes on its way out, in order.
        response_middleware: What an answer passes on its way in, in order. The default
            repairs deltas and normalises reasoning, which the typed classes rely on.
    """

    name: str = "openai-compatible"
    path: str = "chat/completions"

    def __init__(
        self,
        *,
        base_url: str | None = None,
        request_middleware: Sequence[AnyRequestMiddleware] = (),
        response_middleware: Sequence[AnyResponseMiddleware] | None = None,
    ) -> None:
        self.base_url = base_url
        self.request_middleware: Sequence[AnyRequestMiddleware] = tuple(request_middleware)
        self.response_middleware: Sequence[AnyResponseMiddleware] = (
            (DeltaRepairs(), ReasoningNormalisation())
            if response_middleware is None
            else tuple(response_middleware)
        )

    def matches(self, ref: ModelRef, /) -> bool:
        """Whether this transport serves the model; here: every one."""
        return True

    def model_id(self, ref: ModelRef) -> str:
        """What the server is told as ``model``; here: the gateway id."""
        return ref.id

    def prepare(self, call: CompletionCall, /) -> OutgoingRequest:
        """Make an OpenAI-shaped request of the call.

        Raises:
            ConfigurationError: ``extra_body`` put something else in the messages' place.
        """
        payload: WirePayload = {"model": self.model_id(call.ref), **call.payload}
        messages = payload["messages"]
        if not isinstance(messages, list):
            raise ConfigurationError(
                f"messages of extra_body is of type {type(messages).__name__}; it is a list of "
                "wire dicts"
            )
        payload["messages"] = list(messages)
        if call.stream:
            payload["stream"] = True
        return OutgoingRequest(
            call.ref,
            join_url(self.base_url or call.base_url, self.path),
            dict(call.headers),
            payload,
            call.stream,
            call.reasoning,
            call.task_id,
            call.mode,
            call.pinned_provider,
        )

    def decode_chunk(self, event: WireDict, /) -> WireChunk | None:
        """Return the event: it is a chunk already."""
        return event

    def decode_completion(self, body: WireDict, /) -> WireCompletion:
        """Return the body: it is a completion already."""
        return body

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r}>"


@lru_cache(maxsize=64)
def join_url(base_url: str, path: str) -> str:
    """Join a base URL, with or without its final slash, and a relative path."""
    return f"{base_url.rstrip('/')}/{path}"
