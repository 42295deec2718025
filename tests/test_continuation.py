"""Facts about which cut answers can be gone on with, and what is asked for that."""

from __future__ import annotations

from typing import Any

import pytest

from kilo_sdk import (
    APIConnectionError,
    APIError,
    APITimeoutError,
    AssistantPrefix,
    InternalServerError,
    ModelRef,
    OpenAICompatibleTransport,
    ProtocolError,
    ProxyOpenAITransport,
    StreamError,
    StreamInterruptedError,
    StreamProtocolError,
)
from kilo_sdk.continuation import Continuation, continue_from, is_cut
from kilo_sdk.middleware.app_headers import AppHeaders
from kilo_sdk.middleware.auth import BearerAuth
from kilo_sdk.transports.base import CompletionCall
from kilo_sdk.types.completion import ChatCompletion

CLAUDE = "anthropic/claude-sonnet-4"
PROXY = ProxyOpenAITransport(auth=BearerAuth(None), app_headers=AppHeaders())
USER = {"role": "user", "content": "Hi"}


def call(model: str = CLAUDE, *, level: str | None = None, **params: Any) -> CompletionCall:
    return CompletionCall(
        ref=ModelRef(model),
        payload={"messages": [USER], **params},
        headers={},
        base_url="http://localhost/",
        stream=True,
        reasoning=level,
    )


def partial(*choices: dict[str, Any], **message: Any) -> ChatCompletion:
    told = choices or ({"index": 0, "message": {"role": "assistant", **message}},)
    return ChatCompletion.from_wire({"choices": list(told)})


def planned(came: ChatCompletion, asked: CompletionCall) -> Continuation:
    found = continue_from(came, asked, PROXY)
    assert isinstance(found, Continuation), found
    return found


def payload(came: ChatCompletion, asked: CompletionCall) -> dict[str, Any]:
    return planned(came, asked).call.payload


@pytest.mark.parametrize(
    ("error", "cut"),
    [
        (StreamInterruptedError("cut"), True),
        (APIConnectionError("reset"), True),
        (APITimeoutError("idle", phase="idle"), True),
        (APITimeoutError("stall", phase="stall"), True),
        (APITimeoutError("first", phase="first_token"), True),
        (APITimeoutError("total", phase="total"), False),
        (InternalServerError("no", status_code=500), False),
        (StreamError("closed"), False),
        (StreamProtocolError("garbage"), False),
        (ProtocolError("garbage"), False),
    ],
)
def test_a_cut_is_what_nobody_meant(error: APIError, cut: bool) -> None:
    assert is_cut(error) is cut


class Continuing(OpenAICompatibleTransport):
    """Goes on as it is told to, or does not."""

    name = "continuing"

    def __init__(self, prefix: AssistantPrefix | str) -> None:
        super().__init__()
        self._prefix = prefix

    def assistant_prefix(self, ref: ModelRef, /) -> AssistantPrefix | str:
        return self._prefix


def test_the_answer_so_far_goes_out_as_the_transport_has_it() -> None:
    prefix = AssistantPrefix(
        message={"prefix": True}, body={"continue_final_message": True}, echo="always"
    )
    asked = call(temperature=0)
    found = continue_from(partial(content="One, two \n"), asked, Continuing(prefix))
    assert isinstance(found, Continuation)
    last = {"role": "assistant", "content": "One, two", "prefix": True}
    assert found.call.payload == {
        "messages": [USER, last],
        "temperature": 0,
        "continue_final_message": True,
    }
    assert asked.payload == {"messages": [USER], "temperature": 0}
    assert found.call.ref is asked.ref
    assert found.seam.take("One, two \n three") == " three"


def test_a_transport_that_has_no_way_or_does_not_say_is_not_asked_to_go_on() -> None:
    came = partial(content="One")
    assert continue_from(came, call(), Continuing("it cannot")) == "it cannot"
    refused = continue_from(came, call(), OpenAICompatibleTransport())
    assert refused == "the transport openai-compatible does not say how its models go on"
    silent = continue_from(partial(content=""), call(), OpenAICompatibleTransport())
    assert isinstance(silent, Continuation)


@pytest.mark.parametrize(
    ("message", "params", "why"),
    [
        ({"content": "A", "tool_calls": [{"id": "c"}]}, {}, "more than text had come: tool_calls"),
        ({"content": "A", "refusal": "No"}, {}, "more than text had come: refusal"),
        ({"content": "A", "images": [1], "audio": {"id": "a"}}, {}, "had come: audio, images"),
        ({"content": "A", "annotations": [{}]}, {}, "more than text had come: annotations"),
        ({"content": None, "reasoning": "Hm"}, {}, "nothing but reasoning had come"),
        ({"content": "\n", "reasoning_details": [{}]}, {}, "nothing but reasoning had come"),
        ({"content": "{"}, {"response_format": {"type": "json_object"}}, "response_format"),
        ({"content": "{"}, {"response_format": {"type": "json_schema"}}, "response_format"),
        ({"content": "A"}, {"n": 2}, "several answers were asked for"),
        ({"content": "A"}, {"logprobs": True}, "logprobs"),
        ({"content": "A"}, {"messages": [USER, {"role": "assistant"}]}, "ends in the beginning"),
    ],
)
def test_what_cannot_be_gone_on_with_says_why(
    message: dict[str, Any], params: dict[str, Any], why: str
) -> None:
    refused = continue_from(partial(**message), call(**params), PROXY)
    assert isinstance(refused, str)
    assert why in refused


def test_an_answer_that_ended_or_is_one_of_several_is_not_gone_on_with() -> None:
    ended = partial({"index": 0, "message": {"content": "A"}, "finish_reason": "stop"})
    assert continue_from(ended, call(), PROXY) == "the model had ended its answer"
    two = [{"index": index, "message": {"content": "A"}} for index in (0, 1)]
    assert continue_from(partial(*two), call(), PROXY) == "several answers had begun"


@pytest.mark.parametrize("params", [{"n": 1}, {"response_format": {"type": "text"}}])
def test_plain_requests_are_gone_on_with(params: dict[str, Any]) -> None:
    assert payload(partial(content="A", refusal=None, tool_calls=[]), call(**params))


@pytest.mark.parametrize("model", [CLAUDE, "openai/gpt-4.1", "kilo/auto"])
@pytest.mark.parametrize("content", [None, "", "\n\n"])
def test_an_answer_without_a_character_is_asked_for_again(model: str, content: str | None) -> None:
    asked = call(model, level="high", response_format={"type": "json_object"})
    found = planned(partial(content=content), asked)
    assert found.call is asked
    assert found.seam.take("\n\nOne") == ("One" if content else "\n\nOne")
    assert planned(ChatCompletion.from_wire({"choices": []}), asked).call is asked


@pytest.mark.parametrize(
    ("came", "level", "params", "reasoning"),
    [
        ({}, None, {}, None),
        ({"reasoning": "Hm"}, None, {}, {"enabled": False}),
        ({"reasoning_details": [{"type": "reasoning.encrypted"}]}, None, {}, {"enabled": False}),
        ({}, "high", {}, None),
        ({}, "off", {}, None),
        ({"reasoning": "Hm"}, "high", {}, {"enabled": False}),
        ({}, None, {"reasoning": {"max_tokens": 9}}, {"enabled": False}),
        ({}, None, {"reasoning_effort": "low"}, None),
    ],
)
def test_a_model_that_writes_has_thought(
    came: dict[str, Any], level: str | None, params: dict[str, Any], reasoning: Any
) -> None:
    found = planned(partial(content="One", **came), call(level=level, **params)).call
    assert found.payload.get("reasoning") == reasoning
    assert found.reasoning is None
    assert "reasoning_effort" not in found.payload
    assert found.payload["messages"][-1] == {"role": "assistant", "content": "One"}


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
@pytest.mark.parametrize(("limit", "left"), [(100, 90), (11, 1), (10, 1), (1, 1)])
def test_a_limit_counts_what_came_by_estimate(name: str, limit: int, left: int) -> None:
    came = partial(content="x" * 36, reasoning="abcd")
    assert payload(came, call(**{name: limit}))[name] == left
