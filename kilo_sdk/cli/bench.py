"""``kilo-sdk bench``: its commands and their options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from kilo_sdk.cli.ending import end_with
from kilo_sdk.cli.exit_codes import ExitCode
from kilo_sdk.cli.options import AsJson
from kilo_sdk.cli.render import TextOutput

__all__ = ["bench_app"]

_HELP = """Measure how fast a model, a gateway or a whole stack is.

\b
Examples:
  kilo-sdk bench run                                    an embedded gateway, 8 requests at once
  kilo-sdk bench run -m openai/gpt-4.1 --remote         the configured gateway
  kilo-sdk bench run --load poisson:20 --duration 60 --slo ttft:200ms,itl:50ms
  kilo-sdk bench run --load sweep --html sweep.html -o sweep.json
  kilo-sdk bench compare before.json after.json --threshold 5
"""

_RUN_HELP = """Put load on a target and measure latency, throughput and goodput.

Without --base-url and --remote it is an embedded gateway in a process of its own, with no key
and no network. The summary goes to standard output, progress to standard error.

\b
Loads (--load, may be repeated):
  concurrency:N            a closed loop: N requests under way at any time
  constant:RATE            an open loop: RATE requests a second, evenly
  poisson:RATE             the same on average, by chance
  gamma:RATE:BURSTINESS    burstier than Poisson below 1, more even above
  ramp:FROM:TO[:SECONDS]   from one rate to another; without SECONDS, while the load lasts
  trace:FILE               JSON lines with a timestamp each
  sweep[:LEVELS]           from one at a time to as many as the target takes
  sweep:KIND:V,V,...       one load per value
  knee                     concurrency doubled until it brings less than a tenth more
  max-rate                 the highest rate that meets --slo

\b
Open loops measure from when a request was due, not from when it was sent. Ctrl-C ends the
load and keeps what was measured.

\b
Exit codes: 0 measured; 1 the target cannot be asked, every request failed, or a result could
not be written or exported where it was to be; 2 the arguments cannot work; 130 interrupted.
"""

bench_app = typer.Typer(
    help=_HELP,
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


CsvFile: TypeAlias = Annotated[Path | None, typer.Option(metavar="FILE", help="Write CSV.")]
HtmlFile: TypeAlias = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Write a report with plots.")
]
PngFile: TypeAlias = Annotated[Path | None, typer.Option(metavar="FILE", help="Write the plots.")]
PrometheusFile: TypeAlias = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Write Prometheus' text format.")
]
Otlp: TypeAlias = Annotated[
    bool,
    typer.Option("--otlp", help="Export by OTLP, where OTEL_EXPORTER_OTLP_ENDPOINT says."),
]
OtlpEndpoint: TypeAlias = Annotated[
    str | None,
    typer.Option(metavar="URL", help="Export by OTLP to a collector: http://localhost:4318."),
]
Force: TypeAlias = Annotated[bool, typer.Option("--force", help="Replace files that exist.")]


@bench_app.command("run", help=_RUN_HELP)
def run(
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model", "-m", metavar="REF", help="Model; may be repeated.  [default: kilo/auto]"
        ),
    ] = None,
    load: Annotated[
        list[str] | None,
        typer.Option(metavar="LOAD", help="May be repeated.  [default: concurrency:8]"),
    ] = None,
    requests: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Requests to measure.  [default: without --duration 100, or all of a trace]",
        ),
    ] = None,
    duration: Annotated[
        float | None, typer.Option(metavar="SECONDS", help="How long to measure.")
    ] = None,
    warmup: Annotated[
        float, typer.Option(metavar="SECONDS", help="Load before it that does not count.")
    ] = 0.0,
    cooldown: Annotated[
        float, typer.Option(metavar="SECONDS", help="Load after it that does not count.")
    ] = 0.0,
    drain: Annotated[
        float,
        typer.Option(metavar="SECONDS", help="How long requests under way are waited for."),
    ] = 30.0,
    repeat: Annotated[
        int,
        typer.Option(metavar="N", min=1, help="Repetitions; two or more give intervals."),
    ] = 1,
    workers: Annotated[
        int, typer.Option(metavar="N", min=1, help="Processes that send the load.")
    ] = 1,
    ray: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS", help="Run the workers on a Ray cluster: auto, local, or where."
        ),
    ] = None,
    slo: Annotated[
        str | None,
        typer.Option(metavar="LIMITS", help="Objectives, such as ttft:200ms,itl:50ms."),
    ] = None,
    input_tokens: Annotated[
        str,
        typer.Option(
            metavar="LENGTH", help="Of prompts: N, uniform:A:B, normal:M:D, lognormal:M:D."
        ),
    ] = "128",
    output_tokens: Annotated[
        str, typer.Option(metavar="LENGTH", help="Of answers, likewise; 'any' for no limit.")
    ] = "64",
    prompts: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Prompts: a line each, or JSON lines."),
    ] = None,
    turns: Annotated[
        int, typer.Option(metavar="N", min=1, help="Turns of each synthetic conversation.")
    ] = 1,
    tools: Annotated[
        str,
        typer.Option(
            metavar="N|FILE", help="Made-up tools to offer, or a JSON file with a list of tools."
        ),
    ] = "0",
    prefix_tokens: Annotated[
        int, typer.Option(metavar="N", min=0, help="Length of a system message before prompts.")
    ] = 0,
    prefix_ratio: Annotated[
        float,
        typer.Option(metavar="SHARE", min=0, max=1, help="Share of conversations that share it."),
    ] = 1.0,
    prefixes: Annotated[
        int, typer.Option(metavar="N", min=1, help="How many different shared ones there are.")
    ] = 1,
    reasoning: Annotated[
        str | None, typer.Option(metavar="LEVEL", help="Reasoning level, such as high or off.")
    ] = None,
    stream: Annotated[
        bool, typer.Option("--stream/--no-stream", show_default=False, help="[default: stream]")
    ] = True,
    extra_body: Annotated[
        str | None,
        typer.Option(metavar="JSON", help="Fields for every request, such as '{\"top_p\": 1}'."),
    ] = None,
    retries: Annotated[
        int, typer.Option(metavar="N", min=0, help="Most tries after the first.")
    ] = 0,
    timeout: Annotated[
        float | None, typer.Option(metavar="SECONDS", help="Most time for a request in all.")
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="What chance is drawn from.")] = 0,
    base_url: Annotated[str | None, typer.Option(metavar="URL", help="Whom to measure.")] = None,
    remote: Annotated[
        bool, typer.Option("--remote", help="Measure the configured gateway, or Kilo's.")
    ] = False,
    local_ttft: Annotated[
        float,
        typer.Option(
            metavar="SECONDS", help="Wait of the embedded gateway before its first event."
        ),
    ] = 0.05,
    local_tokens_per_second: Annotated[
        float,
        typer.Option(metavar="N", help="Pace of its streams; 0 is as fast as it can."),
    ] = 100.0,
    local_fault: Annotated[
        str | None, typer.Option(metavar="FAULT", help="What its answers meet, such as cut.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write JSON.")
    ] = None,
    csv: CsvFile = None,
    html: HtmlFile = None,
    png: PngFile = None,
    prometheus: PrometheusFile = None,
    otlp: Otlp = False,
    otlp_endpoint: OtlpEndpoint = None,
    force: Force = False,
) -> None:
    def measure() -> ExitCode:
        # Here, so that a missing extra ends in a sentence.
        from kilo_sdk.cli.bench_export import OTLPExport
        from kilo_sdk.cli.bench_files import ResultFiles
        from kilo_sdk.cli.bench_run import RunOptions, run_bench

        options = RunOptions(
            models=tuple(model or ("kilo/auto",)),
            loads=tuple(load or ("concurrency:8",)),
            requests=requests,
            duration=duration,
            warmup=warmup,
            cooldown=cooldown,
            drain=drain,
            repeat=repeat,
            workers=workers,
            ray=ray,
            slo=slo,
            input_tokens=input_tokens,
            output_tokens=output_tokens,
            prompts=prompts,
            turns=turns,
            tools=tools,
            prefix_tokens=prefix_tokens,
            prefix_ratio=prefix_ratio,
            prefixes=prefixes,
            reasoning=reasoning,
            stream=stream,
            extra_body=extra_body,
            retries=retries,
            timeout=timeout,
            seed=seed,
            base_url=base_url,
            remote=remote,
            local_ttft=local_ttft,
            local_tokens_per_second=local_tokens_per_second,
            local_fault=local_fault,
            files=ResultFiles(
                json=output, csv=csv, html=html, png=png, prometheus=prometheus, force=force
            ),
            otlp=OTLPExport(otlp_endpoint) if otlp or otlp_endpoint is not None else None,
        )
        return run_bench(options)

    end_with(measure, TextOutput())


@bench_app.command("report")
def report(
    source: Annotated[Path, typer.Argument(metavar="FILE", help="JSON of a run.")],
    csv: CsvFile = None,
    html: HtmlFile = None,
    png: PngFile = None,
    prometheus: PrometheusFile = None,
    otlp: Otlp = False,
    otlp_endpoint: OtlpEndpoint = None,
    force: Force = False,
) -> None:
    """Show a run again, or write it in another form."""

    def show() -> ExitCode:
        from kilo_sdk.cli.bench_export import OTLPExport
        from kilo_sdk.cli.bench_files import ResultFiles
        from kilo_sdk.cli.bench_run import show_report

        files = ResultFiles(csv=csv, html=html, png=png, prometheus=prometheus, force=force)
        export = OTLPExport(otlp_endpoint) if otlp or otlp_endpoint is not None else None
        return show_report(source, files, export)

    end_with(show, TextOutput())


@bench_app.command("compare")
def compare(
    before: Annotated[Path, typer.Argument(metavar="BEFORE", help="JSON of a run.")],
    after: Annotated[Path, typer.Argument(metavar="AFTER", help="JSON of a run to judge.")],
    threshold: Annotated[
        float, typer.Option(metavar="PERCENT", help="Least change that counts.")
    ] = 5.0,
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="METRIC", help="Metrics that count, such as ttft; may be repeated."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Say what changed between two runs; exit with 3 where something is worse.

    Worse is what changed for the worse by more than --threshold and by more than chance.
    """

    def show() -> ExitCode:
        from kilo_sdk.cli.bench_compare import compare_reports

        return compare_reports(before, after, threshold=threshold, only=only or (), as_json=as_json)

    end_with(show, TextOutput())
