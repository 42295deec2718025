"""What comes out of a session, as values that are stored as JSON and read back.

Every number is worked out here, once; tables, plots, CSV, comparisons and exporters read
it. Units: seconds, tokens, US dollars.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, Final, Self

import attrs
import orjson

from kilo_sdk.bench.histogram import Histogram
from kilo_sdk.bench.metrics import METRICS
from kilo_sdk.bench.plan import Plan
from kilo_sdk.bench.result import Result
from kilo_sdk.bench.saturation import warnings_of
from kilo_sdk.bench.statistics import Estimate
from kilo_sdk.bench.tally import Counts, Tally
from kilo_sdk.bench.timeline import Timeline
from kilo_sdk.config.extras import needs_extra
from kilo_sdk.errors import ConfigurationError

with needs_extra("bench", what="measuring"):
    import cattrs

__all__ = [
    "PERCENTILES",
    "RATES",
    "Distribution",
    "GeneratorSummary",
    "Measurement",
    "Report",
    "Run",
    "ServerCounts",
    "measurement_of",
]

FORMAT: Final = "kilo-sdk-bench/1"
PERCENTILES: Final = (50.0, 90.0, 95.0, 99.0, 99.9)

RATES: Final[dict[str, tuple[str, str]]] = {
    "requests_per_second": ("Whole answers per second", "requests/s"),
    "output_tokens_per_second": ("Output tokens per second, all streams", "tokens/s"),
    "goodput": ("Good requests per second", "requests/s"),
    "good_share": ("Share of requests that are good", ""),
    "error_rate": ("Share of requests that failed", ""),
    "concurrency": ("Requests under way, on average", ""),
    "sent_per_second": ("Requests sent per second", "requests/s"),
}
"""Metrics with one value per run: title and unit by name."""


@attrs.frozen(slots=True)
class Distribution:
    """How the values of one metric are spread; None where there are none.

    Attributes:
        count: How many values.
        mean: Their mean.
        minimum: The least.
        maximum: The greatest.
        percentiles: By name, ``p50`` to ``p99.9``.
    """

    count: int
    mean: Estimate
    minimum: float | None
    maximum: float | None
    percentiles: dict[str, Estimate]


@attrs.frozen(slots=True)
class Run:
    """One repetition.

    Attributes:
        seconds: How long was measured.
        rates: By name, as in ``RATES``.
        means: Mean of every metric, by name.
        percentiles: Percentiles of every metric, by name.
        timeline: What happened in each second.
    """

    seconds: float
    rates: dict[str, float | None]
    means: dict[str, float | None]
    percentiles: dict[str, dict[str, float | None]]
    timeline: list[dict[str, int | float]] = attrs.field(repr=False)


@attrs.frozen(slots=True)
class GeneratorSummary:
    """What the generator itself took.

    Attributes:
        workers: Processes that sent the load; 0 is the measuring process itself.
        cpu_seconds: CPU time of all of them while the load ran.
        cpu_share: CPU time by wall time of the busiest of them; 1 is a whole core.
        cpu_us_per_chunk: CPU time per chunk received, in microseconds; None without any.
        peak_in_flight: Most requests under way at once.
        lag_p50: How late its event loop was, in seconds.
        lag_p99: Likewise.
        lag_max: Likewise.
        clock_error: By how much the clock of a worker may differ from ours at most, in seconds;
            0 where there is one worker.
    """

    workers: int
    cpu_seconds: float
    cpu_share: float
    cpu_us_per_chunk: float | None
    peak_in_flight: int
    lag_p50: float | None
    lag_p99: float | None
    lag_max: float | None
    clock_error: float


@attrs.frozen(slots=True)
class Measurement:
    """One model under one load, over all repetitions.

    Attributes:
        model: Model ref.
        load: The load, as it is written.
        is_open: Whether it was an open loop.
        objectives: What made requests good, or None.
        seconds: How long was measured, all repetitions together.
        counts: What was counted, likewise.
        errors: Measured failures by class.
        cost: US dollars, as far as the upstream told.
        tokens_from: ``usage``, ``chunks`` or ``usage and chunks``: whose count of tokens it is.
        rates: By name, as in ``RATES``.
        metrics: Distributions by name, as in ``METRICS``.
        runs: The repetitions.
        generator: What the generator took.
        warnings: What makes the numbers doubtful, in words.
        histograms: All values of every metric.
    """

    model: str
    load: str
    is_open: bool
    objectives: str | None
    seconds: float
    counts: Counts
    errors: dict[str, int]
    cost: Decimal | None
    tokens_from: str
    rates: dict[str, Estimate]
    metrics: dict[str, Distribution]
    runs: list[Run]
    generator: GeneratorSummary
    warnings: list[str]
    histograms: dict[str, Histogram] = attrs.field(repr=False)


@attrs.frozen(slots=True)
class ServerCounts:
    """What the embedded gateway counted itself.

    Attributes:
        requests: Requests for completions.
        completions: Those answered whole.
    """

    requests: int
    completions: int


@attrs.frozen(slots=True, kw_only=True)
class Report:
    """A whole session.

    Attributes:
        started: When, ISO 8601 in UTC.
        settings: What was asked for, in words, by option.
        environment: Where it ran.
        measurements: In the order in which they were taken.
        findings: What searches found, in words.
        checks: Requests sent beforehand to see whether the target answers; not measured.
        server: What the embedded gateway counted; None for another target.
        interrupted: Whether it was stopped early.
        failure: What ended it before its time, in words; None where nothing did.
    """

    started: str
    settings: dict[str, str]
    environment: dict[str, str | int | float | None]
    measurements: list[Measurement]
    findings: list[str] = attrs.field(factory=list)
    checks: int = 0
    server: ServerCounts | None = None
    interrupted: bool = False
    failure: str | None = None

    def to_json(self) -> bytes:
        """Return it as JSON."""
        stored = {"format": FORMAT, **_converter.unstructure(self)}
        return orjson.dumps(stored, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)

    @classmethod
    def from_json(cls, text: bytes, *, where: str = "the report") -> Self:
        """Read what ``to_json`` returned.

        Args:
            text: The JSON.
            where: What to call it in an error.

        Raises:
            ConfigurationError: It is something else.
        """
        try:
            stored = orjson.loads(text)
            if not isinstance(stored, dict) or stored.get("format") != FORMAT:
                raise ValueError(f"its format is not {FORMAT}")
            report = _converter.structure(stored, cls)
            for measurement in report.measurements:
                _check_whole(measurement)
            return report
        except Exception as exc:
            reason = exc if isinstance(exc, ValueError) else type(exc).__name__
            raise ConfigurationError(
                f"{where} is no report of kilo-sdk bench run: {reason}"
            ) from exc


def _check_whole(measurement: Measurement) -> None:
    """See to it that nothing is missing where the types do not say what has to be there.

    Raises:
        ValueError: Something is.
    """
    quantiles = {f"p{percent:g}" for percent in PERCENTILES}
    wanted: list[tuple[str, Iterable[str], Iterable[str]]] = [
        ("rates", RATES, measurement.rates),
        ("metrics", METRICS, measurement.metrics),
        ("histograms", METRICS, measurement.histograms),
    ]
    wanted += [(name, quantiles, one.percentiles) for name, one in measurement.metrics.items()]
    for run in measurement.runs:
        Timeline.check_list(run.timeline)
        wanted += [
            ("rates of a run", RATES, run.rates),
            ("means of a run", METRICS, run.means),
            ("percentiles of a run", METRICS, run.percentiles),
        ]
        wanted += [(f"{name} of a run", quantiles, one) for name, one in run.percentiles.items()]
    for what, names, there in wanted:
        lacking = set(names) - set(there)
        if lacking:
            raise ValueError(f"{', '.join(sorted(lacking))} is not among its {what}")


def measurement_of(plan: Plan, results: Sequence[Result], *, workers: int) -> Measurement:
    """Summarise the repetitions of a plan.

    Args:
        plan: What was run.
        results: At least one; they are not changed.
        workers: How many processes ran it.
    """
    runs = [_run_of(result, plan) for result in results]
    whole = Result.sum_of(results)
    tally, counts = whole.tally, whole.tally.counts
    metrics = {}
    for name in METRICS:
        histogram = tally.histograms[name]
        metrics[name] = Distribution(
            count=histogram.count,
            mean=Estimate.over(histogram.mean, [run.means[name] for run in runs]),
            minimum=histogram.minimum,
            maximum=histogram.maximum,
            percentiles={
                percentile: Estimate.over(
                    value, [run.percentiles[name][percentile] for run in runs]
                )
                for percentile, value in _percentiles(histogram).items()
            },
        )
    seconds = sum(run.seconds for run in runs)
    rates = {
        name: Estimate.over(value, [run.rates[name] for run in runs])
        for name, value in _rates(
            tally, seconds, has_objectives=plan.objectives is not None
        ).items()
    }
    generator = _generator_summary(whole, workers)
    sources = {"usage": counts.tokens_by_usage, "chunks": counts.tokens_by_chunks}
    return Measurement(
        model=plan.target.model,
        load=str(plan.load),
        is_open=plan.load.is_open,
        objectives=None if plan.objectives is None else str(plan.objectives),
        seconds=seconds,
        counts=counts,
        errors=dict(tally.errors.most_common()),
        cost=tally.cost,
        tokens_from=" and ".join(name for name, count in sources.items() if count) or "nothing",
        rates=rates,
        metrics=metrics,
        runs=runs,
        generator=generator,
        warnings=warnings_of(
            tally,
            seconds,
            asked_rate=_asked_rate(plan),
            lag_p99=generator.lag_p99,
            cpu_share=generator.cpu_share,
            interrupted=whole.stopped,
        ),
        histograms=tally.histograms,
    )


def _asked_rate(plan: Plan) -> float | None:
    """Return how many requests a second were to be sent in the window, or None."""
    phases = plan.phases
    if phases.requests is not None or phases.duration is None:
        return None
    # A ramp goes over the warm-up too, and what it sends there is not looked at.
    end = phases.warmup + phases.duration
    return plan.load.mean_rate(phases.warmup, end, ramp_over=plan.ramp_over)


def _run_of(result: Result, plan: Plan) -> Run:
    histograms = result.tally.histograms
    return Run(
        seconds=result.seconds,
        rates=_rates(result.tally, result.seconds, has_objectives=plan.objectives is not None),
        means={name: histogram.mean for name, histogram in histograms.items()},
        percentiles={name: _percentiles(histogram) for name, histogram in histograms.items()},
        timeline=result.tally.timeline.to_list(),
    )


def _percentiles(histogram: Histogram) -> dict[str, float | None]:
    return {f"p{percent:g}": histogram.percentile(percent) for percent in PERCENTILES}


def _rates(tally: Tally, seconds: float, *, has_objectives: bool) -> dict[str, float | None]:
    counts = tally.counts
    ended = counts.completed + counts.failed
    per_second = 1 / seconds if seconds > 0 else None

    def each_second(count: float) -> float | None:
        return None if per_second is None else count * per_second

    return {
        "requests_per_second": each_second(counts.window_completed),
        "output_tokens_per_second": each_second(counts.window_tokens),
        "goodput": each_second(counts.good) if has_objectives else None,
        "good_share": counts.good / ended if has_objectives and ended else None,
        "error_rate": counts.failed / ended if ended else None,
        # Little's law.
        "concurrency": each_second(tally.histograms["e2e"].total),
        "sent_per_second": each_second(counts.window_sent),
    }


def _generator_summary(whole: Result, workers: int) -> GeneratorSummary:
    overhead = whole.overhead
    return GeneratorSummary(
        workers=workers,
        cpu_seconds=overhead.cpu_seconds,
        cpu_share=overhead.busiest,
        cpu_us_per_chunk=overhead.cpu_seconds / overhead.chunks * 1e6 if overhead.chunks else None,
        peak_in_flight=overhead.peak_in_flight,
        lag_p50=overhead.lag.percentile(50.0),
        lag_p99=overhead.lag.percentile(99.0),
        lag_max=overhead.lag.maximum,
        clock_error=overhead.clock_error,
    )


def _make_converter() -> cattrs.Converter:
    converter = cattrs.Converter()
    converter.register_unstructure_hook(Histogram, lambda histogram: histogram.to_dict())
    converter.register_structure_hook(Histogram, lambda stored, _: Histogram.from_dict(stored))
    converter.register_unstructure_hook(Decimal, str)
    converter.register_structure_hook(Decimal, lambda stored, _: Decimal(stored))
    plain: tuple[Any, ...] = (str | int | float | None, int | float)
    for union in plain:
        converter.register_structure_hook(union, lambda stored, _: stored)
    return converter


_converter: Final = _make_converter()
