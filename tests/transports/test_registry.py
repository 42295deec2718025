"""The first transport that matches serves."""

from __future__ import annotations

from typing import Any

import pytest

from kilo_sdk.errors import ConfigurationError
from kilo_sdk.middleware.app_headers import AppHeaders
from kilo_sdk.middleware.auth import BearerAuth
from kilo_sdk.refs import ModelRef
from kilo_sdk.transports.base import OpenAICompatibleTransport
from kilo_sdk.transports.proxy_gemini import ProxyGeminiTransport
from kilo_sdk.transports.proxy_openai import ProxyOpenAITransport
from kilo_sdk.transports.registry import TransportRegistry


class Local(OpenAICompatibleTransport):
    name = "local"

    def matches(self, ref: ModelRef, /) -> bool:
        return ref.vendor == "local"


def built_in() -> list[OpenAICompatibleTransport]:
    shared: dict[str, Any] = {"auth": BearerAuth("k"), "app_headers": AppHeaders()}
    return [ProxyGeminiTransport(**shared), ProxyOpenAITransport(**shared)]


@pytest.mark.parametrize(
    ("ref", "name"),
    [
        ("local/llama", "local"),
        ("local/gemini-clone", "local"),
        ("google/gemini-3-pro-preview", "proxy-gemini"),
        ("google/GEMINI-3", "proxy-gemini"),
        ("gemini/whatever", "proxy-gemini"),
        ("google/gemma-3", "proxy-openai"),
        ("kilo/auto", "proxy-openai"),
        ("anthropic/claude-sonnet-4", "proxy-openai"),
    ],
)
def test_the_caller_s_are_asked_first_then_the_built_in_ones(ref: str, name: str) -> None:
    registry = TransportRegistry([Local(), *built_in()])
    assert registry.transport_for(ModelRef.parse(ref)).name == name


def test_of_two_that_match_the_first_serves() -> None:
    first, second = Local(), Local()
    registry = TransportRegistry([first, second])
    assert registry.transport_for(ModelRef.parse("local/llama")) is first


def test_where_none_matches_the_ref_is_named() -> None:
    for registry in (TransportRegistry([]), TransportRegistry([Local()])):
        with pytest.raises(ConfigurationError, match="no transport serves kilocode/a/b"):
            registry.transport_for(ModelRef.parse("a/b"))


@pytest.mark.parametrize("transport", [None, "openai", object(), Local])
def test_what_is_no_adapter_is_refused_by_name(transport: Any) -> None:
    with pytest.raises(ConfigurationError, match="is no transport adapter"):
        TransportRegistry([transport])


def test_an_adapter_need_not_extend_anything() -> None:
    class Duck:
        name = "duck"
        request_middleware = ()
        response_middleware = ()

        def matches(self, ref: ModelRef, /) -> bool:
            return True

        def prepare(self, call: Any, /) -> Any: ...

        def decode_chunk(self, event: Any, /) -> Any: ...

        def decode_completion(self, body: Any, /) -> Any: ...

    registry = TransportRegistry([Duck()])
    assert registry.transport_for(ModelRef.parse("a/b")).name == "duck"
