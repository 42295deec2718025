"""What is built at once is what the accumulator would have built."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kilo_sdk.accumulate import CompletionAccumulator
from kilo_sdk.middleware.chain import ResponseChain
from kilo_sdk.middleware.delta_repairs import DeltaRepairs
from kilo_sdk.middleware.reasoning_normalisation import ReasoningNormalisation
from kilo_sdk.middleware.thought_signatures import ThoughtSignatureSanitation
from kilo_sdk.plain_answers import built_at_once


def answer(choice: dict[str, Any] | None = None, **message: Any) -> dict[str, Any]:
    return {
        "id": "gen-1",
        "provider": "Mistral",
        "model": "mistralai/devstral-2512",
        "object": "chat.completion",
        "created": 1767693133,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Hi", "refusal": None, **message},
                "finish_reason": "stop",
                "native_finish_reason": "end_turn",
                "logprobs": None,
                **(choice or {}),
            }
        ],
        "usage": {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9},
    }


def accumulated(completion: dict[str, Any]) -> dict[str, Any]:
    accumulator = CompletionAccumulator()
    accumulator.add_whole(completion)
    return accumulator.build()


def test_a_plain_answer_is_built_at_once() -> None:
    given_ = answer({"stop_reason": None}, reasoning=None, tool_calls=None, refusal="No.")
    built = built_at_once(given_)
    assert built == accumulated(given_)
    assert built is not None
    (choice,) = built["choices"]
    assert choice["message"] == {"role": "assistant", "content": "Hi", "refusal": "No."}
    assert "stop_reason" not in choice


def test_the_answer_it_was_made_of_stays_as_it_was() -> None:
    given_, twin = answer(), answer()
    built = built_at_once(given_)
    assert built is not None
    built["choices"][0]["message"]["content"] = "changed"
    built["provider"] = "changed"
    assert given_ == twin


@pytest.mark.parametrize(
    "completion",
    [
        pytest.param(answer(tool_calls=[{"index": 0}]), id="tool calls"),
        pytest.param(answer(reasoning_details=[{"type": "reasoning.text"}]), id="details"),
        pytest.param(answer(annotations=[]), id="annotations"),
        pytest.param(answer(reasoning="Hm."), id="reasoning"),
        pytest.param(answer({"index": True}), id="an index that is no number"),
        pytest.param(answer({"message": None}), id="no message"),
        pytest.param(answer({"usage": {}}), id="usage in the choice"),
        pytest.param({**answer(), "choices": answer()["choices"][0]}, id="no list of choices"),
        pytest.param({**answer(), "choices": [None]}, id="a choice that is no object"),
        pytest.param(answer(content=["parts"]), id="content of another kind"),
        pytest.param(answer({"logprobs": {"content": []}}), id="logprobs"),
        pytest.param(answer({"finish_reason": "error"}), id="an error as reason"),
        pytest.param(answer({"error": {"code": 502}}), id="an error"),
        pytest.param(answer({"finish_reason": None}), id="no reason"),
        pytest.param(answer({"delta": {"content": "Hi"}}), id="a delta"),
        pytest.param({**answer(), "usage": None}, id="no usage"),
        pytest.param({**answer(), "choices": answer()["choices"] * 2}, id="two choices"),
    ],
)
def test_what_is_not_plain_is_left_to_the_accumulator(completion: dict[str, Any]) -> None:
    assert built_at_once(completion) is None


VALUES = st.one_of(
    st.none(), st.text(max_size=3), st.integers(0, 2), st.just([]), st.just({}), st.just({"a": 1})
)
NAMES = (
    "role content reasoning reasoning_content refusal tool_calls error reasoning_details "
    "annotations new logprobs finish_reason delta usage index message choices"
)
FIELDS = st.sampled_from(NAMES.split())
OBJECTS = st.dictionaries(FIELDS, VALUES, max_size=4)


@given(OBJECTS, OBJECTS, OBJECTS)
def test_whatever_comes_it_is_what_the_accumulator_builds_or_nothing(
    top: dict[str, Any], choice: dict[str, Any], message: dict[str, Any]
) -> None:
    completion = {**answer(choice, **message), **top}
    built = built_at_once(copy.deepcopy(completion))
    chain = ResponseChain([DeltaRepairs(), ReasoningNormalisation(), ThoughtSignatureSanitation()])
    assert chain.passes_plain_answers
    for step in chain.completion_steps():
        step(completion)
    assert built is None or built == accumulated(completion)
