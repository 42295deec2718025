"""Where a benchmark is told of: results on standard output, all else on standard error.

What was measured outlives whoever reads of it: standard error that has no reader or no room
is done without, and standard output that has none is an error to be told of in the end.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Final, NoReturn, TextIO, cast

from rich.console import Console

__all__ = ["ResultsConsole", "notes_console", "noting", "results_console"]

_PLAIN_WIDTH: Final = 150


class ResultsConsole(Console):
    """A console that says so when nobody reads it; rich would end the process."""

    def on_broken_pipe(self) -> NoReturn:
        """Raise what came.

        Raises:
            BrokenPipeError: Always.
        """
        raise BrokenPipeError


def results_console() -> Console:
    """Return where results are printed: standard output."""
    # A pipe has no width; tables are to stay whole lines there.
    return ResultsConsole() if sys.stdout.isatty() else ResultsConsole(width=_PLAIN_WIDTH)


def notes_console() -> Console:
    """Return where progress and notes go: standard error, as far as it takes them."""
    return Console(file=cast(TextIO, _Lossy(sys.stderr)))


def noting(console: Console) -> Callable[[str], None]:
    """Return what prints a line as it is."""
    return lambda line: console.print(line, markup=False, highlight=False, soft_wrap=True)


class _Lossy(io.TextIOBase):
    """Text that is lost where it cannot be written."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._stream.encoding

    def write(self, text: str) -> int:
        with suppress(OSError, ValueError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            self._stream.flush()

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()
