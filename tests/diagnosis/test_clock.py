"""Facts about comparing clocks."""

from __future__ import annotations

import pytest

from kilo_sdk.diagnosis.clock import clock_finding
from kilo_sdk.diagnosis.finding import Health

NOON = 1_767_268_800.0
DATE = "Thu, 01 Jan 2026 12:00:00 GMT"


@pytest.mark.parametrize("off", [0.0, 59.9, -59.9])
def test_a_minute_is_no_matter(off: float) -> None:
    assert clock_finding(DATE, NOON + off).health is Health.OK


@pytest.mark.parametrize(
    ("off", "words"),
    [
        (61.0, "61 seconds ahead of"),
        (-119.0, "119 seconds behind"),
        (300.0, "5 minutes ahead of"),
        (-7200.0, "2 hours behind"),
        (-86_400.0 * 365, "365 days behind"),
    ],
)
def test_what_is_off_is_told_with_its_direction(off: float, words: str) -> None:
    finding = clock_finding(DATE, NOON + off)
    assert finding.health is Health.WARNING
    assert finding.words == f"this machine's clock is {words} the gateway's"
    assert "timedatectl" in (finding.advice or "")


@pytest.mark.parametrize(
    "date", [None, "", "yesterday", "Thu, 99 Jan 2026 12:00:00 GMT", "1", "\x00", "0" * 9000]
)
def test_a_date_that_is_none_is_skipped(date: str | None) -> None:
    assert clock_finding(date, NOON).health is Health.SKIPPED
