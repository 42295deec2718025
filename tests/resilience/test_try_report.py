"""Facts about the report of a try: why it failed, in two words, and whether it may be billed."""

from __future__ import annotations

from typing import Any

import pytest

from kilo_sdk.errors import (
    APIConnectionError,
    APIError,
    APIStatusError,
    APITimeoutError,
    ProtocolError,
    StreamInterruptedError,
)
from kilo_sdk.refs import ModelRef
from kilo_sdk.resilience.try_report import TryReport, may_be_billed

REF = ModelRef.parse("openai/gpt-4.1")
WORDS: dict[str, Any] = {"error": {"message": "no"}}


def status(code: int, body: object = WORDS) -> APIStatusError:
    return APIStatusError("no", status_code=code, body=body)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (None, None),
        (status(503), "status 503"),
        (APITimeoutError("slow", phase="idle"), "timeout idle"),
        (APIConnectionError("gone"), "APIConnectionError"),
        (StreamInterruptedError("cut"), "StreamInterruptedError"),
    ],
)
def test_the_reason_is_fit_for_a_metric(error: APIError | None, reason: str | None) -> None:
    assert TryReport(ref=REF, number=1, outcome="retry", error=error).reason == reason


@pytest.mark.parametrize("code", [400, 401, 402, 403, 404, 409, 422, 429, 500, 502, 503, 529])
def test_a_refusal_in_the_gateways_words_is_not_billed(code: int) -> None:
    assert not may_be_billed(status(code), answer_began=False, never_sent=False)


@pytest.mark.parametrize("code", [408, 504, 520, 524])
def test_a_proxy_that_waited_in_vain_does_not_know(code: int) -> None:
    assert may_be_billed(status(code), answer_began=False, never_sent=False)


@pytest.mark.parametrize("code", [500, 502, 527])
def test_a_page_in_place_of_the_gateways_words_tells_nothing(code: int) -> None:
    page = status(code, "<html>")
    assert may_be_billed(page, answer_began=False, never_sent=False)


@pytest.mark.parametrize("code", [503, 521, 522, 523, 525, 526])
def test_a_page_that_says_that_nobody_was_reached_does(code: int) -> None:
    assert not may_be_billed(status(code, None), answer_began=False, never_sent=False)


def test_an_error_that_tells_a_usage_is_billed_whatever_its_status() -> None:
    body = {**WORDS, "usage": {"prompt_tokens": 9, "completion_tokens": 0}}
    assert may_be_billed(status(429, body), answer_began=True, never_sent=False)


@pytest.mark.parametrize(("code", "billed"), [(429, False), (402, False), (500, True), (502, True)])
def test_an_error_inside_a_200_may_come_after_generation(code: int, billed: bool) -> None:
    assert may_be_billed(status(code), answer_began=True, never_sent=False) is billed


@pytest.mark.parametrize("error", [APIConnectionError("x"), APITimeoutError("x", phase="connect")])
def test_what_was_never_sent_is_not_billed(error: APIError) -> None:
    assert not may_be_billed(error, answer_began=False, never_sent=True)


@pytest.mark.parametrize(
    "error",
    [
        APIConnectionError("x"),
        APITimeoutError("x", phase="first_token"),
        ProtocolError("x"),
        StreamInterruptedError("x"),
    ],
)
def test_what_was_sent_and_not_refused_may_be_billed(error: APIError) -> None:
    assert may_be_billed(error, answer_began=False, never_sent=False)
