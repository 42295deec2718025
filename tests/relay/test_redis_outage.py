"""An outage is told of twice, however many it concerns, and each of them tries again on its own."""

from __future__ import annotations

import pytest

from kilo_sdk.relay.redis_outage import RedisOutage


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    told = [record.getMessage() for record in caplog.records]
    caplog.clear()
    return told


def test_the_first_failure_and_the_last_recovery_are_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    outage = RedisOutage()
    outage.reached("stream=a")
    for _ in range(3):
        for task in ("stream=a", "stream=b", "channel"):
            outage.failed(task, OSError("refused"), most=2.0)
    assert lines(caplog) == ["store.failed stream=a OSError"]
    outage.reached("stream=a")
    outage.reached("stream=a")
    outage.forget("stream=b")
    assert lines(caplog) == []
    outage.reached("channel")
    assert lines(caplog) == ["store.back channel"]
    outage.failed("stream=a", TimeoutError(), most=2.0)
    assert lines(caplog) == ["store.failed stream=a TimeoutError"]


def test_each_task_waits_longer_each_time_until_it_is_reached() -> None:
    outage = RedisOutage()
    error = OSError("refused")
    waits = [outage.failed("stream=a", error, most=0.5) for _ in range(5)]
    assert waits == pytest.approx([0.1, 0.2, 0.4, 0.5, 0.5])
    assert outage.failed("stream=b", error, most=0.02) == 0.02
    outage.reached("stream=a")
    assert outage.failed("stream=a", error, most=0.5) == 0.1
    outage.forget("stream=a")
    outage.forget("stream=a")
    assert outage.failed("stream=a", error, most=0.5) == 0.1
