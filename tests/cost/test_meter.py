"""A meter's sums are those of its calls, whoever adds them; its budget holds."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from kilo_sdk.cost.meter import CostMeter, Reservation
from kilo_sdk.cost.totals import CallRecord, CostSnapshot, CostTotals
from kilo_sdk.errors import BudgetExceededError, ConfigurationError

DOLLARS = st.decimals(0, 1000, places=12)
RECORDS = st.lists(
    st.builds(
        CallRecord,
        model=st.sampled_from(["a/x", "a/y", "b/z"]),
        cost=st.none() | DOLLARS,
        is_estimated=st.booleans(),
        prompt_tokens=st.integers(0, 10**9),
        completion_tokens=st.integers(0, 10**9),
        task_id=st.sampled_from([None, "t1", "t2"]),
    ),
    max_size=40,
)


def paid(cost: str, **more: Any) -> CallRecord:
    return CallRecord(model="a/x", cost=Decimal(cost), **more)


def sums_of(records: list[CallRecord]) -> CostTotals:
    """The sums in whole numbers of the smallest unit, which Python adds without rounding."""

    def dollars(some: list[CallRecord]) -> Decimal:
        return Decimal(sum(int((one.cost or 0) * 10**12) for one in some)).scaleb(-12)

    return CostTotals(
        total=dollars(records),
        estimated=dollars([one for one in records if one.is_estimated]),
        calls=len(records),
        unknown=sum(one.cost is None for one in records),
        prompt_tokens=sum(one.prompt_tokens for one in records),
        completion_tokens=sum(one.completion_tokens for one in records),
    )


def expected(records: list[CallRecord]) -> CostSnapshot:
    whole = sums_of(records)
    models = {one.model for one in records}
    tasks = {one.task_id for one in records if one.task_id is not None}
    return CostSnapshot(
        total=whole.total,
        estimated=whole.estimated,
        calls=whole.calls,
        unknown=whole.unknown,
        prompt_tokens=whole.prompt_tokens,
        completion_tokens=whole.completion_tokens,
        by_model={m: sums_of([one for one in records if one.model == m]) for m in models},
        by_task={t: sums_of([one for one in records if one.task_id == t]) for t in tasks},
    )


@given(RECORDS)
def test_the_sums_are_those_of_the_calls_exactly(records: list[CallRecord]) -> None:
    meter = CostMeter()
    for record in records:
        meter.record(record)
    snapshot = expected(records)
    assert meter.snapshot() == snapshot
    assert (meter.total, meter.estimated) == (snapshot.total, snapshot.estimated)
    assert (meter.calls, meter.unknown) == (snapshot.calls, snapshot.unknown)
    assert meter.prompt_tokens == snapshot.prompt_tokens
    assert meter.completion_tokens == snapshot.completion_tokens
    assert (meter.by_model, meter.by_task) == (snapshot.by_model, snapshot.by_task)


@given(RECORDS, st.integers(0, 40))
def test_a_reset_loses_nothing(records: list[CallRecord], cut: int) -> None:
    meter = CostMeter()
    for record in records[:cut]:
        meter.record(record)
    assert meter.reset() == expected(records[:cut])
    for record in records[cut:]:
        meter.record(record)
    assert meter.snapshot() == expected(records[cut:])


def test_a_snapshot_stays_as_it_was() -> None:
    meter = CostMeter()
    meter.record(paid("0.5", task_id="t"))
    before = meter.snapshot()
    meter.by_model.clear()
    meter.record(paid("0.5", task_id="t"))
    assert before.total == before.by_model["a/x"].total == before.by_task["t"].total
    assert before.total == Decimal("0.5")
    assert meter.by_model["a/x"].calls == 2


def in_threads(count: int, work: Callable[[int], None]) -> None:
    start = threading.Barrier(count)

    def run(number: int) -> None:
        start.wait()
        work(number)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_threads_lose_no_call() -> None:
    meter = CostMeter()
    seen: list[Decimal] = []

    def work(number: int) -> None:
        for _ in range(500):
            meter.record(paid("0.000001", task_id=f"t{number}", prompt_tokens=1))
            seen.append(meter.total)

    in_threads(8, work)
    assert meter.total == Decimal("0.004")
    assert (meter.calls, meter.prompt_tokens) == (4000, 4000)
    assert {sums.calls for sums in meter.by_task.values()} == {500}
    assert max(seen) == meter.total


def test_threads_cannot_pass_a_budget_together() -> None:
    meter = CostMeter(max_cost="0.05")
    admitted: list[Reservation] = []
    refused: list[BudgetExceededError] = []

    def work(number: int) -> None:
        for _ in range(25):
            try:
                admitted.append(meter.reserve(Decimal("0.001"), model="a/x"))
            except BudgetExceededError as error:
                refused.append(error)

    in_threads(8, work)
    assert (len(admitted), len(refused)) == (50, 150)
    assert meter.reserved == Decimal("0.05")
    assert meter.remaining == 0


def test_a_call_may_be_counted_while_the_garbage_collector_holds_up_a_sum() -> None:
    """A stream that is dropped is counted from ``__del__``, which may run anywhere."""
    meter = CostMeter(max_cost=1000)

    class Dropped:
        def __init__(self) -> None:
            self.itself = self

        def __del__(self) -> None:
            meter.record(paid("0.001"))

    thresholds = gc.get_threshold()
    gc.set_threshold(1)
    try:
        for _ in range(200):
            Dropped()
            meter.release(meter.reserve(Decimal("0.5"), model="a/x"))
            meter.record(paid("0.01"))
    finally:
        gc.set_threshold(*thresholds)
    gc.collect()
    assert meter.total == Decimal("2.2")
    assert meter.calls == 400
    assert meter.reserved == 0


def test_who_counts_nothing_does_not_load_the_meter() -> None:
    code = (
        "import sys, kilo_sdk; kilo_sdk.KiloClient()\n"
        "assert not {'kilo_sdk.cost.meter', 'kilo_sdk.cost.totals'} & set(sys.modules)\n"
        "assert kilo_sdk.CostMeter().snapshot() == kilo_sdk.CostSnapshot()"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True, timeout=240)


# Budgets


def test_without_a_budget_everything_passes() -> None:
    meter = CostMeter()
    meter.record(paid("1000000"))
    reservation = meter.reserve(Decimal(1000), model="a/x")
    assert meter.adjust(reservation, Decimal(10**9)) is None
    assert meter.max_cost is None
    assert meter.remaining is None


def test_what_is_held_back_counts_until_it_is_given_back() -> None:
    meter = CostMeter(max_cost="1")
    held = meter.reserve(Decimal("0.6"), model="a/x")
    assert (meter.reserved, meter.remaining) == (Decimal("0.6"), Decimal("0.4"))
    meter.reserve(Decimal("0.4"), model="a/x")  # up to the budget is within it
    with pytest.raises(BudgetExceededError):
        meter.reserve(Decimal("0.000001"), model="a/x")
    meter.release(held)
    meter.release(held)
    assert (meter.reserved, meter.remaining) == (Decimal("0.4"), Decimal("0.6"))
    assert meter.total == 0


def test_a_counted_call_gives_back_what_was_held_for_it() -> None:
    meter = CostMeter(max_cost="1")
    held = meter.reserve(Decimal("0.9"), model="a/x")
    assert meter.adjust(held, Decimal("1")) is None
    assert meter.adjust(held, Decimal("1.01")) == Decimal("1.01")
    meter.record(paid("0.5"), held)
    assert (meter.total, meter.reserved) == (Decimal("0.5"), Decimal(0))
    assert meter.remaining == Decimal("0.5")


def test_a_refusal_says_what_was_spent_and_what_is_held_back() -> None:
    meter = CostMeter(max_cost="1")
    meter.record(paid("0.25"))
    meter.reserve(Decimal("0.5"), model="a/x")
    with pytest.raises(BudgetExceededError) as raised:
        meter.reserve(Decimal("0.3"), model="a/y")
    assert str(raised.value) == (
        "the prompt alone, at about $0.3, would pass the cost meter's budget of $1: $0.25 spent, "
        "$0.5 held back for calls in flight; nothing was sent; model a/y"
    )
    assert raised.value.max_cost == 1
    assert raised.value.cost == Decimal("1.05")
    assert raised.value.model == "a/y"
    assert raised.value.partial is None


@pytest.mark.parametrize("amount", [None, Decimal(0), Decimal("0.1")])
def test_a_budget_that_is_used_up_refuses_whatever_comes(amount: Decimal | None) -> None:
    meter = CostMeter(max_cost="1")
    meter.record(paid("1"))
    with pytest.raises(BudgetExceededError, match=r"budget of \$1 is used up: \$1 spent, \$0 held"):
        meter.reserve(amount, model="a/x")
    meter.reset()
    assert meter.reserve(amount, model="a/x").amount == (amount or 0)


@pytest.mark.parametrize("max_cost", [-1, "x", float("nan"), True])
def test_a_budget_is_an_amount(max_cost: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"CostMeter\(max_cost=\.\.\.\) is "):
        CostMeter(max_cost=max_cost)


def test_unknown_prices_are_refused_or_allowed() -> None:
    assert not CostMeter().allows_unknown_prices
    assert CostMeter(on_unknown_price="allow").allows_unknown_prices
    with pytest.raises(ConfigurationError, match="on_unknown_price is 'refuse' or 'allow'"):
        CostMeter(on_unknown_price="ignore")  # type: ignore[arg-type]


def test_it_shows_what_it_counted() -> None:
    meter = CostMeter(max_cost=2)
    meter.record(paid("0.50"))
    assert repr(meter) == "<CostMeter $0.5 of $2, calls=1>"
    assert repr(CostMeter()) == "<CostMeter $0, calls=0>"


class Meters(RuleBasedStateMachine):
    """Calls in flight come and go in any order; what is spent and held back always adds up."""

    calls: Bundle[Reservation] = Bundle("calls")

    def __init__(self) -> None:
        super().__init__()
        self.budget = Decimal(100)
        self.meter = CostMeter(max_cost=self.budget)
        self.spent = Decimal(0)
        self.held: dict[Reservation, Decimal] = {}

    def bound(self) -> Decimal:
        return self.spent + sum(self.held.values(), Decimal(0))

    @rule(target=calls, amount=st.decimals(0, 50, places=4))
    def admit(self, amount: Decimal) -> Reservation:
        fits = self.bound() < self.budget and self.bound() + amount <= self.budget
        try:
            reservation = self.meter.reserve(amount, model="a/x")
        except BudgetExceededError:
            assert not fits
            return Reservation(Decimal(0))
        assert fits
        self.held[reservation] = amount
        return reservation

    @rule(call=calls, amount=st.decimals(0, 50, places=4))
    def stream(self, call: Reservation, amount: Decimal) -> None:
        if call in self.held:
            self.held[call] = amount
            passed = self.bound() if self.bound() > self.budget else None
            assert self.meter.adjust(call, amount) == passed

    @rule(call=consumes(calls), cost=st.decimals(0, 50, places=4))
    def answer(self, call: Reservation, cost: Decimal) -> None:
        self.held.pop(call, None)
        self.spent += cost
        self.meter.record(CallRecord(model="a/x", cost=cost), call)

    @rule(call=consumes(calls))
    def fail(self, call: Reservation) -> None:
        self.held.pop(call, None)
        self.meter.release(call)

    @rule()
    def reset(self) -> None:
        assert self.meter.reset().total == self.spent
        self.spent = Decimal(0)

    @invariant()
    def adds_up(self) -> None:
        assert self.meter.total == self.spent
        assert self.meter.reserved == sum(self.held.values(), Decimal(0))
        assert self.meter.remaining == self.budget - self.bound()


TestMeters = Meters.TestCase
TestMeters.settings = settings(max_examples=40, stateful_step_count=30)
