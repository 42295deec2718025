"""The pinned provider on its way to ``provider.order`` (GATEWAY 3)."""

from __future__ import annotations

import copy
from types import MappingProxyType
from typing import Any

import pytest

from kilo_sdk.middleware.base import OutgoingRequest, RequestMiddleware
from kilo_sdk.middleware.provider_pinning import ProviderPinning
from kilo_sdk.refs import ModelRef

STUDIO = "Google AI Studio"


def sent(payload: dict[str, Any], pinned: str | None = STUDIO) -> dict[str, Any]:
    request = OutgoingRequest(
        ref=ModelRef("google/gemini-3-pro-preview"),
        url="",
        headers={},
        payload=dict(payload),
        pinned_provider=pinned,
    )
    ProviderPinning().on_request(request)
    once = copy.deepcopy(request.payload)
    ProviderPinning().on_request(request)
    assert request.payload == once, "doing it twice changes nothing more"
    return once


def test_it_is_a_request_middleware() -> None:
    assert isinstance(ProviderPinning(), RequestMiddleware)


@pytest.mark.parametrize("given", [{}, {"provider": None}, {"provider": {"order": ["Other"]}}])
def test_without_a_pin_nothing_is_touched(given: dict[str, Any]) -> None:
    assert sent(given, pinned=None) == given


@pytest.mark.parametrize("given", [{}, {"provider": None}, {"provider": {}}])
def test_a_pin_is_a_preference_and_no_more(given: dict[str, Any]) -> None:
    assert sent(given) == {"provider": {"order": [STUDIO]}}


@pytest.mark.parametrize(
    "preferences",
    [
        {"data_collection": "deny", "zdr": True},
        {"allow_fallbacks": False},
        {"ignore": ["Azure"], "sort": "price", "future": [1]},
        {"order": []},
        {"order": None, "only": None},
    ],
)
@pytest.mark.parametrize("kind", [dict, MappingProxyType])
def test_the_callers_other_preferences_stay(preferences: dict[str, Any], kind: Any) -> None:
    before = copy.deepcopy(preferences)
    payload = sent({"provider": kind(preferences), "n": 1})
    assert payload == {"provider": {**before, "order": [STUDIO]}, "n": 1}
    assert type(payload["provider"]) is dict
    assert preferences == before, "the caller's object is never changed"


@pytest.mark.parametrize("own", [{"order": ["Google"]}, {"only": ["Google"]}])
def test_the_callers_own_routing_wins(own: dict[str, Any]) -> None:
    assert sent({"provider": {**own, "zdr": True}}) == {"provider": {**own, "zdr": True}}


@pytest.mark.parametrize("given", ["Google", ["Google"], 5, True])
def test_what_is_no_object_is_left_to_the_gateway(given: Any) -> None:
    assert sent({"provider": given}) == {"provider": given}


@pytest.mark.parametrize(
    ("provider", "message"),
    [
        ({}, f"provider.pinned model=google/gemini-3-pro-preview provider={STUDIO}"),
        ({"order": ["a"]}, "provider.not_pinned model=google/gemini-3-pro-preview reason=order"),
        ({"only": ["a"]}, "provider.not_pinned model=google/gemini-3-pro-preview reason=only"),
    ],
)
def test_what_was_done_is_told_at_debug(
    provider: dict[str, Any], message: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", "kilo_sdk.middleware")
    sent({"provider": provider})
    assert caplog.messages[0] == message
    assert {record.levelname for record in caplog.records} == {"DEBUG"}


def test_without_a_pin_there_is_nothing_to_tell(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", "kilo_sdk.middleware")
    sent({"provider": {"order": ["a"]}}, pinned=None)
    assert caplog.messages == []
