"""The cost of calls that nobody counts: nothing is kept, and what is needed is there."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from kilo_sdk.cost.call import CallCost
from kilo_sdk.cost.prices import NO_PRICES
from kilo_sdk.cost.totals import CallRecord
from kilo_sdk.cost.uncounted import Uncounted
from kilo_sdk.errors import InternalServerError
from kilo_sdk.refs import ModelRef
from kilo_sdk.types.completion import ChatCompletion

REF = ModelRef("openai/gpt")
PAYLOAD: dict[str, Any] = {"messages": [{"content": "x" * 20}]}
ERROR = InternalServerError("no")


def unasked() -> ChatCompletion:
    pytest.fail("nobody counts this answer: it is not to be made")


def state(cost: CallCost) -> dict[str, object]:
    return {name: getattr(cost, name) for name in CallCost.__slots__}


def test_one_object_serves_many_calls_and_keeps_nothing_of_them() -> None:
    cost = Uncounted(NO_PRICES)
    before = state(cost)
    for _ in range(2):
        cost.admit(REF, PAYLOAD)
        cost.begin()
        assert cost.watch([]) is None
        cost.settle(unasked)
        cost.fail(ERROR, is_stream=True)
        cost.settle_cut(ChatCompletion.from_wire({"choices": []}))
        cost.settle()
    assert state(cost) == before
    assert not cost.is_limited
    assert cost.so_far == 0
    assert cost.beside() is cost
    assert cost.prices is NO_PRICES


def test_everything_that_keeps_something_of_a_call_is_left_out() -> None:
    told = {"prices", "so_far", "is_limited"}
    public = {
        name
        for name, value in inspect.getmembers(CallCost)
        if not name.startswith("_") and inspect.isfunction(value)
    }
    assert public - told == {name for name in vars(Uncounted) if not name.startswith("_")}


def test_whoever_wants_to_be_told_gets_a_cost_of_one_call() -> None:
    records: list[CallRecord] = []
    shared = Uncounted(NO_PRICES)
    cost = shared.telling(records.append)
    assert cost is not shared
    cost.admit(REF, PAYLOAD)
    cost.begin()
    cost.settle()
    assert [(one.model, one.prompt_tokens, one.cost) for one in records] == [(REF.id, 5, None)]
    shared.admit(REF, PAYLOAD)
    shared.begin()
    shared.settle()
    assert len(records) == 1
