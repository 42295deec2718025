"""Which failures are worth another try, after how long, and which another model may mend."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kilo_sdk import errors
from kilo_sdk.errors import (
    APIConnectionError,
    APIError,
    APIStatusError,
    APITimeoutError,
    ConfigurationError,
    ProtocolError,
    RateLimitError,
    StreamError,
    StreamInterruptedError,
    StreamProtocolError,
    TimeoutPhase,
)
from kilo_sdk.retry import RetryPolicy, RetryState, is_retryable, may_fail_over

RETRYABLE = [408, 409, 429, 500, 502, 503, 504, *range(520, 530)]
FINAL = [400, 401, 402, 403, 404, 405, 410, 413, 422, 501, 505, 519, 530, 599]


def status(code: int | None, *, retry_after: float | None = None, **headers: str) -> APIStatusError:
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    return APIStatusError("no", status_code=code, retry_after=retry_after, headers=headers)


# The policy


def test_by_default_there_are_three_tries_and_short_waits() -> None:
    policy = RetryPolicy()
    assert (policy.max_attempts, policy.wait_initial, policy.wait_max) == (3, 0.5, 8.0)
    assert policy.retry_after_max == 60.0


@pytest.mark.parametrize("attempts", [0, -1, 2.0, "3", None, True, math.inf])
def test_the_number_of_tries_is_a_whole_number_from_one(attempts: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"RetryPolicy\(max_attempts="):
        RetryPolicy(max_attempts=attempts)


@pytest.mark.parametrize("name", ["wait_initial", "wait_max", "retry_after_max"])
@pytest.mark.parametrize("seconds", [-1, -0.1, "1", None, True, math.nan])
def test_a_wait_is_seconds_from_zero(name: str, seconds: Any) -> None:
    with pytest.raises(ConfigurationError, match=rf"RetryPolicy\({name}=.*seconds, 0 or more"):
        RetryPolicy(**{name: seconds})


@pytest.mark.parametrize("seconds", [0, 0.0, 1, 2.5, math.inf])
def test_any_wait_from_zero_is_taken(seconds: float) -> None:
    assert RetryPolicy(wait_max=seconds).wait_max == seconds


def test_a_policy_is_a_value_given_by_name() -> None:
    assert RetryPolicy(max_attempts=2) == RetryPolicy(max_attempts=2)
    with pytest.raises(TypeError):
        RetryPolicy(2)  # type: ignore[call-arg]


# What is retried


@pytest.mark.parametrize("code", RETRYABLE)
def test_statuses_that_pass_are_retried(code: int) -> None:
    assert is_retryable(status(code))


@pytest.mark.parametrize("code", [*FINAL, None, 200])
def test_statuses_that_stay_are_not(code: int | None) -> None:
    assert not is_retryable(status(code))


@pytest.mark.parametrize("code", [*RETRYABLE, *FINAL])
@pytest.mark.parametrize(
    ("said", "decided"), [("true", True), ("false", False), ("TRUE", True), ("maybe", None)]
)
def test_x_should_retry_decides_when_it_says_either(
    code: int, said: str, decided: bool | None
) -> None:
    expected = code in RETRYABLE if decided is None else decided
    assert is_retryable(status(code, x_should_retry=said)) is expected


@pytest.mark.parametrize(
    ("phase", "retried"),
    [
        ("connect", True),
        ("first_token", True),
        ("idle", False),
        ("stall", False),
        ("total", False),
        (None, False),
    ],
)
def test_only_the_clocks_before_the_answer_are_retried(
    phase: TimeoutPhase | None, retried: bool
) -> None:
    assert is_retryable(APITimeoutError("late", phase=phase)) is retried


@pytest.mark.parametrize(
    ("error", "retried"),
    [
        (APIConnectionError("reset"), True),
        (StreamInterruptedError("cut"), True),
        (StreamError("failed"), False),
        (StreamProtocolError("no SSE"), False),
        (ProtocolError("HTML"), False),
        (APIError("?"), False),
        (ConfigurationError("wrong"), False),
        (ValueError("?"), False),
        (KeyboardInterrupt(), False),
    ],
)
def test_other_failures(error: BaseException, retried: bool) -> None:
    assert is_retryable(error) is retried


# After how long


def waits(policy: RetryPolicy, *failures: BaseException) -> list[float | None]:
    state = RetryState(policy)
    return [state.next_wait(failure) for failure in failures]


def test_one_attempt_is_no_retry() -> None:
    assert waits(RetryPolicy(max_attempts=1), status(503)) == [None]


def test_it_is_over_after_the_last_attempt() -> None:
    policy = RetryPolicy(max_attempts=3, wait_initial=0)
    assert waits(policy, *[status(503)] * 4) == [0.0, 0.0, None, None]


def test_it_is_over_at_a_failure_that_stays() -> None:
    assert waits(RetryPolicy(), status(402)) == [None]


@given(st.integers(2, 12), st.floats(0.001, 10), st.floats(0, 100))
def test_waits_are_drawn_from_zero_to_an_exponential_bound(
    attempts: int, initial: float, longest: float
) -> None:
    policy = RetryPolicy(max_attempts=attempts, wait_initial=initial, wait_max=longest)
    drawn = waits(policy, *[status(503)] * attempts)
    assert drawn.pop() is None
    for number, wait in enumerate(drawn):
        assert wait is not None
        assert 0 <= wait <= min(longest, initial * 2**number)


def test_waits_differ_from_call_to_call() -> None:
    first_waits = {waits(RetryPolicy(wait_initial=8), status(503))[0] for _ in range(50)}
    assert len(first_waits) > 40


def test_without_a_wait_any_number_of_tries_is_drawn() -> None:
    policy = RetryPolicy(max_attempts=2000, wait_initial=0.0)
    assert set(waits(policy, *[status(503)] * 1999)) == {0.0}


@pytest.mark.parametrize("named", [0.0, 0.25, 59.9, 60.0])
def test_what_the_server_names_is_obeyed(named: float) -> None:
    assert waits(RetryPolicy(), status(429, retry_after=named)) == [named]


def test_past_the_cap_it_is_over_at_once() -> None:
    assert waits(RetryPolicy(), status(429, retry_after=60.1)) == [None]
    policy = RetryPolicy(retry_after_max=0)
    assert waits(policy, status(429, retry_after=0.1)) == [None]
    assert waits(policy, status(429, retry_after=0.0)) == [0.0]


def test_what_the_server_names_takes_no_step_of_the_exponential() -> None:
    policy = RetryPolicy(max_attempts=9, wait_initial=1, wait_max=64)
    named, first, second = waits(policy, status(429, retry_after=30), status(503), status(503))
    assert named == 30
    assert first is not None
    assert first <= 1
    assert second is not None
    assert second <= 2


def test_a_wait_is_named_only_for_what_is_retried() -> None:
    assert waits(RetryPolicy(), status(400, retry_after=1)) == [None]
    assert waits(RetryPolicy(), status(400, retry_after=1, x_should_retry="true")) == [1]


# Another model


@pytest.mark.parametrize("code", [402, 403, 404, *RETRYABLE])
def test_another_model_may_answer_where_this_one_is_refused_or_fails(code: int) -> None:
    assert may_fail_over(status(code))


@pytest.mark.parametrize("code", [400, 401, 413, 422])
def test_another_model_would_refuse_the_same_request(code: int) -> None:
    assert not may_fail_over(status(code))


@pytest.mark.parametrize("code", [402, 403, 404, *RETRYABLE])
def test_x_should_retry_does_not_keep_from_another_model(code: int) -> None:
    assert may_fail_over(status(code, x_should_retry="false"))


def test_a_named_wait_past_the_cap_does_not_keep_from_another_model() -> None:
    assert may_fail_over(RateLimitError("no", status_code=429, retry_after=3600))


@pytest.mark.parametrize(
    "error", [APIConnectionError("reset"), StreamInterruptedError("cut"), APITimeoutError("late")]
)
def test_connection_failures_fail_over_when_they_are_retryable(error: APIError) -> None:
    assert may_fail_over(error) is is_retryable(error)


@pytest.mark.parametrize(
    "cls",
    [cls for cls in map(errors.__dict__.get, errors.__all__) if isinstance(cls, type)],
)
def test_every_error_is_decided(cls: type[APIError]) -> None:
    assert is_retryable(cls("?")) in (True, False)
    assert may_fail_over(cls("?")) in (True, False)
