"""Sums over calls, as values: exact, and what is unknown is never 0."""

from __future__ import annotations

import copy
import pickle
from decimal import Decimal, localcontext

from kilo_sdk.cost.totals import CallRecord, CostSnapshot, CostTotals


def test_nothing_sums_to_zero() -> None:
    assert CostTotals() == CostTotals(
        total=Decimal(0),
        estimated=Decimal(0),
        calls=0,
        unknown=0,
        prompt_tokens=0,
        completion_tokens=0,
    )


def test_each_kind_of_answer_counts_where_it_belongs() -> None:
    reported = CallRecord(model="a/b", cost=Decimal("0.5"), prompt_tokens=10, completion_tokens=1)
    estimated = CallRecord(model="a/b", cost=Decimal("0.25"), is_estimated=True, prompt_tokens=3)
    unknown = CallRecord(model="a/b", cost=None, completion_tokens=4)
    sums = CostTotals().plus(reported).plus(estimated).plus(unknown)
    assert sums == CostTotals(
        total=Decimal("0.75"),
        estimated=Decimal("0.25"),
        calls=3,
        unknown=1,
        prompt_tokens=13,
        completion_tokens=5,
    )


def test_sums_are_exact_whatever_the_threads_context() -> None:
    with localcontext() as context:
        context.prec = 3
        big = CallRecord(model="a/b", cost=Decimal("123456789"))
        small = CallRecord(model="a/b", cost=Decimal("1E-30"), is_estimated=True)
        sums = CostTotals().plus(big).plus(small)
    assert str(sums.total) == "123456789.000000000000000000000000000001"


def test_they_pickle_and_copy() -> None:
    one = CostTotals(total=Decimal("0.5"), calls=1)
    snapshot = CostSnapshot(total=Decimal("0.5"), calls=1, by_model={"a/b": one})
    assert pickle.loads(pickle.dumps(snapshot)) == copy.deepcopy(snapshot) == snapshot
