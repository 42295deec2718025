"""What each vendor refuses of a history that did not come back as it was given (GATEWAY 7)."""

from __future__ import annotations

import base64
import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kilo_sdk.emulator.models import EmulatedModel
from kilo_sdk.emulator.refusals import ReplayRefusal
from kilo_sdk.emulator.signing import call_id, canonical
from kilo_sdk.emulator.thinking import (
    Call,
    Said,
    sign_data,
    sign_for_call,
    sign_text,
    think,
)
from kilo_sdk.emulator.verification import is_base64, verify_history

CLAUDE, GEMINI, GPT, GROK, DEEPSEEK, QWQ = (
    EmulatedModel.from_entry({"id": id_})
    for id_ in ("anthropic/c", "google/gemini", "openai/g", "x-ai/grok", "deepseek/d", "qwen/qwq")
)
EVERYONE = (CLAUDE, GEMINI, GPT, GROK, DEEPSEEK, QWQ)
ONE, TWO = "0123456789abcd", "fedcba98765432"
INVALID = "Invalid signature in thinking block"
CORRUPTED = "Corrupted thought signature."

Message = dict[str, Any]
Change = Callable[[Message], object]


def said(style: Any, answer: str = ONE, content: str = "", calls: int = 2) -> Said:
    made = tuple(
        Call(call_id(style, answer, number, signed=True), f"tool{number}", '{"city":"Oslo"}')
        for number in range(calls)
    )
    return Said(answer, content, made)


def message(one: Said, *details: dict[str, Any]) -> Message:
    calls = [
        {
            "id": call.id,
            "type": "function",
            "function": {"name": call.name, "arguments": call.arguments},
        }
        for call in one.calls
    ]
    made: Message = {"role": "assistant", "content": one.content}
    made["reasoning_details"] = list(details)
    return made | ({"tool_calls": calls} if calls else {})


def claude(answer: str = ONE, content: str = "", calls: int = 2) -> Message:
    """A signed text, a redacted one, and another text."""
    one = said("anthropic", answer, content, calls)
    details: list[dict[str, Any]] = []
    for place in range(3):
        kind = "reasoning.encrypted" if place == 1 else "reasoning.text"
        detail: dict[str, Any] = {"type": kind, "format": "anthropic-claude-v1", "index": place}
        if place == 1:
            detail["data"] = sign_data(detail, one.origin, place, 3)
        else:
            detail["text"] = f"Thought {place} of {answer}"
            detail["signature"] = sign_text(detail, one.origin, place, 3)
        details.append(detail)
    return message(one, *details)


def gemini(answer: str = ONE, content: str = "", calls: int = 2) -> Message:
    """A signed text, and an encrypted detail per call, or one for the content."""
    one = said("google", answer, content, calls)
    text, *sealed = think("google", (f"Thought of {answer}",), one).details
    signed = {**text, "signature": sign_text(text, one.origin, 0, 1)}
    return message(one, signed, *sealed)


def gpt(answer: str = ONE, style: Any = "openai") -> Message:
    one = said(style, answer)
    details = list(think(style, ("hm", " hm"), one).details)
    if style == "xai":
        item = {"type": "reasoning.encrypted", "format": "xai-responses-v1", "id": f"rs_{answer}"}
        details.append({**item, "data": sign_data(item, one.origin, 0, 1)})
    return message(one, *details)


def refusal(model: EmulatedModel, *messages: Message) -> ReplayRefusal:
    with pytest.raises(ReplayRefusal) as refused:
        verify_history(messages, model)
    return refused.value


def words_of(refused: ReplayRefusal, *path: str) -> str:
    """What the vendor said, out of its own body inside the gateway's."""
    error = refused.body["error"]
    assert (refused.status, error["code"]) == (400, 400)
    assert error["message"] == "Provider returned error"
    told = json.loads(error["metadata"]["raw"])
    for name in path or ("error", "message"):
        told = told[name]
    assert told == refused.words
    return refused.words


def details(one: Message) -> list[dict[str, Any]]:
    given: list[dict[str, Any]] = one["reasoning_details"]
    return given


def without_text(one: Message) -> Message:
    """What a client may leave out before it sends to Gemini (GATEWAY 7)."""
    return one | {"reasoning_details": details(one)[1:]}


# What is taken


@pytest.mark.parametrize(
    ("model", "messages"),
    [
        (CLAUDE, [claude()]),
        (CLAUDE, [claude(ONE), claude(TWO)]),
        (CLAUDE, [claude(ONE, "It rains in Oslo today.", 0)]),
        (GEMINI, [gemini()]),
        (GEMINI, [gemini(ONE, "It rains.", 0), gemini(TWO)]),
        (GEMINI, [without_text(gemini())]),
        (GPT, [gpt(ONE), gpt(TWO)]),
        (GROK, [gpt(ONE, "xai"), gpt(TWO, "xai")]),
    ],
)
def test_what_comes_back_as_it_was_given_is_taken(
    model: EmulatedModel, messages: list[Message]
) -> None:
    verify_history(messages, model)
    stored = json.loads(json.dumps(messages, sort_keys=True))
    verify_history(stored, model)


@pytest.mark.parametrize("model", EVERYONE)
@pytest.mark.parametrize(
    "messages",
    [
        [],
        [{"role": "user", "content": "Hi"}],
        [{"role": "assistant", "content": None, "reasoning_details": None, "tool_calls": None}],
        [{"role": "assistant", "content": "Hi", "reasoning_details": []}],
        [{"role": "assistant", "content": "", "tool_calls": ["odd", {"id": 5}, {"function": 5}]}],
        [{"role": "user", "content": [{"type": "text", "text": "Hi"}, {"type": "text"}]}],
    ],
)
def test_a_history_without_reasoning_is_taken(
    model: EmulatedModel, messages: list[Message]
) -> None:
    verify_history(messages, model)


@pytest.mark.parametrize("model", EVERYONE)
def test_everyone_takes_what_others_made(model: EmulatedModel) -> None:
    history = [claude(), gemini(TWO), gpt("00000000000000"), gpt("11111111111111", "xai")]
    history.append(message(said("plain"), *think("plain", ("hm",), said("plain")).details))
    history.append(message(Said(ONE), {"type": "reasoning.novel", "novel": True}))
    verify_history(history, model)


def break_claudes(one: Message) -> None:
    details(one)[0]["text"] += "!"


@pytest.mark.parametrize("model", [one for one in EVERYONE if one is not CLAUDE])
def test_what_another_vendor_would_refuse_is_no_matter(model: EmulatedModel) -> None:
    broken = claude()
    break_claudes(broken)
    verify_history([broken, broken], model)


def test_claude_needs_no_reasoning_back_at_all() -> None:
    verify_history([claude() | {"reasoning_details": []}], CLAUDE)


@pytest.mark.parametrize(
    ("content", "calls", "left"),
    [("It rains in Oslo", 0, 3), ("It rai", 0, 2), ("", 0, 1), (None, 0, 2)],
)
def test_an_answer_that_was_broken_off_may_come_back(content: Any, calls: int, left: int) -> None:
    given = claude(ONE, "It rains in Oslo today.", 2)
    given |= {"content": content, "tool_calls": given["tool_calls"][:calls]}
    given["reasoning_details"] = details(given)[:left]
    verify_history([given], CLAUDE)


def test_content_may_come_back_as_parts() -> None:
    given = claude(ONE, "It rains in Oslo today.", 0)
    parts = [
        {"type": "text", "text": "It rains in"},
        {"type": "text", "text": " Oslo today.", "cache_control": {"type": "ephemeral"}},
    ]
    verify_history([given | {"content": parts}], CLAUDE)


# Anthropic


@pytest.mark.parametrize(
    ("change", "block"),
    [
        (lambda one: details(one)[0].update(text="Thought 0 of 0123456789abcD"), 0),
        (lambda one: details(one)[0].update(text=details(one)[0]["text"] + " "), 0),
        (lambda one: details(one)[0].update(text=None), 0),
        (lambda one: details(one)[0].pop("text"), 0),
        (lambda one: details(one)[0].pop("signature"), 0),
        (lambda one: details(one)[2].update(signature=""), 2),
        (lambda one: details(one)[2].update(signature=None), 2),
        (lambda one: details(one)[2].update(signature="c2ln"), 2),
        (lambda one: details(one)[2].update(signature=details(one)[2]["signature"][:-8]), 2),
        (lambda one: details(one)[2].update(signature=details(one)[0]["signature"]), 2),
        (lambda one: details(one)[0].pop("format"), 0),
        (lambda one: details(one)[0].pop("index"), 0),
        (lambda one: details(one)[0].update(index=1), 0),
        (lambda one: details(one)[0].update(extra=None), 0),
        (lambda one: details(one)[1].update(data="c2ln"), 1),
        (lambda one: details(one)[1].update(id="new"), 1),
        (lambda one: details(one).reverse(), 0),
        (lambda one: details(one).pop(0), 0),
        (lambda one: details(one).pop(1), 1),
        (lambda one: details(one).pop(), 2),
        (lambda one: details(one).insert(1, details(one)[0]), 1),
        (lambda one: details(one).append(details(one)[0]), 3),
        (lambda one: details(one).append(details(claude(TWO))[0]), 3),
        (lambda one: one.update(reasoning_details=details(claude(TWO))), 0),
        (lambda one: one["tool_calls"].append(claude(TWO)["tool_calls"][0]), 0),
        (lambda one: details(one).insert(0, {"type": "reasoning.text", "text": "hm"}), 0),
        (
            lambda one: details(one).append(
                {"type": "reasoning.text", "text": "hm", "format": "anthropic-claude-v1"}
            ),
            3,
        ),
    ],
)
def test_claude_refuses_what_it_did_not_sign_like_this(change: Change, block: int) -> None:
    given = claude()
    change(given)
    refused = refusal(CLAUDE, {"role": "user", "content": "Hi"}, given)
    assert words_of(refused) == f"messages.1.content.{block}: {INVALID}"
    assert words_of(refused, "error", "message").endswith(INVALID)
    assert refused.body["error"]["metadata"]["provider_name"] == "Anthropic"


def test_claude_does_not_count_the_systems_messages() -> None:
    broken = claude()
    break_claudes(broken)
    system = {"role": "system", "content": "Be terse."}
    assert refusal(CLAUDE, system, broken).words == f"messages.0.content.0: {INVALID}"


@pytest.mark.parametrize(
    "content", ["The sun shines.", "It rain", "It rained", [{"type": "text", "text": "The sun"}]]
)
def test_claude_refuses_reasoning_beside_the_content_of_another_answer(content: Any) -> None:
    given = claude(ONE, "It snows in Oslo today.", 0)
    assert INVALID in refusal(CLAUDE, given | {"content": content}).words


# Google


def sealed(one: Message, number: int = 0) -> dict[str, Any]:
    return [detail for detail in details(one) if detail["type"] == "reasoning.encrypted"][number]


def call(one: Message, number: int = 0) -> dict[str, Any]:
    given: dict[str, Any] = one["tool_calls"][number]
    return given


def swap_data(one: Message) -> None:
    first, second = sealed(one, 0), sealed(one, 1)
    first["data"], second["data"] = second["data"], first["data"]


@pytest.mark.parametrize(
    "change",
    [
        lambda one: details(one)[0].pop("signature"),
        lambda one: details(one)[0].update(text="Thought"),
        lambda one: details(one)[0].update(signature="c2ln"),
        lambda one: sealed(one).update(data="c2ln"),
        lambda one: sealed(one).update(data=sealed(one)["data"][:-4]),
        lambda one: sealed(one).update(index=1),
        lambda one: sealed(one).pop("index"),
        lambda one: sealed(one).pop("id"),
        lambda one: sealed(one).update(id=call(one, 1)["id"]),
        lambda one: sealed(one).update(id=5),
        swap_data,
        lambda one: details(one).append(dict(sealed(one))),
        lambda one: one["tool_calls"].pop(0),
        lambda one: one.pop("tool_calls"),
        lambda one: call(one)["function"].update(arguments='{"city": "Oslo"}'),
        lambda one: call(one)["function"].update(arguments={"city": "Oslo"}),
        lambda one: call(one)["function"].update(name="tool"),
        lambda one: call(one).pop("function"),
        lambda one: call(one).update(id="call_1"),
        lambda one: details(one).append(sealed(gemini(TWO))),
        lambda one: details(one).append(details(gemini(TWO))[0]),
    ],
)
def test_gemini_refuses_what_it_did_not_sign_like_this(change: Change) -> None:
    given = gemini()
    change(given)
    refused = refusal(GEMINI, given)
    assert words_of(refused) == CORRUPTED
    assert refused.body["error"]["metadata"]["provider_name"] == "Google"


@pytest.mark.parametrize("number", [0, 1])
def test_gemini_misses_the_signature_of_each_of_its_calls(number: int) -> None:
    given = gemini()
    details(given).remove(sealed(given, number))
    assert words_of(refusal(GEMINI, given)) == (
        "Function call is missing a thought_signature in functionCall parts. Additional data, "
        f"function call `default_api:tool{number}` , position {number + 1}."
    )


def test_gemini_misses_no_signature_of_calls_that_others_made() -> None:
    theirs = [claude() | {"reasoning_details": []}, gpt(TWO) | {"reasoning_details": []}]
    unsigned = call_id("google", ONE, 0, signed=False)
    verify_history([*theirs, {"role": "assistant", "tool_calls": [{"id": unsigned}]}], GEMINI)


def test_a_signature_on_the_call_itself_will_do() -> None:
    given, one = gemini(), said("google")
    for number, made in enumerate(one.calls):
        signature = sign_for_call({}, one.origin, made)
        call(given, number)["extra_content"] = {"google": {"thought_signature": signature}}
    given["reasoning_details"] = []
    verify_history([given], GEMINI)
    call(given)["function"]["arguments"] = "{}"
    assert refusal(GEMINI, given).words == CORRUPTED


def test_gemini_refuses_reasoning_beside_the_content_of_another_answer() -> None:
    given = gemini(ONE, "It rains in Oslo today.", 0)
    assert refusal(GEMINI, given | {"content": "The sun shines, everywhere."}).words == CORRUPTED


PLACES: dict[str, Callable[[Any], Message]] = {
    "thought_signature on a block": lambda value: {
        "role": "assistant",
        "content": [{"type": "text", "text": "Hi", "thought_signature": value}],
    },
    "thoughtSignature on a user's block": lambda value: {
        "role": "user",
        "content": [{"type": "text", "text": "Hi", "thoughtSignature": value}],
    },
    "thought_signature on a call": lambda value: {
        "role": "assistant",
        "tool_calls": [{"id": "c1", "thought_signature": value}],
    },
    "thoughtSignature on a call": lambda value: {
        "role": "assistant",
        "tool_calls": [{"id": "c1", "thoughtSignature": value}],
    },
    "extra_content of a call": lambda value: {
        "role": "assistant",
        "tool_calls": [{"extra_content": {"google": {"thought_signature": value}}}],
    },
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("value", ["msg_01XFDUDYJgAACzvnptvVoYEL", "!", "", None, 7, ["c2ln"]])
def test_gemini_refuses_signatures_that_are_no_base64(place: str, value: object) -> None:
    given = PLACES[place](value)
    assert refusal(GEMINI, given).words == CORRUPTED
    for model in EVERYONE:
        if model is not GEMINI:
            verify_history([given], model)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("value", ["c2ln", "c2lnbg==", "c2lnbg", "-_-_", " c2 ln\n"])
def test_gemini_takes_signatures_of_others_on_trust(place: str, value: str) -> None:
    verify_history([PLACES[place](value)], GEMINI)


@pytest.mark.parametrize("value", ["c2lnbg=", "c2lnb", "c2lnbh==", "+/-_", "c2=ln", "====", "é"])
def test_what_is_no_base64(value: str) -> None:
    assert not is_base64(value)


@given(st.binary(min_size=1))
def test_whatever_encodes_to_base64_is_base64(data: bytes) -> None:
    for encoded in (base64.b64encode(data).decode(), base64.urlsafe_b64encode(data).decode()):
        if not encoded.startswith("msg_"):
            assert is_base64(encoded)
            assert is_base64(encoded.rstrip("="))


# OpenAI and xAI


@pytest.mark.parametrize("style", ["openai", "xai"])
def test_an_item_comes_once_per_request(style: Any) -> None:
    model = GPT if style == "openai" else GROK
    words = words_of(refusal(model, gpt(ONE, style), gpt(TWO, style), gpt(ONE, style)))
    assert words.startswith(f"Duplicate item found with id rs_{ONE}.")
    twice = gpt(ONE, style)
    details(twice).append(details(twice)[-1])
    assert f"Duplicate item found with id rs_{ONE}." in refusal(model, twice).words


def test_the_same_summary_twice_in_a_message_is_refused() -> None:
    twice = gpt()
    details(twice).insert(0, dict(details(twice)[0]))
    assert "Duplicate item found with id" in refusal(GPT, twice).words


def test_a_summary_may_be_left_out_and_come_again_elsewhere() -> None:
    one, two = gpt(ONE), gpt(TWO)
    verify_history([one, two], GPT)
    details(two).pop(0)
    verify_history([one, two], GPT)


@pytest.mark.parametrize(
    "change",
    [
        lambda item: item.update(data=item["data"][:-1] + "A"),
        lambda item: item.update(data="c2ln"),
        lambda item: item.update(id="rs_other"),
        lambda item: item.pop("index"),
        lambda item: item.update(extra=1),
    ],
)
def test_an_item_that_was_changed_is_refused(change: Callable[[Any], object]) -> None:
    given = gpt()
    change(details(given)[-1])
    words = words_of(refusal(GPT, given))
    assert words.startswith("The encrypted content ")
    assert " could not be verified." in words


def test_azures_items_are_openais() -> None:
    given = gpt()
    item = details(given)[-1]
    item["format"] = "azure-openai-responses-v1"
    assert "could not be verified" in refusal(GPT, given).words


# Whoever is asked


@pytest.mark.parametrize("model", EVERYONE)
@pytest.mark.parametrize(
    "detail",
    [
        "text",
        None,
        5,
        [],
        {},
        {"type": 5},
        {"type": "reasoning.summary"},
        {"type": "reasoning.summary", "summary": None},
        {"type": "reasoning.encrypted", "data": 5},
        {"type": "reasoning.text", "text": ["odd"], "format": "unknown"},
    ],
)
def test_what_is_no_detail_is_refused(model: EmulatedModel, detail: Any) -> None:
    refused = refusal(model, {"role": "user"}, {"role": "assistant", "reasoning_details": [detail]})
    where = "messages[1].reasoning_details[0]"
    words = f"{where}: an object with a type and its content is required"
    assert refused.words == words
    assert refused.body == {"error": "Invalid request", "message": words}


def test_details_nested_too_deep_for_json_are_refused_not_choked_on() -> None:
    deep: list[Any] = []
    for _ in range(300):
        deep = [deep]
    given = claude()
    details(given)[0]["deep"] = deep
    assert canonical(details(given)[0]) is None
    assert INVALID in refusal(CLAUDE, given).words


@pytest.mark.parametrize(("model", "given"), [(CLAUDE, claude()), (GEMINI, gemini()), (GPT, gpt())])
def test_verifying_changes_nothing(model: EmulatedModel, given: Message) -> None:
    before = copy.deepcopy(given)
    verify_history([given], model)
    assert given == before
