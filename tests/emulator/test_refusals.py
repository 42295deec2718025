from __future__ import annotations

import copy
import json
import pickle

import pytest

from kilo_sdk.emulator.refusals import (
    Refusal,
    ReplayRefusal,
    error_of_status,
    refusal_of_status,
)


def test_out_of_credit_tells_the_balance_and_where_to_buy() -> None:
    error = refusal_of_status(402).body["error"]
    assert (error["balance"], error["buyCreditsUrl"]) == (-0.12, "https://app.kilo.ai/credits")


def test_some_errors_are_a_string_beside_a_message() -> None:
    assert refusal_of_status(429).body["error"] == "Rate limit exceeded"
    assert refusal_of_status(404).body["error"] == "Model not found"


def test_an_upstream_failure_hides_the_words_in_its_metadata() -> None:
    error = refusal_of_status(502).body["error"]
    assert error["message"] == "Provider returned error"
    raw = json.loads(error["metadata"]["raw"])
    assert raw["error"]["message"] == "The emulated upstream failed"


@pytest.mark.parametrize("status", range(400, 600))
def test_every_status_has_a_body(status: int) -> None:
    refusal = refusal_of_status(status)
    assert refusal.status == status
    assert refusal.body["error"]


def test_a_code_can_be_a_word() -> None:
    assert error_of_status("server_error")["code"] == "server_error"


def test_an_upstreams_refusal_of_a_replay_hands_on_its_words() -> None:
    refusal = ReplayRefusal.by_upstream("no", '{"error":"no"}', "Anthropic")
    assert (refusal.status, refusal.words) == (400, "no")
    assert refusal.body == {
        "error": {
            "message": "Provider returned error",
            "code": 400,
            "metadata": {"raw": '{"error":"no"}', "provider_name": "Anthropic"},
        }
    }


@pytest.mark.parametrize(
    "refusal", [Refusal.invalid("no"), ReplayRefusal.by_upstream("no", "no", "Google")]
)
def test_a_refusal_copies_and_pickles(refusal: Refusal) -> None:
    for twin in (copy.copy(refusal), pickle.loads(pickle.dumps(refusal))):
        assert type(twin) is type(refusal)
        assert (twin.status, twin.body) == (400, refusal.body)
        assert getattr(twin, "words", None) == getattr(refusal, "words", None)
