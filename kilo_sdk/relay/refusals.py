"""What a client is told when something does not work: a word for programs, words for people.

A client is a stranger: it hears nothing of keys, of the operator's account or of what the
upstream said in its own words. Those go to the log, where the operator reads them.
"""

from __future__ import annotations

from typing import Final

from kilo_sdk.errors import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    AuthenticationError,
    BadRequestError,
    BudgetExceededError,
    ConfigurationError,
    ContextLengthExceededError,
    InsufficientCreditsError,
    KiloError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    ServiceUnavailableError,
    StreamError,
)
from kilo_sdk.relay.events import Failed

__all__ = ["CUT", "RelayRefusedError", "failure_of", "service_failed"]

CUT: Final = Failed("cut", "cut", "the answer was cut; ask again")
"""What readers are told of an answer whose writer is gone."""


class RelayRefusedError(KiloError):
    """A client is refused something; raised by hooks of the app, and told to the client.

    Args:
        message: Words that the client may read.
        code: A word for its program; see ``docs/reference/relay-protocol.md``.
        stream: The stream it is about, where there is one.
        request: The client's id of the prompt it is about, where there is one.
    """

    code: str
    stream: str | None
    request: str | None

    def __init__(
        self,
        message: str,
        *,
        code: str = "not_allowed",
        stream: str | None = None,
        request: str | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.stream = stream
        self.request = request

    def about(self, *, stream: str | None, request: str | None) -> RelayRefusedError:
        """Return another of the same words that names these where this one names none.

        An app may raise the same object each time, to whomever.
        """
        return RelayRefusedError(
            self.message,
            code=self.code,
            stream=self.stream or stream,
            request=self.request or request,
        )


# Most specific first. What only the operator can mend is 'unavailable' to the client.
_WORDS: Final[tuple[tuple[type[KiloError], str, str], ...]] = (
    (APITimeoutError, "timeout", "the model took too long; try again"),
    (APIConnectionError, "unavailable", "the model cannot be reached just now; try again later"),
    (ContextLengthExceededError, "too_long", "the conversation is too long for the model"),
    (BadRequestError, "bad_prompt", "the model did not accept this prompt"),
    (AuthenticationError, "unavailable", "the service is not set up for this model"),
    (InsufficientCreditsError, "unavailable", "the service cannot answer just now"),
    (PermissionDeniedError, "not_allowed", "this model is not offered here"),
    (NotFoundError, "not_allowed", "this model is not offered here"),
    (RateLimitError, "rate_limited", "too many requests just now; try again later"),
    (ServiceUnavailableError, "unavailable", "the model is overloaded; try again later"),
    (APIStatusError, "upstream", "the model failed; try again"),
    (StreamError, "interrupted", "the answer broke off; try again"),
    (BudgetExceededError, "budget", "the budget for this answer is used up"),
    (ConfigurationError, "bad_prompt", "the prompt cannot be sent; check its messages and fields"),
)


def failure_of(error: BaseException) -> Failed:
    """Return what a client may hear of an error that ended its answer."""
    if isinstance(error, RelayRefusedError):
        return Failed("error", error.code, error.message)
    for cls, code, text in _WORDS:
        if isinstance(error, cls):
            wait = error.retry_after if isinstance(error, APIStatusError) else None
            return Failed("error", code, text, retry_after=wait)
    return failure_of(service_failed())


def service_failed(*, request: str | None = None, stream: str | None = None) -> RelayRefusedError:
    """Return what a client is told when code of the app, or of the relay, failed."""
    return RelayRefusedError(
        "the service failed; try again", code="internal", stream=stream, request=request
    )
