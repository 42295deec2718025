"""What an error says of itself, in every shape GATEWAY 8 shows and in shapes it does not."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kilo_sdk.error_report import ErrorReport, read_error

NOTHING: dict[str, Any] = {
    "words": None,
    "code": None,
    "status": None,
    "is_context_length": False,
    "context_limit": None,
    "requested_tokens": None,
    "metadata": {},
    "provider_name": None,
    "upstream_message": None,
    "balance": None,
    "buy_credits_url": None,
    "id": None,
}
URL = "https://app.kilo.ai/profile"
RAW = '{"type":"error","error":{"type":"invalid_request_error","message":"no such tool"}}'

# Payload, and what differs from a report that says nothing.
SHAPES: list[tuple[object, dict[str, Any]]] = [
    (None, {}),
    ([], {}),
    ({}, {}),
    ({"error": None}, {}),
    ({"error": {}}, {}),
    ({"error": []}, {}),
    ({"error": 7}, {}),
    (
        {"error": {"message": "bad temperature", "code": 400}},
        {"words": "bad temperature", "code": 400, "status": 400},
    ),
    (
        {"error": "Invalid request", "message": "model is required"},
        {"words": "Invalid request: model is required", "status": 400},
    ),
    ({"error": "no", "message": "no"}, {"words": "no"}),
    ({"error": "Account suspended", "success": False}, {"words": "Account suspended"}),
    ({"message": "no"}, {"words": "no"}),
    ({"detail": "no"}, {"words": "no"}),
    (
        {"error": {"code": "PAID_MODEL_AUTH_REQUIRED", "message": "Sign in"}},
        {"words": "Sign in", "code": "PAID_MODEL_AUTH_REQUIRED", "status": 401},
    ),
    (
        {"error": {"title": "Low", "message": "Add", "balance": -0.12, "buyCreditsUrl": URL}},
        {"words": "Add", "balance": Decimal("-0.12"), "buy_credits_url": URL},
    ),
    ({"error": {"title": "Low credit"}}, {"words": "Low credit"}),
    (
        {"error": {"message": "Add", "metadata": {"balance": 0, "buyCreditsUrl": URL}}},
        {
            "words": "Add",
            "metadata": {"balance": 0, "buyCreditsUrl": URL},
            "balance": Decimal(0),
            "buy_credits_url": URL,
        },
    ),
    (
        {"error": "Low credit", "balance": "1.50", "buyCreditsUrl": URL},
        {"words": "Low credit", "balance": Decimal("1.50"), "buy_credits_url": URL},
    ),
    ({"error": {"balance": True, "buyCreditsUrl": 7}}, {}),
    ({"error": {"balance": "NaN"}, "balance": "some"}, {}),
    (
        {
            "error": {
                "message": "Provider returned error",
                "code": 400,
                "metadata": {"raw": RAW, "provider_name": "Anthropic"},
            },
            "id": "gen-1",
            "user_id": "u",
        },
        {
            "words": "Provider returned error",
            "code": 400,
            "status": 400,
            "metadata": {"raw": RAW, "provider_name": "Anthropic"},
            "provider_name": "Anthropic",
            "upstream_message": "no such tool",
            "id": "gen-1",
        },
    ),
    (
        {"error": {"message": "m", "metadata": {"raw": json.loads(RAW), "provider_name": None}}},
        {
            "words": "m",
            "metadata": {"raw": json.loads(RAW), "provider_name": None},
            "upstream_message": "no such tool",
        },
    ),
    ({"error": {"message": RAW}}, {"words": "no such tool"}),
    ([{"error": {"message": "m", "code": 429}}], {"words": "m", "code": 429, "status": 429}),
    ({"error": [{"message": "m", "code": 429}]}, {"words": "m", "code": 429, "status": 429}),
    ({"error": {"message": "m"}, "code": 503}, {"words": "m", "code": 503, "status": 503}),
    (
        {"error": {"message": "m", "code": None}, "code": 503},
        {"words": "m", "code": 503, "status": 503},
    ),
    ({"error": {"message": "m"}, "request_id": "req_1"}, {"words": "m", "id": "req_1"}),
    ({"error": {"message": "m"}, "id": 7}, {"words": "m"}),
    ({"error": {"message": {"x": 1}, "metadata": []}}, {}),
    (
        {"success": False, "errors": [{"code": 10000, "message": "no such tool"}]},
        {"words": "no such tool", "code": 10000},
    ),
    (
        {"errors": [{"code": "rate_limit_exceeded", "message": "no"}], "data": None},
        {"words": "no", "code": "rate_limit_exceeded", "status": 429},
    ),
    ({"error": None, "errors": [{"message": "no"}]}, {"words": "no"}),
    ({"error": "Refused", "errors": [{"message": "no"}]}, {"words": "Refused: no"}),
    ({"message": "no", "errors": {"model": ["is required"]}}, {"words": "no"}),
    ({"errors": ["no", "more"]}, {"words": "no"}),
]


@pytest.mark.parametrize(("payload", "said"), SHAPES)
def test_what_each_shape_says(payload: object, said: dict[str, Any]) -> None:
    assert read_error(payload) == ErrorReport(**{**NOTHING, **said})


# The error object, and the status it stands for.
CODES: list[tuple[dict[str, Any], int | None]] = [
    ({"code": 429}, 429),
    ({"code": "429"}, 429),
    ({"code": " 429 "}, 429),
    ({"code": 429.0}, 429),
    ({"code": 399}, None),
    ({"code": 600}, None),
    ({"code": -1}, None),
    ({"code": 429.5}, None),
    ({"code": True}, None),
    ({"code": [429]}, None),
    ({"code": "\u0664\u0662\u0669"}, None),
    ({"code": "odd"}, None),
    ({"code": ""}, None),
    ({"code": "server_error"}, 500),
    ({"code": "rate_limit_exceeded"}, 429),
    ({"code": "RATE-LIMIT EXCEEDED"}, 429),
    ({"code": "invalid_request_error"}, 400),
    ({"code": "insufficient_quota"}, 402),
    ({"code": "context_length_exceeded"}, 400),
    ({"code": "authentication_error"}, 401),
    ({"code": "PROMOTION_MODEL_LIMIT_REACHED"}, 401),
    ({"code": "overloaded_error"}, 503),
    ({"code": "not_found_error"}, 404),
    ({"code": "permission_error"}, 403),
    ({"code": "bad_gateway"}, 502),
    ({"code": "timeout"}, 504),
    ({"code": "request_too_large"}, 413),
    ({"code": None, "type": "overloaded_error"}, 503),
    ({"code": "odd", "type": "rate_limit_error"}, 429),
    ({"code": 400, "type": "rate_limit_error"}, 400),
    ({"code": 1305, "type": "rate_limit_error"}, 429),
    ({"status": "RESOURCE_EXHAUSTED"}, 429),
    ({"metadata": {"error_type": "provider_overloaded"}}, 503),
    ({"type": "error"}, None),
]


@pytest.mark.parametrize(("error", "status"), CODES)
def test_the_status_a_code_stands_for(error: dict[str, Any], status: int | None) -> None:
    assert read_error({"error": error}).status == status


@pytest.mark.parametrize(
    ("payload", "status"),
    [
        ({"error": "Rate limit exceeded", "message": "slow down"}, 429),
        ({"error": "Model not found"}, 404),
        ({"error": "rate_limit_exceeded"}, 429),
        ({"error": "Something else"}, None),
    ],
)
def test_an_error_that_is_a_string_may_be_a_code(
    payload: dict[str, Any], status: int | None
) -> None:
    assert read_error(payload).status == status


@pytest.mark.parametrize(
    "error",
    [
        {"code": "context_length_exceeded"},
        {"code": 400, "type": "context_length_exceeded"},
        {"metadata": {"error_type": "context_window_exceeded"}},
        {"message": "prompt is too long: 220000 tokens > 200000 maximum"},
        {"message": "Provider returned error", "metadata": {"raw": "Input is too long for it"}},
    ],
)
def test_too_long_a_conversation_is_known_by_code_or_words(error: dict[str, Any]) -> None:
    assert read_error({"error": error}).is_context_length


def test_an_exact_decoding_gives_the_balance_to_the_last_digit() -> None:
    text = '{"error": {"message": "m", "balance": -1234567890123456.789}}'
    exact = json.loads(text, parse_float=Decimal)
    report = read_error(json.loads(text), exact=exact)
    assert report.balance == Decimal("-1234567890123456.789")
    assert read_error({"error": {"balance": -0.12}}).balance == Decimal("-0.12")


def test_errors_that_are_bare_words_in_a_list_are_told() -> None:
    assert read_error({"error": ["no", "more"]}).words == "no"


def test_words_known_already_come_first() -> None:
    assert read_error({"error": "no"}, words="an HTML page").words == "an HTML page"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)
KEYS = "message code type status metadata raw title balance buyCreditsUrl provider_name error_type"
errors = st.dictionaries(st.sampled_from(KEYS.split()), json_values)
payloads = st.fixed_dictionaries(
    {"error": errors | json_values},
    optional={
        "message": json_values,
        "code": json_values,
        "id": json_values,
        "metadata": errors,
    },
)


@settings(max_examples=300)
@given(json_values | payloads | st.lists(payloads, max_size=2))
def test_any_json_gives_a_report_of_the_right_types(payload: object) -> None:
    report = read_error(payload)
    assert report.words is None or 0 < len(report.words) <= 450
    assert report.upstream_message is None or 0 < len(report.upstream_message) <= 450
    assert report.code is None or type(report.code) in (int, str)
    assert report.status is None or 400 <= report.status <= 599
    assert isinstance(report.metadata, dict)
    assert report.balance is None or report.balance.is_finite()
