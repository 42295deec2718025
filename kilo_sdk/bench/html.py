"""A report as one HTML file: readable in the light, in the dark and on paper, and offline."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from typing import Final

from kilo_sdk.bench.charts import series_style, svg_of
from kilo_sdk.bench.plots import charts_of
from kilo_sdk.bench.report import RATES, Measurement, Report
from kilo_sdk.bench.table import (
    METRIC_COLUMNS,
    generator_words,
    metric_rows,
    request_words,
    shown,
    token_words,
)

__all__ = ["html_of"]

_STYLE: Final = """
:root { --paper: #fff; --ink: #1c1e21; --soft: #62676e; --rule: #dcdfe3; --warn: #9a5b00;
        color-scheme: light; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #15171a; --ink: #e7e9ec; --soft: #9aa1a9; --rule: #353a40; --warn: #e5b567;
          color-scheme: dark; }
}
@media print {
  :root { --paper: #fff; --ink: #000; --soft: #444; --rule: #bbb; --warn: #7a4700; }
  figure, table { break-inside: avoid; }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 78rem; padding: 1.5rem; background: var(--paper);
       color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.6rem; margin: 0; }
h2 { font-size: 1.15rem; margin: 2.2rem 0 .6rem; overflow-wrap: anywhere; }
p { margin: .4rem 0; }
.soft { color: var(--soft); }
.warning { color: var(--warn); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .7rem; border-bottom: 1px solid var(--rule); text-align: right;
         white-space: nowrap; }
th { white-space: normal; vertical-align: bottom; min-width: 4.5rem; font-weight: 600; }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
.charts { display: grid; gap: 1rem;
          grid-template-columns: repeat(auto-fit, minmax(min(32rem, 100%), 1fr)); }
figure { margin: 0; border: 1px solid var(--rule); border-radius: .5rem; padding: .5rem; }
svg { width: 100%; height: auto; display: block; }
svg text { fill: var(--ink); font: 12px system-ui, sans-serif; }
svg .title { font-size: 15px; font-weight: 600; }
svg .grid { stroke: var(--rule); }
svg .axis { stroke: var(--soft); }
""" + series_style()


def html_of(report: Report) -> str:
    """Return the page; it loads nothing, and holds no script."""
    charts = "".join(f"<figure>{svg_of(chart)}</figure>" for chart in charts_of(report))
    body = [
        "<h1>kilo-sdk bench</h1>",
        f'<p class="soft">{escape(report.started)}, kilo-sdk '
        f"{escape(str(report.environment.get('kilo_sdk', '')))}</p>",
    ]
    if report.interrupted:
        body.append('<p class="warning">Interrupted: these are the numbers until then.</p>')
    if report.failure is not None:
        body.append(f'<p class="warning">Ended early: {escape(report.failure)}</p>')
    body.extend(f"<p>{escape(finding)}</p>" for finding in report.findings)
    body.append(_overview(report.measurements))
    body.append(f'<h2>Plots</h2><div class="charts">{charts}</div>')
    for measurement in report.measurements:
        body.extend(_measurement(measurement))
    body.append(_pairs("What was asked for", report.settings))
    body.append(_pairs("Where it ran", report.environment))
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>kilo-sdk bench</title><style>{_STYLE}</style></head>"
        f"<body>{''.join(body)}</body></html>\n"
    )


def _overview(measurements: Iterable[Measurement]) -> str:
    rates = [name for name in RATES if name != "sent_per_second"]
    rows = []
    for one in measurements:
        values = [shown(one.rates[name].value) for name in rates]
        medians = [one.metrics[name].percentiles["p50"].value for name in ("ttft", "itl")]
        latencies = [shown(median, scale=1000.0) for median in medians]
        rows.append([f"{one.model} {one.load}", *values, *latencies])
    titles = [RATES[name][0] for name in rates]
    head = ["", *titles, "TTFT p50 (ms)", "ITL p50 (ms)"]
    return "<h2>Overview</h2>" + _table(head, rows)


def _measurement(measurement: Measurement) -> Iterable[str]:
    yield f"<h2>{escape(measurement.model)} {escape(measurement.load)}</h2>"
    lines = [
        f"{request_words(measurement)}; tokens {token_words(measurement)}",
        f"Generator: {generator_words(measurement)}",
    ]
    lines.extend(f"{name}: {count}" for name, count in measurement.errors.items())
    yield from (f'<p class="soft">{escape(line)}</p>' for line in lines)
    yield from (f'<p class="warning">Warning: {escape(one)}</p>' for one in measurement.warnings)
    yield _table(["", *METRIC_COLUMNS], metric_rows(measurement))


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    top = "".join(f"<th>{escape(cell)}</th>" for cell in head)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return (
        f'<div class="scroll"><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>'
        "</div>"
    )


def _pairs(title: str, pairs: dict[str, str] | dict[str, str | int | float | None]) -> str:
    rows = [[name, "-" if value is None else str(value)] for name, value in pairs.items()]
    return f"<h2>{escape(title)}</h2>" + _table(["", ""], rows)
