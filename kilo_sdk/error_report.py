"""What an error says of itself, read from the many shapes it comes in.

Knows the bodies and the codes, and nothing of exceptions: which class an error becomes, and
how its message reads, is decided in ``error_mapping``. Pure, and never raises.

Source: GATEWAY 8 (bodies), GATEWAY 5 (errors inside a 200).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import attrs

from kilo_sdk.context_length import context_length_counts, says_context_exceeded
from kilo_sdk.error_words import fit_to_show, own_words

__all__ = ["ErrorReport", "read_error"]

_CONTEXT_CODES: Final = frozenset(
    {
        "context_length_exceeded",
        "context_window_exceeded",
        "model_context_window_exceeded",
        "token_limit_exceeded",
    }
)

# Words the gateway and the upstreams behind it use where a number would stand, lower case.
_STATUS_BY_WORD: Final[dict[str, int]] = {
    word: status
    for status, words in {
        400: (
            "bad_request bad_request_error content_policy_violation failed_precondition"
            " invalid_argument invalid_prompt invalid_request invalid_request_error"
            " max_tokens_exceeded string_too_long unsupported_parameter validation_error"
            " validationexception " + " ".join(_CONTEXT_CODES)
        ),
        401: (
            "authentication authentication_error invalid_api_key paid_model_auth_required"
            " promotion_model_limit_reached unauthenticated unauthorized"
        ),
        402: (
            "billing_error billing_hard_limit_reached insufficient_balance insufficient_credits"
            " insufficient_quota payment_required"
        ),
        403: "access_denied accessdeniedexception forbidden permission_denied permission_error",
        404: "model_not_found not_found not_found_error resourcenotfoundexception",
        408: "request_timeout",
        409: "aborted conflict conflict_error",
        413: "payload_too_large request_too_large",
        422: "unprocessable unprocessable_entity unprocessable_entity_error",
        429: (
            "rate_limit rate_limit_error rate_limit_exceeded rate_limited resource_exhausted"
            " throttlingexception too_many_requests"
        ),
        500: "api_error internal internal_error internal_server_error server server_error",
        502: "bad_gateway provider_error upstream_error",
        503: (
            "engine_overloaded model_overloaded overloaded overloaded_error provider_overloaded"
            " provider_unavailable server_overloaded service_unavailable unavailable"
        ),
        504: "deadline_exceeded gateway_timeout timeout timeout_error",
    }.items()
    for word in words.split()
}

_WORDS_MAX_CHARS: Final = 450
_STATUS: Final = re.compile("[45][0-9][0-9]")


@attrs.frozen(slots=True)
class ErrorReport:
    """What an error says of itself; None for what it does not say.

    Attributes:
        words: Its message, fit to show.
        code: Its code as sent, a number or a word.
        status: 400 to 599, from its code or, where that does not tell, from its type.
        is_context_length: Whether it says that the conversation is too long.
        context_limit: The tokens the model takes, where it says that it is too long.
        requested_tokens: The tokens that were asked of it, likewise.
        metadata: ``error.metadata`` as sent; empty when there is none.
        provider_name: The upstream that failed.
        upstream_message: The words in ``metadata.raw``, fit to show.
        balance: US dollars.
        buy_credits_url: Where to buy credits.
        id: The completion's or the request's id, from the body.
    """

    words: str | None
    code: int | str | None
    status: int | None
    is_context_length: bool
    context_limit: int | None
    requested_tokens: int | None
    metadata: dict[str, Any]
    provider_name: str | None
    upstream_message: str | None
    balance: Decimal | None
    buy_credits_url: str | None
    id: str | None


def read_error(payload: object, *, words: str | None = None, exact: object = None) -> ErrorReport:
    """Find what an error says of itself in JSON of any shape.

    Args:
        payload: The decoded body or event.
        words: What it says, where that is known already: a body that is no JSON.
        exact: The same JSON decoded with Decimals, for a balance without a float's error.
    """
    outer, error = _objects(payload)
    metadata = error.get("metadata", outer.get("metadata"))
    metadata = metadata if isinstance(metadata, dict) else {}
    code = _scalar(error.get("code"))
    code = _scalar(outer.get("code")) if code is None else code
    kinds = [
        code,
        _scalar(error.get("type")),
        _scalar(error.get("status")),
        _scalar(metadata.get("error_type")),
        _scalar(outer.get("error")),
    ]
    words = fit_to_show(words or _spoken(outer, error) or "", _WORDS_MAX_CHARS)
    upstream = fit_to_show(own_words(metadata.get("raw")) or "", _WORDS_MAX_CHARS)
    provider = metadata.get("provider_name")
    exact_outer, exact_error = _objects(payload if exact is None else exact)
    exact_metadata = exact_error.get("metadata")
    places = [exact_error, exact_metadata if isinstance(exact_metadata, dict) else {}, exact_outer]
    id_ = outer.get("id") or outer.get("request_id")
    is_context_length = any(_word(kind) in _CONTEXT_CODES for kind in kinds) or any(
        says_context_exceeded(said) for said in (words, upstream)
    )
    limit, requested = (
        context_length_counts(f"{words}\n{upstream}") if is_context_length else (None, None)
    )
    return ErrorReport(
        words=words or None,
        code=code,
        status=next(_statuses(kinds), None),
        is_context_length=is_context_length,
        context_limit=limit,
        requested_tokens=requested,
        metadata=metadata,
        provider_name=provider if isinstance(provider, str) and provider else None,
        upstream_message=upstream or None,
        balance=next((d for d in map(_decimal, _each(places, "balance")) if d is not None), None),
        buy_credits_url=next(
            (url for url in _each(places, "buyCreditsUrl") if isinstance(url, str) and url), None
        ),
        id=id_ if isinstance(id_, str) else None,
    )


def _objects(payload: object) -> tuple[dict[str, Any], dict[str, Any]]:
    """The payload and its ``error``, each an object.

    Some vendors wrap them in a list, and some name the list ``errors``.
    """
    if isinstance(payload, list) and payload:
        payload = payload[0]
    outer = payload if isinstance(payload, dict) else {}
    error = outer.get("error") or outer.get("errors")
    if isinstance(error, list) and error:
        error = error[0]
    return outer, error if isinstance(error, dict) else {}


def _spoken(outer: dict[str, Any], error: dict[str, Any]) -> str | None:
    """The error's message, after the heading that stands beside it in some shapes."""
    heading = outer.get("error")
    if isinstance(heading, list):
        return own_words(heading)
    said = own_words(error) or own_words({**outer, "error": None})
    if isinstance(heading, str) and heading.strip():
        heading = own_words(heading)
        return f"{heading}: {said}" if said and heading and said != heading else heading or said
    return said


def _statuses(kinds: list[int | str | None]) -> Iterator[int]:
    for kind in kinds:
        word = _word(kind)
        number = kind if isinstance(kind, int) else int(word) if _STATUS.fullmatch(word) else 0
        if 400 <= number <= 599:
            yield number
        elif word in _STATUS_BY_WORD:
            yield _STATUS_BY_WORD[word]


def _word(kind: int | str | None) -> str:
    """Fold a kind to how the table writes it: ``Rate limit exceeded`` is a word too."""
    if not isinstance(kind, str):
        return ""
    return kind.strip().lower().replace(" ", "_").replace("-", "_")


def _scalar(value: object) -> int | str | None:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        return None
    return value


def _each(places: list[dict[str, Any]], key: str) -> Iterator[object]:
    return (place[key] for place in places if key in place)


def _decimal(value: object) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, str, Decimal)):
        return None
    try:
        number = Decimal(str(value))
    except (InvalidOperation, ValueError):
        return None
    return number if number.is_finite() else None
