"""What a middleware is: the request on its way out, and the two protocols.

Nothing here touches the network. A request middleware changes an ``OutgoingRequest``; a
response middleware changes wire dicts. Each is a plain object that runs without a client.

Wire dicts inside, typed objects at the edge: the conversion happens after all of this.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Container, Mapping
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias, runtime_checkable

import attrs

from kilo_sdk.refs import ModelRef
from kilo_sdk.types.wire import WireChunk, WireCompletion, WirePayload

if TYPE_CHECKING:
    from kilo_sdk.middleware.dropped import DroppedPart

__all__ = [
    "OWN_HEADERS",
    "CallScopedResponseMiddleware",
    "HoldingResponseMiddleware",
    "OutgoingRequest",
    "RequestFunction",
    "RequestMiddleware",
    "ResponseMiddleware",
    "UnauthorizedHandler",
]

OWN_HEADERS: Final = frozenset(
    {
        "Accept",
        "Accept-Encoding",
        "Authorization",
        "Content-Type",
        "User-Agent",
        "X-KILOCODE-FEATURE",
        "X-Kilo-Retry-Count",
        "X-KiloCode-OrganizationId",
        "X-KiloCode-TaskId",
        "x-kilocode-mode",
    }
)
"""The headers that the SDK sets in most requests, each in the one way that it spells it."""


@attrs.define(slots=True, repr=False, eq=False)
class OutgoingRequest:
    """A request before it is sent; middleware may change every part of it.

    The payload and its lists are the request's own: replacing a key or appending to
    ``payload["messages"]`` never reaches the caller. The message dicts *inside* the list
    are the caller's: copy one before changing it.

    Attributes:
        ref: The model that is asked.
        url: Where the request goes.
        headers: Header names as they will be sent, with their values.
        payload: The JSON body.
        stream: Whether a stream is asked for.
        reasoning: The level the caller chose, or None (GATEWAY 4). A reasoning *object* is
            already in ``payload["reasoning"]``.
        task_id: One per conversation or task (GATEWAY 2), or None.
        mode: A hint for auto models (GATEWAY 2), or None.
        pinned_provider: The provider to route to first, or None.
        credential: The ``Authorization`` that the client's key makes, once it is set: it goes
            to the client's base URL alone.
        dropped: What middleware left out of the history; told once the request is final.
    """

    ref: ModelRef
    url: str
    headers: dict[str, str]
    payload: WirePayload
    stream: bool = False
    reasoning: str | None = None
    task_id: str | None = None
    mode: str | None = None
    pinned_provider: str | None = None
    credential: str | None = None
    dropped: list[DroppedPart] = attrs.field(factory=list)

    def __repr__(self) -> str:
        # Headers hold the key and the payload holds the prompt: neither is shown.
        return f"OutgoingRequest({self.ref.id!r}, url={self.url!r}, stream={self.stream})"

    def set_header(self, name: str, value: str) -> None:
        """Set a header, replacing any of the same name whatever its case."""
        headers = self.headers
        # Of names that are spelt in one way alone none is another one's.
        if name not in OWN_HEADERS or not OWN_HEADERS.issuperset(headers):
            self.remove_header(name)
        headers[name] = value

    def remove_header(self, name: str) -> None:
        """Remove a header whatever the case of its name; absent is fine."""
        lowered = name.lower()
        for present in [key for key in self.headers if key.lower() == lowered]:
            del self.headers[present]

    def note_dropped(
        self, index: int, role: object, reasons: Mapping[str, int], faults: Container[str]
    ) -> None:
        """Note what was left out of one message of the history.

        Args:
            index: Position of the message, from 0.
            role: The message's role, whatever stands there.
            reasons: How many parts were left out, by why: a few fixed words.
            faults: The reasons for which the history was wrong, and not only made for
                another model.
        """
        if not reasons:
            return
        # Most processes leave nothing out: until one does, this is not imported.
        from kilo_sdk.middleware.dropped import DroppedPart

        self.dropped.extend(
            DroppedPart(index, role, reason, count, malformed=reason in faults)
            for reason, count in reasons.items()
        )


@runtime_checkable
class RequestMiddleware(Protocol):
    """Changes a request on its way out, or refuses it by raising.

    One that sets the attribute ``passes_plain_requests = True`` promises that it does nothing
    about a plain request: one without a ``reasoning`` level and a pinned provider, whose payload
    has no ``reasoning``, ``reasoning_effort``, ``provider`` or ``stop``, and whose messages have a
    role, text as ``content``, and nothing else. Plain requests need not be shown to it.

    One that sets ``sets_headers_alone = True`` promises that a request that was plain still is:
    behind any other, every request is shown to every middleware.
    """

    def on_request(self, request: OutgoingRequest, /) -> Awaitable[None] | None:
        """Change ``request`` in place; may be a coroutine function."""
        ...


@runtime_checkable
class UnauthorizedHandler(Protocol):
    """A request middleware that can do something about a 401."""

    def on_unauthorized(self) -> bool:
        """Forget what was refused; True when building the request again may help."""
        ...


@runtime_checkable
class ResponseMiddleware(Protocol):
    """Changes wire dicts on their way in. Both methods change their argument in place.

    One that sets the attribute ``ignores_text = True`` promises that it neither reads nor
    changes ``delta.content`` of a chunk that holds text, and that what it does to a chunk
    follows from the chunk's other fields alone. Where every middleware promises that,
    chunks that differ from an earlier, unchanged one in their text alone are not shown to
    them.

    One that sets ``passes_repeats = True`` too promises as much of ``created``, wherever it
    stands, and of chunks that follow each other: one that differs from the chunk before it in
    ``delta.reasoning``, and the same text in its one detail, or in the arguments of its one tool
    call alone, it leaves as it is where it left that one, and learns nothing from. A text with
    ``[`` in it, which may begin a mark such as ``[REDACTED]``, is always shown to it.

    One that sets ``passes_plain_answers = True`` promises that it does nothing about a plain
    answer that was not streamed. That has ``usage`` and one choice with an ``index``, a
    ``finish_reason`` other than ``error`` and a ``message``, which holds text as ``content`` or
    ``refusal`` and nothing else. Where every middleware promises that, plain answers are not
    shown to them.
    """

    def on_chunk(self, chunk: WireChunk, /) -> None:
        """Called for each chunk of a stream, in order; the hot path."""
        ...

    def on_completion(self, completion: WireCompletion, /) -> None:
        """Called once for each answer that did not come as a stream."""
        ...


@runtime_checkable
class CallScopedResponseMiddleware(Protocol):
    """A response middleware with state per answer: asked for a fresh object per call.

    One that sets the attribute ``shares_completions = True`` promises that its state is of
    chunks alone: what it does to a completion follows from that completion. One object may then
    see the completions of any number of answers.
    """

    def for_call(self) -> ResponseMiddleware:
        """Return the object that sees the chunks or the completion of one answer."""
        ...


@runtime_checkable
class HoldingResponseMiddleware(Protocol):
    """A response middleware that holds back what it cannot judge before more has come.

    Chunks are cut anywhere, so one that looks for words keeps the beginning of one.
    """

    def on_end(self) -> WireChunk | None:
        """Return what is still held back as a chunk with ``choices``, or None for nothing.

        Asked for once no more chunks will come, however the stream ended. The chunk passes
        the middleware after this one; of ``id``, ``model`` and the like it need say nothing.
        """
        ...


RequestFunction: TypeAlias = Callable[[OutgoingRequest], Awaitable[None] | None]
"""A plain or coroutine function is a request middleware too."""
