"""From what the gateway answered to the exception it stands for.

Class, attributes and words of every error the server reports are made here and nowhere
else. Pure: bytes or decoded JSON in, an exception out; it is returned, never raised, and
nothing the server sends makes this code raise.

Source: GATEWAY 8 (statuses, bodies, headers), GATEWAY 5 (errors inside a 200).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from kilo_sdk.error_words import (
    fit_to_show,
    json_or_none,
    shorten,
    without_cut_key,
    without_key,
    words_of_text,
)
from kilo_sdk.errors import (
    APIError,
    APIStatusError,
    AuthenticationError,
    BadRequestError,
    ContextLengthExceededError,
    InsufficientCreditsError,
    InternalServerError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    ServiceUnavailableError,
    StreamError,
    UpstreamError,
)
from kilo_sdk.retry_after import parse_retry_after

if TYPE_CHECKING:
    from kilo_sdk.error_report import ErrorReport
    from kilo_sdk.types.completion import ChatCompletion

__all__ = [
    "append_advice",
    "error_from_payload",
    "error_from_response",
    "fit_to_keep",
    "is_about_unknown_model",
]

_CLASSES: Final[dict[int, type[APIStatusError]]] = {
    400: BadRequestError,
    401: AuthenticationError,
    402: InsufficientCreditsError,
    403: PermissionDeniedError,
    404: NotFoundError,
    429: RateLimitError,
    502: UpstreamError,
    503: ServiceUnavailableError,
}

_LABELS: Final[dict[type[APIError], str]] = {
    BadRequestError: "the request was refused as invalid",
    ContextLengthExceededError: "the conversation is too long for the model",
    AuthenticationError: "the key is missing or was refused",
    InsufficientCreditsError: "out of credit",
    PermissionDeniedError: "not allowed",
    NotFoundError: "not found",
    RateLimitError: "rate limit reached",
    InternalServerError: "the server failed",
    UpstreamError: "the upstream failed",
    ServiceUnavailableError: "the service is unavailable or overloaded",
    APIStatusError: "the call was refused",
    StreamError: "the stream ended with an error",
}

_BODY_MAX_CHARS: Final = 64 * 1024
_BODY_MAX_DEPTH: Final = 100
_MESSAGE_MAX_CHARS: Final = 1000
_BYOK: Final = "[BYOK]"
# OpenRouter's "a/b is not a valid model ID", and how others say it.
_UNKNOWN_MODEL: Final = (
    r"(?is)\bmodel\b.{0,200}?\b(?:not found|not exist|unknown|not supported|not available)"
    r"|\b(?:invalid|unknown|no such|not a valid|unrecognized) model\b"
)
_PRIVATE_HEADERS: Final = frozenset(
    {"authorization", "cookie", "proxy-authorization", "set-cookie"}
)
_CHARSETS: Final = frozenset({"iso-8859-1", "latin-1", "utf-16", "windows-1252"})


def error_from_response(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    *,
    model: str | None,
    now: float,
    key: str | None = None,
) -> APIStatusError:
    """Make the exception for an answer whose HTTP status is an error.

    The class follows the status alone, but for ``ContextLengthExceededError``, which is
    told from a 400, 413 or 422 by its code or its words.

    Args:
        status: HTTP status, 400 and up.
        headers: Response headers, names in any case.
        body: The body, decompressed, as far as it came: JSON of any shape, text, HTML or
            nothing.
        model: Gateway id of the model that was asked.
        now: Seconds since the epoch, for a ``Retry-After`` that is a date.
        key: The key that was sent, which is masked wherever the answer says it.

    Returns:
        The exception, its ``body`` the decoded JSON, or the text where the body is no JSON
        or longer than 64 Ki characters, or None where it is empty.
    """
    lowered = _stored_headers(headers)
    text = without_key(_decode(body, lowered.get("content-type", "")), key)
    text = without_cut_key(text, key)
    payload = json_or_none(text)
    if isinstance(payload, (dict, list)):
        # The balance to the cent: the text says -0.12, which no float is.
        report = _read_error(payload, exact=_exact(text) if status == 402 else None)
    else:
        report = _read_error(
            None, words=words_of_text(payload if isinstance(payload, str) else text)
        )
    return _status_error(
        status,
        report,
        cls=_class_of(status, report),
        headers=lowered,
        body=_kept_body(text, payload),
        model=model,
        now=now,
    )


def error_from_payload(
    payload: dict[str, Any],
    *,
    http_status: int,
    headers: Mapping[str, str],
    model: str | None,
    now: float,
    partial: ChatCompletion | None = None,
    in_stream: bool = False,
    key: str | None = None,
) -> APIError:
    """Make the exception for an error that stands inside a 200 (GATEWAY 5).

    The class is that of the error's own code: a number, a numeric string or a word, else
    of the words in ``error.type``, ``error.status`` and ``metadata.error_type``.

    Args:
        payload: The decoded body or event with its ``error``, an object or a string. It is
            made fit to be kept, in place.
        http_status: The status of the HTTP response.
        headers: Response headers, names in any case.
        model: Gateway id of the model that was asked.
        now: Seconds since the epoch, for a ``Retry-After`` that is a date.
        partial: What had arrived of the completion, in mid-stream.
        in_stream: Whether the error was an event of a stream.
        key: The key that was sent, which is masked wherever the payload says it.

    Returns:
        The exception. Where no code or word decides: ``StreamError`` in a stream,
        ``APIStatusError`` with the HTTP status in a body.
    """
    lowered = _stored_headers(headers)
    fit_to_keep(payload, key)
    report = _read_error(payload)
    status = report.status
    if status is None and report.is_context_length:
        status = 400
    if status is None and in_stream:
        request_id = _request_id(lowered, report)
        return StreamError(
            _message(StreamError, report, None, request_id, model),
            request_id=request_id,
            body=payload,
            model=model,
            partial=partial,
        )
    return _status_error(
        http_status if status is None else status,
        report,
        cls=APIStatusError if status is None else _class_of(status, report),
        headers=lowered,
        body=payload,
        model=model,
        now=now,
        partial=partial,
    )


def is_about_unknown_model(error: APIError) -> bool:
    """Whether the gateway says that there is no such model: a 404, or a 400 in those words.

    Source: GATEWAY 8 (both have been seen).
    """
    if isinstance(error, NotFoundError):
        return True
    if type(error) is not BadRequestError:
        return False
    words = _read_error(error.body).words if isinstance(error.body, dict) else None
    return bool(words and re.search(_UNKNOWN_MODEL, words))


def append_advice(error: APIError, advice: str) -> None:
    """Add what the SDK has to say to the words of the server; nothing for an empty text."""
    if advice:
        error.message = "; ".join((error.message.removesuffix("."), advice))
        error.args = (error.message,)


def _status_error(
    status: int,
    report: ErrorReport,
    *,
    cls: type[APIStatusError],
    headers: dict[str, str],
    body: object,
    model: str | None,
    now: float,
    partial: ChatCompletion | None = None,
) -> APIStatusError:
    request_id = _request_id(headers, report)
    fields: dict[str, Any] = {}
    if cls is InsufficientCreditsError:
        fields = {"balance": report.balance, "buy_credits_url": report.buy_credits_url}
    elif cls is ContextLengthExceededError:
        fields = {"limit": report.context_limit, "requested": report.requested_tokens}
    return cls(
        _message(cls, report, status, request_id, model),
        status_code=status,
        code=report.code,
        metadata=report.metadata,
        provider_name=report.provider_name,
        upstream_message=report.upstream_message,
        retry_after=parse_retry_after(headers, now=now),
        headers=headers,
        request_id=request_id,
        body=body,
        model=model,
        partial=partial,
        **fields,
    )


def _class_of(status: int, report: ErrorReport) -> type[APIStatusError]:
    if report.is_context_length and status in (400, 413, 422):
        return ContextLengthExceededError
    return _CLASSES.get(status, InternalServerError if status >= 500 else APIStatusError)


def _message(
    cls: type[APIError],
    report: ErrorReport,
    status: int | None,
    request_id: str | None,
    model: str | None,
) -> str:
    """Put together what failed, where, and in whose words; never a secret."""
    facts = [] if status is None else [f"status {status}"]
    if isinstance(report.code, str) and report.code != str(status):
        facts.append(f"code {fit_to_show(report.code, 80)}")
    if model:
        facts.append(f"model {shorten(model, 120)}")
    if request_id:
        facts.append(f"request id {shorten(request_id, 120)}")
    message = _LABELS[cls] + (f" ({', '.join(facts)})" if facts else "")
    words = report.words or ""
    said = [words] if words else []
    if report.upstream_message and report.upstream_message not in words:
        provider = fit_to_show(report.provider_name or "the upstream", 80)
        said.append(f"{provider} says: {report.upstream_message}")
    message += ": " + ("; ".join(said) or "no details were given")
    more: list[str] = []
    if cls is InsufficientCreditsError:
        if report.balance is not None:
            more.append(f"balance {fit_to_show(str(report.balance), 40)} US dollars")
        if report.buy_credits_url:
            more.append(f"buy credits at {fit_to_show(report.buy_credits_url, 200)}")
    if any(_BYOK in part for part in said):
        more.append(f"{_BYOK} means that your own upstream key, kept at the gateway, failed")
    if more:
        message = "; ".join((message.removesuffix("."), *more))
    return shorten(message, _MESSAGE_MAX_CHARS)


def fit_to_keep(payload: dict[Any, Any] | list[Any], key: str | None) -> None:
    """Make a decoded body fit to be the ``body`` of an error, in place.

    The key that was sent is masked wherever a text says it. What lies deeper than anybody
    writes is emptied: an error is pickled and copied by functions that call themselves for
    every level.
    """
    level: list[dict[Any, Any] | list[Any]] = [payload]
    for _ in range(_BODY_MAX_DEPTH):
        below: list[dict[Any, Any] | list[Any]] = []
        for one in level:
            for at, value in [*(one.items() if isinstance(one, dict) else enumerate(one))]:
                if isinstance(value, str):
                    if key:
                        one[at] = without_key(value, key)
                elif isinstance(value, (dict, list)):
                    below.append(value)
        level = below
    for one in level:
        one.clear()


def _exact(text: str) -> object:
    try:
        return json.loads(text, parse_float=Decimal)
    except (ValueError, RecursionError):
        return None


def _decode(body: bytes, content_type: str) -> str:
    charset = content_type.lower().partition("charset=")[2].partition(";")[0].strip(" \"'")
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        return body.decode(charset if charset in _CHARSETS else "utf-8-sig", "replace")


def _kept_body(text: str, payload: object) -> object:
    if payload is None or len(text) > _BODY_MAX_CHARS:
        return text[:_BODY_MAX_CHARS] or None
    if isinstance(payload, (dict, list)):
        fit_to_keep(payload, None)  # of the key, its text was freed
    return payload


def _stored_headers(headers: Mapping[str, str]) -> dict[str, str]:
    lowered = {name.lower(): value for name, value in headers.items()}
    return {name: value for name, value in lowered.items() if name not in _PRIVATE_HEADERS}


def _request_id(headers: dict[str, str], report: ErrorReport) -> str | None:
    return headers.get("request-id") or headers.get("x-request-id") or report.id or None


def _read_error(payload: object, *, words: str | None = None, exact: object = None) -> ErrorReport:
    # Most processes meet no error at their start: until one comes, its reader is not imported.
    from kilo_sdk.error_report import read_error

    return read_error(payload, words=words, exact=exact)
