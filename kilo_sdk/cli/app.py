"""The commands and their options; what they do is in the modules beside this one."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from kilo_sdk._version import __version__
from kilo_sdk.cli.bash_words import join_words
from kilo_sdk.cli.bench import bench_app
from kilo_sdk.cli.chat import ChatOptions, Conversation
from kilo_sdk.cli.config import config_app, read_config
from kilo_sdk.cli.doctor import doctor_command
from kilo_sdk.cli.ending import end_with
from kilo_sdk.cli.exit_codes import ExitCode
from kilo_sdk.cli.model_refs import complete_ref
from kilo_sdk.cli.models import models_app
from kilo_sdk.cli.onboard import ONBOARD_HELP, logout_command, onboard_command
from kilo_sdk.cli.options import GatewayUrl
from kilo_sdk.cli.prompt import read_prompt
from kilo_sdk.cli.render import JsonOutput, Output, TextOutput
from kilo_sdk.cli.session import converse
from kilo_sdk.errors import ConfigurationError
from kilo_sdk.types.reasoning import REASONING_LEVELS

__all__ = ["app", "run"]

_HELP = """Talk to hundreds of models through Kilo Gateway.

\b
Examples:
  kilo-sdk chat --local "Why is the sky blue?"      no key, no network
  kilo-sdk onboard                                  check a key, and store it
  kilo-sdk chat "Why is the sky blue?"              the gateway, with that key
  kilo-sdk models list --free                       what there is to ask
  kilo-sdk doctor                                   what works, and what to do where it does not
  kilo-sdk config show                              key and settings, and where they are from
  git diff | kilo-sdk chat "Review this change"     the prompt, then what is piped in
  kilo-sdk serve --port 8080                        a gateway on this machine
  kilo-sdk bench run                                how fast it is

\b
Exit codes: 0 done; 1 no whole answer came; 2 the arguments or the environment
cannot work; 130 interrupted.
"""

_CHAT_HELP = """Ask a model, and print its answer as it comes.

The answer goes to standard output; reasoning, errors, and a line with model, tokens, cost and
time to first token go to standard error. Without PROMPT the prompt is read from standard input;
with both, PROMPT comes first. At a terminal and without PROMPT it is a conversation: /reset
forgets it, /exit or Ctrl-D ends it, Ctrl-C ends the answer being written.

\b
Examples:
  kilo-sdk chat --local "Why is the sky blue?"
  kilo-sdk chat -m kilocode/anthropic/claude-sonnet-4 --reasoning high "Prove it"
  kilo-sdk chat "Summarise this" < report.txt > summary.txt
  kilo-sdk chat --json "Say hi" | jq .usage.cost
  kilo-sdk chat --system "You are terse."

\b
Environment:
  KILOCODE_API_KEY    the key; without one, only free models answer
  KILOCODE_BASE_URL   where the gateway is, unless --base-url says so
What neither an option nor the environment says comes from files: see kilo-sdk config show.
"""

_SERVE_HELP = """Run a gateway on this machine that answers, streams and fails on demand.

It speaks the gateway's protocol and makes up its answers, the same for the same requests. It
prints where it is, and runs until Ctrl-C or SIGTERM, which is a normal end (exit code 0).

\b
Examples:
  kilo-sdk serve
  kilo-sdk serve --demo                             a chat page in the browser
  kilo-sdk serve --port 8080 --tokens-per-second 40 --ttft 0.5
  kilo-sdk serve --api-key secret --fault "status=429;retry_after=2;times=1"
  kilo-sdk serve --replay recordings/
"""

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    # Plain help and errors: they stay whole lines in any terminal, log or pipe.
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


app.command("onboard", help=ONBOARD_HELP)(onboard_command)
app.command("logout")(logout_command)
app.command("doctor")(doctor_command)
app.add_typer(models_app, name="models")
app.add_typer(bench_app, name="bench")
app.add_typer(config_app, name="config")


def run() -> int:
    """Run the command line on ``sys.argv`` and return the exit code."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # the process was started without it
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115 - for the process's life
    join_words(os.environ)
    try:
        app(prog_name="kilo-sdk")
    except SystemExit as ending:
        return ending.code if isinstance(ending.code, int) else ExitCode.DONE
    return ExitCode.DONE


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"kilo-sdk {__version__}")
        raise typer.Exit


@app.callback(help=_HELP)
def _root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    pass


@app.command(help=_CHAT_HELP)
def chat(
    prompt: Annotated[
        str | None,
        typer.Argument(metavar="PROMPT", show_default=False, help="What to say to the model."),
    ] = None,
    local: Annotated[
        bool,
        typer.Option("--local", help="Ask the embedded gateway: no key, no network."),
    ] = False,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            "-m",
            metavar="REF",
            help="Model, as vendor/model.  [default: as configured]",
            autocompletion=complete_ref,
        ),
    ] = None,
    reasoning: Annotated[
        str | None,
        typer.Option(
            metavar="LEVEL",
            help="off, minimal, low, medium, high, xhigh, adaptive or max.  "
            "[default: as configured]",
            autocompletion=lambda: REASONING_LEVELS,
        ),
    ] = None,
    system: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="Instructions that open the conversation."),
    ] = None,
    max_tokens: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="Most tokens of an answer."),
    ] = None,
    temperature: Annotated[
        float | None,
        typer.Option(metavar="T", min=0, max=2, help="Sampling temperature, 0 to 2."),
    ] = None,
    show_reasoning: Annotated[
        bool | None,
        typer.Option(
            "--show-reasoning/--no-reasoning",
            show_default=False,
            help="Print the model's reasoning.  [default: at a terminal only]",
        ),
    ] = None,
    stream: Annotated[
        bool,
        typer.Option(
            "--stream/--no-stream",
            show_default=False,
            help="Print the answer as it comes, or once it is whole.  [default: stream]",
        ),
    ] = True,
    as_json: Annotated[
        bool,
        typer.Option("--json", help="Print one JSON object: the completion, or the error."),
    ] = False,
    base_url: GatewayUrl = None,
) -> None:
    options = ChatOptions(
        local=local,
        base_url=base_url,
        model=model,
        reasoning=reasoning,
        system=system,
        max_tokens=max_tokens,
        temperature=temperature,
        stream=stream,
    )
    output = JsonOutput() if as_json else TextOutput(show_reasoning=show_reasoning)
    end_with(lambda: _chat(prompt, options, output), output)


@app.command(help=_SERVE_HELP)
def serve(
    host: Annotated[str, typer.Option(metavar="HOST", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int,
        typer.Option(
            metavar="PORT",
            min=0,
            max=65535,
            show_default=False,
            help="Port to listen on.  [default: a free one]",
        ),
    ] = 0,
    tokens_per_second: Annotated[
        float | None,
        typer.Option(metavar="N", help="Pace of streams.  [default: as fast as it can]"),
    ] = None,
    ttft: Annotated[
        float,
        typer.Option(metavar="SECONDS", show_default=False, help="Wait before the first event."),
    ] = 0.0,
    api_key: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY", help="A key to accept; may be repeated.  [default: any, or none]"
        ),
    ] = None,
    require_auth: Annotated[
        bool, typer.Option("--require-auth", help="Refuse paid models to those without a key.")
    ] = False,
    fault: Annotated[
        str | None,
        typer.Option(
            metavar="FAULT", help="What every completion meets, such as 'status=503' or 'cut'."
        ),
    ] = None,
    models: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="List the models of this JSON file: a list, or an object with a list 'data'.",
        ),
    ] = None,
    models_fault: Annotated[
        str | None,
        typer.Option(metavar="FAULT", help="What every model list meets, such as 'html=502'."),
    ] = None,
    organization: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ID=REF,REF",
            help="An organization and the models it allows; may be repeated.  "
            "[default: any, and all]",
        ),
    ] = None,
    replay: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="PATH", help="Answer with recordings: .sse or .json files, or a directory."
        ),
    ] = None,
    verify_signatures: Annotated[
        bool,
        typer.Option(
            "--verify-signatures",
            help="Refuse reasoning in a history that is not as it was given, byte for byte.",
        ),
    ] = False,
    demo: Annotated[
        bool,
        typer.Option("--demo", help="Serve a chat page as well, over web sockets."),
    ] = False,
    demo_port: Annotated[
        int,
        typer.Option(
            metavar="PORT",
            min=0,
            max=65535,
            show_default=False,
            help="Port of the chat page.  [default: a free one]",
        ),
    ] = 0,
) -> None:
    from kilo_sdk.cli.serve import ServeOptions
    from kilo_sdk.cli.serve import serve as run_server

    options = ServeOptions(
        host=host,
        port=port,
        tokens_per_second=tokens_per_second,
        ttft=ttft,
        api_keys=api_key or (),
        require_auth=require_auth,
        fault=fault,
        models=models,
        models_fault=models_fault,
        organizations=organization or (),
        replay=replay or (),
        verify_signatures=verify_signatures,
        demo=demo,
        demo_port=demo_port,
    )
    end_with(lambda: run_server(options), TextOutput())


def _chat(argument: str | None, options: ChatOptions, output: Output) -> ExitCode:
    if options.local and options.base_url is not None:
        raise ConfigurationError("--local and --base-url are alternatives; give one of them")
    prompt = read_prompt(argument, note=output.note, insist=not options.local)
    if prompt is None and isinstance(output, JsonOutput):
        raise ConfigurationError("--json prints one answer; give PROMPT, or pipe it in")
    config = None
    if not options.local:
        config = read_config(
            output.note,
            base_url=options.base_url,
            default_model=options.model,
            reasoning=options.reasoning,
        )
    with Conversation(options, config) as conversation:
        if prompt is None:
            return converse(conversation, output)
        return conversation.say(prompt, output)
