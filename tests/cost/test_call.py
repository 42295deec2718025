"""What one call costs: what is held back, when it stops, and what counts once it is over."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from kilo_sdk.catalog.catalog import ModelCatalog
from kilo_sdk.cost.call import CallCost, meters_of
from kilo_sdk.cost.meter import CostMeter
from kilo_sdk.cost.prices import NO_PRICES, PriceList
from kilo_sdk.errors import (
    APIConnectionError,
    APIError,
    BudgetExceededError,
    ConfigurationError,
    InternalServerError,
    ProtocolError,
    StreamInterruptedError,
)
from kilo_sdk.refs import ModelRef
from kilo_sdk.types.completion import ChatCompletion
from kilo_sdk.types.model_info import ModelInfo

# One dollar a token of prompt, ten a token of output.
GPT, FREE, AUTO = ModelRef("openai/gpt"), ModelRef("openai/gpt:free"), ModelRef("kilo/auto")
CATALOG = ModelCatalog(
    [
        ModelInfo.from_wire({"id": GPT.id, "pricing": {"prompt": "1", "completion": "10"}}),
        ModelInfo.from_wire({"id": FREE.id, "isFree": True}),
        ModelInfo.from_wire({"id": AUTO.id}),
        ModelInfo.from_wire({"id": "a/half", "pricing": {"prompt": "1"}}),
    ],
    source="gateway",
)
PRICES = PriceList(lambda: CATALOG)
PAYLOAD: dict[str, Any] = {"messages": [{"content": "x" * 20}]}  # five tokens


def call(*meters: CostMeter, max_cost: str | None = None, **more: Any) -> CallCost:
    limit = None if max_cost is None else Decimal(max_cost)
    return CallCost(more.pop("prices", PRICES), meters=meters, max_cost=limit, **more)


def text(tokens: int, **top: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {"content": "abcd" * tokens}}], **top}


def answer(tokens: int = 0, usage: Any = None, model: str | None = None) -> ChatCompletion:
    message = {"role": "assistant", "content": "abcd" * tokens}
    wire = {"choices": [{"index": 0, "message": message}], "usage": usage, "model": model}
    return PRICES.price(ChatCompletion.from_wire(wire), GPT)


def settled(cost: CallCost, completion: ChatCompletion | None) -> None:
    cost.begin()
    cost.settle(None if completion is None else lambda: completion)


def test_a_meter_counts_once_however_often_it_is_given() -> None:
    one, other = CostMeter(), CostMeter()
    assert meters_of(None, None) == ()
    assert meters_of(None, one) == (one,)
    assert meters_of(one, one) == (one,)
    assert meters_of(one, other) == (one, other)


@pytest.mark.parametrize("given", [5, "meter", CostMeter, object()])
def test_something_else_is_no_meter(given: Any) -> None:
    with pytest.raises(ConfigurationError, match="cost_meter is a CostMeter object, not "):
        meters_of(None, given)


def test_a_call_is_limited_by_its_own_budget_or_a_meters() -> None:
    assert not call().is_limited
    assert not call(CostMeter()).is_limited
    assert call(max_cost="0").is_limited
    assert call(CostMeter(), CostMeter(max_cost=0)).is_limited


# Before it is sent


@pytest.mark.parametrize(("max_cost", "admitted"), [("5", True), ("4.999", False), ("0", False)])
def test_the_prompt_alone_has_to_fit(max_cost: str, admitted: bool) -> None:
    if admitted:
        call(max_cost=max_cost).admit(GPT, PAYLOAD)
        return
    with pytest.raises(BudgetExceededError) as raised:
        call(max_cost=max_cost).admit(GPT, PAYLOAD)
    assert str(raised.value) == (
        f"the prompt alone, at about $5, would pass the call's max_cost of ${max_cost}; nothing "
        "was sent; model openai/gpt"
    )
    assert (raised.value.max_cost, raised.value.cost) == (Decimal(max_cost), 5)
    assert raised.value.partial is None


def test_a_free_model_fits_any_budget() -> None:
    meter = CostMeter(max_cost=1)
    meter.reserve(Decimal(1), model="a/b")
    cost = call(meter, max_cost="0")
    cost.admit(FREE, PAYLOAD)
    assert meter.reserved == 1
    assert cost.watch([text(1000)]) is None
    settled(cost, answer(1000, {"prompt_tokens": 5}))


def test_meters_hold_back_the_prompt_until_the_call_is_over() -> None:
    one, other, plain = CostMeter(max_cost=10), CostMeter(max_cost=6), CostMeter()
    cost = call(one, other, plain)
    cost.admit(GPT, PAYLOAD)
    cost.admit(GPT, PAYLOAD)  # the next try of the same request
    assert (one.reserved, other.reserved, plain.reserved) == (5, 5, 0)
    cost.admit(GPT, {"messages": []})  # another request of the same call
    assert (one.reserved, other.reserved) == (0, 0)
    cost.admit(GPT, PAYLOAD)
    cost.settle()
    assert (one.reserved, other.reserved) == (0, 0)
    assert (one.calls, other.calls) == (0, 0)


def test_a_call_that_one_meter_refuses_is_held_back_by_none() -> None:
    roomy, tight = CostMeter(max_cost=100), CostMeter(max_cost=4)
    with pytest.raises(BudgetExceededError, match=r"budget of \$4:"):
        call(roomy, tight).admit(GPT, PAYLOAD)
    assert (roomy.reserved, tight.reserved) == (0, 0)


@pytest.mark.parametrize("ref", [AUTO, ModelRef("a/half"), ModelRef("not/listed")])
def test_a_budget_refuses_a_model_whose_price_is_not_known(ref: ModelRef) -> None:
    for cost in (call(max_cost="5"), call(CostMeter(max_cost=5))):
        with pytest.raises(ConfigurationError) as raised:
            cost.admit(ref, PAYLOAD)
        assert str(raised.value) == (
            f"the price of {ref.id} is not known (the gateway's model list names none), so "
            "max_cost cannot hold; ask for a model with a price, leave max_cost out, or let such "
            "calls pass with CostMeter(on_unknown_price='allow')"
        )
    with pytest.raises(ConfigurationError, match="model list could not be had"):
        call(max_cost="5", prices=NO_PRICES).admit(GPT, PAYLOAD)


def test_a_meter_may_allow_what_has_no_price() -> None:
    allowing = CostMeter(max_cost=5, on_unknown_price="allow")
    cost = call(allowing)
    cost.admit(AUTO, PAYLOAD)
    assert cost.watch([text(1000)]) is None
    settled(cost, answer(1000, {"cost": 5}))
    assert allowing.total == 5
    with pytest.raises(BudgetExceededError, match="used up"):
        call(allowing).admit(AUTO, PAYLOAD)
    call(CostMeter(on_unknown_price="allow"), max_cost="5").admit(AUTO, PAYLOAD)
    with pytest.raises(ConfigurationError):
        call(allowing, CostMeter(max_cost=5)).admit(AUTO, PAYLOAD)
    with pytest.raises(ConfigurationError):
        call(CostMeter(), max_cost="5").admit(AUTO, PAYLOAD)


# While it streams


def test_a_stream_stops_once_it_passes_the_calls_budget() -> None:
    cost = call(max_cost="25")
    cost.admit(GPT, PAYLOAD)
    assert cost.watch([text(1), text(1)]) is None
    stop = cost.watch([text(1)])
    assert str(stop) == (
        "the stream was stopped: the answer has cost about $35, past its max_cost of $25; what "
        "came before is in partial; model openai/gpt"
    )
    assert stop is not None
    assert (stop.max_cost, stop.cost, stop.model) == (25, 35, GPT.id)


def test_a_stream_stops_once_the_meters_calls_pass_their_budget() -> None:
    meter = CostMeter(max_cost=50)
    first, second = call(meter), call(meter)
    first.admit(GPT, PAYLOAD)
    second.admit(GPT, PAYLOAD)
    assert first.watch([text(2)]) is None
    assert second.watch([text(2)]) is None  # 50 together
    stop = first.watch([text(1)])
    assert str(stop) == (
        "the stream was stopped: the cost meter's calls have cost about $60, past their budget "
        "of $50; what came before is in partial; model openai/gpt"
    )
    settled(first, answer(3))
    assert (meter.total, meter.reserved) == (35, 25)


def test_usage_in_mid_stream_corrects_the_estimate() -> None:
    cost = call(max_cost="25")
    cost.admit(GPT, PAYLOAD)
    assert cost.watch([text(2, usage={"cost": 1})]) is None
    assert cost.watch([text(2)]) is None
    stop = cost.watch([text(1)])
    assert stop is not None
    assert stop.cost == 31


def test_a_call_that_was_never_admitted_is_not_watched() -> None:
    assert call(max_cost="1").watch([text(1000)]) is None


# Once it is over


@pytest.mark.parametrize(
    ("completion", "total", "estimated", "tokens"),
    [
        (answer(9, {"cost": 0.25, "prompt_tokens": 3, "completion_tokens": 4}), "0.25", 0, (3, 4)),
        (answer(9, {"prompt_tokens": 3, "completion_tokens": 4}), 43, 43, (3, 4)),
        (answer(9), 95, 95, (5, 9)),
        (answer(0), 5, 5, (5, 0)),
        (None, 5, 5, (5, 0)),
        (answer(1, {"prompt_tokens": -3, "cost": 0}), 0, 0, (0, 0)),
    ],
)
def test_an_answer_counts_as_it_says_else_as_what_came_of_it(
    completion: ChatCompletion | None, total: Any, estimated: int, tokens: tuple[int, int]
) -> None:
    meter = CostMeter()
    cost = call(meter, task_id="t")
    cost.admit(GPT, PAYLOAD)
    settled(cost, completion)
    cost.settle(lambda: answer(500))  # again: nothing happens
    assert (meter.total, meter.estimated) == (Decimal(total), estimated)
    assert (meter.calls, meter.unknown) == (1, 0)
    assert (meter.prompt_tokens, meter.completion_tokens) == tokens
    assert meter.by_model[GPT.id] == meter.by_task["t"]


@pytest.mark.parametrize(
    "completion", [answer(9, {"prompt_tokens": 3, "is_byok": True}), answer(9, {"cost": "?"})]
)
def test_a_cost_that_nobody_knows_is_counted_as_unknown(completion: ChatCompletion) -> None:
    meter = CostMeter()
    cost = call(meter)
    cost.admit(GPT, PAYLOAD)
    settled(cost, completion)
    assert (meter.calls, meter.unknown, meter.total, meter.estimated) == (1, 1, 0, 0)


def test_without_prices_an_answer_without_usage_is_unknown() -> None:
    meter = CostMeter()
    cost = call(meter, prices=NO_PRICES)
    cost.admit(GPT, PAYLOAD)
    settled(cost, answer(9))
    assert (meter.calls, meter.unknown, meter.total) == (1, 1, 0)
    assert (meter.prompt_tokens, meter.completion_tokens) == (5, 9)


def test_the_model_that_answers_names_the_price_and_the_one_asked_the_row() -> None:
    meter = CostMeter()
    cost = call(meter)
    cost.admit(AUTO, PAYLOAD)
    settled(cost, answer(1, model=GPT.id))
    assert meter.total == 15
    assert list(meter.by_model) == [AUTO.id]


def test_an_answer_that_nobody_counts_is_not_put_together() -> None:
    cost = call()
    cost.admit(GPT, PAYLOAD)
    cost.begin()
    cost.settle(pytest.fail)


USAGE = {"prompt_tokens": 3, "completion_tokens": 4}


@pytest.mark.parametrize(
    ("error", "is_stream", "total"),
    [
        (InternalServerError("no", body={"error": {}, "usage": USAGE}), True, 43),
        (InternalServerError("no", body={"error": {}, "usage": {"cost": 2}}), False, 2),
        (APIConnectionError("cut"), False, 5),
        (APIConnectionError("cut"), True, None),
        (StreamInterruptedError("cut"), True, None),
        (InternalServerError("no", body={"error": {}}), False, None),
        (ProtocolError("HTML", body="<html>"), False, None),
    ],
)
def test_a_try_that_failed_counts_as_far_as_it_is_known_to_be_billed(
    error: APIError, is_stream: bool, total: int | None
) -> None:
    meter = CostMeter()
    cost = call(meter)
    cost.admit(GPT, PAYLOAD)
    cost.begin()
    cost.fail(error, is_stream=is_stream)
    cost.settle(lambda: answer(9))
    assert (meter.calls, meter.total) == (0 if total is None else 1, total or 0)


def test_a_try_that_no_answer_came_of_costs_nothing() -> None:
    meter = CostMeter(max_cost=10)
    cost = call(meter)
    cost.admit(GPT, PAYLOAD)
    cost.fail(InternalServerError("no", body={"usage": USAGE}), is_stream=False)
    assert meter.reserved == 5  # the next try is still to come
    cost.settle()
    assert (meter.calls, meter.total, meter.reserved) == (0, 0, 0)


def test_what_failed_tries_cost_counts_towards_the_calls_budget() -> None:
    failure = InternalServerError("no", body={"usage": {"cost": 7}})
    cost = call(max_cost="15")
    cost.admit(GPT, PAYLOAD)
    cost.begin()
    cost.fail(failure, is_stream=True)
    cost.admit(GPT, PAYLOAD)
    stop = cost.watch([text(1)])
    assert stop is not None
    assert stop.cost == 22
    cost.begin()
    cost.fail(failure, is_stream=True)
    with pytest.raises(BudgetExceededError, match=r"about \$5 after \$14 for earlier tries"):
        cost.admit(GPT, PAYLOAD)


def test_a_failed_try_that_counted_is_held_back_again_for_the_next() -> None:
    meter = CostMeter(max_cost=20)
    cost = call(meter)
    cost.admit(GPT, PAYLOAD)
    cost.begin()
    cost.fail(InternalServerError("no", body={"usage": {"cost": 7}}), is_stream=True)
    assert (meter.total, meter.reserved) == (7, 0)
    cost.admit(GPT, PAYLOAD)
    assert (meter.total, meter.reserved) == (7, 5)
    settled(cost, answer(1, {"cost": 8}))
    assert (meter.total, meter.reserved, meter.calls) == (15, 0, 2)


def test_the_budget_of_a_call_holds_for_two_tries_side_by_side() -> None:
    meter = CostMeter()
    first = call(meter, max_cost="24")
    first.admit(GPT, PAYLOAD)
    second = first.beside()
    second.admit(GPT, PAYLOAD)
    assert (first.so_far, second.so_far) == (5, 5)
    assert second.watch([text(1)]) is None
    stop = first.watch([text(1)])
    assert stop is not None
    assert (stop.cost, stop.max_cost) == (30, 24)
    settled(second, answer(1, usage={"prompt_tokens": 5, "completion_tokens": 1}))
    settled(first, None)
    assert (first.so_far, second.so_far) == (5, 15)
    assert (meter.calls, meter.total) == (2, 20)


def test_a_second_try_is_refused_where_the_first_leaves_too_little() -> None:
    first = call(max_cost="9")
    first.admit(GPT, PAYLOAD)
    with pytest.raises(BudgetExceededError, match=r"after \$5 for earlier tries"):
        first.beside().admit(GPT, PAYLOAD)
    first.fail(InternalServerError("no"), is_stream=False)
    first.beside().admit(GPT, PAYLOAD)
