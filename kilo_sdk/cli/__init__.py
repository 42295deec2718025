"""The command line, ``kilo-sdk``: see ``docs/reference/cli.md``.

What it needs beyond the SDK (typer and rich) is imported when it runs, so that a missing
extra ends in a sentence, not in a traceback.
"""

from __future__ import annotations

import sys

__all__ = ["main"]

_EXTRA = frozenset({"rich", "typer"})
_USAGE = 2
_INTERRUPTED = 130


def main() -> None:
    """Run the command line on ``sys.argv`` and exit with its code.

    Raises:
        SystemExit: Always; ``kilo_sdk.cli.exit_codes`` says what the codes mean.
    """
    try:
        from kilo_sdk.cli.app import run

        code = run()
    except ModuleNotFoundError as exc:
        if (exc.name or "").partition(".")[0] not in _EXTRA:
            raise
        sys.stderr.write(
            "kilo-sdk: the command line needs typer and rich; install them with "
            "pip install 'kilo-sdk[cli]'\n"
        )
        code = _USAGE
    except KeyboardInterrupt:  # before or after what a command watches over
        code = _INTERRUPTED
    sys.exit(code)
