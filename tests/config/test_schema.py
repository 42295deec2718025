"""Facts about options: what each accepts, and what is said about what it does not."""

from __future__ import annotations

import inspect
from datetime import date
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kilo_sdk.catalog.options import CatalogOptions
from kilo_sdk.client import KiloClient
from kilo_sdk.config.schema import ARGUMENTS, OPTIONS, TABLES, VARIABLES, kind_of, nearest
from kilo_sdk.errors import ConfigurationError
from kilo_sdk.refs import ModelRef
from kilo_sdk.retry import RetryPolicy
from kilo_sdk.timeouts import Timeouts
from kilo_sdk.types.reasoning import Reasoning

# Arguments that no file can hold: they are code, or they belong to the running program.
CODE = {
    "cost_meter",
    "hints",
    "limits",
    "on_try",
    "pin_provider",
    "proxy",
    "request_middleware",
    "response_middleware",
    "retry_budget",
    "session",
    "ssl",
    "transports",
    "trust_env",
}


def read(name: str, value: object) -> object:
    return OPTIONS[name].read(name, value)


def test_every_argument_of_the_client_that_a_file_can_hold_is_an_option() -> None:
    assert set(inspect.signature(KiloClient).parameters) - CODE == ARGUMENTS


def test_the_defaults_are_the_client_s() -> None:
    parameters = inspect.signature(KiloClient).parameters
    assert OPTIONS["default_model"].default == ModelRef.parse(parameters["default_model"].default)
    plain = ("organization_id", "max_connections", "allow_insecure", "reasoning")
    for name in (*plain, "hedge_after", "resume"):
        assert OPTIONS[name].default == parameters[name].default
    client = KiloClient()
    assert OPTIONS["base_url"].default == client.base_url
    for clock in ("connect", "first_token", "idle", "stall", "total"):
        assert OPTIONS[f"timeouts.{clock}"].default == getattr(Timeouts(), clock)
    assert OPTIONS["retries.max_attempts"].default == RetryPolicy().max_attempts
    assert OPTIONS["catalog.ttl"].default == CatalogOptions().ttl


def test_every_field_of_a_table_is_an_option() -> None:
    for table, made in TABLES.items():
        told = [name.partition(".")[2] for name in OPTIONS if name.startswith(f"{table}.")]
        assert told == [field.name for field in attrs.fields(made)]


def test_every_variable_sets_an_option() -> None:
    assert VARIABLES["KILOCODE_API_KEY"] == VARIABLES["KILO_API_KEY"] == "api_key"
    assert set(VARIABLES.values()) <= set(OPTIONS)


@pytest.mark.parametrize(
    ("name", "value", "checked"),
    [
        ("api_key", " sk-1\n", "sk-1"),
        ("base_url", " https://x.example/v1 ", "https://x.example/v1/"),
        ("organization_id", " org ", "org"),
        ("default_model", "kilocode/a/b", ModelRef("a/b")),
        ("default_model", ModelRef("a/b"), ModelRef("a/b")),
        ("reasoning", "high", "high"),
        ("reasoning", Reasoning(effort="low"), Reasoning(effort="low")),
        ("reasoning", {"effort": "new"}, {"effort": "new"}),
        ("feature", "cli", "cli"),
        ("headers", {"X-Team": "a"}, {"X-Team": "a"}),
        ("hedge_after", 2, 2),
        ("hedge_after", "none", None),
        ("resume", " continue ", "continue"),
        ("resume", "off", "off"),
        ("max_connections", 0, 0),
        ("allow_insecure", True, True),
        ("timeouts.idle", 5, 5),
        ("timeouts.idle", 0.5, 0.5),
        ("timeouts.total", "none", None),
        ("timeouts.total", " None ", None),
        ("timeouts.total", None, None),
        ("retries.max_attempts", 1, 1),
        ("catalog.ttl", 0, 0),
        ("catalog.disk", True, True),
        ("catalog.disk", " ~/models ", "~/models"),
        ("catalog.disk", Path("/models"), Path("/models")),
        ("retries.wait_initial", 0, 0),
    ],
)
def test_what_an_option_accepts(name: str, value: object, checked: object) -> None:
    assert read(name, value) == checked


def test_a_callable_is_a_key() -> None:
    def source() -> str:
        return "sk-1"

    assert read("api_key", source) is source


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("api_key", "", "api_key: the key is empty"),
        ("api_key", "a secret", "api_key: the key has white space inside"),
        ("base_url", 3, "base_url is a string, not a number"),
        ("base_url", "", "base_url is empty"),
        ("base_url", "x.example", "base_url is no absolute http or https URL"),
        ("base_url", "https://secret@x.example", "base_url has a user, a query or a fragment"),
        ("organization_id", True, "organization_id is a string, not true or false"),
        ("organization_id", " ", "organization_id is empty"),
        ("organization_id", "secret\x00", "organization_id holds a line break or another"),
        ("default_model", "secret", "default_model is no model ref; accepted are 'vendor/model'"),
        ("default_model", [], "default_model is a string, not an array"),
        ("reasoning", "hihg", "accepted are off, .* did you mean 'high'"),
        ("reasoning", 3, "reasoning is a string, not a number"),
        ("feature", "secret\n!", "feature holds a line break"),
        ("feature", 1.5, "feature is a string, not a number"),
        ("headers", "X: secret", "headers is a table of header names and strings, not a string"),
        ("headers", {"X": 1}, "headers.X is a string, not a number"),
        ("headers", {"X": "secret\n"}, "header X: line ends"),
        ("headers", {"X Y": "secret"}, "'X Y' is no header name"),
        ("hedge_after", 0, 'hedge_after is a number of seconds above 0, or "none" for never'),
        ("hedge_after", "secret", 'or "none" for never; it is a string'),
        ("resume", "secret", "resume is 'off' or 'continue'"),
        ("resume", True, "resume is a string, not true or false"),
        ("max_connections", "5", "max_connections is a whole number, not a string; 0 means no"),
        ("max_connections", True, "max_connections is a whole number, not true or false"),
        ("max_connections", -1, "max_connections is 0 or more"),
        ("allow_insecure", "yes", "allow_insecure is true or false, not a string"),
        ("timeouts.idle", "secret", 'seconds above 0, or "none" for no limit; it is a string'),
        ("timeouts.idle", 0, "seconds above 0"),
        ("timeouts.idle", float("nan"), "seconds above 0"),
        ("timeouts.idle", True, "it is true or false"),
        ("timeouts.idle", date(2026, 1, 1), "it is date"),
        ("retries.max_attempts", 0, "1 or more; it counts the first try"),
        ("retries.max_attempts", 1.0, "a whole number, not a number"),
        ("retries.wait_max", -1, "seconds, 0 or more"),
        ("retries.wait_max", {}, "it is a table"),
        ("catalog.ttl", -1, "catalog.ttl is a number of seconds, 0 or more"),
        ("catalog.disk", 1, "catalog.disk is true, false or a directory, not a number"),
        ("catalog.disk", " ", "catalog.disk is empty"),
    ],
)
def test_what_an_option_refuses_is_named_and_never_shown(name: str, value: Any, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words) as caught:
        read(name, value)
    assert "secret" not in str(caught.value)


@given(
    st.sampled_from([name for name in OPTIONS if name not in ("api_key", "reasoning", "headers")]),
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
)
def test_any_value_is_checked_for_good_or_refused(name: str, value: object) -> None:
    try:
        checked = read(name, value)
    except ConfigurationError:
        return
    assert read(name, checked) == checked


def test_kinds_are_told_in_words_of_files() -> None:
    assert [kind_of(value) for value in ("", 1, True, 1.5, {}, [])] == [
        "a string",
        "a number",
        "true or false",
        "a number",
        "a table",
        "an array",
    ]


def test_a_name_that_comes_near_is_offered() -> None:
    assert nearest("timeout", ["timeouts", "retries"]) == "; did you mean 'timeouts'?"
    assert nearest("colour", ["timeouts", "retries"]) == ""
    assert nearest("timeout", ["timeouts"], cutoff=0.99) == ""
