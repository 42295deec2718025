"""From answers to exceptions: exact classes, attributes and words, for the bodies of GATEWAY 8."""

from __future__ import annotations

import copy
import json
import os
import pickle
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kilo_sdk.error_mapping import (
    append_advice,
    error_from_payload,
    error_from_response,
    is_about_unknown_model,
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

RECORDINGS = Path(
    os.environ.get("KILO_RECORDINGS", Path(__file__).parents[2] / "shared" / "recordings")
)
MODEL = "anthropic/claude-sonnet-4"
NOW = 784_111_777.0  # Sun, 06 Nov 1994 08:49:37 GMT
URL = "https://app.kilo.ai/profile"


def answer(status: int, body: object, headers: dict[str, str] | None = None) -> APIStatusError:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return error_from_response(status, headers or {}, content, model=MODEL, now=NOW)


def inside_200(
    payload: dict[str, Any],
    *,
    headers: dict[str, str] | None = None,
    partial: Any = None,
    in_stream: bool = False,
) -> APIError:
    return error_from_payload(
        payload,
        http_status=200,
        headers=headers or {},
        model=MODEL,
        now=NOW,
        partial=partial,
        in_stream=in_stream,
    )


STATUSES: list[tuple[int, type[APIStatusError]]] = [
    (400, BadRequestError),
    (401, AuthenticationError),
    (402, InsufficientCreditsError),
    (403, PermissionDeniedError),
    (404, NotFoundError),
    *((status, APIStatusError) for status in (405, 408, 409, 410, 413, 418, 422, 451, 499)),
    (429, RateLimitError),
    (502, UpstreamError),
    (503, ServiceUnavailableError),
    *((status, InternalServerError) for status in (500, 501, 504, *range(520, 530), 599)),
]


@pytest.mark.parametrize(("status", "cls"), STATUSES)
@pytest.mark.parametrize("body", [b"", b"<html></html>", b'{"error": {"message": "m"}}'])
def test_the_http_status_decides_the_class(
    status: int, cls: type[APIStatusError], body: bytes
) -> None:
    error = answer(status, body)
    assert type(error) is cls
    assert error.status_code == status


def test_the_http_status_wins_over_the_code_in_the_body() -> None:
    error = answer(500, {"error": {"message": "m", "code": 429}})
    assert type(error) is InternalServerError
    assert (error.status_code, error.code) == (500, 429)


@pytest.mark.parametrize(("status", "cls"), STATUSES)
@pytest.mark.parametrize("in_stream", [False, True])
def test_inside_a_200_the_code_decides_the_class(
    status: int, cls: type[APIStatusError], in_stream: bool
) -> None:
    for code in (status, str(status), float(status)):
        error = inside_200({"error": {"message": "m", "code": code}}, in_stream=in_stream)
        assert type(error) is cls
        assert isinstance(error, APIStatusError)
        assert error.status_code == status


WORDS: list[tuple[str, type[APIStatusError], int]] = [
    ("server_error", InternalServerError, 500),
    ("rate_limit_exceeded", RateLimitError, 429),
    ("invalid_request_error", BadRequestError, 400),
    ("insufficient_quota", InsufficientCreditsError, 402),
    ("context_length_exceeded", ContextLengthExceededError, 400),
    ("authentication_error", AuthenticationError, 401),
    ("overloaded_error", ServiceUnavailableError, 503),
    ("not_found_error", NotFoundError, 404),
    ("permission_error", PermissionDeniedError, 403),
    ("PAID_MODEL_AUTH_REQUIRED", AuthenticationError, 401),
    ("PROMOTION_MODEL_LIMIT_REACHED", AuthenticationError, 401),
    ("bad_gateway", UpstreamError, 502),
    ("gateway_timeout", InternalServerError, 504),
    ("request_too_large", APIStatusError, 413),
]


@pytest.mark.parametrize(("word", "cls", "status"), WORDS)
@pytest.mark.parametrize("key", ["code", "type"])
def test_inside_a_200_a_word_decides_the_class(
    word: str, cls: type[APIStatusError], status: int, key: str
) -> None:
    for spelt in (word, word.lower(), word.upper()):
        error = inside_200({"error": {"message": "m", key: spelt}}, in_stream=True)
        assert type(error) is cls
        assert isinstance(error, APIStatusError)
        assert error.status_code == status
        assert error.code == (spelt if key == "code" else None)


def test_an_unknown_code_in_a_stream_is_a_stream_error() -> None:
    payload = {"id": "gen-1", "error": {"message": "went wrong", "code": "odd"}}
    error = inside_200(payload, in_stream=True)
    assert type(error) is StreamError
    assert error.body is payload
    assert (error.request_id, error.model, error.partial) == ("gen-1", MODEL, None)
    assert str(error) == (
        f"the stream ended with an error (code odd, model {MODEL}, request id gen-1): went wrong"
    )


def test_an_unknown_code_in_a_body_is_a_status_error_with_the_http_status() -> None:
    error = inside_200({"error": {"message": "went wrong", "code": "odd"}})
    assert type(error) is APIStatusError
    assert (error.status_code, error.code) == (200, "odd")


def test_an_error_without_any_code_is_one_of_unknown_code() -> None:
    payloads: list[dict[str, Any]] = [{"error": {"message": "m"}}, {"error": "m"}, {"error": {}}]
    for payload in payloads:
        assert type(inside_200(payload, in_stream=True)) is StreamError
        assert type(inside_200(payload)) is APIStatusError


def test_what_had_arrived_is_kept() -> None:
    partial: Any = object()
    for code in (429, "odd"):
        error = inside_200({"error": {"code": code}}, partial=partial, in_stream=True)
        assert error.partial is partial


# Status, body, class, attributes and the words after the colon.
BODIES: list[tuple[int, object, type[APIStatusError], dict[str, Any], str]] = [
    (
        400,
        {"error": {"message": "bad temperature", "code": 400}},
        BadRequestError,
        {"code": 400},
        "bad temperature",
    ),
    (
        400,
        {"error": "Invalid request", "message": "model is required"},
        BadRequestError,
        {"code": None},
        "Invalid request: model is required",
    ),
    (
        403,
        {"error": "Account suspended", "success": False},
        PermissionDeniedError,
        {},
        "Account suspended",
    ),
    (
        404,
        {"error": "Model not found", "message": "no such model"},
        NotFoundError,
        {},
        "Model not found: no such model",
    ),
    (
        402,
        b'{"error": {"title": "Low", "message": "Add credits", "balance": -0.12,'
        b' "buyCreditsUrl": "https://app.kilo.ai/profile"}}',
        InsufficientCreditsError,
        {"balance": Decimal("-0.12"), "buy_credits_url": URL},
        f"Add credits; balance -0.12 US dollars; buy credits at {URL}",
    ),
    (
        402,
        b'{"error": {"message": "Add credits", "code": 402, "metadata":'
        b' {"balance": -1234567890123456.789, "buyCreditsUrl": "https://app.kilo.ai/profile"}}}',
        InsufficientCreditsError,
        {"balance": Decimal("-1234567890123456.789"), "buy_credits_url": URL, "code": 402},
        f"Add credits; balance -1234567890123456.789 US dollars; buy credits at {URL}",
    ),
    (
        402,
        {"error": {"message": "Add credits"}},
        InsufficientCreditsError,
        {"balance": None, "buy_credits_url": None},
        "Add credits",
    ),
    (
        429,
        {
            "error": {
                "message": "Provider returned error",
                "code": 429,
                "metadata": {
                    "raw": json.dumps({"error": {"message": "slow down"}}),
                    "provider_name": "Anthropic",
                },
            }
        },
        RateLimitError,
        {"provider_name": "Anthropic", "upstream_message": "slow down"},
        "Provider returned error; Anthropic says: slow down",
    ),
    (
        502,
        {"error": {"message": "Provider returned error", "metadata": {"raw": "upstream reset"}}},
        UpstreamError,
        {"provider_name": None, "upstream_message": "upstream reset"},
        "Provider returned error; the upstream says: upstream reset",
    ),
    (
        502,
        {"error": {"metadata": {"raw": "upstream reset", "provider_name": "xAI"}}},
        UpstreamError,
        {"metadata": {"raw": "upstream reset", "provider_name": "xAI"}},
        "xAI says: upstream reset",
    ),
    (
        502,
        {"error": {"message": "xAI: upstream reset", "metadata": {"raw": "upstream reset"}}},
        UpstreamError,
        {"upstream_message": "upstream reset"},
        "xAI: upstream reset",
    ),
    (
        401,
        {"error": {"message": "[BYOK] Incorrect API key provided: sk-abc123", "code": 401}},
        AuthenticationError,
        {},
        "[BYOK] Incorrect API key provided: [redacted]; [BYOK] means that your own upstream"
        " key, kept at the gateway, failed",
    ),
    (
        429,
        {"error": {"message": "Provider returned error", "metadata": {"raw": "[BYOK] too many"}}},
        RateLimitError,
        {"upstream_message": "[BYOK] too many"},
        "Provider returned error; the upstream says: [BYOK] too many; [BYOK] means that your own"
        " upstream key, kept at the gateway, failed",
    ),
    (
        502,
        b"<html>\r\n<head><title>502 Bad Gateway</title></head>nginx secret page</html>",
        UpstreamError,
        {"body": "<html>\r\n<head><title>502 Bad Gateway</title></head>nginx secret page</html>"},
        "the answer is an HTML page titled '502 Bad Gateway'",
    ),
    (524, b"", InternalServerError, {"body": None}, "no details were given"),
    (500, b" \n", InternalServerError, {"body": " \n"}, "no details were given"),
    (503, b"upstream connect error", ServiceUnavailableError, {"body": "upstream connect error"},
     "upstream connect error"),
    (500, b"a\xffb", InternalServerError, {"body": "a\ufffdb"}, "a\ufffdb"),
    (500, b'{"error": "a\xff"}', InternalServerError, {"body": {"error": "a\ufffd"}}, "a\ufffd"),
    (500, b'\xef\xbb\xbf{"error": "m"}', InternalServerError, {"body": {"error": "m"}}, "m"),
    (500, b"[]", InternalServerError, {"body": []}, "no details were given"),
    (500, b"42", InternalServerError, {"body": 42}, "42"),
    (500, b"null", InternalServerError, {"body": "null"}, "null"),
    (500, b'"down"', InternalServerError, {"body": "down"}, "down"),
    (500, b'{"error": {"message": "cut', InternalServerError, {"code": None}, "cut"),
    (500, {"choices": []}, InternalServerError, {"metadata": {}}, "no details were given"),
]  # fmt: skip


@pytest.mark.parametrize(("status", "body", "cls", "fields", "words"), BODIES)
def test_bodies(
    status: int, body: object, cls: type[APIStatusError], fields: dict[str, Any], words: str
) -> None:
    error = answer(status, body)
    assert type(error) is cls
    assert error.status_code == status
    assert error.model == MODEL
    assert error.message.partition("): ")[2] == words
    assert {name: getattr(error, name) for name in fields} == fields
    if not isinstance(body, bytes):
        assert error.body == body


def test_the_message_names_what_failed_where_and_in_whose_words() -> None:
    error = answer(
        401,
        {"error": {"code": "PAID_MODEL_AUTH_REQUIRED", "message": "Sign in to go on"}},
        {"X-Request-Id": "req_1"},
    )
    assert str(error) == (
        "the key is missing or was refused (status 401, code PAID_MODEL_AUTH_REQUIRED,"
        f" model {MODEL}, request id req_1): Sign in to go on"
    )


def test_a_message_without_a_model_or_a_request_id() -> None:
    error = error_from_response(429, {}, b'{"error": "slow down"}', model=None, now=NOW)
    assert str(error) == "rate limit reached (status 429): slow down"
    assert (error.model, error.request_id) == (None, None)


CONTEXT_WORDS = [
    "This model's maximum context length is 8192 tokens. However, your messages resulted in 9001",
    "This endpoint's maximum context length is 8192 tokens. However, you requested about 9001",
    "prompt is too long: 220000 tokens > 200000 maximum",
    "The input token count (1048577) exceeds the maximum number of tokens allowed (1048576).",
]


@pytest.mark.parametrize("words", CONTEXT_WORDS)
def test_too_long_a_conversation_is_known_by_the_vendors_words(words: str) -> None:
    vendor = {"type": "error", "error": {"type": "invalid_request_error", "message": words}}
    dug: dict[str, Any] = {
        "error": {"message": "Provider returned error", "metadata": {"raw": json.dumps(vendor)}}
    }
    listed = {"success": False, "errors": [{"code": 10000, "message": words}]}
    for status in (400, 413, 422):
        for body in (vendor, dug, listed):
            error = answer(status, body)
            assert type(error) is ContextLengthExceededError
            assert error.status_code == status
            assert words in error.message
            assert error.limit in (8192, 200000, 1048576)
            assert error.requested in (9001, 220000, 1048577)
    assert type(answer(429, dug)) is RateLimitError
    assert type(answer(409, dug)) is APIStatusError
    payload = {"error": {**dug["error"], "code": 400}}
    assert type(inside_200(payload, in_stream=True)) is ContextLengthExceededError


def test_too_long_a_conversation_is_known_inside_a_200_without_any_code() -> None:
    error = inside_200({"error": {"message": CONTEXT_WORDS[2]}}, in_stream=True)
    assert type(error) is ContextLengthExceededError
    assert error.status_code == 400


def test_too_long_a_conversation_is_known_by_its_code() -> None:
    body = {"error": {"message": "m", "type": "x", "code": "context_length_exceeded"}}
    for status in (400, 413):
        error = answer(status, body)
        assert type(error) is ContextLengthExceededError
        assert (error.limit, error.requested) == (None, None)
    assert type(answer(500, body)) is InternalServerError


@pytest.mark.parametrize(
    ("headers", "payload_id", "expected"),
    [
        ({"Request-Id": "a", "X-Request-Id": "b"}, "gen-1", "a"),
        ({"X-REQUEST-ID": "b"}, "gen-1", "b"),
        ({"x-request-id": ""}, "gen-1", "gen-1"),
        ({}, "gen-1", "gen-1"),
        ({}, None, None),
        ({}, 7, None),
    ],
)
def test_the_request_id(headers: dict[str, str], payload_id: object, expected: str | None) -> None:
    payload = {"id": payload_id, "error": {"message": "m", "code": 500}}
    assert answer(500, payload, headers).request_id == expected
    inside = inside_200(payload, headers=headers)
    assert inside.request_id == expected


def test_headers_are_kept_in_lower_case_without_those_that_hold_secrets() -> None:
    headers = {
        "Content-Type": "text/plain",
        "Retry-After": "Sun, 06 Nov 1994 08:50:07 GMT",
        "Set-Cookie": "session=secret",
        "AUTHORIZATION": "Bearer secret",
        "Cookie": "a=b",
        "X-Should-Retry": "true",
    }
    kept = {
        "content-type": "text/plain",
        "retry-after": "Sun, 06 Nov 1994 08:50:07 GMT",
        "x-should-retry": "true",
    }
    error = answer(429, b"", headers)
    assert type(error.headers) is dict
    assert error.headers == kept
    assert error.retry_after == 30.0
    inside = inside_200({"error": {"code": 429}}, headers=headers)
    assert isinstance(inside, RateLimitError)
    assert (inside.headers, inside.retry_after) == (kept, 30.0)


@pytest.mark.parametrize(
    ("charset", "expected"),
    [
        ("text/plain; charset=ISO-8859-1", "caf\xe9"),
        ('text/plain;charset="windows-1252"; x=y', "caf\xe9"),
        ("text/plain; charset=utf-8", "caf\ufffd"),
        ("text/plain; charset=no-such-thing", "caf\ufffd"),
        ("text/plain; charset=unicode_escape", "caf\ufffd"),
        ("text/plain", "caf\ufffd"),
    ],
)
def test_bytes_that_are_no_utf8_are_read_as_the_charset_says(charset: str, expected: str) -> None:
    assert answer(500, b"caf\xe9", {"Content-Type": charset}).body == expected


SECRETS = [
    "sk-proj-abcdef123456",
    "Bearer abc.def.ghi",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln",
]


@pytest.mark.parametrize("secret", SECRETS)
def test_no_key_reaches_a_message(secret: str) -> None:
    said = f"the key {secret} was refused"
    shapes: list[object] = [
        {"error": {"message": said, "code": said}},
        {"error": said},
        {"error": {"message": "m", "metadata": {"raw": json.dumps({"message": said})}}},
        {"error": {"metadata": {"raw": "no", "provider_name": said}}},
        {"error": {"message": "m", "buyCreditsUrl": f"https://x.test/?key={secret}"}},
        said.encode(),
        f"<html><title>{said}</title>".encode(),
    ]
    hidden = secret.removeprefix("Bearer ")
    for shape in shapes:
        error = answer(402, shape)
        assert hidden not in str(error)
        assert hidden not in repr(error)
        assert hidden not in (error.upstream_message or "")


def test_no_prompt_reaches_a_message() -> None:
    prompt = "my deepest secret"
    echo = {"role": "user", "content": prompt}
    shapes: list[object] = [
        {"error": {"message": "no", "input": prompt, "messages": [echo]}, "messages": [echo]},
        {"error": {"message": f"bad value: {json.dumps(echo)}"}},
        {"error": {"message": "no", "metadata": {"raw": json.dumps({"messages": [echo]})}}},
        {"error": {"message": "flagged", "metadata": {"flagged_input": prompt}}},
        {"detail": [{"msg": "too short", "input": prompt}]},
        f"<html><title>502</title><body>{prompt}</body>".encode(),
    ]
    for shape in shapes:
        error = answer(400, shape)
        assert prompt not in str(error)
        assert prompt not in repr(error)


def test_a_message_is_bounded_and_keeps_its_request_id() -> None:
    long = "word " * 100_000
    error = answer(
        402,
        {
            "error": {
                "message": "[BYOK] " + long,
                "code": long,
                "balance": "9" * 900,
                "buyCreditsUrl": long,
                "metadata": {"raw": "other " + long, "provider_name": long},
            }
        },
        {"request-id": "req_1"},
    )
    assert len(str(error)) <= 1000
    assert "request id req_1" in str(error)
    assert "\n" not in str(error)


def test_a_kept_body_is_bounded() -> None:
    big = "x" * 100_000
    text = answer(500, big.encode()).body
    assert text == "x" * 65536
    error = answer(429, {"error": {"message": "slow down", "code": 429, "filler": big}})
    assert isinstance(error.body, str)
    assert len(error.body) == 65536
    assert error.message.endswith(": slow down")


def test_a_balance_that_is_no_number_is_none() -> None:
    balances: list[object] = ["some", None, True, [], {}, "NaN", "Infinity"]
    for balance in balances:
        error = answer(402, {"error": {"message": "m", "balance": balance}})
        assert isinstance(error, InsufficientCreditsError)
        assert error.balance is None


def test_the_recorded_answer_of_an_account_out_of_credit() -> None:
    recording = RECORDINGS / "openrouter-key-out-of-credits.sse"
    if not recording.is_file():
        pytest.skip("no recordings here")
    line = next(line for line in recording.read_text().splitlines() if line.startswith("data: {"))
    error = inside_200(json.loads(line.removeprefix("data: ")), in_stream=True)
    assert type(error) is InsufficientCreditsError
    assert (error.status_code, error.code, error.provider_name) == (402, 402, None)
    assert "can only afford 54861" in error.message


def test_an_error_made_here_pickles_and_copies() -> None:
    made = [answer(status, body) for status, body, *_ in BODIES]
    for error in made:
        for again in (pickle.loads(pickle.dumps(error)), copy.deepcopy(error)):
            assert type(again) is type(error)
            assert vars(again) == vars(error)


@pytest.mark.parametrize("opening", ['{"a":', "["])
@pytest.mark.parametrize("where", ["status", "inside a 200"])
def test_an_error_whose_body_is_deeper_than_functions_can_call_pickles_and_copies(
    where: str, opening: str
) -> None:
    closing = "}" if opening.startswith("{") else "]"
    depth = 1000
    nested = opening * depth + '"x"' + closing * depth
    body = f'{{"error": {{"message": "no", "code": 400}}, "more": {nested}}}'.encode()
    error = answer(400, body) if where == "status" else inside_200(orjson.loads(body))
    assert error.message.endswith(": no")
    for again in (pickle.loads(pickle.dumps(error)), copy.deepcopy(error)):
        assert vars(again) == vars(error)
    kept, levels = error.body, 0
    while kept:
        kept = (kept.get("more") or kept.get("a")) if isinstance(kept, dict) else kept[0]
        levels += 1
    assert levels == 100


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)
KEYS = "message code type status metadata raw title balance buyCreditsUrl provider_name error_type"
error_objects = st.dictionaries(st.sampled_from(KEYS.split()), json_values)
payloads = st.fixed_dictionaries(
    {"error": error_objects | json_values},
    optional={"message": json_values, "code": json_values, "id": json_values},
)
header_maps = st.dictionaries(
    st.sampled_from(["Retry-After", "Content-Type", "request-id", "x-should-retry"]), st.text()
)


@settings(max_examples=200)
@given(st.integers(400, 599), header_maps, st.binary() | (payloads | json_values).map(json.dumps))
def test_any_answer_becomes_a_status_error(
    status: int, headers: dict[str, str], body: bytes | str
) -> None:
    content = body.encode() if isinstance(body, str) else body
    error = error_from_response(status, headers, content, model=MODEL, now=NOW)
    assert isinstance(error, APIStatusError)
    assert error.status_code == status
    assert len(str(error)) <= 1000
    assert error.retry_after is None or error.retry_after >= 0


@settings(max_examples=200)
@given(payloads | st.dictionaries(st.text(), json_values), header_maps, st.booleans())
def test_any_payload_becomes_an_api_error(
    payload: dict[str, Any], headers: dict[str, str], in_stream: bool
) -> None:
    error = inside_200(payload, headers=headers, in_stream=in_stream)
    assert isinstance(error, (APIStatusError, StreamError))
    assert error.body is payload
    assert len(str(error)) <= 1000


def test_advice_comes_after_the_servers_own_words_and_survives_pickling() -> None:
    error = answer(404, {"error": "Model not found", "message": "No such model."})
    words = error.message
    append_advice(error, "")
    assert error.message == words
    append_advice(error, "did you mean a/b?")
    assert error.message == str(error) == words.removesuffix(".") + "; did you mean a/b?"
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert str(twin) == twin.message == error.message


@pytest.mark.parametrize(
    ("status", "words", "is_about"),
    [
        (404, "Model not found", True),
        (404, "free period over", True),
        (400, "anthropic/claude-sonet-4 is not a valid model ID", True),
        (400, "Invalid model: x/y", True),
        (400, "The model `x/y` does not exist", True),
        (400, "Unknown model x/y", True),
        (400, "temperature is not supported by this model", False),
        (400, "max_tokens: must be a number", False),
        (400, "", False),
        (403, "model not found", False),
        (500, "model not found", False),
    ],
)
def test_a_404_and_a_400_in_such_words_are_about_an_unknown_model(
    status: int, words: str, is_about: bool
) -> None:
    body = {"error": {"message": words, "code": status}}
    assert is_about_unknown_model(answer(status, body)) is is_about
    assert is_about_unknown_model(inside_200(body)) is is_about
    assert is_about_unknown_model(APIError(words)) is False
