from __future__ import annotations

import csv

import attrs
import pytest
from bench_reports import measurement, report_of

from kilo_sdk.bench.metrics import METRICS
from kilo_sdk.bench.report import RATES
from kilo_sdk.bench.table import csv_of, generator_words, metric_rows, shown


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "-"), (0.0, "0"), (1.23456, "1.235"), (12345.6, "12,346"), (9999.4, "9999")],
)
def test_numbers_are_shown_for_people(value: float | None, text: str) -> None:
    assert shown(value) == text


@pytest.mark.parametrize(("value", "text"), [(123.4, "123"), (99.7, "100"), (1.26, "1.3")])
def test_with_few_digits_there_is_no_exponent_either(value: float, text: str) -> None:
    assert shown(value, digits=2) == text


def test_the_generator_is_told_of_in_as_many_words_as_there_is_to_say() -> None:
    one, two = measurement(), measurement(workers=2)
    spent = "1,000 us of CPU per chunk, event loop late by 1 ms (p99)"
    assert generator_words(one) == f"10% of a core, {spent}"
    assert generator_words(two) == f"2 worker processes, 10% of a core in the busiest, {spent}"
    apart = attrs.evolve(two.generator, clock_error=0.00042)
    assert generator_words(attrs.evolve(two, generator=apart)) == (
        f"2 worker processes, 10% of a core in the busiest, {spent}, "
        "clocks of workers within 0.42 ms of ours"
    )
    silent = attrs.evolve(one.generator, cpu_us_per_chunk=None, lag_p99=None)
    assert generator_words(attrs.evolve(one, generator=silent)) == "10% of a core"


def test_rows_are_in_milliseconds_and_only_of_what_there_is() -> None:
    rows = {row[0]: row[1:] for row in metric_rows(measurement())}
    assert rows["Inter-token latency, per chunk (ms)"] == ["20"] * 7
    assert "Time to first reasoning token (ms)" not in rows
    assert "Send delay of the generator (ms)" not in rows
    assert "Send delay of the generator (ms)" in {
        row[0] for row in metric_rows(measurement("poisson:10"))
    }


def test_repetitions_show_their_interval() -> None:
    rows = {row[0]: row[1:] for row in metric_rows(measurement(repetitions=3))}
    assert "±" in rows["Time to first token (ms)"][0]


def test_a_setting_of_several_lines_is_one_comment() -> None:
    settings = {"prompts": "a\nmodel,load\r\nb"}
    lines = csv_of(attrs.evolve(report_of(), settings=settings)).splitlines()
    assert lines[0] == "# prompts: a model,load b"
    assert [line.startswith("#") for line in lines] == [True] * (len(lines) - 1) + [False]


def test_csv_has_a_line_per_metric_in_seconds() -> None:
    lines = csv_of(report_of(measurement(), measurement("poisson:5"))).splitlines()
    comments = [line for line in lines if line.startswith("#")]
    assert "# python: 3.11.0" in comments
    rows = list(csv.DictReader(lines[len(comments) :]))
    assert len(rows) == 2 * (len(RATES) + len(METRICS))
    tpot = next(row for row in rows if row["metric"] == "tpot")
    assert (tpot["model"], tpot["load"], tpot["unit"], tpot["count"]) == (
        "a/b",
        "concurrency:4",
        "s",
        "50",
    )
    assert float(tpot["value"]) == pytest.approx(0.02)
    assert float(tpot["p99"]) == pytest.approx(0.02, rel=1e-3)
