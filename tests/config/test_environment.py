"""Facts about options set by variables."""

from __future__ import annotations

import pytest

from kilo_sdk.config.environment import by_option, read_environment
from kilo_sdk.config.layers import Found


def test_each_variable_sets_its_option_and_is_named_as_its_source() -> None:
    layer = read_environment(
        {
            "KILOCODE_API_KEY": "sk-1",
            "KILOCODE_BASE_URL": "https://x.example/",
            "KILOCODE_DEFAULT_MODEL": "a/b",
            "KILOCODE_FEATURE": "cli",
            "KILOCODE_ORGANIZATION_ID": "org",
            "KILOCODE_REASONING": "high",
            "KILOCODE_OTHER": "not ours",
            "PATH": "/bin",
        }
    )
    assert {name: found.value for name, found in layer.found.items()} == {
        "api_key": "sk-1",
        "base_url": "https://x.example/",
        "default_model": "a/b",
        "feature": "cli",
        "organization_id": "org",
        "reasoning": "high",
    }
    assert layer.found["api_key"].source == "environment variable KILOCODE_API_KEY"
    assert layer.found["feature"].source == "environment variable KILOCODE_FEATURE"
    assert layer.warnings == ()


@pytest.mark.parametrize("blank", ["", " ", "\n"])
def test_a_blank_variable_counts_as_not_set(blank: str) -> None:
    found = read_environment({"KILOCODE_API_KEY": blank, "KILO_API_KEY": "second"}).found
    assert found["api_key"] == Found("second", "environment variable KILO_API_KEY")
    assert read_environment({"KILO_API_KEY": blank}).found == {}


def test_kilocode_api_key_comes_before_kilo_api_key_in_any_order() -> None:
    first, second = Found("first", "x"), Found("second", "y")
    for variables in (
        {"KILOCODE_API_KEY": first, "KILO_API_KEY": second},
        {"KILO_API_KEY": second, "KILOCODE_API_KEY": first},
    ):
        assert by_option(variables) == {"api_key": first}
