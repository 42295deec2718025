from __future__ import annotations

from typing import Any

import pytest
from bench_records import record_of

from kilo_sdk.bench.saturation import warnings_of
from kilo_sdk.bench.tally import Tally, Window


def tally_of(count: int, **fields: Any) -> Tally:
    tally = Tally()
    for _ in range(count):
        tally.add(record_of([1.0, 2.0], **{"output_tokens": 2, **fields}), Window(0.0, 0.0))
    return tally


def warned(tally: Tally, **more: Any) -> str:
    options = {"asked_rate": None, "lag_p99": 0.001, "cpu_share": 0.2, **more}
    return " | ".join(warnings_of(tally, 10.0, **options))


def test_a_generator_with_time_to_spare_is_not_warned_of() -> None:
    assert warned(tally_of(100), asked_rate=10.0) == ""


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"cpu_share": 0.95}, "used 95% of a core"),
        ({"lag_p99": 0.05}, "late by 50 ms"),
        ({"asked_rate": 20.0}, "10 requests a second were sent where 20 were asked for"),
    ],
)
def test_a_saturated_generator_is(more: dict[str, Any], said: str) -> None:
    warning = warned(tally_of(100), **more)
    assert said in warning
    assert "--workers" in warning


def test_chance_is_no_reason() -> None:
    # 87 of 100 are within three roots of 100.
    assert warned(tally_of(87), asked_rate=10.0) == ""
    assert "not reached" in warned(tally_of(65), asked_rate=10.0)


def test_where_nothing_was_sent_that_alone_is_told() -> None:
    told = warnings_of(Tally(), 0.5, asked_rate=0.1, lag_p99=None, cpu_share=1.01)
    assert len(told) == 1
    assert told[0].startswith("no request was due")


@pytest.mark.parametrize(
    ("code", "said"), [("EMFILE", "ulimit -n"), ("EADDRNOTAVAIL", "local ports")]
)
def test_what_this_machine_lacks_is_told(code: str, said: str) -> None:
    error = f"APIConnectionError {code}"
    warning = warned(tally_of(3, outcome="failed", error=error))
    assert warning.startswith("3 requests failed for want of ")
    assert said in warning
    assert warned(tally_of(3, outcome="failed", error="RateLimitError 429")) == ""


def test_requests_sent_late_are_told() -> None:
    assert "ms (p99) after they were due" in warned(tally_of(9, sent=0.5))


def test_what_is_left_out_is_told() -> None:
    assert "3 of 3 measured requests" in warned(tally_of(3, outcome="unfinished", ended=None))
    assert "4 answers came without usage" in warned(tally_of(4, output_tokens=None))


def test_what_an_interruption_left_unfinished_is_no_surprise() -> None:
    tally = tally_of(3, ended=None, outcome="unfinished")
    assert "a longer --drain waits for them" in warned(tally)
    assert warned(tally, interrupted=True) == ""
