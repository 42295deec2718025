"""Reasoning in a history on its way back (GATEWAY 7)."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kilo_sdk.middleware.base import OutgoingRequest, RequestMiddleware
from kilo_sdk.middleware.dropped import DroppedPart
from kilo_sdk.middleware.replay import ReplaySanitation
from kilo_sdk.refs import ModelRef

CLAUDE = "anthropic-claude-v1"
GEMINI = "google-gemini-v1"
OPENAI = "openai-responses-v1"


def text(text: Any = "T", signature: Any = "s1g", format: Any = CLAUDE, **more: Any) -> Any:  # noqa: A002 - the wire's own name
    return {
        "type": "reasoning.text",
        "text": text,
        "signature": signature,
        "format": format,
        **more,
    }


def summary(text: str, **more: Any) -> Any:
    return {"type": "reasoning.summary", "summary": text, "format": OPENAI, **more}


def encrypted(data: str, **more: Any) -> Any:
    return {"type": "reasoning.encrypted", "data": data, **more}


def assistant(**fields: Any) -> Any:
    return {"role": "assistant", "content": "hi", **fields}


def run(messages: Any) -> Any:
    request = OutgoingRequest(
        ref=ModelRef.parse("anthropic/claude-sonnet-4"),
        url="",
        headers={},
        payload={"messages": messages},
    )
    ReplaySanitation().on_request(request)
    return request.payload["messages"]


def details_after(*details: Any) -> Any:
    return run([assistant(reasoning_details=list(details))])[0]["reasoning_details"]


def test_it_is_a_request_middleware() -> None:
    assert isinstance(ReplaySanitation(), RequestMiddleware)


# What is dropped for want of a signature


@pytest.mark.parametrize("format_", [CLAUDE, GEMINI, None, ""])
@pytest.mark.parametrize("signature", [None, ""])
def test_unsigned_text_of_a_signing_format_is_dropped(format_: Any, signature: Any) -> None:
    assert details_after(text(signature=signature, format=format_)) == []


def test_unsigned_text_without_the_fields_is_dropped() -> None:
    assert details_after({"type": "reasoning.text", "text": "T"}) == []


@pytest.mark.parametrize("format_", [CLAUDE, GEMINI, None])
def test_signed_text_is_kept(format_: Any) -> None:
    assert details_after(text(format=format_)) == [text(format=format_)]


@pytest.mark.parametrize(
    "format_",
    [OPENAI, "azure-openai-responses-v1", "xai-responses-v1", "unknown", "of-the-future-v9"],
)
@pytest.mark.parametrize("signature", [None, ""])
def test_unsigned_text_of_another_format_is_kept(format_: str, signature: Any) -> None:
    detail = text(signature=signature, format=format_)
    assert details_after(detail) == [detail]


@pytest.mark.parametrize("format_", [CLAUDE, GEMINI, None, OPENAI])
@pytest.mark.parametrize("kind", [summary("S"), encrypted("D"), encrypted("D", id="call_1")])
def test_summaries_and_encrypted_details_need_no_signature(kind: Any, format_: Any) -> None:
    detail = {**kind, "format": format_}
    assert details_after(detail) == [detail]


def test_a_text_with_only_its_signature_is_kept() -> None:
    detail = {"type": "reasoning.text", "signature": "s1g"}
    assert details_after(detail, text(text=None)) == [detail]


def test_kept_details_are_the_callers_own_in_their_order() -> None:
    given_details = [
        encrypted("E", index=0),
        text("A", index=0),
        summary("S", id="rs_1", index=1, of_the_future={"x": [1, 2.5, None]}),
        text("B", "", index=2),
        {"type": "reasoning.server_tool_call", "x": 1},
    ]
    kept = details_after(*given_details)
    assert kept == [given_details[i] for i in (0, 1, 2, 4)]
    assert all(any(one is other for other in given_details) for one in kept)


# What is sent once


def test_the_same_detail_is_sent_once_in_a_message() -> None:
    assert details_after(summary("S", index=0), summary("S", index=1), summary("T")) == [
        summary("S", index=0),
        summary("T"),
    ]


def test_the_same_detail_is_sent_once_in_a_request_and_the_first_wins() -> None:
    first, second = run(
        [
            assistant(reasoning_details=[text("A", "s1"), encrypted("D", id="rs_1")]),
            assistant(reasoning_details=[encrypted("E", id="rs_1"), text("A", "s2"), text("B")]),
        ]
    )
    assert first["reasoning_details"] == [text("A", "s1"), encrypted("D", id="rs_1")]
    assert second["reasoning_details"] == [text("B")]


def test_encrypted_details_without_an_id_are_told_apart_by_their_data() -> None:
    assert details_after(
        encrypted("D"), encrypted("E"), encrypted("D", id=None), encrypted("D", id="")
    ) == [encrypted("D"), encrypted("E")]


def test_encrypted_details_of_one_data_and_two_ids_are_two() -> None:
    both = [encrypted("D", id="a"), encrypted("D", id="b")]
    assert details_after(*both) == both


def calling(*ids: str, details: list[Any]) -> Any:
    calls = [{"id": id_, "type": "function", "function": {}} for id_ in ids]
    return assistant(tool_calls=calls, reasoning_details=details)


def test_each_call_keeps_its_signature_where_ids_are_used_again() -> None:
    history = [
        calling(
            "call_0", "call_1", details=[encrypted("A", id="call_0"), encrypted("B", id="call_1")]
        ),
        calling("call_0", details=[encrypted("C", id="call_0")]),
        calling("call_0", details=[encrypted("D", id="call_0"), encrypted("E", id="call_1")]),
    ]
    sent = [message["reasoning_details"] for message in run(history)]
    assert sent == [
        [encrypted("A", id="call_0"), encrypted("B", id="call_1")],
        [encrypted("C", id="call_0")],
        # call_1 is no call of this message: its id alone says that it was sent before.
        [encrypted("D", id="call_0")],
    ]


def test_the_same_signature_of_a_call_is_sent_once() -> None:
    answer = calling("call_0", details=[encrypted("A", id="call_0")])
    first, second = run([answer, dict(answer)])
    assert first is answer
    assert second["reasoning_details"] == []


@pytest.mark.parametrize("format_", ["openai-responses-v1", "azure-openai-responses-v1"])
def test_an_id_stays_unique_where_upstreams_want_it(format_: str) -> None:
    history = [
        calling("rs_1", details=[encrypted(data, id="rs_1", format=format_)]) for data in "AB"
    ]
    assert run(history)[1]["reasoning_details"] == []


@pytest.mark.parametrize("calls", [None, "x", [None], [{"id": ["call_0"]}], {"id": "call_0"}, []])
def test_odd_tool_calls_own_no_signature(calls: Any) -> None:
    history = [
        assistant(tool_calls=calls, reasoning_details=[encrypted(data, id="call_0")])
        for data in "AB"
    ]
    assert run(history)[1]["reasoning_details"] == []


def test_texts_are_told_apart_by_their_text_not_their_signature() -> None:
    assert details_after(text("A", "s1"), text("A", "s2"), text("B", "s1")) == [
        text("A", "s1"),
        text("B", "s1"),
    ]


def test_texts_without_text_are_told_apart_by_their_signature() -> None:
    assert details_after(text("", "s1"), text(None, "s1"), text("", "s2")) == [
        text("", "s1"),
        text("", "s2"),
    ]


def test_details_of_different_types_are_never_the_same() -> None:
    three = [summary("X"), encrypted("X"), text("X")]
    assert details_after(*three) == three


def test_the_drop_comes_before_the_removal_of_repeats() -> None:
    first, second = run(
        [
            assistant(reasoning_details=[text("A", "")], reasoning="A"),
            assistant(reasoning_details=[text("A", "s1")], reasoning="A"),
        ]
    )
    assert first == assistant(reasoning_details=[])
    assert second == assistant(reasoning_details=[text("A", "s1")], reasoning="A")


def test_details_that_nothing_tells_apart_are_all_kept() -> None:
    unknown = {"type": "reasoning.new", "x": 1}
    empty = {"type": "reasoning.text", "format": OPENAI}
    assert details_after(unknown, dict(unknown), empty, dict(empty)) == [
        unknown,
        unknown,
        empty,
        empty,
    ]


def test_each_request_starts_anew() -> None:
    middleware = ReplaySanitation()
    for _ in range(2):
        messages = [assistant(reasoning_details=[summary("S")])]
        request = OutgoingRequest(
            ref=ModelRef.parse("a/b"), url="", headers={}, payload={"messages": messages}
        )
        middleware.on_request(request)
        assert request.payload["messages"] == [assistant(reasoning_details=[summary("S")])]


# The text beside the details

TEXT_FIELDS = ("reasoning", "reasoning_content", "reasoning_text")


@pytest.mark.parametrize("name", TEXT_FIELDS)
def test_text_goes_along_with_a_detail_that_is_left(name: str) -> None:
    message = assistant(**{name: "T"}, reasoning_details=[text("gone", ""), summary("S")])
    assert run([message]) == [{**message, "reasoning_details": [summary("S")]}]


@pytest.mark.parametrize("name", TEXT_FIELDS)
@pytest.mark.parametrize("details", [[], [text("T", "")], None, "T"])
def test_text_stays_behind_when_no_detail_is_left(name: str, details: Any) -> None:
    message = assistant(**{name: "T"}, reasoning_details=details)
    assert run([message]) == [assistant(reasoning_details=[])]


@pytest.mark.parametrize("name", TEXT_FIELDS)
@pytest.mark.parametrize("value", ["T", "", None, ["T"]])
def test_text_without_any_details_stays_behind(name: str, value: Any) -> None:
    assert run([assistant(**{name: value})]) == [assistant()]


def test_text_stays_behind_when_all_details_were_sent_before() -> None:
    message = assistant(reasoning="T", reasoning_details=[text("T")])
    assert run([message, dict(message)]) == [message, assistant(reasoning_details=[])]


# A list, always


def test_an_empty_list_stays() -> None:
    message = assistant(reasoning_details=[])
    assert run([message])[0] is message


@pytest.mark.parametrize("value", ["T", "", {"type": "reasoning.text"}, 7, True, None])
def test_what_is_no_list_becomes_an_empty_one(value: Any) -> None:
    assert run([assistant(reasoning_details=value)]) == [assistant(reasoning_details=[])]


def test_a_tuple_becomes_a_list() -> None:
    (message,) = run([assistant(reasoning_details=(summary("S"),))])
    assert message["reasoning_details"] == [summary("S")]
    assert type(message["reasoning_details"]) is list


@pytest.mark.parametrize(
    "entry",
    [
        None,
        "T",
        7,
        ["T"],
        {},
        {"type": None, "text": "T"},
        {"type": ["reasoning.text"], "text": "T"},
        {"type": "reasoning.summary"},
        {"type": "reasoning.summary", "summary": None},
        {"type": "reasoning.summary", "summary": ["S"]},
        {"type": "reasoning.summary", "summary": "S", "id": 7},
        {"type": "reasoning.encrypted", "id": "x"},
        {"type": "reasoning.encrypted", "data": {"a": 1}},
        {"type": "reasoning.encrypted", "data": "D", "id": ["x"]},
        {"type": "reasoning.encrypted", "data": "D", "format": 1},
        text(text=7),
        text(text={"a": 1}),
        text(signature=7),
        text(signature=["s1g"]),
        text(format=["x"]),
        text(id={}),
    ],
)
def test_an_entry_no_upstream_can_read_is_dropped(entry: Any) -> None:
    assert details_after(summary("S"), entry) == [summary("S")]


@pytest.mark.parametrize("index", [None, 0, "0", [0], True])
def test_an_odd_index_is_carried(index: Any) -> None:
    assert details_after(summary("S", index=index)) == [summary("S", index=index)]


# What is left alone


@pytest.mark.parametrize("role", ["user", "system", "tool", "developer", None, "", ["assistant"]])
def test_only_assistant_messages_are_looked_at(role: Any) -> None:
    message = {"role": role, "content": "x", "reasoning": "T", "reasoning_details": "T"}
    before = copy.deepcopy(message)
    assert run([message])[0] is message
    assert message == before


@pytest.mark.parametrize(
    "message",
    [
        assistant(),
        assistant(tool_calls=[{"id": "c", "type": "function", "function": {}}]),
        assistant(reasoning="T", reasoning_details=[text(), encrypted("D", id="c")]),
        {"role": "user", "content": "x"},
        "no message",
        None,
    ],
)
def test_a_message_with_nothing_to_change_is_passed_through_itself(message: Any) -> None:
    assert run([message])[0] is message


@pytest.mark.parametrize("messages", [None, "Say hi", {"role": "user"}, 7])
def test_messages_that_are_no_list_are_left_alone(messages: Any) -> None:
    assert run(messages) == messages


def test_a_payload_without_messages_is_left_alone() -> None:
    request = OutgoingRequest(ref=ModelRef.parse("a/b"), url="", headers={}, payload={"input": "x"})
    ReplaySanitation().on_request(request)
    assert request.payload == {"input": "x"}


def test_a_changed_message_keeps_its_other_fields_and_their_order() -> None:
    message = {
        "role": "assistant",
        "reasoning": "T",
        "content": None,
        "reasoning_details": [text("T", "")],
        "tool_calls": [{"id": "c"}],
        "of_the_future": 1,
    }
    (cleaned,) = run([message])
    assert list(cleaned.items()) == [
        ("role", "assistant"),
        ("content", None),
        ("reasoning_details", []),
        ("tool_calls", [{"id": "c"}]),
        ("of_the_future", 1),
    ]
    assert cleaned["tool_calls"] is message["tool_calls"]


# What is noted


def noted(messages: Any) -> list[DroppedPart]:
    request = OutgoingRequest(
        ref=ModelRef.parse("a/b"), url="", headers={}, payload={"messages": messages}
    )
    ReplaySanitation().on_request(request)
    return request.dropped


def test_nothing_is_noted_when_nothing_was_dropped() -> None:
    assert (
        noted(
            [
                assistant(reasoning="T", reasoning_details=[text()]),
                assistant(reasoning_details=None),
                assistant(reasoning=None),
                assistant(reasoning_details=[]),
                {"role": "user", "reasoning_details": "T"},
            ]
        )
        == []
    )


def test_what_was_dropped_is_noted_by_message_and_reason() -> None:
    assert noted(
        [
            {"role": "user", "content": "q"},
            assistant(
                reasoning="SECRET",
                reasoning_details=[text("SECRET", ""), text("SECRET2", ""), summary("SECRET")],
            ),
            assistant(reasoning="SECRET"),
            assistant(reasoning="SECRET", reasoning_details=[summary("SECRET")]),
        ]
    ) == [
        DroppedPart(1, "assistant", "unsigned text", 2),
        DroppedPart(2, "assistant", "reasoning text without a detail"),
        DroppedPart(3, "assistant", "repeated detail"),
    ]


def test_a_malformed_history_is_noted_as_such() -> None:
    history = [assistant(reasoning_details="SECRET"), assistant(reasoning_details=["SECRET", 7])]
    assert noted(history) == [
        DroppedPart(0, "assistant", "reasoning_details not a list", malformed=True),
        DroppedPart(1, "assistant", "malformed detail", 2, malformed=True),
    ]


# Whatever comes

few_words = st.sampled_from(["", "A", "B", CLAUDE, GEMINI, OPENAI, "assistant"])
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | few_words | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(few_words, inner, max_size=3),
    max_leaves=6,
)
details = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(
            ["reasoning.text", "reasoning.summary", "reasoning.encrypted", "reasoning.new"]
        )
        | json_values,
        "text": few_words | json_values,
        "summary": few_words | json_values,
        "data": few_words | json_values,
        "id": few_words | json_values,
        "signature": few_words | json_values,
        "format": few_words | json_values,
        "index": json_values,
    },
)
messages_of_any_shape = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "role": st.just("assistant") | json_values,
            "content": json_values,
            "reasoning": json_values,
            "reasoning_content": json_values,
            "tool_calls": st.lists(st.fixed_dictionaries({"id": few_words}), max_size=2)
            | json_values,
            "reasoning_details": st.lists(details | json_values, max_size=5) | json_values,
        },
    )
    | json_values,
    max_size=5,
)


@given(messages_of_any_shape)
def test_it_never_raises_mutates_or_reorders_and_once_is_enough(messages: list[Any]) -> None:
    before = copy.deepcopy(messages)
    once = run(list(messages))
    assert messages == before

    assert len(once) == len(messages)
    for old, new in zip(messages, once, strict=True):
        if new is old:
            continue
        assert new["role"] == "assistant"
        kept = [name for name in old if name in new]
        assert list(new) == kept
        for name in kept:
            if name != "reasoning_details":
                assert new[name] is old[name]
        if "reasoning_details" in old:
            was = old["reasoning_details"]
            rest: Iterator[Any] = iter(was if isinstance(was, list) else [])
            assert all(any(one is other for other in rest) for one in new["reasoning_details"])

    twice = run(list(once))
    assert all(one is other for one, other in zip(once, twice, strict=True))


@given(messages_of_any_shape)
def test_what_is_sent_keeps_the_rules(messages: list[Any]) -> None:
    seen: list[tuple[Any, ...]] = []
    for message in run(list(messages)):
        if not isinstance(message, dict) or message.get("role") != "assistant":
            continue
        sent = message.get("reasoning_details", [])
        assert isinstance(sent, list)
        if not sent:
            assert not {"reasoning", "reasoning_content"} & set(message)
        for detail in sent:
            if detail["type"] == "reasoning.text":
                if (detail.get("format") or CLAUDE) in (CLAUDE, GEMINI):
                    assert detail["signature"]
                seen.append(("text", detail.get("text") or detail.get("signature")))
            elif detail["type"] == "reasoning.summary":
                seen.append(("summary", detail["summary"]))
            elif detail["type"] == "reasoning.encrypted":
                calls = message.get("tool_calls")
                own = (
                    [call["id"] for call in calls if isinstance(call, dict) and "id" in call]
                    if isinstance(calls, list)
                    else []
                )
                id_ = detail.get("id")
                bound = id_ and id_ in own and detail.get("format") != OPENAI
                seen.append(
                    ("bound", id_, detail["data"])
                    if bound
                    else ("encrypted", id_ or detail["data"])
                )
    told_apart = [key for key in seen if key[1] or key[0] != "text"]
    assert len(told_apart) == len(set(told_apart))
