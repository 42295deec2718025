"""Facts about what a key says of itself."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kilo_sdk.diagnosis.key_form import expiry_of


def token(claims: Any) -> str:
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"eyJhbGciOiJIUzI1NiJ9.{payload}.c2lnbmF0dXJl"


def test_a_web_token_says_when_it_expires() -> None:
    assert expiry_of(token({"exp": 1_767_268_800})) == datetime(2026, 1, 1, 12, tzinfo=UTC)
    assert expiry_of(token({"exp": 1_767_268_800.5, "sub": "ü"})) is not None


@pytest.mark.parametrize(
    "key",
    [
        "",
        "sk-0123456789",
        "a.b.c",
        "..",
        "a.!.c",
        token([]),
        token({}),
        token({"exp": None}),
        token({"exp": True}),
        token({"exp": "soon"}),
        token({"exp": 1e300}),
        token({"exp": -1e18}),
    ],
)
def test_any_other_key_says_nothing(key: str) -> None:
    assert expiry_of(key) is None


@given(st.lists(st.text(max_size=20), min_size=3, max_size=3).map(".".join))
def test_no_key_makes_it_raise(key: str) -> None:
    expiry_of(key)
