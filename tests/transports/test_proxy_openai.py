"""The gateway's OpenAI-shaped path, its chain in order and as a whole."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from passing import led_through

from kilo_sdk.middleware.app_headers import AppHeaders
from kilo_sdk.middleware.auth import BearerAuth
from kilo_sdk.middleware.base import OutgoingRequest
from kilo_sdk.middleware.reasoning_injection import ModelHints
from kilo_sdk.refs import ModelRef
from kilo_sdk.transports.base import CompletionCall, TransportAdapter
from kilo_sdk.transports.proxy_openai import ProxyOpenAITransport

pytestmark = pytest.mark.anyio

SIGNED = {"type": "reasoning.text", "text": "hm", "signature": "s1g"}
UNSIGNED = {"type": "reasoning.text", "text": "hm"}
PAYLOAD: dict[str, Any] = {
    "messages": [
        {"role": "user", "content": "Hi"},
        {
            "role": "assistant",
            "content": [{"type": "text", "text": "Ho", "thought_signature": "msg_1"}],
            "reasoning": "hmhm",
            "reasoning_details": [SIGNED, UNSIGNED],
        },
    ],
    "stop": "END",
    "tools": [{"type": "function", "function": {"name": "f"}}],
    "reasoning_effort": "low",
}


def transport(**options: Any) -> ProxyOpenAITransport:
    return ProxyOpenAITransport(auth=BearerAuth("key-1"), app_headers=AppHeaders("cli"), **options)


def call(ref: str = "anthropic/claude-sonnet-4") -> CompletionCall:
    return CompletionCall(
        ref=ModelRef.parse(ref),
        payload=copy.deepcopy(PAYLOAD),
        headers={"authorization": "Bearer mine", "X-Team": "1"},
        base_url="https://api.example/gateway/",
        stream=True,
        reasoning="high",
        task_id="task-1",
        mode="plan",
    )


async def sent(one: CompletionCall, **options: Any) -> OutgoingRequest:
    adapter = transport(**options)
    request = adapter.prepare(one)
    await led_through(request, *adapter.request_middleware)
    return request


def names(middleware: Any) -> list[str]:
    return [type(one).__name__ for one in middleware]


async def test_it_is_an_adapter_that_serves_every_model() -> None:
    assert isinstance(transport(), TransportAdapter)
    assert transport().name == "proxy-openai"
    for ref in ("kilo/auto", "google/gemini-3-pro", "a/b"):
        assert transport().matches(ModelRef.parse(ref))


async def test_its_chain_is_this_and_in_this_order() -> None:
    assert names(transport().request_middleware) == [
        "BearerAuth",
        "AppHeaders",
        "ReasoningInjection",
        "ProviderPinning",
        "StopNormalisation",
        "ReplaySanitation",
        "ForeignSignatureRemoval",
    ]
    assert names(transport().response_middleware) == ["DeltaRepairs", "ReasoningNormalisation"]


async def test_a_call_leaves_the_chain_as_the_gateway_wants_it() -> None:
    request = await sent(call())
    assert request.url == "https://api.example/gateway/chat/completions"
    assert request.headers == {
        "X-Team": "1",
        "Authorization": "Bearer key-1",
        "X-KILOCODE-FEATURE": "cli",
        "X-KiloCode-TaskId": "task-1",
        "x-kilocode-mode": "plan",
    }
    assert request.payload == {
        "model": "anthropic/claude-sonnet-4",
        "messages": [
            {"role": "user", "content": "Hi"},
            {
                "role": "assistant",
                "content": [{"type": "text", "text": "Ho"}],
                "reasoning": "hmhm",
                "reasoning_details": [SIGNED],
            },
        ],
        "stop": ["END"],
        "tools": PAYLOAD["tools"],
        "reasoning": {"effort": "high"},
        "stream": True,
    }


async def test_a_model_that_the_gateway_picks_gets_no_reasoning() -> None:
    request = await sent(call("kilo/auto"))
    assert "reasoning" not in request.payload
    assert "reasoning_effort" not in request.payload


async def test_the_hints_may_be_given() -> None:
    hints = ModelHints(skip_vendors=["anthropic"])
    assert "reasoning" not in (await sent(call(), hints=hints)).payload


async def test_a_server_of_its_own_may_be_given() -> None:
    request = await sent(call(), base_url="https://other.example/v1")
    assert request.url == "https://other.example/v1/chat/completions"


async def test_the_call_is_never_changed() -> None:
    one = call()
    payload, headers = copy.deepcopy(one.payload), dict(one.headers)
    await sent(one)
    await sent(one)
    assert one.payload == payload
    assert one.headers == headers
