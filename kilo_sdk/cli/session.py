"""The interactive loop: a line is a turn, a word after a slash is a command."""

from __future__ import annotations

import contextlib
import re
import sys
from typing import Final

from kilo_sdk.cli.chat import Conversation
from kilo_sdk.cli.exit_codes import ExitCode
from kilo_sdk.cli.render import Output

__all__ = ["converse"]

_PROMPT: Final = "> "
_COMMAND: Final = re.compile(r"/[a-z]+")


def converse(conversation: Conversation, output: Output) -> ExitCode:
    """Take turns until ``/exit`` or the end of input (Ctrl-D).

    Ctrl-C ends the answer that is being written; at the prompt it ends the conversation.

    Returns:
        ``DONE``, however the turns went, or ``INTERRUPTED``.
    """
    with contextlib.suppress(ImportError):  # not on every platform
        import readline  # noqa: F401 - importing it gives input() line editing and a history
    output.note("a line is a turn; /reset forgets the conversation, /exit or Ctrl-D ends it")
    while True:
        try:
            line = _read_line().strip()
        except EOFError:
            output.note("")
            return ExitCode.DONE
        except KeyboardInterrupt:
            output.note("")
            return ExitCode.INTERRUPTED
        except UnicodeDecodeError:
            output.note("that line is no UTF-8 text and was not sent")
            continue
        if line == "/exit":
            return ExitCode.DONE
        if line == "/reset":
            conversation.reset()
            output.note("the conversation is forgotten")
        elif _COMMAND.fullmatch(line):
            output.note(f"no command {line}; there are /reset and /exit")
        elif line:
            conversation.say(line, output)


def _read_line() -> str:
    if sys.stdout.isatty():
        return input(_PROMPT)
    # Standard output is for answers alone, so the prompt goes beside it.
    sys.stderr.write(_PROMPT)
    sys.stderr.flush()
    return input()
