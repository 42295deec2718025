from __future__ import annotations

from pathlib import Path

import pytest
from bench_records import record_of

from kilo_sdk.bench.metrics import (
    METRICS,
    chunk_gaps,
    mean_gap,
    request_values,
    token_gap_scale,
)
from kilo_sdk.bench.report import RATES


def test_every_formula_gives_its_value() -> None:
    record = record_of(
        [2.5, 3.0, 4.5],
        [2, 1, 2],
        intended=1.0,
        sent=1.25,
        ended=5.0,
        first_reasoning=2.5,
        first_content=3.0,
        input_tokens=7,
        output_tokens=11,
    )
    assert request_values(record) == {
        "send_delay": 0.25,
        "e2e": 4.0,
        "ttft": 1.5,
        "ttfr": 1.5,
        "ttfc": 2.0,
        "tpot": 0.2,  # (4.5 - 2.5) / (11 - 1)
        "input_tokens": 7,
        "output_tokens": 11,
        "stream_rate": 2.75,  # 11 / 4
    }


def test_latency_counts_from_when_the_request_was_due() -> None:
    late = record_of([3.0], intended=1.0, sent=2.5)
    assert request_values(late)["ttft"] == 2.0


def test_one_token_has_no_time_per_token() -> None:
    assert "tpot" not in request_values(record_of([1.0]))
    assert "tpot" not in request_values(record_of([1.0, 2.0], output_tokens=1))


@pytest.mark.parametrize("outcome", ["failed", "unfinished"])
def test_what_did_not_end_well_has_no_latency(outcome: str) -> None:
    record = record_of([1.0, 2.0], outcome=outcome)
    assert set(request_values(record)) == {"send_delay"}


def test_an_answer_that_was_not_streamed_has_an_end_alone() -> None:
    values = request_values(record_of([], ended=2.0, output_tokens=8))
    assert values == {"send_delay": 0.0, "e2e": 2.0, "output_tokens": 8, "stream_rate": 4.0}


def test_gaps_lie_between_reads_and_are_none_inside_one() -> None:
    gaps, zeros = chunk_gaps(record_of([1.0, 1.5, 3.5], [2, 3, 1]))
    assert (gaps, zeros) == ([0.5, 2.0], 3)


def test_the_mean_gap_counts_those_inside_a_read() -> None:
    assert mean_gap(record_of([1.0, 1.5, 3.5], [2, 3, 1])) == 0.5
    assert mean_gap(record_of([1.0], [1])) is None
    assert mean_gap(record_of([])) is None


def test_gaps_of_tokens_add_up_to_the_time_per_token() -> None:
    record = record_of([1.0, 2.0, 4.0], [1, 1, 1], output_tokens=7)
    gaps, _ = chunk_gaps(record)
    scale = token_gap_scale(record)
    mean = sum(gap * scale for gap in gaps) / len(gaps)
    assert mean == pytest.approx(request_values(record)["tpot"])
    assert scale == pytest.approx(2 / 6)
    assert token_gap_scale(record_of([1.0, 2.0])) == 1.0


def test_the_page_of_the_reference_says_the_same() -> None:
    page = (Path(__file__).parents[2] / "docs/reference/bench-metrics.md").read_text("utf-8")
    for name, metric in METRICS.items():
        assert name == metric.name
        assert f"| `{name}` | {metric.title} | `{metric.formula}` |" in page
    for name, (title, _) in RATES.items():
        assert f"| `{name}` | {title} | " in page
