"""What the process says with its exit code."""

from __future__ import annotations

from enum import IntEnum

from kilo_sdk.errors import ConfigurationError, KiloError

__all__ = ["ExitCode", "exit_code_of"]


class ExitCode(IntEnum):
    """The codes that ``kilo-sdk`` exits with.

    Attributes:
        DONE: All went well. Whoever read the output may have stopped reading.
        REFUSED: No whole answer came: the gateway said no, or could not be reached. Or the
            answer could not be written, to a full disk for one.
        USAGE: The arguments or the environment cannot work; nothing was sent.
        REGRESSION: ``bench compare`` found something worse.
        INTERRUPTED: Ctrl-C.
    """

    DONE = 0
    REFUSED = 1
    USAGE = 2
    REGRESSION = 3
    INTERRUPTED = 130


def exit_code_of(error: KiloError) -> ExitCode:
    """Return the code that an error ends the process with."""
    return ExitCode.USAGE if isinstance(error, ConfigurationError) else ExitCode.REFUSED
