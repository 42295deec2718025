"""Thought signatures in histories and answers (GATEWAY 7)."""

from __future__ import annotations

import base64
import copy
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from kilo_sdk.middleware.base import OutgoingRequest, RequestMiddleware, ResponseMiddleware
from kilo_sdk.middleware.dropped import DroppedPart
from kilo_sdk.middleware.thought_signatures import (
    ForeignSignatureRemoval,
    ThoughtSignatureSanitation,
    is_valid_thought_signature,
)
from kilo_sdk.refs import ModelRef

GOOD = "CiQB0e2Kb8Xv+/w="
GOOD_URL = "CiQB0e2Kb8Xv-_w"
FOREIGN = "msg_01XFDUDYJgAACzvnptvVoYEL"
BAD_VALUES: list[Any] = ["", FOREIGN, "not base64!", None, 7, True, [GOOD], {"a": GOOD}]


def run(middleware: Any, messages: Any) -> Any:
    request = OutgoingRequest(
        ref=ModelRef.parse("google/gemini-3-pro-preview"),
        url="",
        headers={},
        payload={"messages": messages},
    )
    middleware.on_request(request)
    return request.payload["messages"]


def sanitised(messages: Any) -> Any:
    return run(ThoughtSignatureSanitation(), messages)


def freed(messages: Any) -> Any:
    return run(ForeignSignatureRemoval(), messages)


def block(**fields: Any) -> Any:
    return {"type": "text", "text": "hi", **fields}


def call(**fields: Any) -> Any:
    return {
        "id": "call_1",
        "type": "function",
        "function": {"name": "f", "arguments": "{}"},
        **fields,
    }


# What a signature is


@pytest.mark.parametrize(
    "value",
    [
        GOOD,
        GOOD.rstrip("="),
        GOOD_URL,
        GOOD_URL + "=",
        "AAAA",
        "AA==",
        "AA",
        "AAA=",
        "AAA",
        " CiQB\r\n0e2K\t\f\vb8Xv+/w= ",
        "skip_thought_signature_validator",
        "A" * 100_000,
    ],
)
def test_base64_and_base64url_are_signatures(value: str) -> None:
    assert is_valid_thought_signature(value) is True


@pytest.mark.parametrize(
    "value",
    [
        *BAD_VALUES,
        b"AAAA",
        " \n",
        "=",
        "==",
        "====",
        "A",
        "AAAAA",
        "AA=",
        "AAA==",
        "AAAA=",
        "AAAA====",
        "AA==AA==",
        "=AAA",
        "AB",
        "AB==",
        "AAB",
        "a-_/",
        "AAAA+___",
        "AA\x00A",
        "AA\u00e9A",
        "AA\u00a0AA",
        "\uff21\uff21\uff21\uff21",
        "AA\ud800A",
        "[REDACTED]",
        "msg_abc123",
        "msg_",
        " msg_01XFDUDYJgAACzvnptvVoYEL",
        "{}",
    ],
)
def test_anything_else_is_none(value: Any) -> None:
    assert is_valid_thought_signature(value) is False


@given(
    st.binary(min_size=1, max_size=80),
    st.booleans(),
    st.booleans(),
    st.lists(st.tuples(st.integers(0, 120), st.sampled_from(" \t\r\n")), max_size=4),
)
def test_whatever_is_encoded_is_valid_padded_or_not_and_with_white_space(
    data: bytes, url: bool, padded: bool, spaces: list[tuple[int, str]]
) -> None:
    encoded = (base64.urlsafe_b64encode if url else base64.b64encode)(data).decode()
    assume(not encoded.startswith("msg_"))
    if not padded:
        encoded = encoded.rstrip("=")
    for place, space in spaces:
        encoded = encoded[:place] + space + encoded[place:]
    assert is_valid_thought_signature(encoded)


@given(st.text(st.sampled_from("ABCgwxyz019+/-_= \n"), max_size=12))
def test_what_is_valid_decodes_and_encodes_back_to_itself(value: str) -> None:
    compact = "".join(value.split())
    bare = compact.rstrip("=")
    found = False
    for alphabet in (b"+/", b"-_"):
        try:
            data = base64.b64decode(bare + "=" * (-len(bare) % 4), alphabet, validate=True)
        except ValueError:
            continue
        encoded = base64.b64encode(data, alphabet).decode()
        found = found or (bool(data) and compact in (encoded, encoded.rstrip("=")))
    mixed = any(c in compact for c in "+/") and any(c in compact for c in "-_")
    assert is_valid_thought_signature(value) == (found and not mixed)


# The Gemini path, request side


@pytest.mark.parametrize("name", ["thought_signature", "thoughtSignature"])
@pytest.mark.parametrize("role", ["assistant", "user", "tool"])
def test_valid_signatures_stay_and_the_message_is_passed_through_itself(
    name: str, role: str
) -> None:
    message = {
        "role": role,
        "content": [block(**{name: GOOD}), block(**{name: GOOD_URL})],
        "tool_calls": [call(**{name: GOOD}, extra_content={"google": {"thought_signature": GOOD}})],
    }
    assert sanitised([message])[0] is message


@pytest.mark.parametrize("name", ["thought_signature", "thoughtSignature"])
@pytest.mark.parametrize("value", BAD_VALUES)
def test_invalid_signatures_of_blocks_and_tool_calls_are_removed(name: str, value: Any) -> None:
    message = {
        "role": "assistant",
        "content": [block(**{name: value}, z=1), block()],
        "tool_calls": [call(**{name: value}, z=1), call()],
    }
    assert sanitised([message]) == [
        {
            "role": "assistant",
            "content": [block(z=1), block()],
            "tool_calls": [call(z=1), call()],
        }
    ]


@pytest.mark.parametrize("value", BAD_VALUES)
def test_the_signature_in_a_tool_calls_extra_content_is_removed_and_the_rest_stays(
    value: Any,
) -> None:
    extra = {"google": {"thought_signature": value, "y": 1}, "other": {"thought_signature": 7}}
    assert sanitised([{"role": "assistant", "tool_calls": [call(extra_content=extra)]}]) == [
        {
            "role": "assistant",
            "tool_calls": [
                call(extra_content={"google": {"y": 1}, "other": {"thought_signature": 7}})
            ],
        }
    ]


def test_both_names_and_the_extra_content_are_judged_each_for_itself() -> None:
    given_call = call(
        thought_signature=FOREIGN,
        thoughtSignature=GOOD,
        extra_content={"google": {"thought_signature": "!"}},
    )
    assert sanitised([{"role": "assistant", "tool_calls": [given_call]}]) == [
        {
            "role": "assistant",
            "tool_calls": [call(thoughtSignature=GOOD, extra_content={"google": {}})],
        }
    ]


@pytest.mark.parametrize("content", ["thought_signature: !", None, {"thought_signature": "!"}, 7])
def test_content_that_is_no_list_is_left_alone(content: Any) -> None:
    message = {"role": "assistant", "content": content}
    assert sanitised([message])[0] is message


@pytest.mark.parametrize("extra", [None, "x", [], {}, {"google": None}, {"google": [1]}])
def test_odd_extra_content_is_left_alone(extra: Any) -> None:
    message = {"role": "assistant", "tool_calls": [call(extra_content=extra)]}
    assert sanitised([message])[0] is message


def test_a_block_is_otherwise_untouched() -> None:
    message = {
        "role": "assistant",
        "content": [
            "a string",
            None,
            block(signature="!", nested={"thought_signature": "!"}),
            {"thought_signature": "!", "type": "odd", "text": ""},
        ],
        "reasoning_details": [{"type": "reasoning.text", "thought_signature": "!"}],
        "thought_signature": "!",
    }
    (cleaned,) = sanitised([message])
    assert cleaned["content"][:3] == message["content"][:3]
    assert list(cleaned["content"][3].items()) == [("type", "odd"), ("text", "")]
    assert {**cleaned, "content": None} == {**message, "content": None}


@pytest.mark.parametrize("middleware", [ThoughtSignatureSanitation(), ForeignSignatureRemoval()])
@pytest.mark.parametrize("messages", [None, "hi", {"role": "user"}, [None, "hi", 7, []]])
def test_odd_messages_are_left_alone(middleware: Any, messages: Any) -> None:
    assert run(middleware, messages) == messages


# Other models


def test_other_models_lose_only_msg_ids_under_the_one_name() -> None:
    message = {
        "role": "assistant",
        "content": [
            block(thought_signature=FOREIGN),
            block(thought_signature="!"),
            block(thought_signature=None),
            block(thoughtSignature=FOREIGN),
            block(thought_signature=GOOD),
        ],
        "tool_calls": [
            call(thought_signature="msg_"),
            call(thought_signature=["msg_1"]),
            call(extra_content={"google": {"thought_signature": FOREIGN}}),
        ],
    }
    assert freed([message]) == [
        {
            "role": "assistant",
            "content": [block(), *message["content"][1:]],
            "tool_calls": [call(), *message["tool_calls"][1:]],
        }
    ]


def test_other_models_messages_without_msg_ids_are_passed_through_themselves() -> None:
    message = {"role": "assistant", "content": [block(thought_signature="x")], "tool_calls": []}
    assert freed([message])[0] is message


def test_they_are_middleware() -> None:
    assert isinstance(ThoughtSignatureSanitation(), RequestMiddleware)
    assert isinstance(ThoughtSignatureSanitation(), ResponseMiddleware)
    assert isinstance(ForeignSignatureRemoval(), RequestMiddleware)
    assert not isinstance(ForeignSignatureRemoval(), ResponseMiddleware)


# What is noted


def noted(middleware: Any, *messages: Any) -> list[DroppedPart]:
    request = OutgoingRequest(
        ref=ModelRef.parse("a/b"), url="", headers={}, payload={"messages": list(messages)}
    )
    middleware.on_request(request)
    return request.dropped


def test_what_was_removed_is_noted_by_message_and_reason() -> None:
    bad = {"google": {"thought_signature": ["!"]}}
    assert noted(
        ThoughtSignatureSanitation(),
        {"role": "user", "content": "hi"},
        {"role": "user", "content": [block(thoughtSignature="!"), block(thought_signature=GOOD)]},
        {
            "role": "assistant",
            "content": [block(thought_signature=FOREIGN)],
            "tool_calls": [call(thought_signature=FOREIGN, extra_content=bad)],
        },
        {"content": [block(thought_signature="!")]},
    ) == [
        DroppedPart(1, "user", "thought signature that is no base64", malformed=True),
        DroppedPart(2, "assistant", "another vendor's signature", 2),
        DroppedPart(2, "assistant", "thought signature that is no base64", malformed=True),
        DroppedPart(3, "unknown role", "thought signature that is no base64", malformed=True),
    ]


def test_nothing_is_lost_with_an_empty_signature() -> None:
    message = {"role": "assistant", "content": [block(thought_signature=None, thoughtSignature="")]}
    assert noted(ThoughtSignatureSanitation(), message) == []
    assert sanitised([message]) == [{"role": "assistant", "content": [block()]}]


def test_other_models_note_what_they_lose() -> None:
    message = {"role": "assistant", "content": [block(thought_signature=FOREIGN), block()]}
    assert noted(ForeignSignatureRemoval(), message, message) == [
        DroppedPart(0, "assistant", "another vendor's signature"),
        DroppedPart(1, "assistant", "another vendor's signature"),
    ]


def test_blocks_in_a_tuple_are_cleaned_too() -> None:
    message = {"role": "user", "content": (block(thought_signature="!"), block())}
    assert sanitised([message]) == [{"role": "user", "content": [block(), block()]}]
    kept = {"role": "user", "content": (block(thought_signature=GOOD),)}
    assert sanitised([kept])[0] is kept


# The Gemini path, response side


def answer(part: str, *messages: Any) -> Any:
    return {"id": "gen-1", "choices": [{"index": i, part: m} for i, m in enumerate(messages)]}


def receive(part: str, wire: Any) -> Any:
    middleware = ThoughtSignatureSanitation()
    (middleware.on_chunk if part == "delta" else middleware.on_completion)(wire)
    return wire


@pytest.mark.parametrize("part", ["delta", "message"])
def test_invalid_signatures_are_removed_from_every_choice_of_an_answer(part: str) -> None:
    bad = {"google": {"thought_signature": "!"}}
    wire = answer(
        part,
        {"content": "hi", "tool_calls": [call(thought_signature=FOREIGN), call(extra_content=bad)]},
        {"content": [block(thoughtSignature="!"), block(thought_signature=GOOD)]},
    )
    assert receive(part, wire) == answer(
        part,
        {"content": "hi", "tool_calls": [call(), call(extra_content={"google": {}})]},
        {"content": [block(), block(thought_signature=GOOD)]},
    )


@pytest.mark.parametrize("part", ["delta", "message"])
def test_valid_signatures_of_an_answer_stay(part: str) -> None:
    wire = answer(part, {"content": None, "tool_calls": [call(thought_signature=GOOD)]})
    assert receive(part, copy.deepcopy(wire)) == wire


def test_a_single_choice_that_is_no_list_is_cleaned_too() -> None:
    wire = {"choices": {"index": 0, "delta": {"tool_calls": [call(thought_signature="!")]}}}
    assert receive("delta", wire) == {"choices": {"index": 0, "delta": {"tool_calls": [call()]}}}


@pytest.mark.parametrize("part", ["delta", "message"])
@pytest.mark.parametrize(
    "wire",
    [
        {},
        {"usage": {}},
        {"choices": None},
        {"choices": []},
        {"choices": "x"},
        {"choices": [None, "x", {}, {"delta": None, "message": None}]},
        {"choices": [{"delta": {"content": "hi"}, "message": {"content": "hi"}}]},
        {"choices": [{"delta": {"tool_calls": "x"}, "message": {"tool_calls": {"a": 1}}}]},
    ],
)
def test_an_answer_without_signatures_is_left_alone(part: str, wire: Any) -> None:
    assert receive(part, copy.deepcopy(wire)) == wire


# Whatever comes

keys = st.sampled_from(
    [
        "role",
        "content",
        "tool_calls",
        "thought_signature",
        "thoughtSignature",
        "extra_content",
        "google",
        "x",
    ]
)
leaves = (
    st.none() | st.booleans() | st.integers() | st.sampled_from([GOOD, GOOD_URL, FOREIGN, "!", ""])
)
json_values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=12,
)
entries = st.lists(st.dictionaries(keys, json_values, max_size=4) | json_values, max_size=3)
histories = st.lists(
    st.fixed_dictionaries({}, optional={"content": entries, "tool_calls": entries}) | json_values,
    max_size=3,
)


def signatures(messages: Any) -> list[Any]:
    """Every value that a rule looks at."""
    found = []
    for message in messages:
        for part in ("content", "tool_calls"):
            listed = message.get(part) if isinstance(message, dict) else None
            for entry in listed if isinstance(listed, list) else ():
                if not isinstance(entry, dict):
                    continue
                found += [entry[n] for n in ("thought_signature", "thoughtSignature") if n in entry]
                extra = entry.get("extra_content")
                google = extra.get("google") if isinstance(extra, dict) else None
                if part == "tool_calls" and isinstance(google, dict):
                    found += [google[n] for n in ("thought_signature",) if n in google]
    return found


@pytest.mark.parametrize("clean", [sanitised, freed])
@given(messages=histories)
def test_it_never_raises_mutates_or_reorders_and_once_is_enough(
    clean: Any, messages: list[Any]
) -> None:
    before = copy.deepcopy(messages)
    once = clean(list(messages))
    assert messages == before
    assert len(once) == len(messages)
    for old, new in zip(messages, once, strict=True):
        if new is old:
            continue
        assert list(new) == list(old)
        for part in ("content", "tool_calls"):
            if new.get(part) is not old.get(part):
                assert len(new[part]) == len(old[part])
                for was, is_ in zip(old[part], new[part], strict=True):
                    assert is_ is was or list(is_) == [name for name in was if name in is_]
    twice = clean(list(once))
    assert all(one is other for one, other in zip(once, twice, strict=True))


@given(histories)
def test_on_the_gemini_path_exactly_the_valid_signatures_are_left(messages: list[Any]) -> None:
    left = signatures(sanitised(list(messages)))
    assert left == [value for value in signatures(messages) if is_valid_thought_signature(value)]


@given(histories)
def test_an_answer_is_cleaned_like_a_history(messages: list[Any]) -> None:
    expected = sanitised(list(messages))
    assert receive("delta", answer("delta", *copy.deepcopy(messages))) == answer("delta", *expected)
