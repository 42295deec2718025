"""Every exception the SDK raises, and nothing else.

    KiloError
    ├── ConfigurationError            the call or the client is set up wrongly; nothing was sent
    ├── ToolArgumentsError            a tool call's arguments are no JSON object
    ├── BudgetExceededError           a call would cost, or costs, too much: max_cost, cost, partial
    ├── SerializationError            (also a ValueError) no JSON to store, or none of ours to read
    └── APIError                      message, request_id, body, model
        ├── APIConnectionError        no answer: DNS, TLS, refused, reset
        │   └── APITimeoutError       a clock ran out: phase
        ├── APIStatusError            the gateway or the upstream said no
        │   ├── BadRequestError           400
        │   │   └── ContextLengthExceededError    limit, requested
        │   ├── AuthenticationError       401
        │   ├── InsufficientCreditsError  402: balance, buy_credits_url
        │   ├── PermissionDeniedError     403
        │   ├── NotFoundError             404
        │   ├── RateLimitError            429
        │   └── InternalServerError       5xx
        │       ├── UpstreamError             502
        │       └── ServiceUnavailableError   503
        ├── ProtocolError             an answer that is not what was promised
        └── StreamError               a stream that did not end well: partial
            ├── StreamInterruptedError    cut without an end
            └── StreamProtocolError       (also a ProtocolError) not SSE, not JSON, too large

Every class can be built from its message alone and keeps its data in plain attributes,
so that all of them pickle and copy. Messages are put together in ``error_mapping``; none
holds a key, a token or prompt text.

Source: GATEWAY 8 (what the statuses mean).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from decimal import Decimal

    from kilo_sdk.types.completion import ChatCompletion

__all__ = [
    "APIConnectionError",
    "APIError",
    "APIStatusError",
    "APITimeoutError",
    "AuthenticationError",
    "BadRequestError",
    "BudgetExceededError",
    "ConfigurationError",
    "ContextLengthExceededError",
    "InsufficientCreditsError",
    "InternalServerError",
    "KiloError",
    "NotFoundError",
    "PermissionDeniedError",
    "ProtocolError",
    "RateLimitError",
    "SerializationError",
    "ServiceUnavailableError",
    "StreamError",
    "StreamInterruptedError",
    "StreamProtocolError",
    "TimeoutPhase",
    "ToolArgumentsError",
    "UpstreamError",
]

TimeoutPhase = Literal["connect", "first_token", "idle", "stall", "total"]
"""Which of the five clocks ran out."""


class KiloError(Exception):
    """Root of everything the SDK raises."""

    message: str

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class ConfigurationError(KiloError):
    """The client or the call is set up wrongly; nothing was sent."""


class ToolArgumentsError(KiloError):
    """A tool call's arguments are not a JSON object.

    Attributes:
        arguments: The raw text as the model wrote it.
    """

    arguments: str

    def __init__(self, message: str, *, arguments: str = "") -> None:
        super().__init__(message)
        self.arguments = arguments


class BudgetExceededError(KiloError):
    """A budget refused a call before it was sent, or stopped its stream.

    Attributes:
        max_cost: The budget that is passed, in US dollars: the call's, or the meter's.
        cost: The estimate that passes it: of the call, or of all calls of the meter.
        model: The gateway id of the model that was asked.
        partial: What had arrived when the stream was stopped; None where nothing was sent.
    """

    max_cost: Decimal | None
    cost: Decimal | None
    model: str | None
    partial: ChatCompletion | None

    def __init__(
        self,
        message: str,
        *,
        max_cost: Decimal | None = None,
        cost: Decimal | None = None,
        model: str | None = None,
        partial: ChatCompletion | None = None,
    ) -> None:
        super().__init__(message)
        self.max_cost = max_cost
        self.cost = cost
        self.model = model
        self.partial = partial


class SerializationError(KiloError, ValueError):
    """What was to be stored is no JSON, or what was stored cannot be read back."""


class APIError(KiloError):
    """A call that was sent did not bring a whole answer.

    Attributes:
        request_id: The gateway's id of the request, where it told one.
        body: The decoded JSON of the answer, its text where it is no JSON, or None.
        model: The gateway id of the model that was asked.
        partial: What had arrived when the call failed in mid-stream, else None.
    """

    request_id: str | None
    body: object
    model: str | None
    partial: ChatCompletion | None

    def __init__(
        self,
        message: str,
        *,
        request_id: str | None = None,
        body: object = None,
        model: str | None = None,
        partial: ChatCompletion | None = None,
    ) -> None:
        super().__init__(message)
        self.request_id = request_id
        self.body = body
        self.model = model
        self.partial = partial


class APIConnectionError(APIError):
    """No answer came: name resolution, TLS, a refused or a reset connection."""


class APITimeoutError(APIConnectionError):
    """One of the five clocks ran out.

    Attributes:
        phase: Which one: connect, first_token, idle, stall or total.
    """

    phase: TimeoutPhase | None

    def __init__(self, message: str, *, phase: TimeoutPhase | None = None, **fields: Any) -> None:
        super().__init__(message, **fields)
        self.phase = phase


class APIStatusError(APIError):
    """The gateway or the upstream answered with an error.

    The error may be the HTTP status, or stand inside a 200: in the body, or as an event
    of a stream. ``status_code`` is the error's own code in either case.

    Attributes:
        status_code: 400 to 599; the HTTP status where the error has no number of its own.
        code: The error's own code as sent, a number or a word.
        metadata: ``error.metadata`` as sent.
        provider_name: The upstream that failed, where the gateway names it.
        upstream_message: The upstream's own words, dug out of ``metadata.raw``.
        retry_after: Seconds the server asked to wait, or None.
        headers: Response headers, names in lower case.
    """

    status_code: int | None
    code: int | str | None
    metadata: Mapping[str, Any]
    provider_name: str | None
    upstream_message: str | None
    retry_after: float | None
    headers: Mapping[str, str]

    def __init__(
        self,
        message: str,
        *,
        status_code: int | None = None,
        code: int | str | None = None,
        metadata: Mapping[str, Any] | None = None,
        provider_name: str | None = None,
        upstream_message: str | None = None,
        retry_after: float | None = None,
        headers: Mapping[str, str] | None = None,
        **fields: Any,
    ) -> None:
        super().__init__(message, **fields)
        self.status_code = status_code
        self.code = code
        self.metadata = metadata or {}
        self.provider_name = provider_name
        self.upstream_message = upstream_message
        self.retry_after = retry_after
        self.headers = headers or {}


class BadRequestError(APIStatusError):
    """400: invalid parameters, an unknown model id, data collection required."""


class ContextLengthExceededError(BadRequestError):
    """400: the conversation is longer than the model can take.

    Attributes:
        limit: The tokens the model takes, where the upstream's words tell.
        requested: The tokens that were asked of it, likewise; some vendors count the
            answer's ``max_tokens`` in.
    """

    limit: int | None
    requested: int | None

    def __init__(
        self,
        message: str,
        *,
        limit: int | None = None,
        requested: int | None = None,
        **fields: Any,
    ) -> None:
        super().__init__(message, **fields)
        self.limit = limit
        self.requested = requested


class AuthenticationError(APIStatusError):
    """401: the key is missing or bad, or the model needs an account."""


class InsufficientCreditsError(APIStatusError):
    """402: out of credit.

    Attributes:
        balance: The account's balance in US dollars, where told.
        buy_credits_url: Where to buy more, where told.
    """

    balance: Decimal | None
    buy_credits_url: str | None

    def __init__(
        self,
        message: str,
        *,
        balance: Decimal | None = None,
        buy_credits_url: str | None = None,
        **fields: Any,
    ) -> None:
        super().__init__(message, **fields)
        self.balance = balance
        self.buy_credits_url = buy_credits_url


class PermissionDeniedError(APIStatusError):
    """403: the model or provider is not allowed."""


class NotFoundError(APIStatusError):
    """404: no such model, or none for this team."""


class RateLimitError(APIStatusError):
    """429: the gateway's rate limit, or the upstream's."""


class InternalServerError(APIStatusError):
    """5xx: the gateway or the upstream failed."""


class UpstreamError(InternalServerError):
    """502: the upstream answered with a failure."""


class ServiceUnavailableError(InternalServerError):
    """503: overloaded, or no provider available."""


class ProtocolError(APIError):
    """The answer is not what was promised: HTML, broken JSON, the wrong type or shape."""


class StreamError(APIError):
    """A stream did not end well; ``partial`` holds what had arrived."""


class StreamInterruptedError(StreamError):
    """The connection closed before the answer was whole (GATEWAY 5)."""


class StreamProtocolError(StreamError, ProtocolError):
    """The stream is not SSE, an event is not JSON, or an event is past the size limit."""
