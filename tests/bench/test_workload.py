from __future__ import annotations

from typing import Any

import pytest

from kilo_sdk import ConfigurationError
from kilo_sdk.bench.datasets import DatasetEntry
from kilo_sdk.bench.lengths import Lengths
from kilo_sdk.bench.workload import Workload, synthetic_tools


def test_a_conversation_is_that_of_its_number_and_seed() -> None:
    workload = Workload(seed=3)
    assert workload.conversation(5) == Workload(seed=3).conversation(5)
    assert workload.conversation(5) != workload.conversation(6)
    assert workload.conversation(5) != Workload(seed=4).conversation(5)


def test_prompts_have_the_length_and_ask_for_that_of_the_answer() -> None:
    workload = Workload(input_tokens=Lengths("fixed", 30), output_tokens=Lengths("fixed", 12))
    conversation = workload.conversation(0)
    ((message,),) = conversation.turns
    assert len(message["content"].split()) == 30
    assert message["content"].endswith(" Answer with exactly 12 tokens.")
    assert conversation.output_tokens == (12,)
    assert conversation.tools is None


def test_lengths_of_a_trace_count_instead_of_drawn_ones() -> None:
    conversation = Workload().conversation(0, input_tokens=50, output_tokens=7)
    assert len(conversation.turns[0][0]["content"].split()) == 50
    assert conversation.output_tokens == (7,)


def test_answers_may_be_of_any_length() -> None:
    conversation = Workload(output_tokens=None, turns=2).conversation(0)
    assert conversation.output_tokens == (None, None)
    assert "exactly" not in conversation.turns[0][0]["content"]


def test_a_prefix_is_shared_by_the_share_asked_for() -> None:
    workload = Workload(prefix_tokens=20, prefix_ratio=0.5, prefixes=2)
    prefixes = [workload.conversation(n).turns[0][0]["content"] for n in range(400)]
    assert all(len(prefix.split()) == 20 for prefix in prefixes)
    shared = [prefix for prefix in prefixes if prefixes.count(prefix) > 1]
    assert len(set(shared)) == 2
    assert 160 <= len(shared) <= 240


def test_a_data_set_is_gone_through_in_turn() -> None:
    entries = [
        DatasetEntry((({"role": "user", "content": "a"},), ({"role": "user", "content": "b"},)), 3),
        DatasetEntry((({"role": "user", "content": "c"},),)),
    ]
    workload = Workload(dataset=entries, output_tokens=None)
    assert workload.conversation(2).turns == entries[0].turns
    assert workload.conversation(2).output_tokens == (3, 3)
    assert workload.conversation(3).output_tokens == (None,)


@pytest.mark.parametrize("count", [-1, 1001, 10**11])
def test_made_up_tools_are_not_more_than_anyone_takes(count: int) -> None:
    with pytest.raises(ConfigurationError, match=f"made-up tools are 0 to 1000, not {count}"):
        synthetic_tools(count)


def test_tools_go_with_every_request() -> None:
    tools = synthetic_tools(2)
    assert [tool["function"]["name"] for tool in tools] == ["look_up_1", "look_up_2"]
    assert Workload(tools=tools).conversation(0).tools == tuple(tools)


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ({"turns": 0}, "turns is a whole number from 1 to 1000, not 0"),
        ({"turns": 10**11}, "turns is a whole number from 1 to 1000, not 100000000000"),
        ({"prefixes": 0}, "prefixes is a whole number from 1 to 2147483648, not 0"),
        ({"prefix_tokens": -1}, "prefix_tokens is a whole number from 0 to 10000000, not -1"),
        ({"prefix_tokens": True}, "prefix_tokens is a whole number from 0 to 10000000, not True"),
        ({"prefix_ratio": 1.5}, "prefix_ratio is a share from 0 to 1"),
    ],
)
def test_numbers_out_of_range_are_refused(option: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        Workload(**option)
