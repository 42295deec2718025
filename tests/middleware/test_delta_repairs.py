"""Whatever shape a chunk or a completion has, it leaves the repairs in one."""

from __future__ import annotations

import copy
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kilo_sdk.errors import ProtocolError
from kilo_sdk.middleware.delta_repairs import DeltaRepairs


def repaired(*chunks: Any) -> list[Any]:
    """The chunks of one answer after the repairs."""
    repairs = DeltaRepairs().for_call()
    chunks = copy.deepcopy(chunks)
    for chunk in chunks:
        repairs.on_chunk(chunk)
    return list(chunks)


def repaired_completion(completion: Any) -> Any:
    completion = copy.deepcopy(completion)
    DeltaRepairs().for_call().on_completion(completion)
    return completion


def one_choice(**choice: Any) -> dict[str, Any]:
    return {"choices": [choice]}


GOOD: dict[str, Any] = {
    "id": "gen-1",
    "choices": [
        {
            "index": 0,
            "delta": {"role": "assistant", "content": "Hi", "tool_calls": None, "new": 1},
            "finish_reason": None,
            "logprobs": None,
        }
    ],
    "usage": None,
}


def test_a_chunk_in_good_order_is_left_as_it_is() -> None:
    assert repaired(GOOD) == [GOOD]


CHUNKS: dict[str, tuple[Any, Any]] = {
    "choices missing": ({"usage": {"a": 1}}, {"usage": {"a": 1}, "choices": []}),
    "choices null": ({"choices": None}, {"choices": []}),
    "choices a word": ({"choices": "x"}, {"choices": []}),
    "choices an object": (
        {"choices": {"index": 0, "delta": {"content": "a"}}},
        one_choice(index=0, delta={"content": "a"}),
    ),
    "entries that are no objects": (
        {"choices": [None, {"index": 1, "delta": {}}, "x"]},
        one_choice(index=1, delta={}),
    ),
    "nothing but entries that are no objects": ({"choices": [None, 3]}, {"choices": []}),
    "index missing": (
        {"choices": [{"delta": {}}, {"delta": {}}]},
        {"choices": [{"delta": {}, "index": 0}, {"delta": {}, "index": 1}]},
    ),
    "index of another type": (
        {"choices": [{"index": "7", "delta": {}}, {"index": True, "delta": {}}]},
        {"choices": [{"index": 0, "delta": {}}, {"index": 1, "delta": {}}]},
    ),
    "delta missing": (one_choice(index=0), one_choice(index=0, delta={})),
    "delta null": (one_choice(index=0, delta=None), one_choice(index=0, delta={})),
    "delta a word": (one_choice(index=0, delta="x"), one_choice(index=0, delta={})),
    "a message instead of a delta": (
        one_choice(index=0, message={"content": "a"}),
        one_choice(index=0, message={"content": "a"}, delta={"content": "a"}),
    ),
    "content null": (
        one_choice(index=0, delta={"content": None}),
        one_choice(index=0, delta={"content": None}),
    ),
    "content a list of parts": (
        one_choice(index=0, delta={"content": [{"text": "a"}, {"text": None}, "x", {"text": "b"}]}),
        one_choice(index=0, delta={"content": "ab"}),
    ),
    "content a list without text": (
        one_choice(index=0, delta={"content": [{"type": "image_url"}]}),
        one_choice(index=0, delta={"content": None}),
    ),
    "content of another type": (
        one_choice(index=0, delta={"content": {"text": "a"}}),
        one_choice(index=0, delta={"content": None}),
    ),
    "finish_reason empty": (
        one_choice(index=0, delta={}, finish_reason=""),
        one_choice(index=0, delta={}, finish_reason=None),
    ),
    "usage in the choice": (
        one_choice(index=0, delta={}, usage={"a": 1}),
        {"choices": [{"index": 0, "delta": {}}], "usage": {"a": 1}},
    ),
    "usage in the choice and at the top": (
        {**one_choice(index=0, delta={}, usage={"a": 1}), "usage": {"b": 2}},
        {**one_choice(index=0, delta={}), "usage": {"b": 2}},
    ),
    "usage null in the choice": (
        one_choice(index=0, delta={}, usage=None),
        one_choice(index=0, delta={}),
    ),
    "tool_calls an object": (
        one_choice(index=0, delta={"tool_calls": {"id": "c1", "function": {"name": "f"}}}),
        one_choice(
            index=0, delta={"tool_calls": [{"id": "c1", "function": {"name": "f"}, "index": 0}]}
        ),
    ),
    "tool_calls of another type": (
        one_choice(index=0, delta={"tool_calls": "x"}),
        one_choice(index=0, delta={}),
    ),
    "tool_calls empty": (
        one_choice(index=0, delta={"tool_calls": []}),
        one_choice(index=0, delta={}),
    ),
    "tool_calls with entries that are no objects": (
        one_choice(index=0, delta={"tool_calls": [None, {"index": 4}]}),
        one_choice(index=0, delta={"tool_calls": [{"index": 4, "function": {}}]}),
    ),
    "arguments an object": (
        one_choice(index=0, delta={"tool_calls": [{"function": {"arguments": {"a": 1}}}]}),
        one_choice(
            index=0, delta={"tool_calls": [{"function": {"arguments": '{"a":1}'}, "index": 0}]}
        ),
    ),
    "arguments null": (
        one_choice(index=0, delta={"tool_calls": [{"index": 0, "function": {"arguments": None}}]}),
        one_choice(index=0, delta={"tool_calls": [{"index": 0, "function": {"arguments": None}}]}),
    ),
    "function null": (
        one_choice(index=0, delta={"tool_calls": [{"index": 0, "function": None}]}),
        one_choice(index=0, delta={"tool_calls": [{"index": 0, "function": {}}]}),
    ),
}


@pytest.mark.parametrize("case", CHUNKS)
def test_a_chunk_of_an_odd_shape_is_brought_into_one(case: str) -> None:
    odd, good = CHUNKS[case]
    assert repaired(odd) == [good]


@pytest.mark.parametrize("case", CHUNKS)
def test_repairing_a_repaired_chunk_changes_nothing(case: str) -> None:
    odd, good = CHUNKS[case]
    [once] = repaired(odd)
    assert repaired(once) == [good]


def test_a_dict_of_a_class_of_its_own_is_a_dict() -> None:
    class Wire(dict[str, Any]):
        pass

    chunk = {"choices": [Wire(index=0, delta=Wire(content="a"))]}
    assert repaired(chunk) == [chunk]


def indexes(*deltas: Any) -> list[list[int]]:
    chunks = [one_choice(index=0, delta={"tool_calls": delta}) for delta in deltas]
    return [
        [call["index"] for call in chunk["choices"][0]["delta"]["tool_calls"]]
        for chunk in repaired(*chunks)
    ]


def test_pieces_without_index_continue_the_call_of_this_answer() -> None:
    begin = {"id": "c1", "function": {"name": "f", "arguments": "{"}}
    go_on = {"function": {"arguments": "}"}}
    again = {"id": "c2", "function": {"name": "f", "arguments": "{}"}}
    assert indexes([begin], [go_on], [again]) == [[0], [0], [1]]
    assert indexes([again], [begin, go_on]) == [[0], [1, 1]]


def test_each_choice_numbers_its_own_calls() -> None:
    call = {"id": "c1", "function": {"name": "f", "arguments": "{}"}}
    other = {"id": "c2", "function": {"name": "f", "arguments": "{}"}}
    chunks = repaired(
        {"choices": [{"index": i, "delta": {"tool_calls": [call]}} for i in (0, 1)]},
        one_choice(index=1, delta={"tool_calls": [other]}),
    )
    numbers = [
        [choice["delta"]["tool_calls"][0]["index"] for choice in chunk["choices"]]
        for chunk in chunks
    ]
    assert numbers == [[0, 0], [1]]


def test_each_answer_begins_anew() -> None:
    repairs = DeltaRepairs()
    for _ in range(2):
        chunk = one_choice(delta={"tool_calls": [{"id": "c1", "function": {"name": "f"}}]})
        repairs.for_call().on_chunk(chunk)
        assert chunk["choices"][0]["delta"]["tool_calls"][0]["index"] == 0


def test_arguments_nested_too_deep_to_write_are_a_protocol_error() -> None:
    nested = orjson.loads(b'{"a":' * 400 + b"1" + b"}" * 400)
    with pytest.raises(ProtocolError, match="arguments"):
        repaired(one_choice(delta={"tool_calls": [{"function": {"arguments": nested}}]}))


COMPLETIONS: dict[str, tuple[Any, Any]] = {
    "choices missing": ({"id": "x"}, {"id": "x", "choices": []}),
    "choices an object": (
        {"choices": {"message": {"content": "a"}}},
        one_choice(message={"content": "a"}, index=0),
    ),
    "entries that are no objects": (
        {"choices": [None, {"index": 1, "message": {}}, "x"]},
        one_choice(index=1, message={}),
    ),
    "index missing": (
        {"choices": [{"message": {}}, {"message": {}}]},
        {"choices": [{"message": {}, "index": 0}, {"message": {}, "index": 1}]},
    ),
    "message missing": (one_choice(index=0), one_choice(index=0, message={})),
    "a delta instead of a message": (
        one_choice(index=0, delta={"content": "a"}),
        one_choice(index=0, delta={"content": "a"}, message={"content": "a"}),
    ),
    "content a list of parts": (
        one_choice(index=0, message={"content": [{"text": "a"}, {"text": "b"}]}),
        one_choice(index=0, message={"content": "ab"}),
    ),
    "usage in the choice": (
        one_choice(index=0, message={}, usage={"a": 1}),
        {**one_choice(index=0, message={}), "usage": {"a": 1}},
    ),
    "finish_reason empty": (
        one_choice(index=0, message={}, finish_reason=""),
        one_choice(index=0, message={}, finish_reason=None),
    ),
    "calls that all say index 0": (
        one_choice(
            index=0,
            message={"tool_calls": [{"index": 0, "id": "c", "function": {}} for _ in range(2)]},
        ),
        one_choice(
            index=0,
            message={"tool_calls": [{"index": i, "id": "c", "function": {}} for i in (0, 1)]},
        ),
    ),
    "arguments an object, a call without function": (
        one_choice(index=0, message={"tool_calls": [{"function": {"arguments": {}}}, {}, None]}),
        one_choice(
            index=0,
            message={
                "tool_calls": [
                    {"function": {"arguments": "{}"}, "index": 0},
                    {"function": {}, "index": 1},
                ]
            },
        ),
    ),
    "tool_calls of another type": (
        one_choice(index=0, message={"tool_calls": "x"}),
        one_choice(index=0, message={"tool_calls": []}),
    ),
}


@pytest.mark.parametrize("case", COMPLETIONS)
def test_a_completion_of_an_odd_shape_is_brought_into_one(case: str) -> None:
    odd, good = COMPLETIONS[case]
    assert repaired_completion(odd) == good
    assert repaired_completion(good) == good


FIELDS = [
    "choices",
    "index",
    "delta",
    "message",
    "content",
    "tool_calls",
    "function",
    "name",
    "arguments",
    "id",
    "type",
    "text",
    "finish_reason",
    "usage",
    "role",
]
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-1, 2)
    | st.floats(allow_nan=False)
    | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=2), inner, max_size=4)
    ),
    max_leaves=12,
)
calls = st.fixed_dictionaries(
    {},
    optional={
        "index": st.integers(0, 2) | json_values,
        "id": st.sampled_from(["", "c1", "c2"]) | json_values,
        "function": json_values
        | st.fixed_dictionaries(
            {},
            optional={
                "name": st.sampled_from(["f", "g"]) | json_values,
                "arguments": st.sampled_from(["{", "}", "{}"]) | json_values,
            },
        ),
    },
)
owners = json_values | st.fixed_dictionaries(
    {},
    optional={"content": json_values, "tool_calls": st.lists(calls, max_size=3) | json_values},
)
choices = st.fixed_dictionaries(
    {},
    optional={
        "index": st.integers(0, 1) | json_values,
        "delta": owners,
        "message": owners,
        "finish_reason": json_values,
        "usage": json_values,
    },
)
answers = st.fixed_dictionaries(
    {},
    optional={
        "choices": choices | st.lists(choices | json_values, max_size=3) | json_values,
        "usage": json_values,
    },
)


def assert_in_shape(answer: Any, part: str) -> None:
    assert type(answer["choices"]) is list
    for choice in answer["choices"]:
        assert type(choice["index"]) is int
        assert choice.get("finish_reason") != ""
        assert "usage" not in choice
        owner = choice[part]
        assert type(owner) is dict
        assert owner.get("content") is None or type(owner["content"]) is str
        for call in owner.get("tool_calls") or ():
            assert type(call["index"]) is int
            assert type(call["function"]) is dict
            assert isinstance(call["function"].get("arguments") or "", str)


@given(st.lists(answers, max_size=4))
def test_chunks_of_any_shape_leave_in_one(chunks: list[Any]) -> None:
    for chunk in repaired(*chunks):
        assert_in_shape(chunk, "delta")


@given(answers)
def test_completions_of_any_shape_leave_in_one(completion: Any) -> None:
    once = repaired_completion(completion)
    assert_in_shape(once, "message")
    assert repaired_completion(once) == once
