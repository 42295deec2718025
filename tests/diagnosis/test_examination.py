"""Facts about the whole examination: what is found, in which order, with which advice."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import urlsplit

import pytest

from kilo_sdk import KiloClient, KiloConfig
from kilo_sdk.diagnosis.examination import answer_words, examine
from kilo_sdk.diagnosis.finding import Finding, Health
from kilo_sdk.emulator import LocalGateway, RawReply

pytestmark = pytest.mark.anyio

KEY = "sk-0123456789-good"
IN_ORDER = ["proxy", "gateway", "clock", "catalogue", "key", "completion"]


async def found(
    key: str | None = KEY, *, replies: tuple[RawReply, ...] = (), **settings: Any
) -> dict[str, Finding]:
    async with LocalGateway(api_keys=[KEY], **settings) as gateway:
        gateway.enqueue(*replies)
        return await examined(key, gateway.base_url)


async def examined(key: str | None, base_url: str, **options: Any) -> dict[str, Finding]:
    config = KiloConfig(api_key=key, base_url=base_url, sources={"api_key": "argument api_key"})
    async with KiloClient.from_config(config, **options) as client:
        findings = [finding async for finding in examine(client, config)]
    assert [finding.check for finding in findings] == IN_ORDER
    assert all(KEY not in repr(finding) for finding in findings)
    return {finding.check: finding for finding in findings}


async def test_all_is_well() -> None:
    findings = await found()
    assert {finding.health for finding in findings.values()} == {Health.OK}
    assert {finding.advice for finding in findings.values()} == {None}
    assert findings["catalogue"].words == "the gateway lists 20 models"
    assert findings["key"].words == (
        "the key is good: meta-llama/llama-3.2-1b-instruct answered ($0.000000362); it comes "
        "from: argument api_key"
    )
    assert findings["completion"].words == "kilo-auto/free answered ($0)"


@pytest.mark.parametrize(
    ("options", "health", "words"),
    [
        ({"trust_env": True}, Health.OK, "and calls go through it"),
        ({}, Health.WARNING, "and it is not used"),
        ({"proxy": "http://127.0.0.1:9", "trust_env": True}, Health.WARNING, "and it is not used"),
    ],
)
async def test_a_clients_own_options_tell_whether_it_goes_through_the_environments_proxy(
    options: dict[str, Any], health: Health, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with LocalGateway() as gateway:
        monkeypatch.setenv("HTTP_PROXY", f"http://{urlsplit(gateway.base_url).netloc}")
        findings = await examined(
            KEY, "http://gateway.invalid/api/gateway/", allow_insecure=True, **options
        )
    assert findings["proxy"].health is health
    assert findings["proxy"].words.endswith(words)


async def test_without_a_key_free_models_answer_all_the_same() -> None:
    findings = await found(None)
    assert findings["key"].health is Health.FAILED
    assert "kilo-sdk onboard" in (findings["key"].advice or "")
    assert findings["completion"].health is Health.OK


async def test_a_key_that_is_refused_is_told_with_its_source() -> None:
    findings = await found("sk-wrong")
    assert findings["key"].health is Health.FAILED
    assert findings["key"].words.startswith("the key was refused: the key is missing or was")
    assert findings["key"].words.endswith("it comes from: argument api_key")
    assert findings["completion"].health is Health.FAILED


async def test_a_key_that_says_it_has_expired_is_told_so() -> None:
    claims = base64.urlsafe_b64encode(json.dumps({"exp": 1_767_268_800}).encode()).decode()
    findings = await found(f"eyJh.{claims.rstrip('=')}.c2ln")
    assert "; it expired on 2026-01-01; it comes from: " in findings["key"].words


async def test_an_empty_account_is_a_warning() -> None:
    well = RawReply(body=b'{"data": [{"id": "a/b"}]}')
    empty = RawReply(status=402, body=b'{"error": {"message": "m", "buyCreditsUrl": "https://b"}}')
    findings = await found(replies=(well, well, empty))
    assert findings["key"].health is Health.WARNING
    assert (findings["key"].advice or "").startswith("add credit at https://b")


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("html=502", "the upstream failed"),
        ("garbage=html", "the answer is no JSON, but 142 bytes of HTML"),
        ("status=429;retry_after=60", "rate limit reached"),
        ("garbage=huge_line;size=17000000", "the answer is longer than"),
    ],
)
async def test_a_list_that_cannot_be_had_is_told_and_the_rest_goes_on(
    fault: str, words: str
) -> None:
    findings = await found(models_fault=fault)
    assert findings["gateway"].health is Health.OK
    assert findings["catalogue"].health is Health.FAILED
    assert findings["catalogue"].words.startswith(f"the model list cannot be had: {words}")
    assert (findings["catalogue"].advice or "").startswith("the bundled list serves meanwhile")
    assert findings["key"].words.startswith("the key is good: kilo/auto answered")
    assert findings["completion"].health is Health.OK


@pytest.mark.parametrize(
    ("fault", "health"), [("status=429;retry_after=60", "warning"), ("status=404", "failed")]
)
async def test_a_free_model_that_does_not_answer(fault: str, health: str) -> None:
    findings = await found(fault=fault)
    assert findings["key"].health is Health.FAILED
    assert findings["key"].words.startswith("the key could not be checked: ")
    assert findings["completion"].health == health
    assert findings["completion"].advice


async def test_a_list_without_a_free_model_is_no_failure() -> None:
    models = [{"id": "kilo-auto/free", "isFree": False}, {"id": "kilo/auto"}]
    findings = await found(models=models)
    assert findings["completion"].health is Health.SKIPPED


async def test_what_cannot_be_reached_is_examined_no_further() -> None:
    async with LocalGateway() as gateway:
        base_url = gateway.base_url
    findings = await examined(KEY, base_url)
    assert findings["gateway"].health is Health.FAILED
    assert findings["gateway"].words.startswith("the host cannot be reached")
    assert findings["gateway"].advice
    assert {findings[name].health for name in IN_ORDER[2:]} == {Health.SKIPPED}


async def test_a_clock_that_is_off_is_seen() -> None:
    old = RawReply(headers={"Date": "Thu, 01 Jan 2015 12:00:00 GMT"}, body=b"{}")
    findings = await found(replies=(old,))
    assert findings["clock"].health is Health.WARNING


def test_an_answer_of_unknown_cost_is_told_without_one() -> None:
    assert answer_words("a/b", None) == "a/b answered"
