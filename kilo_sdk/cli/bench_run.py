"""What ``kilo-sdk bench run`` and ``report`` do."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from pathlib import Path
from typing import Any

import attrs
import orjson

from kilo_sdk.bench.child import ENDINGS
from kilo_sdk.bench.datasets import load_dataset, load_tools
from kilo_sdk.bench.embedded import EmbeddedGateway, GatewayPace, embedded_gateway
from kilo_sdk.bench.lengths import Lengths
from kilo_sdk.bench.objectives import Objectives
from kilo_sdk.bench.plan import Phases, Target
from kilo_sdk.bench.report import Report
from kilo_sdk.bench.search import parse_search
from kilo_sdk.bench.session import Session, measure
from kilo_sdk.bench.workload import Workload, synthetic_tools
from kilo_sdk.cli.bench_export import OTLPExport
from kilo_sdk.cli.bench_files import ResultFiles
from kilo_sdk.cli.bench_view import LiveView, print_report
from kilo_sdk.cli.config import read_config
from kilo_sdk.cli.consoles import notes_console, noting, results_console
from kilo_sdk.cli.exit_codes import ExitCode
from kilo_sdk.cli.report import key_advice
from kilo_sdk.config import KiloConfig
from kilo_sdk.errors import APIConnectionError, AuthenticationError, ConfigurationError, KiloError
from kilo_sdk.types.reasoning import check_level

__all__ = ["RunOptions", "read_report", "run_bench", "show_report"]

_ONE_PRESS_S = 1.0
_NOT_SETTINGS = ("files", "extra_body", "otlp")


@attrs.frozen(kw_only=True)
class RunOptions:
    """What ``kilo-sdk bench run`` was told; its help describes each."""

    models: tuple[str, ...] = ("kilo/auto",)
    loads: tuple[str, ...] = ("concurrency:8",)
    requests: int | None = None
    duration: float | None = None
    warmup: float = 0.0
    cooldown: float = 0.0
    drain: float = 30.0
    repeat: int = 1
    workers: int = 1
    ray: str | None = None
    slo: str | None = None
    input_tokens: str = "128"
    output_tokens: str = "64"
    prompts: Path | None = None
    turns: int = 1
    tools: str = "0"
    prefix_tokens: int = 0
    prefix_ratio: float = 1.0
    prefixes: int = 1
    reasoning: str | None = None
    stream: bool = True
    extra_body: str | None = attrs.field(default=None, repr=False)
    retries: int = 0
    timeout: float | None = None
    seed: int = 0
    base_url: str | None = None
    remote: bool = False
    local_ttft: float = 0.05
    local_tokens_per_second: float = 100.0
    local_fault: str | None = None
    files: ResultFiles = attrs.field(factory=ResultFiles)
    otlp: OTLPExport | None = None

    @property
    def is_local(self) -> bool:
        """Whether the embedded gateway is measured."""
        return self.base_url is None and not self.remote

    @property
    def sets_pace(self) -> bool:
        """Whether it says how the embedded gateway answers."""
        of_gateway = [one for one in attrs.fields(RunOptions) if one.name.startswith("local_")]
        return any(getattr(self, one.name) != one.default for one in of_gateway)

    def described(self) -> dict[str, str]:
        """Return what differs from nothing at all, in words, for the report."""
        fields = attrs.asdict(self, recurse=False)
        shown = {name: value for name, value in fields.items() if name not in _NOT_SETTINGS}
        return {
            name: ", ".join(value) if isinstance(value, tuple) else str(value)
            for name, value in shown.items()
            if value is not None and (self.is_local or not name.startswith("local_"))
        }


def run_bench(options: RunOptions) -> ExitCode:
    """Measure, print the summary, write the files.

    Raises:
        KiloError: Nothing could be measured.
    """
    options.files.check()
    if options.otlp is not None:
        options.otlp.check()
    note = noting(notes := notes_console())
    config = None
    if not options.is_local:
        config = read_config(note, base_url=options.base_url)
    session = _session_of(options, config)
    view = LiveView(notes)
    try:
        with view.live():
            report = asyncio.run(_measure(options, session, view))
    except KiloError as error:
        raise _advised(error, options, config) from None
    if options.is_local and report.server is None:
        note("the embedded gateway ended before the load did; what it counted is not known")
    code = _told(report, options.files, options.otlp, note)
    if report.interrupted:
        return ExitCode.INTERRUPTED
    nothing = not any(measurement.counts.completed for measurement in report.measurements)
    return ExitCode.REFUSED if nothing or report.failure is not None else code


def show_report(source: Path, files: ResultFiles, otlp: OTLPExport | None = None) -> ExitCode:
    """Print a stored report, write it in other forms, and export it.

    Raises:
        ConfigurationError: The file cannot be read, or is no report.
    """
    files.check()
    if otlp is not None:
        otlp.check()
    report = read_report(source)
    return _told(report, files, otlp, noting(notes_console()))


def _told(
    report: Report, files: ResultFiles, otlp: OTLPExport | None, note: Callable[[str], None]
) -> ExitCode:
    """Print a report, write the files, and then export, which may fail."""
    try:
        print_report(results_console(), report)
    finally:
        # Whoever wants the head of it alone, or has no room for it, wants the files all the same.
        code = files.write(report, note)
        exported = ExitCode.DONE if otlp is None else otlp.send(report, note)
    return code or exported


def read_report(path: Path) -> Report:
    """Read a stored report.

    Raises:
        ConfigurationError: The file cannot be read, or is no report.
    """
    try:
        text = path.read_bytes()
    except OSError as exc:
        raise ConfigurationError(f"{path} cannot be read: {exc.strerror or exc}") from exc
    return Report.from_json(text, where=str(path))


def _session_of(options: RunOptions, config: KiloConfig | None) -> Session:
    if options.base_url is not None and options.remote:
        raise ConfigurationError("--base-url and --remote are alternatives; give one of them")
    if not options.is_local and options.sets_pace:
        raise ConfigurationError(
            "--local-ttft, --local-tokens-per-second and --local-fault are of the embedded "
            "gateway, which is measured without --base-url and --remote"
        )
    if options.prompts is not None and (options.turns > 1 or options.prefix_tokens):
        raise ConfigurationError(
            "--turns and --prefix-tokens make synthetic conversations, and change none that "
            "--prompts brings; give one or the other"
        )
    if options.reasoning is not None:
        check_level(options.reasoning)
    objectives = None if options.slo is None else Objectives.parse(options.slo)
    length = options.output_tokens
    workload = Workload(
        input_tokens=Lengths.parse(options.input_tokens),
        output_tokens=None if length == "any" else Lengths.parse(length),
        dataset=None if options.prompts is None else load_dataset(options.prompts),
        turns=options.turns,
        tools=_tools_of(options.tools),
        prefix_tokens=options.prefix_tokens,
        prefix_ratio=options.prefix_ratio,
        prefixes=options.prefixes,
        reasoning=options.reasoning,
        stream=options.stream,
        extra_body=_extra_body(options.extra_body),
        seed=options.seed,
    )
    return Session(
        target=Target(
            base_url=options.base_url if config is None else config.base_url,
            api_key=_key_of(config),
            retries=options.retries,
            timeout=options.timeout,
        ),
        models=options.models,
        workload=workload,
        searches=tuple(
            parse_search(load, has_objectives=objectives is not None) for load in options.loads
        ),
        phases=Phases(
            requests=options.requests,
            duration=options.duration,
            warmup=options.warmup,
            cooldown=options.cooldown,
            drain=options.drain,
        ),
        objectives=objectives,
        repetitions=options.repeat,
        workers=options.workers,
        seed=options.seed,
        settings=options.described(),
    )


def _key_of(config: KiloConfig | None) -> str | None:
    key = None if config is None else config.api_key
    if key is not None and not isinstance(key, str):
        raise ConfigurationError("a key to measure with is a text; one that is made cannot be sent")
    return key


def _tools_of(text: str) -> list[dict[str, Any]]:
    if text.isascii() and text.isdecimal() and len(text) < 10:
        return synthetic_tools(int(text))
    if not text or text.lstrip("+-").isdecimal():
        raise ConfigurationError(
            "--tools is a number of made-up tools from 0 to 1000, or a JSON file of tools, "
            f"not {text!r}"
        )
    return load_tools(text)


def _extra_body(text: str | None) -> dict[str, Any]:
    if text is None:
        return {}
    try:
        body = orjson.loads(text)
    except orjson.JSONDecodeError as exc:
        raise ConfigurationError(f"--extra-body is no JSON: {exc}") from exc
    if not isinstance(body, dict):
        raise ConfigurationError("--extra-body is a JSON object, such as '{\"top_p\": 1}'")
    return body


async def _measure(options: RunOptions, session: Session, view: LiveView) -> Report:
    stop = asyncio.Event()
    gateway: EmbeddedGateway | None = None
    with _stopping_on_signals(stop):
        async with AsyncExitStack() as rooms:
            if options.is_local:
                pace = GatewayPace(
                    ttft=options.local_ttft,
                    tokens_per_second=options.local_tokens_per_second or None,
                    fault=options.local_fault,
                )
                gateway = await rooms.enter_async_context(embedded_gateway(pace))
                target = attrs.evolve(session.target, base_url=gateway.base_url, api_key="local")
                session = attrs.evolve(session, target=target)
            engine = None
            if options.ray is not None:
                from kilo_sdk.bench.ray_workers import RayEngine

                engine = RayEngine(options.ray)
                rooms.callback(engine.close)
            report = await measure(session, observer=view, stop=stop, engine=engine)
    return attrs.evolve(report, server=None if gateway is None else gateway.counts)


@contextmanager
def _stopping_on_signals(stop: asyncio.Event) -> Iterator[None]:
    """Let the first Ctrl-C end the load in good order; one after that ends everything."""
    loop = asyncio.get_running_loop()
    # Whoever started this with nohup wants it to outlive the terminal.
    signals = [one for one in ENDINGS if one == signal.SIGINT or not _is_ignored(one)]

    def leave_be() -> None:
        with contextlib.suppress(NotImplementedError):
            for one in signals:
                loop.remove_signal_handler(one)

    def end() -> None:
        if not stop.is_set():
            stop.set()
            # timeout(1) sends each signal twice, and fingers slip.
            loop.call_later(_ONE_PRESS_S, leave_be)

    with contextlib.suppress(NotImplementedError):  # Windows: Ctrl-C ends everything
        for one in signals:
            loop.add_signal_handler(one, end)
    try:
        yield
    finally:
        leave_be()


def _is_ignored(one: signal.Signals) -> bool:
    return signal.getsignal(one) is signal.SIG_IGN


def _advised(error: KiloError, options: RunOptions, config: KiloConfig | None) -> KiloError:
    if isinstance(error, AuthenticationError) and config is not None:
        error.add_note(key_advice(config))
    elif isinstance(error, APIConnectionError) and not options.is_local:
        error.add_note("nothing was measured; see whether the address is right and answers")
    return error
