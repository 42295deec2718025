"""Where a prompt comes from: the command line, standard input, or both."""

from __future__ import annotations

import select
import sys
from collections.abc import Callable
from typing import BinaryIO, Final

from kilo_sdk.errors import ConfigurationError

__all__ = ["is_ready", "read_prompt"]

_PATIENCE: Final = 2.0


def read_prompt(
    argument: str | None, *, note: Callable[[str], None], insist: bool = True
) -> str | None:
    """Return the prompt, or None when there is none and a person sits at the terminal.

    What is piped in comes after the argument, with a blank line between them.

    Args:
        argument: ``PROMPT`` as given, or None.
        note: Told when standard input is open but silent for 2 seconds beside an argument:
            programs that start others often leave it so, and waiting would look like
            hanging.
        insist: Wait all the same, for as long as it takes; False goes on without it.

    Raises:
        ConfigurationError: The prompt is empty, or standard input is no UTF-8.
    """
    stdin = sys.stdin
    if stdin is None or stdin.isatty():  # None where the process was started without one
        if argument is None and stdin is not None:
            return None
        piped = ""
    else:
        piped = _read_piped(stdin.buffer, argument is not None, note, insist)
    parts = [part for part in (argument, piped.rstrip()) if part and part.strip()]
    if not parts:
        raise ConfigurationError(
            "the prompt is empty; give it as PROMPT, on standard input, or both"
        )
    return "\n\n".join(parts)


def _read_piped(
    stdin: BinaryIO, has_argument: bool, note: Callable[[str], None], insist: bool
) -> str:
    if has_argument and not is_ready(stdin):
        if not insist:
            note("standard input is open but silent: going on without it")
            return ""
        note("waiting for standard input; '< /dev/null' leaves it out")
    try:
        return stdin.read().decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        raise ConfigurationError(
            f"standard input is no UTF-8 text: {exc.reason} at byte {exc.start}"
        ) from exc


def is_ready(stdin: BinaryIO) -> bool:
    """Whether there is something to read, the end included, within the patience."""
    if sys.platform == "win32":  # select() knows sockets alone there
        return True
    return bool(select.select([stdin], [], [], _PATIENCE)[0])
