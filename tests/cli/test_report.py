"""The words and objects that are told about answers and failures."""

from __future__ import annotations

from typing import Any

import pytest

from kilo_sdk.cli.progress import Progress
from kilo_sdk.cli.report import (
    completion_object,
    failure_object,
    failure_words,
    interruption_object,
    interruption_words,
    key_advice,
    usage_line,
)
from kilo_sdk.config import KiloConfig
from kilo_sdk.errors import (
    APIConnectionError,
    AuthenticationError,
    ConfigurationError,
    StreamInterruptedError,
)
from kilo_sdk.refs import ModelRef
from kilo_sdk.types.completion import ChatCompletion


def completion(
    usage: dict[str, Any] | None = None,
    *,
    finish_reason: str = "stop",
    model: str | None = "a/b",
    **message: object,
) -> ChatCompletion:
    wire = {
        "id": "gen-1",
        "model": model,
        "choices": [
            {
                "index": 0,
                "finish_reason": finish_reason,
                "message": {"role": "assistant", "content": "Hi", **message},
            }
        ],
        "usage": usage,
    }
    return ChatCompletion.from_wire(wire, model_ref=ModelRef("asked/for"), request_id="req-1")


USAGE: dict[str, Any] = {
    "prompt_tokens": 9,
    "completion_tokens": 4,
    "total_tokens": 13,
    "cost": 5e-07,
}


@pytest.mark.parametrize(
    ("told", "line"),
    [
        (completion(USAGE), "a/b, 9 tokens in, 4 out, $0.0000005, TTFT 0.25 s"),
        (
            completion({**USAGE, "cost": 0, "completion_tokens_details": {"reasoning_tokens": 3}}),
            "a/b, 9 tokens in, 4 out (3 reasoning), $0, TTFT 0.25 s",
        ),
        (
            completion({"completion_tokens": 4, "cost": "12.50"}),
            "a/b, ? tokens in, 4 out, $12.5, TTFT 0.25 s",
        ),
        (completion(), "a/b, tokens not reported, cost not reported, TTFT 0.25 s"),
        (
            completion(model=None, finish_reason="length"),
            "asked/for, tokens not reported, cost not reported, TTFT 0.25 s, finish reason length",
        ),
    ],
)
def test_the_usage_line_tells_model_tokens_cost_and_ttft(told: ChatCompletion, line: str) -> None:
    assert usage_line(told, Progress(0.0, ttft=0.25), seconds=2.0) == line


def test_without_a_ttft_the_usage_line_tells_how_long_it_took() -> None:
    line = usage_line(completion(USAGE), Progress(0.0), seconds=2.0)
    assert line == "a/b, 9 tokens in, 4 out, $0.0000005, took 2.00 s"


def test_a_completion_becomes_an_object_in_which_the_unknown_is_null() -> None:
    call = {"id": "call-1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    assert completion_object(completion(tool_calls=[call], reasoning="Hm")) == {
        "id": "gen-1",
        "model": "a/b",
        "text": "Hi",
        "reasoning": "Hm",
        "tool_calls": [{"id": "call-1", "name": "f", "arguments": "{}"}],
        "finish_reason": "stop",
        "usage": None,
    }


def test_a_failure_becomes_an_object_with_what_had_arrived() -> None:
    error = StreamInterruptedError("cut", request_id="req-1", partial=completion())
    assert failure_object(error) == {
        "error": {
            "type": "StreamInterruptedError",
            "message": "cut",
            "status_code": None,
            "request_id": "req-1",
            "partial": completion_object(completion()),
        }
    }


def test_a_configuration_error_becomes_an_object_of_the_same_shape() -> None:
    assert failure_object(ConfigurationError("no")) == {
        "error": {
            "type": "ConfigurationError",
            "message": "no",
            "status_code": None,
            "request_id": None,
            "partial": None,
        }
    }


def test_an_interruption_has_the_shape_of_a_failure() -> None:
    progress = Progress(0.0)
    assert interruption_words(progress) == "interrupted after 0 characters, 0 chunks"
    assert interruption_object(progress) == {
        "error": {
            "type": "Interrupted",
            "message": "interrupted after 0 characters, 0 chunks",
            "status_code": None,
            "request_id": None,
            "partial": None,
        }
    }


def test_the_words_of_a_failure_include_its_notes() -> None:
    error = APIConnectionError("no connection")
    error.add_note("before it: something else")
    assert failure_words(error) == ["no connection", "before it: something else"]


def test_a_refused_key_is_told_by_its_source_alone() -> None:
    source = "file /home/me/.env, line 1 (KILO_API_KEY)"
    config = KiloConfig(api_key="sk-0123456789-secret", sources={"api_key": source})
    assert key_advice(config) == f"the key that was refused comes from: {source}"
    assert key_advice(KiloConfig(api_key="sk-1")) == (
        "the key that was refused comes from: an argument"
    )


def test_who_has_no_key_is_told_where_one_may_stand() -> None:
    advice = key_advice(KiloConfig())
    assert "environment variable KILOCODE_API_KEY" in advice
    assert "kilo-sdk onboard" in advice


def test_the_words_of_a_failure_are_its_message_and_its_notes() -> None:
    error = AuthenticationError("refused")
    error.add_note("and why")
    assert failure_words(error) == ["refused", "and why"]
