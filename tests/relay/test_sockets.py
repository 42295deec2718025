"""Who is at the door."""

from __future__ import annotations

from http.cookies import SimpleCookie

import pytest

from kilo_sdk.relay import Handshake
from kilo_sdk.relay.sockets import close_reason, headers_of


def at_the_door(**headers: str) -> Handshake:
    return Handshake(path="/ws", headers=headers)


def test_cookies_are_read() -> None:
    assert at_the_door(cookie="a=1; b=two").cookies == {"a": "1", "b": "two"}
    assert at_the_door().cookies == {}
    assert at_the_door(cookie=";;; flag").cookies == {}


@pytest.mark.parametrize(
    "other",
    ['seen={"a": 1}', "[x]=1", "flag", "ü=1", "path=/", "expires=1", 'x="', "=", "a:b=1", "x=é"],
)
def test_no_other_cookie_hides_the_one_that_is_asked_for(other: str) -> None:
    for given in (f"{other}; session=abc==", f"session=abc==;{other}"):
        assert at_the_door(cookie=given).cookies["session"] == "abc=="


@pytest.mark.parametrize("value", ["plain", "a b", "a,b;c", 'a"b', "é", ""])
def test_cookies_that_pythons_servers_set_come_back(value: str) -> None:
    jar = SimpleCookie({"session": value})
    assert at_the_door(cookie=jar.output(header="").strip()).cookies == {"session": value}


def test_repeated_headers_are_joined() -> None:
    pairs = [("Cookie", "a=1"), ("Host", "app"), ("cookie", "b=2"), ("X-Way", "p"), ("x-way", "q")]
    assert headers_of(pairs) == {"cookie": "a=1; b=2", "host": "app", "x-way": "p, q"}
    assert at_the_door(**headers_of(pairs[::2])).cookies == {"a": "1", "b": "2"}


def test_a_handshake_shows_no_header() -> None:
    assert "secret" not in repr(at_the_door(cookie="session=secret"))


def test_a_reason_is_cut_to_what_a_close_frame_carries() -> None:
    assert close_reason("sign in first") == "sign in first"
    assert close_reason("x" * 123) == "x" * 123
    assert close_reason("x" * 124) == "x" * 123
    # Between characters, not inside one.
    assert close_reason("ж" * 300) == "ж" * 61
    assert close_reason("a\ud83d") == "a?"
