"""Running middleware in order, whatever form each one has.

A request middleware is an object with ``on_request`` or a function; a response middleware
is an object with ``on_chunk`` and ``on_completion``, one with ``for_call``, or a function
that gets both. What form it has is decided once, when a chain is built: never per call or
per chunk.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from inspect import isawaitable
from types import CoroutineType
from typing import Final, TypeAlias, cast

from kilo_sdk.errors import ConfigurationError
from kilo_sdk.middleware.base import (
    CallScopedResponseMiddleware,
    HoldingResponseMiddleware,
    OutgoingRequest,
    RequestFunction,
    RequestMiddleware,
    ResponseMiddleware,
    UnauthorizedHandler,
)
from kilo_sdk.types.wire import WireChunk, WireDict

__all__ = [
    "AnyRequestMiddleware",
    "AnyResponseMiddleware",
    "ChunkStep",
    "RequestChain",
    "ResponseChain",
    "StreamPassage",
]

AnyRequestMiddleware: TypeAlias = RequestMiddleware | RequestFunction
"""An object with ``on_request``, or a plain or coroutine function."""

ChunkStep: TypeAlias = Callable[[WireDict], object]
"""Changes one wire dict in place; what it returns is not looked at."""

# What a plain request does not have.
_MORE_TO_IT: Final = frozenset({"provider", "reasoning", "reasoning_effort", "stop"})
_TEXT_ALONE: Final = frozenset({"role", "content"})

_RequestStep: TypeAlias = Callable[[OutgoingRequest], Awaitable[None] | None]

AnyResponseMiddleware: TypeAlias = ResponseMiddleware | CallScopedResponseMiddleware | ChunkStep
"""Stateless, asked for a fresh object per answer, or a function."""


class RequestChain:
    """The request middleware of one transport and one client, in order.

    Attributes:
        sendable_headers: Those of a request that was found fit to be sent; nearly always the
            next one's are the same.

    Raises:
        ConfigurationError: One of them is of no accepted form.
    """

    __slots__ = ("_handlers", "_plain_steps", "_steps", "sendable_headers")

    def __init__(self, middleware: Iterable[AnyRequestMiddleware]) -> None:
        steps: list[_RequestStep] = []
        plain_steps: list[_RequestStep] = []
        is_plain = True
        self._handlers: list[UnauthorizedHandler] = []
        for one in middleware:
            _refuse_class(one)
            if isinstance(one, RequestMiddleware):
                steps.append(one.on_request)
            elif callable(one):
                steps.append(one)
            else:
                raise ConfigurationError(
                    f"{type(one).__name__} is no request middleware; accepted are objects with "
                    "on_request(request), and functions of the request"
                )
            if isinstance(one, UnauthorizedHandler):
                self._handlers.append(one)
            # Behind one that may change more than headers, no request is known to be plain.
            if not (is_plain and _promises(one, "passes_plain_requests", "on_request")):
                plain_steps.append(steps[-1])
                is_plain = is_plain and _promises(one, "sets_headers_alone", "on_request")
        self._steps = tuple(steps)
        self._plain_steps = tuple(plain_steps)
        self.sendable_headers: dict[str, str] = {}

    def run(self, request: OutgoingRequest) -> Awaitable[None] | None:
        """Let each middleware change the request, in order, as far as that goes without waiting.

        Returns:
            What is to be awaited for the rest; None when all of them are through.

        Raises:
            ConfigurationError: One returned something other than None or an awaitable.
        """
        steps = iter(self._plain_steps if _is_plain(request) else self._steps)
        for step in steps:
            pending = step(request)
            if pending is not None:
                return _run_on(pending, steps, request)
        return None

    def on_unauthorized(self) -> bool:
        """Tell the middleware of a 401; True when building the request again may help."""
        # A list, not a generator: every handler is to be told, whatever the first one says.
        answers = [handler.on_unauthorized() for handler in self._handlers]
        return any(answers)


def _is_plain(request: OutgoingRequest) -> bool:
    """Whether it is what ``RequestMiddleware`` calls a plain request."""
    payload = request.payload
    if (
        request.reasoning is not None
        or request.pinned_provider is not None
        or not _MORE_TO_IT.isdisjoint(payload)
    ):
        return False
    messages = payload.get("messages")
    if type(messages) is not list:
        return False
    for message in messages:
        if (
            type(message) is not dict
            or not _TEXT_ALONE.issuperset(message)
            or type(message.get("content")) is not str
        ):
            return False
    return True


async def _run_on(
    pending: Awaitable[None], steps: Iterator[_RequestStep], request: OutgoingRequest
) -> None:
    await _awaitable(pending)
    for step in steps:
        more = step(request)
        if more is not None:
            await _awaitable(more)


def _awaitable(returned: Awaitable[None]) -> Awaitable[None]:
    if type(returned) is not CoroutineType and not isawaitable(returned):
        raise ConfigurationError(
            f"a request middleware returned {type(returned).__name__}; it changes the "
            "request in place and returns nothing, or is a coroutine function"
        )
    return returned


class ResponseChain:
    """The response middleware of one transport and one client, in order.

    Raises:
        ConfigurationError: One of them is of no accepted form.
    """

    __slots__ = (
        "_middleware",
        "_shared_steps",
        "ignores_text",
        "passes_plain_answers",
        "passes_repeats",
    )

    def __init__(self, middleware: Iterable[AnyResponseMiddleware]) -> None:
        given = tuple(middleware)
        self._middleware = tuple(_classified(one) for one in given)
        self.ignores_text = all(
            _promises(one, "ignores_text", "on_chunk", "for_call") for one in given
        )
        """Whether no middleware looks at a chunk's text (see ``ResponseMiddleware``)."""
        self.passes_repeats = self.ignores_text and all(
            _promises(one, "passes_repeats", "on_chunk", "for_call") for one in given
        )
        """Whether none looks at what chunks repeat but for their reasoning or arguments."""
        self.passes_plain_answers = all(
            _promises(one, "passes_plain_answers", "on_completion", "for_call") for one in given
        )
        """Whether none would change a plain answer that was not streamed."""
        shared = [
            isinstance(one, _Same) or _promises(one, "shares_completions", "for_call")
            for one in self._middleware
        ]
        self._shared_steps = self._new_completion_steps() if all(shared) else None

    def for_stream(self) -> StreamPassage:
        """Return what the chunks of one new answer pass."""
        return StreamPassage([one.for_call() for one in self._middleware])

    def completion_steps(self) -> tuple[ChunkStep, ...]:
        """Return what one new non-streaming answer must pass, in order."""
        return self._new_completion_steps() if self._shared_steps is None else self._shared_steps

    def _new_completion_steps(self) -> tuple[ChunkStep, ...]:
        return tuple([one.for_call().on_completion for one in self._middleware])


class StreamPassage:
    """What the chunks of one answer pass on their way in.

    Args:
        middleware: That of one answer, in order.
    """

    __slots__ = ("_middleware",)

    def __init__(self, middleware: Sequence[ResponseMiddleware]) -> None:
        self._middleware = middleware

    def on_chunk(self, chunk: WireChunk) -> None:
        """Let each middleware change a chunk, in order."""
        for one in self._middleware:
            one.on_chunk(chunk)

    def held_back(self) -> Iterator[WireChunk]:
        """Yield what middleware held back, each chunk led through all that come after it.

        To be asked when no more chunks will come.

        Raises:
            ConfigurationError: What a middleware returned is no chunk.
        """
        for position, one in enumerate(self._middleware):
            # To ask the protocol itself takes as long as many chunks.
            if not hasattr(one, "on_end"):
                continue
            chunk = cast("HoldingResponseMiddleware", one).on_end()
            if chunk is not None:
                if not isinstance(chunk, dict) or not isinstance(chunk.get("choices"), list):
                    raise ConfigurationError(
                        f"on_end() of {type(one).__name__} returns None, or a chunk with a list of "
                        "choices such as {'choices': [{'index': 0, 'delta': {'content': '...'}}]}"
                    )
                for later in self._middleware[position + 1 :]:
                    later.on_chunk(chunk)
                yield chunk


class _Same:
    """A response middleware without state serves every call itself."""

    __slots__ = ("_middleware",)

    def __init__(self, middleware: ResponseMiddleware) -> None:
        self._middleware = middleware

    def for_call(self) -> ResponseMiddleware:
        return self._middleware


class _FunctionMiddleware:
    """A function of the wire dict, as a response middleware."""

    __slots__ = ("_function",)

    def __init__(self, function: ChunkStep) -> None:
        self._function = function

    def on_chunk(self, chunk: WireDict, /) -> None:
        self._function(chunk)

    def on_completion(self, completion: WireDict, /) -> None:
        self._function(completion)


def _refuse_class(middleware: object) -> None:
    """Refuse a class where an object is wanted: it has the methods, but none that can run."""
    if isinstance(middleware, type):
        name = middleware.__name__
        raise ConfigurationError(f"{name} is a class; the middleware is an object of it: {name}()")


def _promises(middleware: object, name: str, *methods: str) -> bool:
    """Whether it has that attribute, and says so of its own methods.

    A subclass with another method does not keep what was promised of the first.
    """
    if getattr(middleware, name, False) is not True:
        return False
    for cls in type(middleware).__mro__:
        if name in vars(cls):
            return True
        if not vars(cls).keys().isdisjoint(methods):
            return name in getattr(middleware, "__dict__", ())
    return True


def _classified(middleware: AnyResponseMiddleware) -> CallScopedResponseMiddleware:
    _refuse_class(middleware)
    if isinstance(middleware, CallScopedResponseMiddleware):
        return middleware
    if isinstance(middleware, ResponseMiddleware):
        return _Same(middleware)
    if callable(middleware):
        return _Same(_FunctionMiddleware(middleware))
    raise ConfigurationError(
        f"{type(middleware).__name__} is no response middleware; accepted are objects with "
        "on_chunk(chunk) and on_completion(completion), objects with for_call(), and "
        "functions of the wire dict"
    )
