"""``kilo-sdk config``: what is configured, where it comes from, and where the file is."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Annotated, Any

import orjson
import typer

from kilo_sdk.cli.columns import columns
from kilo_sdk.cli.ending import end_with
from kilo_sdk.cli.exit_codes import ExitCode
from kilo_sdk.cli.render import JsonOutput, Output, TextOutput, write_json, write_text
from kilo_sdk.config import KiloConfig
from kilo_sdk.config.locations import config_path

__all__ = ["config_app", "read_config"]

_HELP = """Show what is configured, and where it comes from.

\b
Asked in this order, for each value on its own: the environment, .env in the working
directory, config.toml, the key stored for the base URL, OpenClaw's file.

\b
Examples:
  kilo-sdk config show
  kilo-sdk config show --json | jq -r .values.api_key.source
  $EDITOR "$(kilo-sdk config path)"
"""

config_app = typer.Typer(
    help=_HELP,
    no_args_is_help=True,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def read_config(note: Callable[[str], None], **given: Any) -> KiloConfig:
    """Load the configuration for a command.

    Args:
        note: Told what is suspicious, a line each.
        **given: What options say, as in ``KiloConfig.load()``; None is not given.

    Raises:
        ConfigurationError: It cannot be read, or cannot work.
    """
    # What is suspicious is told once, as notes.
    logging.getLogger("kilo_sdk.config").addHandler(logging.NullHandler())
    config = KiloConfig.load(**given)
    for warning in config.warnings:
        note(f"warning: {warning}")
    return config


@config_app.command("show")
def show(
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object: values and warnings.")
    ] = False,
) -> None:
    """Print every value and its source; of a key, its end at most."""
    output = JsonOutput() if as_json else TextOutput()
    end_with(lambda: _show(output, as_json=as_json), output)


@config_app.command("path")
def path() -> None:
    """Print where config.toml is, or would be."""
    output = TextOutput()
    end_with(lambda: _path(output), output)


def _show(output: Output, *, as_json: bool) -> ExitCode:
    config = read_config(output.note)
    values = config.masked()
    if as_json:
        write_json(
            {
                "values": {
                    name: {"value": value, "source": config.sources[name]}
                    for name, value in values.items()
                },
                "warnings": config.warnings,
            }
        )
        return ExitCode.DONE
    rows = [(name, _shown(value), config.sources[name]) for name, value in values.items()]
    write_text(columns(rows))
    return ExitCode.DONE


def _path(output: Output) -> ExitCode:
    file, _ = config_path()
    if not file.exists():
        output.note("there is no such file yet, and none is needed")
    write_text(f"{file}\n")
    return ExitCode.DONE


def _shown(value: object) -> str:
    if value is None or value == {}:
        return "none"
    if isinstance(value, bool | dict):
        return orjson.dumps(value).decode()
    return f"{value:g}" if isinstance(value, int | float) else str(value)
