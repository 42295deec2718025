"""Reports of made-up measurements, for tests of what is made of them."""

from __future__ import annotations

import random
from typing import Any

from bench_records import record_of

from kilo_sdk.bench.histogram import Histogram
from kilo_sdk.bench.load import Load
from kilo_sdk.bench.objectives import Objectives
from kilo_sdk.bench.plan import Phases, Plan, Target
from kilo_sdk.bench.report import Measurement, Report, measurement_of
from kilo_sdk.bench.result import Overhead, Result
from kilo_sdk.bench.tally import Tally, Window
from kilo_sdk.bench.workload import Workload


def plan_of(load: str = "concurrency:4", slo: str | None = None, **phases: Any) -> Plan:
    return Plan(
        target=Target(model="a/b"),
        workload=Workload(),
        load=Load.parse(load),
        phases=Phases(**(phases or {"requests": 50})),
        objectives=None if slo is None else Objectives.parse(slo),
    )


def result_of(
    plan: Plan, *, seed: int = 0, ttft: float = 0.1, failures: int = 0, requests: int = 50
) -> Result:
    """Requests a tenth of a second apart, each with ten chunks 20 ms apart, and a little chance."""
    rng = random.Random(seed)
    tally = Tally(plan.objectives)
    window = Window(0.0, 0.0)
    for number in range(requests):
        start = number / 10
        first = start + ttft * rng.uniform(0.9, 1.1)
        record = record_of(
            [first + 0.02 * n for n in range(10)],
            intended=start,
            sent=start,
            output_tokens=10,
            first_content=first,
        )
        if number < failures:
            record.outcome, record.error = "failed", "RateLimitError 429"
        tally.add(record, window)
    lag = Histogram.of([0.001] * 100)
    overhead = Overhead(cpu_seconds=0.5, wall_seconds=5.0, chunks=500, peak_in_flight=4, lag=lag)
    return Result(tally, 0.0, requests / 10, overhead)


def measurement(
    load: str = "concurrency:4",
    *,
    repetitions: int = 1,
    slo: str | None = None,
    workers: int = 1,
    **more: Any,
) -> Measurement:
    plan = plan_of(load, slo)
    results = [result_of(plan, **{"seed": seed, **more}) for seed in range(repetitions)]
    return measurement_of(plan, results, workers=workers)


def report_of(*measurements: Measurement, **more: Any) -> Report:
    return Report(
        started="2026-01-02T03:04:05+00:00",
        settings={"loads": "concurrency:4"},
        environment={"python": "3.11.0", "cores": 2, "uvloop": None},
        measurements=list(measurements),
        **more,
    )
