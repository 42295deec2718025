"""Facts about which models of the gateway go on with the beginning of an answer, and how."""

from __future__ import annotations

import pytest

from kilo_sdk import ContinuingTransport, ModelRef, OpenAICompatibleTransport
from kilo_sdk.middleware.app_headers import AppHeaders
from kilo_sdk.middleware.auth import BearerAuth
from kilo_sdk.transports.prefixes import AssistantPrefix, vendors_prefix
from kilo_sdk.transports.proxy_gemini import ProxyGeminiTransport
from kilo_sdk.transports.proxy_openai import ProxyOpenAITransport

PREFIX, PARTIAL = {"prefix": True}, {"partial": True}


@pytest.mark.parametrize(
    ("model", "mark", "echo"),
    [
        ("anthropic/claude-sonnet-4", {}, "never"),
        ("anthropic/claude-3.5-sonnet:beta", {}, "never"),
        ("anthropic/claude-3-5-sonnet-20240620", {}, "never"),
        ("anthropic/claude-sonnet-4-20250514", {}, "never"),
        ("anthropic/claude-opus-4.5", {}, "never"),
        ("anthropic/claude-2", {}, "never"),
        ("deepseek/deepseek-v3.2", PREFIX, "perhaps"),
        ("mistralai/mistral-large", PREFIX, "always"),
        ("moonshotai/kimi-k2", PARTIAL, "perhaps"),
        ("qwen/qwen3-coder", PARTIAL, "perhaps"),
        ("Qwen/qwen3-coder", PARTIAL, "perhaps"),
    ],
)
def test_each_vendor_has_it_in_its_own_way(model: str, mark: dict[str, bool], echo: str) -> None:
    prefix = vendors_prefix(ModelRef(model))
    assert isinstance(prefix, AssistantPrefix)
    assert (prefix.message, prefix.body, prefix.echo) == (mark, {}, echo)


@pytest.mark.parametrize(
    "model",
    [
        "openai/gpt-4.1",
        "google/gemini-3-pro-preview",
        "x-ai/grok-4",
        "kilo/auto",
        "kilo-auto/frontier",
        "meta-llama/llama-3.3",
        "anthropic/claude-opus-4.6",
        "anthropic/claude-sonnet-4-6",
        "anthropic/claude-opus-4.10",
        "anthropic/claude-sonnet-5",
        "anthropic/claude-fable-5.1",
        "anthropic/claude-latest",
        "anthropic/claude-3.7-sonnet:thinking",
        "deepseek/deepseek-r1",
        "deepseek/deepseek-r1:free",
        "deepseek/deepseek-reasoner",
        "qwen/qwq-32b",
        "qwen/qwen3-235b-a22b-thinking-2507",
        "moonshotai/kimi-k2-thinking",
        "mistralai/magistral-small",
    ],
)
def test_other_models_say_why_not(model: str) -> None:
    why = vendors_prefix(ModelRef(model))
    assert isinstance(why, str)
    assert why.startswith(model)


def test_the_gateway_s_transports_know_and_others_do_not_claim_to() -> None:
    own = {"auth": BearerAuth(None), "app_headers": AppHeaders()}
    openai, gemini = ProxyOpenAITransport(**own), ProxyGeminiTransport(**own)
    assert isinstance(openai, ContinuingTransport)
    assert isinstance(gemini, ContinuingTransport)
    claude, flash = ModelRef("anthropic/claude-sonnet-4"), ModelRef("google/gemini-flash")
    assert openai.assistant_prefix(claude) == AssistantPrefix()
    assert "not known" in str(gemini.assistant_prefix(flash))
    assert not isinstance(OpenAICompatibleTransport(), ContinuingTransport)
