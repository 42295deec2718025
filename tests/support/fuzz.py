"""Whatever bytes come, nothing but the documented exceptions leaves: three places to try that.

Each takes bytes and returns, or raises what must not be raised.
``tests/integration/test_fuzzing.py`` runs them on hypothesis's inputs, ``run_fuzz.py`` under
atheris.
"""

from __future__ import annotations

import contextlib
import json
import pickle
from collections.abc import Callable

from kilo_sdk import APIError, APIStatusError, StreamProtocolError
from kilo_sdk.answers import AnswerContext, decode_completion
from kilo_sdk.error_mapping import error_from_payload, error_from_response
from kilo_sdk.middleware.app_headers import AppHeaders
from kilo_sdk.middleware.auth import BearerAuth
from kilo_sdk.refs import ModelRef
from kilo_sdk.routes import Routes
from kilo_sdk.sse import SSEParser
from kilo_sdk.stream_decoder import StreamDecoder

ROUTES = Routes(auth=BearerAuth(None), app_headers=AppHeaders(feature="direct-gateway"))
MODELS = ("openai/gpt-4.1", "google/gemini-3-pro-preview")
STATUSES = (400, 401, 402, 403, 404, 408, 413, 422, 429, 500, 502, 503, 504, 529)


def fuzz_sse(data: bytes) -> None:
    """Events are the same however the bytes are cut."""
    cut = data[0] if data else 0
    whole, pieces = SSEParser(max_event_bytes=4096), SSEParser(max_event_bytes=4096)
    at_once, one_by_one = [], []
    try:
        at_once = [*whole.feed(data), *whole.close()]
    except StreamProtocolError:
        at_once = []
    step = cut % 7 + 1
    try:
        for start in range(0, len(data), step):
            one_by_one += pieces.feed(data[start : start + step])
        one_by_one += pieces.close()
    except StreamProtocolError:
        return
    if at_once:
        assert one_by_one == at_once


def fuzz_chunks(data: bytes) -> None:
    """A stream, and a body, ends in a completion or in one of the SDK's errors."""
    ref = ModelRef.parse(MODELS[len(data) % 2])
    route = ROUTES.route_for(ref)
    context = AnswerContext(
        transport=route.transport,
        response_chain=route.response_chain,
        ref=ref,
        request_id=None,
        headers={},
        content_type="",
    )
    decoder = StreamDecoder(context)
    half = len(data) // 2
    for part in (data[:half], data[half:]):
        decoder.feed(part)
    decoder.end()
    decoder.completion()
    assert decoder.failure is None or isinstance(decoder.failure, APIError)
    with contextlib.suppress(APIError):
        decode_completion(data, context)


def fuzz_errors(data: bytes) -> None:
    """Any body of any status becomes an error that can be shown, pickled and compared."""
    status = STATUSES[data[0] % len(STATUSES)] if data else 500
    headers = {"Content-Type": "application/json", "Retry-After": data[:12].decode("latin-1")}
    error = error_from_response(status, headers, data[1:], model="a/b", now=0.0)
    assert isinstance(error, APIStatusError)
    assert error.status_code == status
    assert len(str(error)) <= 1000
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
    try:
        payload = json.loads(data[1:])
    except (ValueError, RecursionError):
        return
    if isinstance(payload, dict):
        inside = error_from_payload(
            payload, http_status=200, headers={}, model=None, now=0.0, in_stream=bool(status % 2)
        )
        assert isinstance(inside, APIError)


TARGETS: dict[str, Callable[[bytes], None]] = {
    "sse": fuzz_sse,
    "chunks": fuzz_chunks,
    "errors": fuzz_errors,
}
