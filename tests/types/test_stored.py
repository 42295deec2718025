"""Messages and completions survive being stored, whoever made them and whatever they hold."""

from __future__ import annotations

import copy
import pickle
from decimal import Decimal
from typing import Any

import attrs
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kilo_sdk.errors import SerializationError
from kilo_sdk.refs import ModelRef
from kilo_sdk.types.completion import ChatCompletion, Choice
from kilo_sdk.types.message import Message
from kilo_sdk.types.stored import (
    completion_from_json,
    completion_to_json,
    history_from_json,
    history_to_json,
    message_from_json,
    message_to_json,
)
from kilo_sdk.types.stored_text import data_of, text_of
from kilo_sdk.types.tool_call import ToolCall
from kilo_sdk.types.usage import Usage

# As the gateway might send it: odd characters, an order of keys, numbers in every spelling.
ANSWER = rb"""{"id":"gen-1","provider":"Google","model":"google/gemini-3-pro-preview",
"created":1767693133,"object":"chat.completion","choices":[{"index":0,
"finish_reason":"tool_calls","native_finish_reason":"STOP","logprobs":{"content":[]},
"message":{"role":"assistant","content":"\u2028 \ud83d\ude00 \u0000","refusal":null,
"reasoning":"hm","reasoning_details":[
{"type":"reasoning.text","text":"hm","index":0,"signature":"c2ln","score":1.0,"format":null},
{"data":"ZGF0YQ==","type":"reasoning.encrypted","id":"call_1","n":18446744073709551615,"e":1e-7}],
"tool_calls":[{"id":"call_1","type":"function","extra_content":{"google":{"thought_signature":"QUJD"}},
"function":{"name":"f","arguments":"{ \"a\": 1.0 }"}}],
"annotations":[{"type":"file","file":{"hash":"x"}}],"images":[{"url":"data:"}]}}],
"usage":{"prompt_tokens":3,"cost":0.1,"cost_details":{"upstream":0.10000000000000001}}}"""


def answer() -> ChatCompletion:
    return ChatCompletion.from_wire(
        orjson.loads(ANSWER),
        model_ref=ModelRef.parse("google/gemini-3-pro-preview"),
        request_id="req-1",
    )


def everything(value: Any) -> Any:
    """Every attribute of an object, those too that are no part of equality."""
    if attrs.has(type(value)):
        return {
            field.name: everything(getattr(value, field.name))
            for field in attrs.fields(type(value))
        }
    if isinstance(value, list):
        return [everything(one) for one in value]
    # A repr tells 1 from 1.0 and one order of keys from another.
    return (type(value).__name__, repr(value))


def test_an_answer_comes_back_whole() -> None:
    whole = answer()
    twin = completion_from_json(completion_to_json(whole))
    assert everything(twin) == everything(whole)
    assert (twin, twin.message.provider, twin.request_id) == (whole, "Google", "req-1")
    assert orjson.dumps(twin.message.to_param()) == orjson.dumps(whole.message.to_param())
    assert twin.choices[0].raw is twin.raw["choices"][0]


def test_an_answer_is_stored_once() -> None:
    text = completion_to_json(answer())
    assert data_of("completion", text) == {
        "raw": orjson.loads(ANSWER),
        "model_ref": "google/gemini-3-pro-preview",
        "request_id": "req-1",
    }


def test_the_message_of_an_answer_is_stored_with_who_made_it() -> None:
    message = answer().message
    assert data_of("message", message_to_json(message)) == {
        "raw": message.raw,
        "provider": "Google",
        "model": "google/gemini-3-pro-preview",
    }
    assert everything(message_from_json(message_to_json(message))) == everything(message)


def test_an_answer_of_another_process_is_stored_once_too() -> None:
    twin = pickle.loads(pickle.dumps(answer()))
    assert completion_to_json(twin) == completion_to_json(answer())


@pytest.mark.parametrize(
    "changes",
    [
        {"usage": None},
        {"usage": Usage(cost=Decimal("0.1000"), is_byok=True)},
        {"usage": Usage(prompt_tokens=2**70, cost=Decimal("1E-30"), cost_is_estimated=True)},
        {"choices": []},
        {"model_ref": None, "request_id": None},
        {"provider": None, "model": "x", "created": None},
        {"raw": {}},
        {"raw": {"choices": [{"index": 0}]}},
        {"raw": {"choices": "x"}},
        {"choices": [Choice(0, Message("assistant", "Hi", provider="x"), logprobs={"a": [0.5]})]},
    ],
)
def test_a_changed_answer_comes_back_as_it_was_changed(changes: dict[str, Any]) -> None:
    changed = attrs.evolve(answer(), **changes)
    assert everything(completion_from_json(completion_to_json(changed))) == everything(changed)


def test_an_estimated_cost_is_stored_beside_what_was_reported() -> None:
    whole = answer()
    assert whole.usage is not None
    estimated = attrs.evolve(whole.usage, cost=Decimal("0.0010"), cost_is_estimated=True)
    twin = completion_from_json(completion_to_json(attrs.evolve(whole, usage=estimated)))
    assert everything(twin.usage) == everything(estimated)


def test_a_list_changed_after_reading_is_stored_as_it_is() -> None:
    message = answer().message
    message.tool_calls.append(ToolCall("call_2", "g", "{}"))
    assert message.reasoning_details is not None
    del message.reasoning_details[0]
    twin = message_from_json(message_to_json(message))
    assert everything(twin) == everything(message)


def test_a_zero_with_a_sign_is_another_zero() -> None:
    message = Message("user", [{"a": -0.0}], raw={"role": "user", "content": [{"a": 0.0}]})
    twin = message_from_json(message_to_json(message))
    assert repr(twin.content) == "[{'a': -0.0}]"


def test_what_a_caller_wrote_comes_back() -> None:
    wire = {"role": "assistant", "tool_calls": [], "prefix": True, "x": {"b": 1, "a": 10**30}}
    twin = message_from_json(message_to_json(Message.from_param(wire)))
    assert everything(twin) == everything(Message.from_param(wire))
    assert "content" not in twin.to_param()
    assert repr(twin.to_param()) == repr(Message.from_param(wire).to_param())


# Whatever there is

texts = st.text(max_size=6)
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(texts, inner, max_size=2),
    max_leaves=5,
)
objects = st.dictionaries(texts, json_values, max_size=3)
calls = st.builds(ToolCall, id=texts, name=texts, arguments=texts, raw=objects)
message_wire = st.dictionaries(
    st.sampled_from(
        ["role", "content", "reasoning", "reasoning_details", "tool_calls", "refusal", "name"]
    )
    | texts,
    json_values | st.lists(objects, max_size=2),
    max_size=5,
)
read_messages = st.builds(Message.from_param, message_wire) | st.builds(
    Message.from_answer, message_wire, provider=st.none() | texts, model=st.none() | texts
)
written_messages = st.builds(
    Message,
    role=texts,
    content=st.none() | texts | st.lists(objects, max_size=2),
    reasoning=st.none() | texts,
    reasoning_details=st.none() | st.lists(objects, max_size=2),
    tool_calls=st.lists(calls, max_size=2),
    refusal=st.none() | texts,
    annotations=st.none() | st.lists(objects, max_size=2),
    tool_call_id=st.none() | texts,
    name=st.none() | texts,
    extra=message_wire,
    provider=st.none() | texts,
    model=st.none() | texts,
    raw=message_wire,
)
messages = read_messages | written_messages
usages = st.builds(
    Usage,
    prompt_tokens=st.none() | st.integers(),
    cost=st.none() | st.decimals(allow_nan=False, allow_infinity=False),
    is_byok=st.none() | st.booleans(),
    raw=objects | st.fixed_dictionaries({"cost": json_values, "prompt_tokens": json_values}),
)
choices = st.builds(
    Choice,
    index=st.integers(),
    message=messages,
    finish_reason=st.none() | texts,
    native_finish_reason=st.none() | texts,
    logprobs=st.none() | objects,
    raw=objects,
)
choice_wire = st.fixed_dictionaries({"index": st.integers(0, 3), "message": message_wire})
read_completions = st.builds(
    ChatCompletion.from_wire,
    st.fixed_dictionaries(
        {"choices": st.lists(choice_wire, max_size=2)},
        optional={
            "id": texts,
            "model": texts,
            "provider": texts,
            "usage": objects,
            "x": json_values,
        },
    ),
    model_ref=st.none() | st.builds(ModelRef, texts),
    request_id=st.none() | texts,
)
written_completions = st.builds(
    ChatCompletion,
    id=st.none() | texts,
    model=st.none() | texts,
    provider=st.none() | texts,
    created=st.none() | st.integers(),
    choices=st.lists(choices, max_size=2),
    usage=st.none() | usages,
    model_ref=st.none() | st.builds(ModelRef, texts),
    request_id=st.none() | texts,
    raw=objects | st.fixed_dictionaries({"choices": st.lists(choice_wire | objects, max_size=2)}),
)


@given(messages)
def test_any_message_comes_back(message: Message) -> None:
    before = copy.deepcopy(everything(message))
    twin = message_from_json(message_to_json(message))
    assert everything(twin) == everything(message) == before
    assert twin == message
    assert repr(twin.to_param()) == repr(message.to_param())


@given(read_completions | written_completions)
def test_any_completion_comes_back(completion: ChatCompletion) -> None:
    twin = completion_from_json(completion_to_json(completion))
    assert everything(twin) == everything(completion)
    assert twin == completion


@given(st.lists(messages, max_size=4))
def test_any_history_comes_back(history: list[Message]) -> None:
    assert everything(history_from_json(history_to_json(history))) == everything(history)


# What was changed or damaged


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ([], "message is of type list, not an object"),
        ({"raw": []}, "message.raw is of type list, not an object"),
        ({"role": None}, "message.role is null, not text"),
        ({"content": 3}, "message.content is of type int, not text, a list or null"),
        ({"reasoning_details": [1]}, "message.reasoning_details is of type list, not a list of ob"),
        ({"tool_calls": {}}, "message.tool_calls is of type dict, not a list"),
        ({"tool_calls": [[]]}, r"message.tool_calls[0] is of type list, not an object"),
        ({"tool_calls": [{"id": 3}]}, r"message.tool_calls[0].id is of type int, not text"),
        ({"without_content": 1}, "message.without_content is of type int, not true or false"),
        ({"colour": "red"}, "message has a field 'colour'"),
    ],
)
def test_a_changed_message_is_refused_with_its_place(data: Any, words: str) -> None:
    with pytest.raises(SerializationError) as caught:
        message_from_json(text_of("message", data))
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({}, "completion.id is missing: what was stored is damaged"),
        ({"raw": {"choices": [{"message": {}}]}}, "completion.id is missing"),
        ({"raw": {"choices": []}, "choices": [{}]}, "completion.choices[0].index is missing"),
        (
            {"raw": {"choices": []}, "choices": [{"index": True}]},
            "completion.choices[0].index is of type bool, not a whole number",
        ),
        (
            {"raw": {"choices": []}, "usage": {"cost": 0.1}},
            "completion.usage.cost is of type float",
        ),
        ({"raw": {"choices": []}, "usage": {"cost": "x"}}, "completion.usage.cost is of type str"),
        (
            {"raw": {"choices": []}, "usage": {"cost": "NaN"}},
            "completion.usage.cost is of type str",
        ),
        ({"raw": {"choices": []}, "usage": 3}, "completion.usage is of type int, not an object"),
        ({"raw": {"choices": []}, "model_ref": {}}, "completion.model_ref is of type dict"),
    ],
)
def test_a_changed_completion_is_refused_with_its_place(data: Any, words: str) -> None:
    with pytest.raises(SerializationError) as caught:
        completion_from_json(text_of("completion", data))
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({}, "messages is of type dict, not a list"),
        ([{}, 3], "messages[1] is of type int, not an object"),
        ([{}, {"name": 3}], "messages[1].name is of type int, not text or null"),
    ],
)
def test_a_changed_history_is_refused_with_its_place(data: Any, words: str) -> None:
    with pytest.raises(SerializationError) as caught:
        history_from_json(text_of("history", data))
    assert words in str(caught.value)


@given(json_values | message_wire | st.fixed_dictionaries({"raw": message_wire}))
def test_any_data_is_read_or_refused(data: Any) -> None:
    for kind, read in (
        ("message", message_from_json),
        ("completion", completion_from_json),
        ("history", history_from_json),
    ):
        try:
            read(text_of(kind, [data] if kind == "history" else data))
        except SerializationError:
            continue


def test_arguments_nested_deeper_than_they_can_be_written_are_refused() -> None:
    deep: Any = 1
    for _ in range(300):
        deep = {"a": deep}
    wire = {"tool_calls": [{"id": "c", "function": {"name": "f", "arguments": deep}}]}
    with pytest.raises(SerializationError, match="role is missing"):
        message_from_json(text_of("message", {"raw": wire}))


def test_a_message_nested_too_deep_to_be_stored_says_so() -> None:
    deep: Any = []
    for _ in range(50_000):
        deep = [deep]
    with pytest.raises(SerializationError, match="nested too deep"):
        message_to_json(Message("user", deep))
