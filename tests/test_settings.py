"""Arguments come before the environment, the environment before the defaults."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kilo_sdk._version import __version__
from kilo_sdk.errors import ConfigurationError
from kilo_sdk.middleware.auth import refuse_clear_text
from kilo_sdk.refs import ModelRef
from kilo_sdk.settings import (
    DEFAULT_BASE_URL,
    default_headers,
    merge_headers,
    of_class,
    parse_ref,
    resolve_api_key,
    resolve_base_url,
    resolve_feature,
    sequence_of,
)

# The key


def test_without_a_key_calls_are_anonymous() -> None:
    assert resolve_api_key(None) is None


def test_the_key_given_comes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KILOCODE_API_KEY", "from-env")
    assert resolve_api_key("given") == "given"


def test_kilocode_api_key_comes_before_kilo_api_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KILO_API_KEY", "second")
    assert resolve_api_key(None) == "second"
    monkeypatch.setenv("KILOCODE_API_KEY", "first")
    assert resolve_api_key(None) == "first"


@pytest.mark.parametrize("blank", ["", " ", "\n"])
def test_a_blank_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch, blank: str) -> None:
    monkeypatch.setenv("KILOCODE_API_KEY", blank)
    assert resolve_api_key(None) is None
    monkeypatch.setenv("KILO_API_KEY", "second")
    assert resolve_api_key(None) == "second"


def test_a_key_of_the_environment_is_stripped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KILOCODE_API_KEY", " sk-1\n")
    assert resolve_api_key(None) == "sk-1"


@pytest.mark.parametrize("blank", ["", " ", "\n"])
def test_an_empty_key_is_refused(monkeypatch: pytest.MonkeyPatch, blank: str) -> None:
    monkeypatch.setenv("KILOCODE_API_KEY", "from-env")
    with pytest.raises(ConfigurationError, match="api_key is empty"):
        resolve_api_key(blank)


def test_a_callable_is_left_for_later() -> None:
    def source() -> str:
        raise AssertionError("nobody asked")

    assert resolve_api_key(source) is source


# The base URL


def test_without_a_base_url_it_is_the_gateway_s() -> None:
    assert resolve_base_url(None) == DEFAULT_BASE_URL == "https://api.kilo.ai/api/gateway/"


def test_the_base_url_given_comes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KILOCODE_BASE_URL", " https://env.example/v1 \n")
    assert resolve_base_url("https://given.example/") == "https://given.example/"
    assert resolve_base_url(None) == "https://env.example/v1/"
    monkeypatch.setenv("KILOCODE_BASE_URL", " ")
    assert resolve_base_url(None) == DEFAULT_BASE_URL


@pytest.mark.parametrize(
    ("given", "resolved"),
    [
        ("https://x.example", "https://x.example/"),
        ("https://x.example/", "https://x.example/"),
        ("https://x.example//", "https://x.example/"),
        ("https://x.example/api/gateway", "https://x.example/api/gateway/"),
        ("https://x.example:8443/v1", "https://x.example:8443/v1/"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080/"),
        ("http://[::1]:8080/v1/", "http://[::1]:8080/v1/"),
        ("HTTPS://X.example/V1", "HTTPS://X.example/V1/"),
        ("https://bücher.example", "https://bücher.example/"),
    ],
)
def test_a_base_url_ends_in_one_slash(given: str, resolved: str) -> None:
    assert resolve_base_url(given) == resolved
    assert resolve_base_url(resolved) == resolved


@pytest.mark.parametrize(
    "base_url",
    [
        "",
        " ",
        "x.example",
        "//x.example",
        "/api/gateway",
        "ftp://x.example",
        "file:///etc/passwd",
        "https://",
        "https:///api",
        "https://:8080",
        "https://x.example:0",
        "https://x.example:65536",
        "https://x.example:port",
        "http://[::1",
        "http://[zz]/",
        " https://x.example",
        "https://x.example ",
        "https://x.ex ample/",
        "https://x.example/a b",
        "https://x\n.example",
        "https://x.example\x00",
        "http://x.example\\.localhost",
    ],
)
def test_what_is_no_absolute_url_is_refused(base_url: str) -> None:
    with pytest.raises(ConfigurationError, match="no absolute http or https URL"):
        resolve_base_url(base_url)


@pytest.mark.parametrize(
    "base_url",
    [
        "https://user@x.example",
        "https://user:sk-secret@x.example",
        "https://:sk-secret@x.example",
        "https://@x.example",
        "https://x.example/?key=sk-secret",
        "https://x.example/?",
        "https://x.example/#",
        "https://x.example/#top",
        "http://x.example#@127.0.0.1",
    ],
)
def test_a_user_a_query_and_a_fragment_are_refused_and_not_shown(base_url: str) -> None:
    with pytest.raises(ConfigurationError, match="has a user, a query or a fragment") as caught:
        resolve_base_url(base_url)
    assert "sk-secret" not in str(caught.value)


def test_a_bad_variable_is_refused_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KILOCODE_BASE_URL", "x.example")
    with pytest.raises(ConfigurationError, match="KILOCODE_BASE_URL"):
        resolve_base_url(None)


@pytest.mark.parametrize("base_url", [3, b"https://x.example", ["https://x.example"]])
def test_a_base_url_that_is_no_string_is_refused_by_its_type(base_url: Any) -> None:
    with pytest.raises(ConfigurationError, match=f"not {type(base_url).__name__}"):
        resolve_base_url(base_url)


@given(st.text(max_size=30) | st.from_regex(r"https?://[ -~]{0,20}", fullmatch=True))
def test_any_text_resolves_to_a_url_or_is_refused(text: str) -> None:
    try:
        resolved = resolve_base_url(text)
    except ConfigurationError:
        return
    assert resolved.endswith("/")
    assert resolve_base_url(resolved) == resolved


# A key in the clear


@pytest.mark.parametrize(
    "url",
    [
        "https://x.example/",
        "HTTPS://x.example/",
        "http://localhost:8080/",
        "http://LOCALHOST/",
        "http://gateway.localhost/",
        "http://127.0.0.1/",
        "http://127.8.9.10:1/",
        "http://[::1]:8080/",
    ],
)
def test_a_key_may_travel_to_this_machine_and_over_https(url: str) -> None:
    refuse_clear_text(resolve_base_url(url))


@pytest.mark.parametrize(
    "url",
    [
        "http://x.example/",
        "HTTP://x.example/",
        "http://localhost.example/",
        "http://127.0.0.1.example/",
        "http://notlocalhost/",
        "http://0.0.0.0/",
        "http://192.168.1.1/",
        "http://[2001:db8::1]/",
        "http://127.1/",
    ],
)
def test_a_key_does_not_travel_in_the_clear_to_another_machine(url: str) -> None:
    with pytest.raises(ConfigurationError, match="the key would travel in the clear"):
        refuse_clear_text(resolve_base_url(url))


# The feature


def test_the_feature_given_comes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert resolve_feature(None) == "direct-gateway"
    monkeypatch.setenv("KILOCODE_FEATURE", " cli ")
    assert resolve_feature(None) == "cli"
    assert resolve_feature("slack") == "slack"
    assert resolve_feature("") == ""
    monkeypatch.setenv("KILOCODE_FEATURE", " ")
    assert resolve_feature(None) == "direct-gateway"


# Refs


def test_a_ref_is_read_and_a_bad_one_is_a_configuration_error() -> None:
    assert parse_ref("kilocode/a/b") == ModelRef("a/b")
    with pytest.raises(ConfigurationError, match="accepted are"):
        parse_ref("auto")
    with pytest.raises(ConfigurationError, match="not int"):
        parse_ref(3)  # type: ignore[arg-type]


# Headers


def test_every_request_says_which_sdk_it_comes_from() -> None:
    assert default_headers(None) == {"User-Agent": f"kilo-sdk-python/{__version__}"}


def test_a_caller_s_header_replaces_the_sdk_s_whatever_its_case() -> None:
    assert default_headers({"user-agent": "mine", "X-Team": "1"}) == {
        "user-agent": "mine",
        "X-Team": "1",
    }


@pytest.mark.parametrize("extra", [None, {}])
def test_no_headers_change_nothing_and_the_result_is_new(extra: Any) -> None:
    base = {"A": "1"}
    merged = merge_headers(base, extra)
    assert merged == base
    assert merged is not base


def test_of_one_name_in_several_cases_the_last_wins() -> None:
    base = {"x-a": "1", "X-B": "2"}
    assert merge_headers(base, {"X-A": "3", "x-A": "4"}) == {"X-B": "2", "x-A": "4"}
    assert base == {"x-a": "1", "X-B": "2"}


@pytest.mark.parametrize("headers", [["a"], "a: b", 3, [("a", "b")]])
def test_headers_that_are_no_mapping_are_refused(headers: Any) -> None:
    with pytest.raises(ConfigurationError, match=f"not {type(headers).__name__}"):
        merge_headers({}, headers)


# What an option is made of


def test_an_object_of_the_class_is_taken_and_so_is_none() -> None:
    ref = ModelRef("a/b")
    assert of_class(ref, ModelRef, "ref") is ref
    assert of_class(None, ModelRef, "ref") is None


@pytest.mark.parametrize("value", ["a/b", 5, ModelRef])
def test_an_object_of_another_class_is_refused(value: Any) -> None:
    words = f"ref is a ModelRef object, not {type(value).__name__}"
    with pytest.raises(ConfigurationError, match=words):
        of_class(value, ModelRef, "ref")
    with pytest.raises(ConfigurationError, match=f"{words}: ModelRef"):
        of_class(value, ModelRef, "ref", "ModelRef('a/b')")


@pytest.mark.parametrize("values", [[1, 2], (1, 2), range(1, 3)])
def test_any_sequence_becomes_a_tuple(values: Any) -> None:
    assert sequence_of(values, "values") == (1, 2)


@pytest.mark.parametrize("values", ["ab", 5, None, {1, 2}, print])
def test_what_is_no_sequence_is_refused(values: Any) -> None:
    with pytest.raises(ConfigurationError, match="values is a sequence, not "):
        sequence_of(values, "values")
