"""What a client may ask for."""

from __future__ import annotations

from typing import Any

import pytest

from kilo_sdk import ConfigurationError
from kilo_sdk.relay import Prompt, PromptPolicy, RelayRefusedError


def asked(policy: PromptPolicy, messages: Any = "hi", **fields: Any) -> dict[str, Any]:
    return policy(Prompt(messages=messages, request="r", **fields))


def test_a_plain_policy_asks_the_default_model() -> None:
    assert asked(PromptPolicy()) == {"messages": [{"role": "user", "content": "hi"}]}


def test_a_policy_offers_models_caps_tokens_and_speaks_first() -> None:
    policy = PromptPolicy(models=["a/b"], max_tokens=50, system="Be brief.")
    system = {"role": "system", "content": "Be brief."}
    user = {"role": "user", "content": "hi"}
    assert asked(policy, model="a/b") == {
        "messages": [system, user],
        "model": "a/b",
        "max_tokens": 50,
    }
    assert asked(policy, params={"max_tokens": 9})["max_tokens"] == 9
    assert asked(policy, params={"max_tokens": 99})["max_tokens"] == 50
    assert asked(policy, params={"reasoning": "low"})["reasoning"] == "low"


def test_the_cap_holds_for_both_names_of_a_field() -> None:
    policy = PromptPolicy(max_tokens=50, params={"max_tokens", "max_completion_tokens"})
    for name in ("max_tokens", "max_completion_tokens"):
        assert asked(policy, params={name: 99}) == {
            "messages": [{"role": "user", "content": "hi"}],
            name: 50,
        }
    with pytest.raises(RelayRefusedError, match="max_completion_tokens is a whole number"):
        asked(policy, params={"max_completion_tokens": -1})


@pytest.mark.parametrize(
    ("fields", "code", "words"),
    [
        ({"model": "a/b"}, "not_allowed", "not offered"),
        ({"params": {"tools": []}}, "not_allowed", "max_tokens, reasoning, temperature"),
        ({"params": {"reasoning": {"effort": "xhigh"}}}, "bad_prompt", "reasoning is one of"),
        ({"params": {"reasoning": "huge"}}, "bad_prompt", "reasoning is one of"),
        ({"params": {"max_tokens": "9"}}, "bad_prompt", "whole number"),
        ({"params": {"max_tokens": True}}, "bad_prompt", "whole number"),
        ({"params": {"max_tokens": 0}}, "bad_prompt", "whole number from 1"),
        ({"params": {"max_tokens": -1}}, "bad_prompt", "whole number from 1"),
        ({"messages": [{"role": "system"}]}, "not_allowed", "assistant, tool, user"),
        ({"messages": [{"role": "user"}] * 501}, "too_long", "at most 500"),
    ],
)
def test_what_is_not_offered_is_refused(fields: dict[str, Any], code: str, words: str) -> None:
    with pytest.raises(RelayRefusedError) as refused:
        asked(PromptPolicy(), **fields)
    assert (refused.value.code, refused.value.request) == (code, "r")
    assert words in refused.value.message


def test_a_policy_that_cannot_work_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="max_tokens"):
        PromptPolicy(max_tokens=0)
    with pytest.raises(ConfigurationError, match="models is a list"):
        PromptPolicy(models="a/b")
    with pytest.raises(ConfigurationError, match="params is a list"):
        PromptPolicy(params="temperature")
    with pytest.raises(ConfigurationError, match="roles is a list"):
        PromptPolicy(roles="user")
