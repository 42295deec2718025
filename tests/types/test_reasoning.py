"""Levels, efforts and the reasoning object (GATEWAY 3, GATEWAY 4)."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import attrs
import pytest

from kilo_sdk.errors import ConfigurationError
from kilo_sdk.types.reasoning import (
    REASONING_EFFORTS,
    REASONING_LEVELS,
    Reasoning,
    check_level,
    effort_for_level,
)


def test_levels_are_those_of_the_gateway_in_order() -> None:
    assert REASONING_LEVELS == (
        "off",
        "minimal",
        "low",
        "medium",
        "high",
        "xhigh",
        "adaptive",
        "max",
    )


def test_efforts_are_those_of_the_gateway_in_order() -> None:
    assert REASONING_EFFORTS == ("none", "minimal", "low", "medium", "high", "xhigh")


@pytest.mark.parametrize(
    ("level", "effort"),
    [
        ("off", None),
        ("minimal", "minimal"),
        ("low", "low"),
        ("medium", "medium"),
        ("high", "high"),
        ("xhigh", "xhigh"),
        ("adaptive", "medium"),
        ("max", "xhigh"),
    ],
)
def test_each_level_stands_for_one_effort(level: str, effort: str | None) -> None:
    assert effort_for_level(level) == effort


@pytest.mark.parametrize("level", REASONING_LEVELS)
def test_a_level_is_returned_as_it_is(level: str) -> None:
    assert check_level(level) == level


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("hihg", "high"), ("HIGH", "high"), (" medium ", "medium"), ("none", "off"), ("maxx", "max")],
)
def test_a_near_miss_is_told_what_was_probably_meant(typed: str, meant: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        check_level(typed)
    assert str(caught.value) == (
        f"{typed!r} is no reasoning level; accepted are off, minimal, low, medium, high, "
        f"xhigh, adaptive, max; did you mean {meant!r}?"
    )


def test_a_word_near_to_no_level_gets_no_suggestion() -> None:
    with pytest.raises(ConfigurationError) as caught:
        check_level("quantum")
    assert str(caught.value).endswith("xhigh, adaptive, max")


@pytest.mark.parametrize("level", [None, 3, True, ["high"], {"effort": "high"}])
def test_a_level_that_is_no_string_is_refused_by_its_type(level: object) -> None:
    with pytest.raises(ConfigurationError, match=f"not {type(level).__name__}; accepted are off"):
        check_level(level)


def test_a_long_wrong_level_is_not_shown_whole() -> None:
    with pytest.raises(ConfigurationError) as caught:
        check_level("z" * 41)
    assert str(caught.value).startswith("'" + "z" * 40 + "...' is no")


def test_an_unknown_level_has_no_effort() -> None:
    with pytest.raises(ConfigurationError, match="'ultra' is no reasoning level"):
        effort_for_level("ultra")


def test_the_wire_dict_leaves_out_what_is_not_set() -> None:
    assert Reasoning().to_param() == {}
    assert Reasoning(effort="high").to_param() == {"effort": "high"}
    assert Reasoning(max_tokens=1, exclude=False, enabled=True).to_param() == {
        "max_tokens": 1,
        "exclude": False,
        "enabled": True,
    }


@pytest.mark.parametrize("effort", REASONING_EFFORTS)
def test_every_effort_is_accepted(effort: Any) -> None:
    assert Reasoning(effort=effort).to_param() == {"effort": effort}


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {"effort": "max"},
            "effort is one of none, minimal, low, medium, high, xhigh; got 'max'",
        ),
        ({"effort": ["high"]}, "effort is one of"),
        ({"max_tokens": 0}, "max_tokens is a whole number of at least 1; got 0"),
        ({"max_tokens": -5}, "got -5"),
        ({"max_tokens": 1.5}, "got 1.5"),
        ({"max_tokens": True}, "got True"),
        ({"max_tokens": "100"}, "got '100'"),
        ({"exclude": "yes"}, "exclude is True, False or None; got 'yes'"),
        ({"enabled": 1}, "enabled is True, False or None; got 1"),
        ({"effort": "low", "max_tokens": 10}, "effort and max_tokens are alternatives"),
    ],
)
def test_what_the_gateway_would_not_take_is_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Reasoning(**fields)


def test_it_is_a_value() -> None:
    value = Reasoning(effort="low", exclude=True)
    assert value == Reasoning(effort="low", exclude=True)
    assert hash(value) == hash(Reasoning(effort="low", exclude=True))
    assert pickle.loads(pickle.dumps(value)) == value
    assert copy.deepcopy(value) == value
    assert not hasattr(value, "__dict__")
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        value.effort = "high"  # type: ignore[misc]
