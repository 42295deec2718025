"""``stop`` is a list on the wire (GATEWAY 3)."""

from __future__ import annotations

from typing import Any

import pytest

from kilo_sdk.errors import ConfigurationError
from kilo_sdk.middleware.base import OutgoingRequest, RequestMiddleware
from kilo_sdk.middleware.stop import StopNormalisation
from kilo_sdk.refs import ModelRef


def sent(payload: dict[str, Any]) -> dict[str, Any]:
    request = OutgoingRequest(
        ref=ModelRef.parse("openai/gpt-4.1"), url="", headers={}, payload=payload
    )
    StopNormalisation().on_request(request)
    return request.payload


def test_it_is_a_request_middleware() -> None:
    assert isinstance(StopNormalisation(), RequestMiddleware)


@pytest.mark.parametrize(
    ("stop", "wire"),
    [
        ("END", ["END"]),
        ("", [""]),
        (["END"], ["END"]),
        (["b", "a", "b"], ["b", "a", "b"]),
        (("a", "b"), ["a", "b"]),
        ([], []),
    ],
)
def test_it_becomes_a_list(stop: Any, wire: list[str]) -> None:
    assert sent({"n": 1, "stop": stop}) == {"n": 1, "stop": wire}


def test_a_callers_list_is_not_the_one_that_is_sent() -> None:
    mine = ["END"]
    assert sent({"stop": mine})["stop"] is not mine


def test_none_is_removed_and_absent_stays_absent() -> None:
    assert sent({"n": 1, "stop": None}) == {"n": 1}
    assert sent({"n": 1}) == {"n": 1}


@pytest.mark.parametrize("stop", [7, True, b"END", {"a": 1}, {"END"}])
def test_what_is_neither_string_nor_list_is_refused(stop: Any) -> None:
    with pytest.raises(ConfigurationError) as caught:
        sent({"stop": stop})
    assert str(caught.value) == f"stop is a string or a list of strings, not {type(stop).__name__}"


@pytest.mark.parametrize("entry", [None, 7, b"END", ["END"]])
def test_an_entry_that_is_no_string_is_refused(entry: Any) -> None:
    with pytest.raises(ConfigurationError) as caught:
        sent({"stop": ["END", entry]})
    assert str(caught.value) == f"every entry of stop is a string; one is {type(entry).__name__}"
