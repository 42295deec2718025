"""The Gemini path: the OpenAI-shaped one and thought-signature sanitation, nothing else."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from passing import led_through

from kilo_sdk.middleware.app_headers import AppHeaders
from kilo_sdk.middleware.auth import BearerAuth
from kilo_sdk.middleware.base import OutgoingRequest
from kilo_sdk.middleware.chain import ResponseChain
from kilo_sdk.refs import ModelRef
from kilo_sdk.transports.base import CompletionCall, TransportAdapter
from kilo_sdk.transports.proxy_gemini import ProxyGeminiTransport
from kilo_sdk.transports.proxy_openai import ProxyOpenAITransport

pytestmark = pytest.mark.anyio

SHARED: dict[str, Any] = {"auth": BearerAuth("key-1"), "app_headers": AppHeaders("cli")}
REF = ModelRef.parse("kilocode/google/gemini-3-pro-preview")

# Turns out of order, a call before any user, ids of another vendor: all of it stays.
HISTORY: list[dict[str, Any]] = [
    {"role": "assistant", "content": "first"},
    {
        "role": "assistant",
        "content": [
            {"type": "text", "text": "a", "thoughtSignature": "c2ln"},
            {"type": "text", "text": "b", "thought_signature": "msg_1"},
        ],
        "tool_calls": [
            {
                "id": "toolu_01",
                "type": "function",
                "function": {"name": "f", "arguments": "{}"},
                "extra_content": {"google": {"thought_signature": "not base64!"}},
            }
        ],
    },
    {"role": "tool", "tool_call_id": "toolu_01", "content": "x"},
]


def call() -> CompletionCall:
    return CompletionCall(
        ref=REF,
        payload={"messages": copy.deepcopy(HISTORY)},
        headers={},
        base_url="https://api.example/gateway/",
        stream=False,
        reasoning="max",
    )


async def sent(one: CompletionCall) -> OutgoingRequest:
    adapter = ProxyGeminiTransport(**SHARED)
    request = adapter.prepare(one)
    await led_through(request, *adapter.request_middleware)
    return request


def names(middleware: Any) -> list[str]:
    return [type(one).__name__ for one in middleware]


@pytest.mark.parametrize(
    ("ref", "matches"),
    [
        ("google/gemini-3-pro-preview", True),
        ("google/GEMINI-2.5-flash:free", True),
        ("gemini/pro", True),
        ("other/distilled-Gemini", True),
        ("google/gemma-3", False),
        ("kilo/auto", False),
        ("a/b", False),
    ],
)
async def test_it_serves_the_models_whose_id_contains_gemini(ref: str, matches: bool) -> None:
    assert ProxyGeminiTransport(**SHARED).matches(ModelRef.parse(ref)) is matches


async def test_its_chain_is_this_and_in_this_order() -> None:
    adapter = ProxyGeminiTransport(**SHARED)
    assert isinstance(adapter, TransportAdapter)
    assert adapter.name == "proxy-gemini"
    assert names(adapter.request_middleware) == [
        "BearerAuth",
        "AppHeaders",
        "ReasoningInjection",
        "ProviderPinning",
        "StopNormalisation",
        "ReplaySanitation",
        "ThoughtSignatureSanitation",
    ]
    assert names(adapter.response_middleware) == [
        "DeltaRepairs",
        "ReasoningNormalisation",
        "ThoughtSignatureSanitation",
    ]


async def test_all_but_the_last_step_is_the_openai_shaped_path() -> None:
    gemini, openai = ProxyGeminiTransport(**SHARED), ProxyOpenAITransport(**SHARED)
    assert names(gemini.request_middleware)[:-1] == names(openai.request_middleware)[:-1]
    assert names(gemini.response_middleware)[:-1] == names(openai.response_middleware)
    assert repr(gemini.prepare(call())) == repr(openai.prepare(call()))


async def test_a_history_leaves_with_its_valid_signatures_and_otherwise_as_it_was() -> None:
    request = await sent(call())
    [first, second, third] = request.payload["messages"]
    assert (first, third) == (HISTORY[0], HISTORY[2])
    assert second == {
        "role": "assistant",
        "content": [
            {"type": "text", "text": "a", "thoughtSignature": "c2ln"},
            {"type": "text", "text": "b"},
        ],
        "tool_calls": [
            {
                "id": "toolu_01",
                "type": "function",
                "function": {"name": "f", "arguments": "{}"},
                "extra_content": {"google": {}},
            }
        ],
    }
    assert request.payload["reasoning"] == {"effort": "xhigh"}
    assert request.payload["model"] == "google/gemini-3-pro-preview"


async def test_the_call_is_never_changed() -> None:
    one = call()
    await sent(one)
    assert one.payload == {"messages": HISTORY}
    assert one.headers == {}


async def test_a_signature_in_an_answer_is_checked_before_anyone_sees_it() -> None:
    def piece(signature: str) -> dict[str, Any]:
        return {
            "id": "c1",
            "function": {"name": "f", "arguments": "{}"},
            "extra_content": {"google": {"thought_signature": signature}},
        }

    chunk: Any = {
        "choices": {"delta": {"tool_calls": [piece("c2ln"), {**piece("msg_1"), "id": "c2"}]}}
    }
    chain = ResponseChain(ProxyGeminiTransport(**SHARED).response_middleware)
    chain.for_stream().on_chunk(chunk)
    kept = [one["extra_content"] for one in chunk["choices"][0]["delta"]["tool_calls"]]
    assert kept == [{"google": {"thought_signature": "c2ln"}}, {"google": {}}]


async def test_a_server_of_its_own_may_be_given() -> None:
    adapter = ProxyGeminiTransport(**SHARED, base_url="https://other.example/v1")
    assert adapter.prepare(call()).url == "https://other.example/v1/chat/completions"
