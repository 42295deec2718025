from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from kilo_sdk.emulator import Fault, RawReply
from kilo_sdk.emulator.delivery import Delivery
from kilo_sdk.emulator.dispatch import Dispatcher, Settings
from kilo_sdk.emulator.model_list import built_in_models
from kilo_sdk.emulator.replay import Recording

Make = Callable[..., dict[str, Any]]
FREE = "mistralai/devstral-2512:free"
RECORDINGS = tuple(Recording(name, b"data: " + name.encode(), True) for name in ("one", "two"))


def dispatcher(entries: list[Any] | None = None, **settings: Any) -> Dispatcher:
    plain: dict[str, Any] = {
        "api_keys": None,
        "require_auth": False,
        "fault": None,
        "recordings": (),
        "keepalive_comments": 1,
        "answer_tokens": None,
        "seed": 0,
    }
    listed = built_in_models() if entries is None else entries
    return Dispatcher(Settings(**plain | settings), listed)


def complete(to: Dispatcher, payload: dict[str, Any], **headers: str) -> Delivery:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return to.completion(named, json.dumps(payload).encode())


def json_of(delivery: Delivery) -> Any:
    (part,) = delivery.parts
    assert isinstance(part, bytes)
    return json.loads(part)


def test_ids_and_times_are_the_same_in_every_fresh_gateway(ask: Make) -> None:
    first, second = dispatcher(), dispatcher()
    for _ in range(2):
        assert complete(first, ask()).parts == complete(second, ask()).parts


def test_ids_differ_from_answer_to_answer_and_from_seed_to_seed(ask: Make) -> None:
    to = dispatcher()
    ids = {json_of(complete(to, ask()))["id"] for _ in range(3)}
    ids.add(json_of(complete(dispatcher(seed=1), ask()))["id"])
    assert len(ids) == 4


@pytest.mark.parametrize(
    ("settings", "headers", "model", "status"),
    [
        ({}, {}, "openai/gpt-4.1", 200),
        ({}, {"authorization": "Bearer any"}, "openai/gpt-4.1", 200),
        ({"require_auth": True}, {}, "openai/gpt-4.1", 401),
        ({"require_auth": True}, {"authorization": "Bearer "}, "openai/gpt-4.1", 401),
        ({"require_auth": True}, {"authorization": "Basic abc"}, "openai/gpt-4.1", 401),
        ({"require_auth": True}, {"authorization": "bearer any"}, "openai/gpt-4.1", 200),
        ({"require_auth": True}, {}, FREE, 200),
        ({"api_keys": frozenset({"k"})}, {"authorization": "Bearer k"}, "openai/gpt-4.1", 200),
        ({"api_keys": frozenset({"k"})}, {"authorization": "Bearer x"}, FREE, 401),
    ],
)
def test_who_may_ask(
    ask: Make, settings: dict[str, Any], headers: dict[str, str], model: str, status: int
) -> None:
    assert complete(dispatcher(**settings), ask(model=model), **headers).status == status


def test_a_paid_model_without_a_key_says_so(ask: Make) -> None:
    body = json_of(complete(dispatcher(require_auth=True), ask()))
    assert body["error"]["code"] == "PAID_MODEL_AUTH_REQUIRED"


def test_verifying_is_strict_and_gives_varied_reasoning(ask: Make) -> None:
    payload = ask("3 thoughts", model="anthropic/claude-sonnet-4")
    strict = dispatcher(verify_signatures=True)
    message = json_of(complete(strict, payload))["choices"][0]["message"]
    assert len(message["reasoning_details"]) == 3
    user = {"role": "user", "content": "Go on"}
    again = payload | {"messages": [*payload["messages"], message, user]}
    assert complete(strict, again).status == 200
    # Another gateway, or this one after a restart, verifies what this one signed.
    assert complete(dispatcher(verify_signatures=True, seed=5), again).status == 200
    message["reasoning_details"][0]["index"] = 7
    refused = complete(strict, again)
    words = "messages.1.content.0: Invalid signature in thinking block"
    assert (refused.status, refused.rejection) == (400, words)
    lenient = complete(dispatcher(), again)
    assert (lenient.status, lenient.rejection) == (200, None)


def test_random_streams_are_the_same_in_every_fresh_gateway_of_a_seed(ask: Make) -> None:
    def parts(seed: int) -> list[Any]:
        to = dispatcher(chunking="random", seed=seed)
        return [complete(to, ask(stream=True)).parts for _ in range(3)]

    assert parts(1) == parts(1)
    first, second, _ = parts(1)
    assert first not in (second, parts(2)[0])


def test_faults_strike_random_streams_too(ask: Make) -> None:
    to = dispatcher(chunking="random")
    for fault in ("cut;inside", "garbage=json;after=1", "no_done", "no_finish_reason"):
        delivery = complete(to, ask(stream=True), x_kilo_emulator_fault=fault)
        assert delivery.status == 200
        whole = b"".join(part for part in delivery.parts if isinstance(part, bytes))
        assert (b"[DONE]" in whole) is (fault in ("garbage=json;after=1", "no_finish_reason"))
        assert (b'"stop"' in whole) is (fault in ("garbage=json;after=1", "no_done"))
    plain = complete(to, ask(stream=True), x_kilo_emulator_fault="error_body=402")
    assert plain.headers["Content-Type"] == "application/json"


def test_the_fault_of_a_request_wins_over_the_gateways(ask: Make) -> None:
    to = dispatcher(fault=Fault.parse("status=500"))
    assert complete(to, ask()).status == 500
    assert complete(to, ask(), x_kilo_emulator_fault="status=429").status == 429


def test_a_malformed_fault_is_a_bad_request(ask: Make) -> None:
    refused = complete(dispatcher(), ask(), x_kilo_emulator_fault="explode")
    assert refused.status == 400
    assert "accepted are" in json_of(refused)["message"]


def test_a_fault_strikes_as_often_as_it_says(ask: Make) -> None:
    to = dispatcher(fault=Fault.parse("status=503;times=2"))
    assert [complete(to, ask()).status for _ in range(4)] == [503, 503, 200, 200]


def test_faults_are_counted_apart(ask: Make) -> None:
    to = dispatcher()
    faults = ["status=503;times=1", "status=500;times=1"] * 2
    statuses = [complete(to, ask(), x_kilo_emulator_fault=fault).status for fault in faults]
    assert statuses == [503, 500, 200, 200]


def test_recordings_are_given_in_turn_or_by_name() -> None:
    to = dispatcher(recordings=RECORDINGS)
    payload = {"model": "not/listed", "messages": []}
    given = [complete(to, payload).parts[0] for _ in range(3)]
    assert given == [b"data: one", b"data: two", b"data: one"]
    assert complete(to, payload, x_kilo_emulator_replay="one").parts == [b"data: one"]


@pytest.mark.parametrize(("recordings", "known"), [(RECORDINGS, "one, two"), ((), "none")])
def test_an_unknown_recording_is_refused(recordings: Any, known: str, ask: Make) -> None:
    refused = complete(dispatcher(recordings=recordings), ask(), x_kilo_emulator_replay="three")
    assert refused.status == 400
    assert json_of(refused)["message"].endswith(f"there are: {known}")


def test_scripted_replies_come_in_order() -> None:
    to = dispatcher()
    to.enqueue([RawReply(body=b"1")])
    to.enqueue([RawReply(body=b"2")])
    replies = [to.scripted() for _ in range(3)]
    assert [reply and reply.parts for reply in replies] == [(b"1",), (b"2",), None]


def test_entries_are_listed_as_they_are_and_only_good_ones_answer(ask: Make) -> None:
    entries: list[Any] = [{"id": "a/b", "odd": 1}, {"name": "no id"}, {"id": 5}, None, [], "x"]
    to = dispatcher(entries)
    assert json_of(to.model_list({}))["data"] == entries
    assert complete(to, ask(model="a/b")).status == 200
    assert complete(to, ask()).status == 404


def test_the_model_list_meets_faults_of_its_own(ask: Make) -> None:
    to = dispatcher(models_fault=Fault.parse("status=503;retry_after=7;times=2"))
    for _ in range(2):
        refused = to.model_list({})
        assert (refused.status, refused.headers["Retry-After"]) == (503, "7")
    assert to.model_list({}).status == 200
    assert complete(to, ask()).status == 200
    to = dispatcher([], models_fault=Fault.parse("garbage=huge_line;size=5000"))
    (body,) = to.model_list({}).parts
    assert len(body) == 5009


def test_a_model_list_is_no_completion_and_waits_for_no_token() -> None:
    delivery = dispatcher().model_list({})
    assert (delivery.paced, delivery.is_whole) == (False, False)


ORGANIZATION = "x-kilocode-organizationid"


def test_an_organisation_lists_and_gets_what_it_allows_and_nothing_else(ask: Make) -> None:
    to = dispatcher(organizations={"org-1": frozenset({FREE, "no/such"})})
    assert [entry["id"] for entry in json_of(to.model_list({}, "org-1"))["data"]] == [FREE]
    assert len(json_of(to.model_list({}))["data"]) > 10
    assert complete(to, ask(model=FREE), **{ORGANIZATION: "org-1"}).status == 200
    other = complete(to, ask(), **{ORGANIZATION: "org-1"})
    assert (other.status, json_of(other)["error"]) == (404, "Model not found")
    assert complete(to, ask()).status == 200
    for refused in (
        to.model_list({}, "org-2"),
        complete(to, ask(model=FREE), **{ORGANIZATION: "org-2"}),
    ):
        assert (refused.status, json_of(refused)["success"]) == (403, False)


def test_an_organisations_list_is_for_those_with_a_valid_key_where_keys_count() -> None:
    to = dispatcher(
        api_keys=frozenset({"good"}), require_auth=True, organizations={"o": frozenset({FREE})}
    )
    statuses = [
        to.model_list({"authorization": f"Bearer {key}"} if key else {}, "o").status
        for key in ("good", "bad", None)
    ]
    assert statuses == [200, 401, 401]
    assert to.model_list({}).status == 200


def test_endpoints_and_providers_are_wrapped_in_data() -> None:
    to = dispatcher([{"id": "openai/x"}])
    assert json_of(to.endpoints("openai/x"))["data"]["id"] == "openai/x"
    assert to.endpoints("openai/y").status == 404
    assert [one["name"] for one in json_of(to.providers())["data"]] == ["OpenAI"]


def test_anything_else_is_not_found() -> None:
    delivery = dispatcher().unknown("GET", "/x")
    assert (delivery.status, json_of(delivery)["error"]) == (404, "Not found")


@pytest.mark.parametrize(
    "settings", [{"keepalive_comments": -1}, {"answer_tokens": 0}, {"chunking": "wild"}]
)
def test_settings_out_of_range_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"must be (>=|in \('tokens', 'random'\))"):
        dispatcher(**settings)
