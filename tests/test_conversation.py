"""What callers write as messages becomes a list of wire dicts of its own."""

from __future__ import annotations

import copy
from types import MappingProxyType
from typing import Any

import pytest

from kilo_sdk.conversation import wire_messages
from kilo_sdk.errors import ConfigurationError
from kilo_sdk.types.message import Message

USER: dict[str, Any] = {"role": "user", "content": "Hi"}


def test_a_string_is_one_user_message() -> None:
    assert wire_messages("Hi") == [USER]
    assert wire_messages(" \n") == [{"role": "user", "content": " \n"}]


def test_dicts_messages_and_other_mappings_may_be_mixed() -> None:
    given: list[Any] = [
        USER,
        Message.assistant("Ho"),
        MappingProxyType({"role": "tool", "content": "x"}),
    ]
    assert wire_messages(given) == [
        USER,
        {"role": "assistant", "content": "Ho"},
        {"role": "tool", "content": "x"},
    ]
    assert wire_messages(tuple(given)) == wire_messages(given)


def test_the_list_is_new_and_the_dicts_in_it_are_the_caller_s_own() -> None:
    given = [copy.deepcopy(USER)]
    messages = wire_messages(given)
    assert messages is not given
    assert messages[0] is given[0]
    messages.append({"role": "user"})
    assert given == [USER]


def test_what_a_message_becomes_shares_nothing_with_it() -> None:
    parts = [{"type": "text", "text": "Hi"}]
    [wire] = wire_messages([Message.user(parts)])
    wire["content"][0]["cache_control"] = {"type": "ephemeral"}
    assert parts == [{"type": "text", "text": "Hi"}]


@pytest.mark.parametrize(
    ("messages", "words"),
    [
        ("", "messages is an empty string"),
        ([], "messages is an empty list"),
        ((), "messages is an empty list"),
        (None, "messages is of type NoneType"),
        (3, "messages is of type int"),
        (USER, "messages is of type dict"),
        (Message.user("Hi"), "messages is of type Message"),
        (iter([USER]), "messages is of type list_iterator"),
        ({"a"}, "messages is of type set"),
        (b"Hi", r"messages is of type bytes"),
        ([USER, "Hi"], r"messages\[1\] is of type str"),
        ([None], r"messages\[0\] is of type NoneType"),
        ([[USER]], r"messages\[0\] is of type list"),
        ([USER, {"content": "Hi"}], r"messages\[1\] has no role"),
        ([{"role": ""}], r"messages\[0\] has no role"),
        ([{"role": None}], r"messages\[0\] has no role"),
        ([{"role": 3}], r"messages\[0\] has no role"),
    ],
)
def test_what_is_no_conversation_is_refused_with_its_place(messages: Any, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        wire_messages(messages)


def test_a_refusal_shows_none_of_the_words() -> None:
    with pytest.raises(ConfigurationError) as caught:
        wire_messages([{"role": "user", "content": "x"}, "the secret plan"])  # type: ignore[list-item]
    assert "secret" not in str(caught.value)
