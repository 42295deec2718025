"""Which charts a report has: from measurements to charts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib import resources
from typing import Any, Final

from kilo_sdk.bench.charts import Chart, Series, standalone_svg
from kilo_sdk.bench.metrics import METRICS
from kilo_sdk.bench.report import Measurement, Report
from kilo_sdk.config.extras import needs_extra

__all__ = ["charts_of", "png_of"]

_MS: Final = 1000.0
_CDFS: Final = ("ttft", "itl", "e2e")
_DECADES: Final = 20.0
_ZOOM: Final = 2
_FONT: Final = "fontpkg_noto_sans"


def charts_of(report: Report) -> list[Chart]:
    """Return the charts of a report; those that would show nothing are left out."""
    charts = [
        *(_cdf(report.measurements, name) for name in _CDFS),
        *_throughput_against_latency(report.measurements),
        _over_time(report.measurements, "ttft"),
        _over_time(report.measurements, "itl"),
        _tokens_over_time(report.measurements),
        *_errors(report.measurements),
    ]
    return [chart for chart in charts if any(series.points for series in chart.series)]


def png_of(report: Report) -> bytes:
    """Return all charts, one below the other, as PNG.

    Raises:
        ConfigurationError: The extra ``bench`` is not installed.
    """
    with needs_extra("bench", what="writing PNG"):
        import resvg_py
    svg = standalone_svg(charts_of(report))
    # A font of a package, so that the picture is the same on every machine, or has letters at all.
    fonts = resources.files(_FONT) / "files"
    with resources.as_file(fonts) as folder:
        return bytes(
            resvg_py.svg_to_bytes(
                svg_string=svg,
                zoom=_ZOOM,
                skip_system_fonts=True,
                font_dirs=[str(folder)],
                sans_serif_family="Noto Sans",
            )
        )


def _name(measurement: Measurement) -> str:
    return f"{measurement.model} {measurement.load}"


def _cdf(measurements: Sequence[Measurement], metric: str) -> Chart:
    series = []
    spans: list[float] = []
    for measurement in measurements:
        histogram = measurement.histograms[metric]
        seen, count = 0, histogram.count
        points: list[tuple[float, float]] = []
        for value, times in histogram.buckets():
            points.append((value * _MS, seen / count * 100))
            seen += times
            points.append((value * _MS, seen / count * 100))
        points = _thinned(points)
        spans.extend(x for x, _ in points if x > 0)
        series.append(Series(_name(measurement), points))
    return Chart(
        title=f"{METRICS[metric].title}: share of values up to x",
        x_label="milliseconds",
        y_label="per cent",
        series=[one for one in series if one.points],
        logarithmic=bool(spans) and max(spans) / min(spans) > _DECADES,
        from_zero=False,
    )


def _thinned(points: list[tuple[float, float]], most: int = 400) -> list[tuple[float, float]]:
    """Return at most about ``most`` points: a report is to stay small."""
    step = max(len(points) // most, 1)
    return points if step == 1 else [*points[:-1:step], points[-1]]


def _throughput_against_latency(measurements: Sequence[Measurement]) -> Iterable[Chart]:
    models = dict.fromkeys(one.model for one in measurements)
    for metric in ("ttft", "itl"):
        series = []
        for place, model in enumerate(models):
            taken = [one for one in measurements if one.model == model]
            if len(taken) < 2:
                continue
            for percentile in ("p50", "p99"):
                found = [
                    (rate, latency * _MS, one.load)
                    for one in taken
                    if (rate := one.rates["output_tokens_per_second"].value) is not None
                    and (latency := one.metrics[metric].percentiles[percentile].value) is not None
                ]
                found.sort()
                series.append(
                    Series(
                        f"{model} {percentile}",
                        [(rate, latency) for rate, latency, _ in found],
                        labels=[load for *_, load in found] if percentile == "p50" else (),
                        dashed=percentile == "p99",
                        colour=place,
                    )
                )
        yield Chart(
            title=f"Throughput against latency: {METRICS[metric].title}",
            x_label="output tokens per second, all streams",
            y_label="milliseconds",
            series=series,
            kind="points",
        )


def _seconds(measurement: Measurement) -> Iterable[tuple[int, dict[str, Any]]]:
    """Iterate over the seconds of all repetitions, one after the other."""
    begin = 0
    for run in measurement.runs:
        last = 0
        for second in run.timeline:
            last = int(second["second"])
            yield begin + last, second
        begin += last + 1


def _over_time(measurements: Sequence[Measurement], metric: str) -> Chart:
    series = []
    for place, measurement in enumerate(measurements):
        seconds = [
            (number, each) for number, each in _seconds(measurement) if each[f"{metric}_count"]
        ]
        means = [
            (float(number), each[f"{metric}_sum"] / each[f"{metric}_count"] * _MS)
            for number, each in seconds
        ]
        greatest = [(float(number), each[f"{metric}_max"] * _MS) for number, each in seconds]
        if means:
            series.append(Series(f"{_name(measurement)} mean", means, colour=place))
            series.append(Series(f"{_name(measurement)} max", greatest, dashed=True, colour=place))
    return Chart(
        title=f"{METRICS[metric].title} over time",
        x_label="seconds since the load began",
        y_label="milliseconds",
        series=series,
    )


def _tokens_over_time(measurements: Sequence[Measurement]) -> Chart:
    return Chart(
        title="Output tokens in each second",
        x_label="seconds since the load began",
        y_label="tokens",
        series=[
            Series(
                _name(measurement),
                _without_holes(
                    (number, float(each["tokens"])) for number, each in _seconds(measurement)
                ),
            )
            for measurement in measurements
        ],
    )


def _without_holes(values: Iterable[tuple[int, float]]) -> list[tuple[float, float]]:
    """Return values by second with 0 where there is none: a line would bridge a stall."""
    points: list[tuple[float, float]] = []
    for number, value in values:
        first = int(points[-1][0]) + 1 if points else number
        points += [(float(hole), 0.0) for hole in range(first, number)]
        points.append((float(number), value))
    return points


def _errors(measurements: Sequence[Measurement]) -> Iterable[Chart]:
    for measurement in measurements:
        seconds = list(_seconds(measurement))
        if any(each["failed"] for _, each in seconds):
            yield Chart(
                title=f"Answers and failures in each second: {_name(measurement)}",
                x_label="seconds since the load began",
                y_label="requests",
                series=[
                    Series("whole", [(float(n), float(each["completed"])) for n, each in seconds]),
                    Series("failed", [(float(n), float(each["failed"])) for n, each in seconds]),
                ],
                kind="bars",
            )
