"""How a command ends: with an exit code, and with words where something failed."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import NoReturn

import typer

from kilo_sdk.cli.exit_codes import ExitCode, exit_code_of
from kilo_sdk.cli.render import Output
from kilo_sdk.errors import KiloError
from kilo_sdk_entry import let_commands_be_interrupted

__all__ = ["end_with"]


def end_with(command: Callable[[], ExitCode], output: Output) -> NoReturn:
    """Run a command and exit with its code; what failed is told, never traced.

    Raises:
        typer.Exit: Always.
    """
    try:
        let_commands_be_interrupted()
        code = command()
    except KiloError as error:
        output.failed(error)
        code = exit_code_of(error)
    except KeyboardInterrupt:
        code = ExitCode.INTERRUPTED
    except BrokenPipeError:  # the reader has what it wanted
        _discard_output()
        code = ExitCode.DONE
    except OSError as exc:
        sys.stderr.write(f"kilo-sdk: the output cannot be written: {exc.strerror or exc}\n")
        _discard_output()
        code = ExitCode.REFUSED
    raise typer.Exit(code)


def _discard_output() -> None:
    """Keep what is still buffered from failing again when the interpreter flushes it."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(nowhere, stream.fileno())
