"""Any history on its way through a built-in transport: cleaned once, in order, on a copy."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from passing import led_through

from kilo_sdk.middleware.app_headers import AppHeaders
from kilo_sdk.middleware.auth import BearerAuth
from kilo_sdk.middleware.base import OutgoingRequest
from kilo_sdk.refs import ModelRef
from kilo_sdk.transports.base import CompletionCall, OpenAICompatibleTransport
from kilo_sdk.transports.proxy_gemini import ProxyGeminiTransport
from kilo_sdk.transports.proxy_openai import ProxyOpenAITransport

SHARED: dict[str, Any] = {"auth": BearerAuth("key-1"), "app_headers": AppHeaders("cli")}
TRANSPORTS = {
    "google/gemini-3-pro-preview": ProxyGeminiTransport(**SHARED),
    "anthropic/claude-sonnet-4": ProxyOpenAITransport(**SHARED),
    "other/model": OpenAICompatibleTransport(),
}
each_transport = pytest.mark.parametrize("model", TRANSPORTS)


def outgoing(model: str, messages: list[Any]) -> OutgoingRequest:
    """What the transport makes of a call with that history."""
    adapter = TRANSPORTS[model]
    request = adapter.prepare(
        CompletionCall(
            ref=ModelRef.parse(model),
            payload={"messages": messages},
            headers={},
            base_url="https://api.example/gateway/",
            stream=False,
        )
    )
    asyncio.run(led_through(request, *adapter.request_middleware))
    return request


few = st.sampled_from(["A", "B", "", "c1", "c2", "rs_1"])
signatures = st.sampled_from(["QUJD", "msg_01", "not base64!", "", None, 7])
formats = st.sampled_from(
    ["anthropic-claude-v1", "google-gemini-v1", "openai-responses-v1", "unknown", None, "new-v9"]
)
junk = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.text(max_size=3) | few,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(few, inner, max_size=3),
    max_leaves=5,
)
details = st.fixed_dictionaries(
    {"type": st.sampled_from(["reasoning.text", "reasoning.summary", "reasoning.encrypted", "x"])},
    optional={
        "text": few | junk,
        "summary": few | junk,
        "data": few | junk,
        "signature": signatures | junk,
        "id": few | junk,
        "format": formats | junk,
        "index": st.integers(0, 2) | junk,
    },
)
signed = {"thought_signature": signatures, "thoughtSignature": signatures, "x": junk}
blocks = st.fixed_dictionaries({"type": few}, optional=signed)
calls = st.fixed_dictionaries(
    {"id": few, "type": st.just("function"), "function": st.just({"name": "f", "arguments": "{}"})},
    optional={
        **signed,
        "extra_content": st.fixed_dictionaries(
            {}, optional={"google": st.fixed_dictionaries({}, optional=signed) | junk}
        ),
    },
)
histories = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "role": st.sampled_from(["user", "assistant", "assistant", "assistant", "tool"]) | junk,
            "content": st.text(max_size=3) | st.lists(blocks | junk, max_size=3) | junk,
            "reasoning": few | junk,
            "reasoning_content": few,
            "reasoning_details": st.lists(details | junk, max_size=4) | junk,
            "tool_calls": st.lists(calls | junk, max_size=3) | junk,
            "prefix": junk,
        },
    )
    | junk,
    max_size=5,
)


@each_transport
@given(history=histories)
def test_the_callers_history_stays_as_it_was(model: str, history: list[Any]) -> None:
    before = copy.deepcopy(history)
    outgoing(model, history)
    assert history == before


@each_transport
@given(history=histories)
def test_once_is_enough(model: str, history: list[Any]) -> None:
    once = outgoing(model, history)
    twice = outgoing(model, once.payload["messages"])
    assert twice.payload["messages"] == once.payload["messages"]
    pairs = zip(twice.payload["messages"], once.payload["messages"], strict=True)
    assert all(one is other for one, other in pairs), "nothing is copied where nothing changes"
    assert twice.dropped == []


@each_transport
@given(history=histories)
def test_what_survives_is_the_callers_own_in_its_order(model: str, history: list[Any]) -> None:
    sent = outgoing(model, history).payload["messages"]
    assert len(sent) == len(history)
    for old, new in zip(history, sent, strict=True):
        if new is old:
            continue
        assert list(new) == [name for name in old if name in new]
        for name, value in new.items():
            if name == "reasoning_details" and value is not old[name]:
                rest: Iterator[Any] = iter(old[name] if isinstance(old[name], list) else ())
                assert all(any(one is other for other in rest) for one in value)
            elif name in ("content", "tool_calls") and value is not old[name]:
                assert len(value) == len(old[name])
                for was, is_ in zip(old[name], value, strict=True):
                    assert is_ is was or list(is_) == [key for key in was if key in is_]
            else:
                assert value is old[name]


def telling(value: Any) -> Any:
    """A value without what says nothing: null, empty and false values, however deep."""
    if isinstance(value, dict):
        inner = {name: telling(one) for name, one in value.items()}
        return {name: one for name, one in inner.items() if one}
    return [telling(one) for one in value] if isinstance(value, list) else value


@each_transport
@given(history=histories)
def test_nothing_goes_without_a_word(model: str, history: list[Any]) -> None:
    request = outgoing(model, history)
    noted = {part.index for part in request.dropped}
    for index, (old, new) in enumerate(zip(history, request.payload["messages"], strict=True)):
        if index in noted:
            assert new is not old
        else:
            assert telling(new) == telling(old)
