"""Where the command ``kilo-sdk`` begins: beside the package, because importing that takes time.

Whoever presses Ctrl-C meanwhile wants the command gone, without Python's account of which
import it was in. So it ends the process, until a command is there to watch over it. For the
same reason little is imported here, and nothing that the interpreter has not loaded anyway
outside the ``try``.
"""

import os
import sys

_INTERRUPTED = 130

try:
    import signal
except KeyboardInterrupt:
    os._exit(_INTERRUPTED)

__all__ = ["let_commands_be_interrupted", "main"]


def main() -> None:
    """Run the command line on ``sys.argv`` and exit with its code.

    Raises:
        SystemExit: Always; ``kilo_sdk.cli.exit_codes`` says what the codes mean.
    """
    _replace(signal.default_int_handler, _leave)
    try:
        from kilo_sdk.cli import main as run_command_line

        run_command_line()
    finally:
        # The interpreter takes its time to end, too.
        _flush_output()
        _replace(signal.default_int_handler, _leave)


def let_commands_be_interrupted() -> None:
    """From now on Ctrl-C raises ``KeyboardInterrupt``, as everywhere in Python."""
    _replace(_leave, signal.default_int_handler)


def _replace(old: object, new: object) -> None:
    # Where SIGINT is ignored, as it is for what a script runs in the background, it stays so.
    if signal.getsignal(signal.SIGINT) is old:
        signal.signal(signal.SIGINT, new)  # type: ignore[arg-type]


def _leave(_signal_number: int, _frame: object) -> None:
    _flush_output()
    os._exit(_INTERRUPTED)


def _flush_output() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (AttributeError, OSError, RuntimeError, ValueError):
            continue  # there is none, nobody reads it, or it is being written to
