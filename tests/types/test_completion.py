"""The whole answer: what equal means, and what stands in for what never came."""

from __future__ import annotations

import copy
import pickle
from decimal import Decimal
from typing import Any

import attrs
import pytest

from kilo_sdk import errors
from kilo_sdk.errors import APIError
from kilo_sdk.refs import ModelRef
from kilo_sdk.types.completion import ChatCompletion, Choice
from kilo_sdk.types.message import Message
from kilo_sdk.types.tool_call import ToolCall
from kilo_sdk.types.usage import Usage

REF = ModelRef.parse("kilocode/anthropic/claude-sonnet-4")
WIRE: dict[str, Any] = {
    "id": "gen-1",
    "provider": "Anthropic",
    "model": "anthropic/claude-sonnet-4",
    "object": "chat.completion",
    "created": 1767693133,
    "choices": [
        {
            "index": 0,
            "message": {
                "role": "assistant",
                "content": "Hi",
                "reasoning": "Hm",
                "reasoning_details": [{"type": "reasoning.text", "text": "Hm"}],
                "tool_calls": [
                    {
                        "id": "c1",
                        "type": "function",
                        "function": {"name": "f", "arguments": "{}"},
                    }
                ],
            },
            "finish_reason": "tool_calls",
            "native_finish_reason": "tool_use",
            "logprobs": {"content": []},
        },
        {"index": 1, "message": {"content": "Ho"}, "finish_reason": "stop"},
    ],
    "usage": {"prompt_tokens": 3, "cost": 0.5},
}


def completion(**changes: Any) -> ChatCompletion:
    return ChatCompletion.from_wire({**WIRE, **changes}, model_ref=REF, request_id="req-1")


def test_a_full_answer_reads_exactly() -> None:
    whole = completion()
    message = Message(
        "assistant",
        "Hi",
        reasoning="Hm",
        reasoning_details=[{"type": "reasoning.text", "text": "Hm"}],
        tool_calls=[ToolCall("c1", "f", "{}")],
    )
    assert whole == ChatCompletion(
        id="gen-1",
        model="anthropic/claude-sonnet-4",
        provider="Anthropic",
        created=1767693133,
        choices=[
            Choice(0, message, "tool_calls", "tool_use", {"content": []}),
            Choice(1, Message("assistant", "Ho"), "stop"),
        ],
        usage=Usage(prompt_tokens=3, cost=Decimal("0.5")),
        model_ref=REF,
    )
    assert whole.request_id == "req-1"


def test_the_shortcuts_read_the_first_choice() -> None:
    whole = completion()
    assert whole.message is whole.choices[0].message
    assert (whole.text, whole.reasoning, whole.finish_reason) == ("Hi", "Hm", "tool_calls")
    assert whole.tool_calls == [ToolCall("c1", "f", "{}")]


def test_every_message_knows_who_made_it_and_sends_none_of_it() -> None:
    for choice in completion().choices:
        made_by = (choice.message.provider, choice.message.model)
        assert made_by == ("Anthropic", "anthropic/claude-sonnet-4")
        assert not {"provider", "model"} & set(choice.message.to_param())
    assert completion(provider=None, model=7).message.provider is None
    assert completion(provider=None, model=7).message.model is None


def test_an_answer_of_which_nothing_came_has_empty_shortcuts() -> None:
    nothing = ChatCompletion.from_wire({"choices": []})
    assert nothing.message == Message("assistant")
    assert (nothing.text, nothing.reasoning, nothing.tool_calls) == ("", None, [])
    assert (nothing.finish_reason, nothing.usage, nothing.id) == (None, None, None)


def test_text_joins_the_parts_of_a_list() -> None:
    parts: list[Any] = [
        {"type": "text", "text": "a"},
        {"type": "image_url"},
        {"text": 3},
        "x",
        None,
    ]
    message = Message("assistant", [*parts, {"text": "b"}])
    whole = attrs.evolve(completion(), choices=[Choice(0, message)])
    assert whole.text == "ab"


@pytest.mark.parametrize("value", [None, True, 7.5, [], [1], {}])
def test_fields_of_another_type_read_as_none(value: Any) -> None:
    choice = {"index": 0, "message": {}, "finish_reason": value, "native_finish_reason": value}
    whole = completion(
        id=value, model=value, provider=value, created=value, usage=value, choices=[choice]
    )
    assert (whole.id, whole.model, whole.provider, whole.created) == (None, None, None, None)
    assert whole.usage is None
    assert (whole.finish_reason, whole.choices[0].native_finish_reason) == (None, None)


def test_logprobs_are_an_object_or_none() -> None:
    choice: dict[str, Any] = {"index": 0, "message": {}, "logprobs": [1]}
    assert Choice.from_wire(choice).logprobs is None


def test_equality_leaves_raw_and_the_request_id_aside() -> None:
    other = ChatCompletion.from_wire({**WIRE, "new": 1}, model_ref=REF, request_id="req-2")
    assert other == completion()


@pytest.mark.parametrize(
    "change", [{"id": "gen-2"}, {"model": None}, {"created": 1}, {"usage": None}, {"choices": []}]
)
def test_answers_that_differ_in_a_field_are_not_equal(change: dict[str, Any]) -> None:
    assert completion(**change) != completion()


def test_answers_of_different_models_asked_are_not_equal() -> None:
    assert ChatCompletion.from_wire(WIRE) != completion()


def test_a_repr_does_not_show_the_words_of_a_message() -> None:
    shown = repr(completion())
    assert "<Message assistant: 2 characters, 1 tool calls>" in shown
    assert "'Hi'" not in shown
    assert "'Hm'" not in shown


def test_it_pickles_and_copies() -> None:
    whole = completion()
    for twin in (pickle.loads(pickle.dumps(whole)), copy.copy(whole), copy.deepcopy(whole)):
        assert twin == whole
        assert twin.raw == WIRE
        assert twin.request_id == "req-1"
        assert twin.model_ref == REF


@pytest.mark.parametrize(
    "cls",
    [
        cls
        for cls in map(errors.__dict__.__getitem__, errors.__all__)
        if isinstance(cls, type) and issubclass(cls, APIError)
    ],
)
def test_every_error_pickles_and_copies_with_its_partial(cls: type[APIError]) -> None:
    whole = completion()
    error = cls("cut", request_id="req-1", body={"a": 1}, model="a/b", partial=whole)
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(twin) is cls
        assert str(twin) == "cut"
        assert twin.__dict__ == error.__dict__
        assert twin.partial is not None
        assert twin.partial.raw == WIRE
