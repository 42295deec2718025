"""Which pages may ask, and which may read what they asked for."""

from __future__ import annotations

import pytest

from kilo_sdk import ConfigurationError
from kilo_sdk.relay import Handshake
from kilo_sdk.relay.origins import Origins

NAMED = {
    "Vary": "Origin",
    "Access-Control-Allow-Origin": "https://app.example",
    "Access-Control-Allow-Credentials": "true",
}
ANY = {"Vary": "Origin", "Access-Control-Allow-Origin": "*"}


def at_the_door(origin: str | None, host: str = "app.example") -> Handshake:
    headers = {"host": host} if origin is None else {"host": host, "origin": origin}
    return Handshake(path="/ws", headers=headers)


@pytest.mark.parametrize(
    ("origin", "host", "origins", "allowed"),
    [
        (None, "app.example", None, True),
        ("https://app.example", "app.example", None, True),
        ("https://APP.example:8443", "app.example:8443", None, True),
        ("https://app.example", "app.example:8443", None, False),
        ("null", "app.example", None, False),
        ("null", "", None, False),
        ("https://app.example.evil.example", "app.example", None, False),
        # No address at all, and one that becomes two once it is normalized.
        ("http://[", "app.example", None, False),
        ("https://a\u2100b", "app.example", None, False),
        ("https://other.example", "app.example", ["https://other.example"], True),
        ("http://other.example", "app.example", ["https://other.example"], False),
        ("http://[", "app.example", ["https://other.example"], False),
        ("https://any.example", "app.example", ["*"], True),
        ("https://app.example", "app.example", [], False),
    ],
)
def test_origins(origin: str | None, host: str, origins: list[str] | None, allowed: bool) -> None:
    assert Origins(origins).allow(at_the_door(origin, host)) is allowed


@pytest.mark.parametrize(
    ("origin", "origins", "headers"),
    [
        ("https://app.example", None, {}),
        ("https://app.example", ["https://app.example"], NAMED),
        ("https://app.example", ["*", "https://app.example"], NAMED),
        # Cookies are for those that are named: any page would read what is another's.
        ("https://app.example", ["*"], ANY),
        ("*", ["*"], ANY),
        # It depends on the origin, and caches are told so.
        ("https://evil.example", ["https://app.example"], {"Vary": "Origin"}),
        (None, ["https://app.example"], {"Vary": "Origin"}),
    ],
)
def test_what_the_browser_of_a_page_is_told(
    origin: str | None, origins: list[str] | None, headers: dict[str, str]
) -> None:
    assert Origins(origins).sharing(at_the_door(origin)) == headers


def test_one_origin_is_a_list_of_one() -> None:
    with pytest.raises(ConfigurationError, match="origins is a list"):
        Origins("https://app.example")
