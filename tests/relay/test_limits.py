"""Limits that can work, and a bucket that never reads a clock."""

from __future__ import annotations

import math

import pytest

from kilo_sdk import ConfigurationError
from kilo_sdk.relay import RelayLimits
from kilo_sdk.relay.limits import TokenBucket


@pytest.mark.parametrize(
    "limits",
    [
        {"max_streams": 0},
        {"max_message_bytes": 1},
        {"send_timeout": 0},
        {"idle_timeout": -1},
        {"min_interval": -0.1},
        {"min_interval": math.inf},
        {"close_timeout": None},
        {"close_timeout": math.nan},
        {"ping_interval": math.inf},
        {"idle_timeout": math.nan},
        {"idle_timeout": "300"},
        {"max_streams": None},
        {"max_answer_bytes": "16 MiB"},
        {"messages_per_second": math.nan},
    ],
)
def test_limits_that_cannot_work_are_refused(limits: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(limits))):
        RelayLimits(**limits)  # type: ignore[arg-type]


def test_no_limit_is_none() -> None:
    limits = RelayLimits(send_timeout=None, idle_timeout=None, ping_interval=None)
    assert limits.send_timeout is None


def test_a_bucket_gives_a_burst_and_then_the_average() -> None:
    bucket = TokenBucket(2.0, now=100.0)
    assert [bucket.take(100.0) for _ in range(7)] == [True] * 6 + [False]
    assert [bucket.take(100.5), bucket.take(100.5)] == [True, False]
    assert [bucket.take(1000.0) for _ in range(7)] == [True] * 6 + [False]
