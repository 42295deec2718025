"""Facts about findings."""

from __future__ import annotations

from kilo_sdk.diagnosis.finding import Finding, Health


def test_a_finding_needs_no_advice_and_its_health_is_a_word() -> None:
    finding = Finding("clock", Health.OK, "it agrees")
    assert finding.advice is None
    assert [health.value for health in Health] == ["ok", "warning", "failed", "skipped"]
