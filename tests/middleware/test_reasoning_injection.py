"""The level on its way to ``reasoning.effort`` (GATEWAY 3, GATEWAY 4)."""

from __future__ import annotations

import copy
from types import MappingProxyType
from typing import Any

import pytest

from kilo_sdk.catalog.catalog import ModelCatalog
from kilo_sdk.errors import ConfigurationError
from kilo_sdk.middleware.base import OutgoingRequest, RequestMiddleware
from kilo_sdk.middleware.reasoning_injection import SKIP_VENDORS, ModelHints, ReasoningInjection
from kilo_sdk.refs import ModelRef
from kilo_sdk.types.model_info import ModelInfo
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


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("skip_vendors", "x-ai", "not the single string 'x-ai'"),
        ("skip_ids", "a/b", "not the single string 'a/b'"),
        ("inject_ids", ModelRef("a/b"), "not the single ModelRef"),
        ("skip_vendors", None, "not the single NoneType None"),
        ("skip_ids", [5], "a set of names is wanted; 5 is int"),
        ("skip_vendors", ["acme/one"], "'acme/one' is no vendor: .* goes into skip_ids"),
        ("skip_vendors", [""], "'' is no vendor"),
        ("skip_ids", ["acme"], "'acme' is no model ref; .* goes into skip_vendors"),
        ("inject_ids", ["two words/x"], "is no model ref"),
        ("inject_ids", ["kilo/auto"], "kilo/auto: the gateway picks the model"),
        ("inject_ids", ["kilocode/kilo-auto/free"], "kilo-auto/free: the gateway picks the model"),
    ],
)
def test_names_that_can_match_nothing_are_refused(field: str, value: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        ModelHints(**{field: value})
    with pytest.raises(ValueError, match=words):
        ModelHints().extended(**{field: value})


def test_an_id_is_skipped_or_injected_and_not_both() -> None:
    with pytest.raises(ValueError, match="a/b: in skip_ids and in inject_ids"):
        ModelHints(skip_ids=["a/b", "a/c"], inject_ids=["A/B"])


def test_hints_are_extended_without_repeating_the_defaults() -> None:
    base = ModelHints(skip_ids=["a/b"])
    more = base.extended(
        skip_vendors={"Acme"}, skip_ids=["kilocode/A/C", ModelRef("a/d")], inject_ids=["x-ai/one"]
    )
    assert more == ModelHints(
        skip_vendors={"x-ai", "acme"}, skip_ids={"a/b", "a/c", "a/d"}, inject_ids={"x-ai/one"}
    )
    assert base == ModelHints(skip_ids=["a/b"])
    assert base.extended() == base


def test_of_an_id_that_is_in_both_the_new_word_counts() -> None:
    skipped = ModelHints(skip_ids=["a/b"])
    injected = skipped.extended(inject_ids=["a/b"])
    assert injected == ModelHints(inject_ids=["a/b"])
    assert injected.extended(skip_ids=["a/b"]) == skipped


@pytest.mark.parametrize(
    ("ref", "reason"),
    [
        ("x-ai/grok-4", "vendor"),
        ("x-ai/thinker", None),
        ("X-AI/Thinker:free", None),
        ("x-ai/thinker:beta", "hint"),
        ("a/b", "hint"),
        ("a/b:free", "hint"),
        ("a/b:thinking", None),
        ("kilo-auto/free", "auto"),
    ],
)
def test_the_narrowest_word_counts(ref: str, reason: str | None) -> None:
    hints = ModelHints(
        skip_ids=["a/b", "x-ai/thinker:beta"], inject_ids=["a/b:thinking", "x-ai/thinker"]
    )
    assert hints.skip_reason(ModelRef.parse(ref)) == reason
    assert hints.skips_reasoning(ModelRef.parse(ref)) is (reason is not None)


def listed(id_: str, parameters: Any) -> ModelInfo:
    return ModelInfo.from_wire({"id": id_, "supported_parameters": parameters})


CATALOG = ModelCatalog(
    [
        listed("a/plain", ["tools"]),
        listed("a/thinks", ["reasoning"]),
        listed("a/includes", ["include_reasoning"]),
        listed("a/plain:thinking", ["reasoning"]),
        listed("a/thinks:fast", ["tools"]),
        listed("a/empty", []),
        listed("a/null", None),
        listed("a/garbage", "tools"),
        listed("a/numbers", [1, 2]),
        ModelInfo.from_wire({"id": "a/untold"}),
        ModelInfo(id="a/written", name="by hand"),
        listed("x-ai/grok", ["reasoning"]),
    ],
    source="gateway",
)


@pytest.mark.parametrize(
    ("ref", "reason"),
    [
        ("a/plain", "catalog"),
        ("a/plain:free", "catalog"),
        ("a/plain:thinking", None),
        ("a/thinks", None),
        ("a/thinks:free", None),
        ("a/thinks:fast", "catalog"),
        ("a/includes", None),
        ("a/empty", None),
        ("a/null", None),
        ("a/garbage", None),
        ("a/numbers", None),
        ("a/untold", None),
        ("a/written", None),
        ("a/missing", None),
        ("x-ai/grok", "vendor"),
        ("kilo/auto", "auto"),
    ],
)
def test_the_catalogue_tells_who_does_not_reason(ref: str, reason: str | None) -> None:
    assert ModelHints().skip_reason(ModelRef.parse(ref), CATALOG) == reason


def test_a_hint_wins_over_the_catalogue() -> None:
    hints = ModelHints(inject_ids=["a/plain"], skip_ids=["a/thinks"])
    reasons = [hints.skip_reason(ModelRef(id_), CATALOG) for id_ in ("a/plain:free", "a/thinks")]
    assert reasons == [None, "hint"]


def inject(ref: str, payload: dict[str, Any], catalog: ModelCatalog | None) -> dict[str, Any]:
    middleware = ReasoningInjection(catalog=lambda: catalog)
    request = OutgoingRequest(
        ref=ModelRef(ref), url="", headers={}, payload=payload, reasoning="low"
    )
    middleware.on_request(request)
    return request.payload


def test_the_catalogue_is_looked_at_for_each_request_anew() -> None:
    loaded: list[ModelCatalog | None] = [None, CATALOG]
    middleware = ReasoningInjection(catalog=lambda: loaded.pop(0))
    sent: list[dict[str, Any]] = []
    for _ in range(2):
        request = OutgoingRequest(
            ref=ModelRef("a/plain"), url="", headers={}, payload={}, reasoning="low"
        )
        middleware.on_request(request)
        sent.append(request.payload)
    assert sent == [{"reasoning": {"effort": "low"}}, {}]


@pytest.mark.parametrize("supplied", [{"effort": "high"}, {"max_tokens": 5}, {"exclude": True}])
def test_a_callers_object_goes_out_whatever_the_catalogue_says(supplied: dict[str, Any]) -> None:
    assert inject("a/plain", {"reasoning": supplied}, CATALOG) == {"reasoning": supplied}


@pytest.mark.parametrize(
    ("ref", "payload", "messages"),
    [
        ("kilo/auto", {}, ["reasoning.skipped model=kilo/auto reason=auto"]),
        ("x-ai/grok", {}, ["reasoning.skipped model=x-ai/grok reason=vendor"]),
        ("a/plain", {}, ["reasoning.skipped model=a/plain reason=catalog"]),
        ("a/thinks", {}, []),
        ("x-ai/grok", {"reasoning": {"effort": "low"}}, []),
    ],
)
def test_what_is_left_out_is_told_at_debug(
    ref: str, payload: dict[str, Any], messages: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", "kilo_sdk.middleware")
    inject(ref, payload, CATALOG)
    assert caplog.messages == messages
    assert {record.levelname for record in caplog.records} <= {"DEBUG"}


def test_nothing_is_told_where_nothing_was_to_be_injected(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", "kilo_sdk.middleware")
    assert sent({}, "off", "kilo/auto") == {}
    assert sent({}, None, "x-ai/grok") == {}
    assert caplog.messages == []
