"""The level on its way to ``reasoning.effort`` (GATEWAY 3, GATEWAY 4)."""

from __future__ import annotations

import copy
from types import MappingProxyType
from typing import Any

import pytest

from kilo_sdk.errors import ConfigurationError
from kilo_sdk.middleware.base import OutgoingRequest, RequestMiddleware
from kilo_sdk.middleware.reasoning_injection import SKIP_VENDORS, ModelHints, ReasoningInjection
from kilo_sdk.refs import ModelRef
from kilo_sdk.types.reasoning import REASONING_LEVELS, Reasoning

CONCRETE = "anthropic/claude-sonnet-4"
GEMINI = "google/gemini-3-pro-preview"
SKIPPED = ("kilo/auto", "kilo-auto/frontier", "kilo-auto/free", "x-ai/grok-4", "x-ai/grok-4:free")
EFFORTS = {
    "minimal": "minimal",
    "low": "low",
    "medium": "medium",
    "high": "high",
    "xhigh": "xhigh",
    "adaptive": "medium",
    "max": "xhigh",
}


def sent(
    payload: dict[str, Any],
    level: str | None = None,
    ref: str = CONCRETE,
    hints: ModelHints | None = None,
) -> dict[str, Any]:
    request = OutgoingRequest(
        ref=ModelRef.parse(ref), url="", headers={}, payload=dict(payload), reasoning=level
    )
    middleware = ReasoningInjection() if hints is None else ReasoningInjection(hints)
    middleware.on_request(request)
    once = copy.deepcopy(request.payload)
    middleware.on_request(request)
    assert request.payload == once, "doing it twice changes nothing more"
    return once


def test_it_is_a_request_middleware() -> None:
    assert isinstance(ReasoningInjection(), RequestMiddleware)


@pytest.mark.parametrize("ref", [CONCRETE, GEMINI])
@pytest.mark.parametrize(("level", "effort"), EFFORTS.items())
def test_a_level_becomes_an_effort(level: str, effort: str, ref: str) -> None:
    assert sent({"model": "m"}, level, ref) == {"model": "m", "reasoning": {"effort": effort}}


def test_no_level_and_off_inject_nothing() -> None:
    assert sent({"model": "m"}) == {"model": "m"}
    assert sent({"model": "m"}, "off") == {"model": "m"}


@pytest.mark.parametrize(("level", "effort"), EFFORTS.items())
def test_the_flat_field_is_taken_as_the_level_and_never_sent(level: str, effort: str) -> None:
    assert sent({"reasoning_effort": level}) == {"reasoning": {"effort": effort}}


def test_the_flat_fields_none_stays_an_effort() -> None:
    assert sent({"reasoning_effort": "none"}) == {"reasoning": {"effort": "none"}}


def test_the_flat_fields_off_injects_nothing() -> None:
    assert sent({"reasoning_effort": "off"}) == {}
    assert sent({"reasoning_effort": None}) == {}


def test_a_chosen_level_wins_over_the_flat_field() -> None:
    assert sent({"reasoning_effort": "low"}, "high") == {"reasoning": {"effort": "high"}}
    assert sent({"reasoning_effort": "low"}, "off") == {}


@pytest.mark.parametrize(
    "supplied",
    [
        {"effort": "low"},
        {"effort": "none", "exclude": True},
        {"max_tokens": 2000},
        {"max_tokens": 2000, "future": [1]},
    ],
)
@pytest.mark.parametrize("level", [None, "off", "high"])
def test_a_callers_object_with_effort_or_max_tokens_goes_out_as_it_is(
    supplied: dict[str, Any], level: str | None
) -> None:
    assert sent({"reasoning": supplied, "reasoning_effort": "xhigh"}, level) == {
        "reasoning": supplied
    }


@pytest.mark.parametrize(
    "supplied", [{}, {"exclude": True}, {"enabled": True}, {"effort": None, "max_tokens": None}]
)
def test_a_callers_object_with_neither_is_completed_from_the_level(
    supplied: dict[str, Any],
) -> None:
    before = copy.deepcopy(supplied)
    assert sent({"reasoning": supplied}, "max") == {"reasoning": {**supplied, "effort": "xhigh"}}
    assert sent({"reasoning": supplied, "reasoning_effort": "low"}) == {
        "reasoning": {**supplied, "effort": "low"}
    }
    assert supplied == before


@pytest.mark.parametrize("level", [None, "off"])
def test_a_callers_object_with_neither_and_no_level_goes_out_as_it_is(level: str | None) -> None:
    assert sent({"reasoning": {"exclude": True}}, level) == {"reasoning": {"exclude": True}}


def test_a_reasoning_value_becomes_its_wire_dict() -> None:
    assert sent({"reasoning": Reasoning(max_tokens=5, exclude=True)}, "high") == {
        "reasoning": {"max_tokens": 5, "exclude": True}
    }
    assert sent({"reasoning": Reasoning(exclude=True)}, "high") == {
        "reasoning": {"exclude": True, "effort": "high"}
    }


def test_any_mapping_is_an_object() -> None:
    result = sent({"reasoning": MappingProxyType({"exclude": True})}, "low")
    assert result == {"reasoning": {"exclude": True, "effort": "low"}}
    assert type(result["reasoning"]) is dict


def test_a_null_object_counts_as_none_given() -> None:
    assert sent({"reasoning": None}) == {}
    assert sent({"reasoning": None}, "low") == {"reasoning": {"effort": "low"}}


@pytest.mark.parametrize("supplied", ["high", ["high"], True, 3])
def test_anything_else_is_refused_with_words_that_help(supplied: Any) -> None:
    with pytest.raises(ConfigurationError) as caught:
        sent({"reasoning": supplied})
    assert str(caught.value) == (
        "reasoning in the payload is an object such as {'effort': 'high'} or a Reasoning, not "
        f"{type(supplied).__name__}; a level goes into the argument reasoning= of the call"
    )


@pytest.mark.parametrize("ref", [CONCRETE, *SKIPPED])
@pytest.mark.parametrize(
    ("payload", "level"), [({}, "ultra"), ({"reasoning_effort": "ultra"}, None)]
)
def test_an_unknown_level_is_refused_whatever_the_model(
    payload: dict[str, Any], level: str | None, ref: str
) -> None:
    with pytest.raises(ConfigurationError, match="'ultra' is no reasoning level; accepted are off"):
        sent(payload, level, ref)


def test_a_flat_field_that_is_no_string_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="a reasoning level is a string, not int"):
        sent({"reasoning_effort": 3})


@pytest.mark.parametrize("ref", SKIPPED)
@pytest.mark.parametrize("level", [None, *REASONING_LEVELS])
def test_a_skipped_model_gets_nothing_and_loses_the_flat_field(ref: str, level: str | None) -> None:
    assert sent({"reasoning_effort": "high", "n": 1}, level, ref) == {"n": 1}


@pytest.mark.parametrize("ref", SKIPPED)
@pytest.mark.parametrize("supplied", [{"exclude": True}, {"effort": "low"}, {}])
def test_a_skipped_model_still_gets_the_callers_object(ref: str, supplied: dict[str, Any]) -> None:
    assert sent({"reasoning": supplied}, "high", ref) == {"reasoning": supplied}


def test_a_skipped_model_still_gets_a_reasoning_value_as_a_dict() -> None:
    result = sent({"reasoning": Reasoning(exclude=True)}, "high", "kilo/auto")
    assert result == {"reasoning": {"exclude": True}}


@pytest.mark.parametrize("ref", [CONCRETE, GEMINI, "kilo/other", "auto/kilo", "x-aix/grok"])
def test_other_models_are_not_skipped(ref: str) -> None:
    assert not ModelHints().skips_reasoning(ModelRef.parse(ref))


@pytest.mark.parametrize("ref", [*SKIPPED, "kilocode/kilo/auto", "kilo/auto:free", "X-AI/Grok-4"])
def test_auto_refs_and_reluctant_vendors_are_skipped(ref: str) -> None:
    assert ModelHints().skips_reasoning(ModelRef.parse(ref))


def test_callers_can_extend_the_hints() -> None:
    hints = ModelHints(skip_vendors=SKIP_VENDORS | {"Acme"}, skip_ids=["openai/gpt-4o"])
    skipped = {
        ref: hints.skips_reasoning(ModelRef.parse(ref))
        for ref in ("x-ai/grok-4", "acme/a", "openai/gpt-4o", "openai/gpt-4o:free", "openai/gpt-5")
    }
    assert skipped == {
        "x-ai/grok-4": True,
        "acme/a": True,
        "openai/gpt-4o": True,
        "openai/gpt-4o:free": True,
        "openai/gpt-5": False,
    }
    assert sent({}, "high", "acme/a", hints) == {}


def test_hints_replace_the_default_but_for_auto_refs() -> None:
    hints = ModelHints(skip_vendors=())
    assert sent({}, "high", "x-ai/grok-4", hints) == {"reasoning": {"effort": "high"}}
    assert sent({}, "high", "kilo/auto", hints) == {}


def test_a_single_string_is_no_set_of_names() -> None:
    with pytest.raises(ValueError, match="not the single string 'x-ai'"):
        ModelHints(skip_vendors="x-ai")
