from __future__ import annotations

import pytest
from bench_records import record_of

from kilo_sdk import ConfigurationError
from kilo_sdk.bench.objectives import Objectives


def test_limits_are_read_with_their_units() -> None:
    objectives = Objectives.parse("ttft:200ms, itl:1500us,e2e:3s,tpot:0.5,stream_rate:20")
    assert objectives.limits == {
        "ttft": 0.2,
        "itl": pytest.approx(0.0015),
        "e2e": 3.0,
        "tpot": 0.5,
        "stream_rate": 20.0,
    }
    assert Objectives.parse(str(objectives)) == objectives


@pytest.mark.parametrize(
    "text", ["", "ttft", "ttft:", "ttft:fast", "nothing:1s", "ttft:-1s", "stream_rate:20ms"]
)
def test_what_cannot_be_read_is_told_with_what_can(text: str) -> None:
    with pytest.raises(ConfigurationError, match="ttft:200ms"):
        Objectives.parse(text)


def test_limits_that_only_a_stream_can_break_are_known() -> None:
    limits = Objectives.parse("ttft:1s,e2e:1s,itl:1s,stream_rate:5")
    assert limits.of_streams() == ["ttft", "itl"]


def test_a_name_counts_once() -> None:
    with pytest.raises(ConfigurationError, match="given twice"):
        Objectives.parse("ttft:1s,ttft:2s")


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("ttft:1s", True),
        ("ttft:999ms", False),
        ("itl:1500ms", True),  # gaps of 1 and 2 seconds
        ("itl:1499ms", False),
        ("itl_token:750ms", True),  # 3 seconds for 4 gaps between tokens
        ("itl_token:749ms", False),
        ("e2e:4s", True),
        ("stream_rate:1.25", True),  # 5 tokens in 4 seconds
        ("stream_rate:1.26", False),
        ("ttft:1s,e2e:3s", False),
        ("ttfr:1ms", True),  # there is no reasoning
    ],
)
def test_a_request_is_good_when_every_limit_holds(text: str, good: bool) -> None:
    record = record_of([1.0, 2.0, 4.0], output_tokens=5)
    assert Objectives.parse(text).met_by(record) is good


def test_a_failure_is_never_good() -> None:
    assert not Objectives.parse("ttft:9s").met_by(record_of([1.0], outcome="failed"))
