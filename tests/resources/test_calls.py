"""Facts about making calls of arguments: what goes to each model, whose word counts."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from kilo_sdk import ConfigurationError, KiloClient, Message, ModelRef, Reasoning
from kilo_sdk.resources.calls import CallDefaults, completion_calls
from kilo_sdk.transports.base import CompletionCall

GPT, CLAUDE, GEMINI = "openai/gpt-4.1", "anthropic/claude-sonnet-4", "google/gemini-3-pro-preview"
USER: dict[str, Any] = {"role": "user", "content": "Hi"}


def calls(client: KiloClient | None = None, **more: Any) -> list[CompletionCall]:
    defaults = CallDefaults(client or KiloClient(default_model=GPT))
    return completion_calls(defaults, **{"messages": "Hi", **more})


def call(client: KiloClient | None = None, **more: Any) -> CompletionCall:
    (only,) = calls(client, **more)
    return only


def test_without_arguments_the_clients_defaults_make_the_call() -> None:
    client = KiloClient(default_model=GPT, headers={"X-Mine": "1"})
    one = call(client)
    assert one.ref == ModelRef(GPT)
    assert one.payload == {"messages": [USER]}
    assert one.base_url == client.base_url
    assert one.headers.items() >= {"X-Mine": "1", "Accept": "application/json"}.items()
    assert (one.stream, one.reasoning, one.task_id, one.mode) == (False, None, None, None)
    assert one.pinned_provider is None


def test_a_stream_asks_for_events_that_are_not_compressed() -> None:
    headers = call(stream=True).headers
    assert (headers["Accept"], headers["Accept-Encoding"]) == ("text/event-stream", "identity")


def test_there_is_a_call_for_each_model_in_order_with_one_payload() -> None:
    one, *others = calls(model=CLAUDE, fallback_models=(f"kilocode/{GPT}", ModelRef(GEMINI)))
    assert [made.ref.id for made in (one, *others)] == [CLAUDE, GPT, GEMINI]
    assert all(made.payload is one.payload for made in others)


def test_what_belongs_to_the_call_goes_along() -> None:
    one = call(task_id="t", mode="plan", extra_headers={"accept": "text/plain"})
    assert (one.task_id, one.mode) == ("t", "plan")
    assert {name.lower() for name in one.headers} == {"accept", "content-type", "user-agent"}
    assert one.headers["accept"] == "text/plain"


def test_parameters_that_are_none_are_left_out_and_the_body_given_by_hand_wins() -> None:
    params = {"temperature": 0, "seed": None, "n": 1}
    one = call(params=params, extra_body={"n": 2, "top_p": None})
    assert one.payload == {"messages": [USER], "temperature": 0, "n": 2, "top_p": None}
    assert params == {"temperature": 0, "seed": None, "n": 1}


LEVEL, OBJECT = "low", Reasoning(max_tokens=9)


@pytest.mark.parametrize(
    ("default", "more", "level", "supplied"),
    [
        (None, {"reasoning": "high"}, "high", None),
        (LEVEL, {}, "low", None),
        (LEVEL, {"reasoning": "off"}, "off", None),
        (LEVEL, {"reasoning": {"exclude": True}}, "low", {"exclude": True}),
        (LEVEL, {"params": {"reasoning_effort": "high"}}, None, None),
        (LEVEL, {"extra_body": {"reasoning_effort": "high"}}, None, None),
        (LEVEL, {"params": {"reasoning_effort": "high"}, "reasoning": "max"}, "max", None),
        (LEVEL, {"extra_body": {"reasoning": {"enabled": True}}}, "low", {"enabled": True}),
        (OBJECT, {}, None, {"max_tokens": 9}),
        (OBJECT, {"reasoning": "high"}, "high", None),
        (OBJECT, {"reasoning": Reasoning(exclude=True)}, None, {"exclude": True}),
        (OBJECT, {"params": {"reasoning_effort": "none"}}, None, None),
    ],
)
def test_the_call_s_word_on_reasoning_counts_before_the_client_s(
    default: Any, more: dict[str, Any], level: str | None, supplied: Any
) -> None:
    one = call(KiloClient(default_model=GPT, reasoning=default), **more)
    assert one.reasoning == level
    assert one.payload.get("reasoning") == supplied


def test_a_pin_goes_to_the_models_it_is_good_for() -> None:
    answer = Message("assistant", "Ho", provider="Google", model=GEMINI)
    asked: dict[str, Any] = {
        "messages": [USER, answer, USER],
        "model": CLAUDE,
        "fallback_models": [GEMINI, "kilo/auto"],
    }
    pinned = {
        pin: [made.pinned_provider for made in calls(pin_provider=pin, **asked)]
        for pin in (True, False, "Azure")
    }
    assert pinned == {
        True: [None, "Google", None],
        False: [None, None, None],
        "Azure": ["Azure", "Azure", "Azure"],
    }


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"messages": []}, "messages is an empty list"),
        ({"model": "auto"}, "'auto' is no model ref"),
        ({"fallback_models": GPT}, "fallback_models is a list of model refs, not str"),
        ({"fallback_models": {GPT}}, "fallback_models is a list of model refs, not set"),
        ({"fallback_models": ["auto"]}, "'auto' is no model ref"),
        ({"reasoning": "hgih"}, "'hgih' is no reasoning level"),
        ({"extra_body": [1]}, "extra_body is a mapping of fields, not list"),
        ({"extra_headers": [1]}, "headers are a mapping"),
        ({"extra_headers": {"a": "b\r\nc"}}, "header a: line ends"),
    ],
)
def test_what_cannot_make_a_request_is_refused(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        calls(**arguments)


def test_nothing_the_caller_gave_is_changed() -> None:
    given: dict[str, Any] = {
        "messages": [USER],
        "reasoning": {"exclude": True},
        "extra_body": {"provider": {"zdr": True}},
        "extra_headers": {"X": "1"},
        "fallback_models": [CLAUDE],
        "params": {"stop": "END"},
    }
    before = copy.deepcopy(given)
    for one in calls(KiloClient(reasoning="low"), pin_provider="Azure", **given):
        one.payload["reasoning"]["effort"] = "high"
        one.payload["messages"].append(USER)
    assert given == before
