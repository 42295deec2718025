"""Facts about the policy of calls: what it accepts, and what a call's own options replace."""

from __future__ import annotations

from math import inf
from typing import Any

import pytest

from kilo_sdk.errors import ConfigurationError
from kilo_sdk.resilience.limits import Limits
from kilo_sdk.resilience.policy import CallPolicy
from kilo_sdk.resilience.retry_budget import RetryBudget
from kilo_sdk.resilience.try_report import TryReport
from kilo_sdk.retry import RetryPolicy


def test_by_default_there_is_a_budget_and_nothing_else_is_on() -> None:
    policy = CallPolicy()
    assert policy.retries == RetryPolicy()
    assert policy.budget.size == RetryBudget().size
    assert (policy.limits, policy.on_try) == (None, None)
    assert (policy.hedge_after, policy.resume) == (None, "off")


def test_a_call_without_options_of_its_own_has_the_very_policy_of_the_client() -> None:
    policy = CallPolicy()
    assert policy.for_call() is policy


def test_a_calls_options_replace_the_clients_and_share_its_budget_and_limits() -> None:
    limits = Limits(max_concurrent=1)
    policy = CallPolicy(limits=limits, on_try=print)
    once = RetryPolicy(max_attempts=1)
    own = policy.for_call(retries=once, on_try=repr)
    assert (own.retries, own.on_try) == (once, repr)
    assert own.budget is policy.budget
    assert own.limits is limits
    assert policy.for_call(retries=once).on_try is print


def test_a_call_may_hedge_and_resume_where_its_client_does_not_and_the_other_way_round() -> None:
    plain = CallPolicy()
    own = plain.for_call(hedge_after=2, resume="continue")
    assert (own.hedge_after, own.resume) == (2.0, "continue")
    assert own.for_call(retries=RetryPolicy()).hedge_after == 2.0
    neither = own.for_call(hedge_after=inf, resume="off")
    assert (neither.hedge_after, neither.resume) == (None, "off")


async def awaited(report: TryReport) -> None:
    raise AssertionError(f"nobody awaits it: {report}")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"retries": 3}, "retries is a RetryPolicy object, not int: RetryPolicy"),
        ({"retry_budget": 3}, "retry_budget is a RetryBudget object, not int: RetryBudget"),
        ({"limits": 3}, "limits is a Limits object, not int: Limits"),
        ({"on_try": 3}, "on_try is a function of a TryReport, not int"),
        ({"on_try": awaited}, "on_try is a plain function, not an async one"),
        ({"hedge_after": 0}, "hedge_after=0: accepted are seconds above 0, math.inf for never"),
        ({"hedge_after": True}, "hedge_after=True: accepted are seconds"),
        ({"hedge_after": "2"}, "hedge_after='2': accepted are seconds"),
        ({"resume": "yes"}, "resume='yes': accepted are 'off' and 'continue'"),
    ],
)
def test_what_cannot_work_is_refused_with_what_can(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        CallPolicy(**options)
    if "limits" not in options and "retry_budget" not in options:
        with pytest.raises(ConfigurationError, match=words):
            CallPolicy().for_call(**options)
