"""Where a key to be stored comes from; never from an argument, and never shown.

Command lines end up in histories and process lists, and what is typed at a prompt with
echo stays on the screen.
"""

from __future__ import annotations

import getpass
import sys
import warnings
from collections.abc import Callable
from typing import Final

from kilo_sdk.cli.prompt import is_ready
from kilo_sdk.errors import ConfigurationError

__all__ = ["ask_for_key", "read_key_from_stdin"]

_LARGEST_BYTES: Final = 64 * 1024
_OTHER_WAYS: Final = (
    "pipe it in and say --api-key-stdin, or set KILOCODE_API_KEY and say "
    "--auth-choice kilocode-api-key"
)


def ask_for_key() -> str:
    """Ask the person at the terminal for a key, and return what is typed; it is not shown.

    Raises:
        ConfigurationError: Nobody is there to be asked, nothing was typed, or the terminal
            cannot hide what is.
    """
    if sys.stdin is None or not sys.stdin.isatty():
        raise ConfigurationError(f"standard input is no terminal to ask for a key; {_OTHER_WAYS}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", getpass.GetPassWarning)
            key = getpass.getpass("Key (it is not shown): ")
    except getpass.GetPassWarning as exc:
        raise ConfigurationError(
            f"the terminal cannot hide what is typed, so no key is asked for; {_OTHER_WAYS}"
        ) from exc
    except EOFError:
        raise ConfigurationError("no key was given; nothing was stored") from None
    except UnicodeDecodeError:
        raise ConfigurationError("what was typed is no text") from None
    return key


def read_key_from_stdin(note: Callable[[str], None]) -> str:
    """Return what standard input holds, to its end; at a terminal, ask for it.

    Args:
        note: Told when standard input is open but silent for 2 seconds.

    Raises:
        ConfigurationError: It is empty, too long for a key, or no text.
    """
    if sys.stdin is None:
        raise ConfigurationError("there is no standard input to read a key from")
    if sys.stdin.isatty():
        return ask_for_key()
    if not is_ready(sys.stdin.buffer):
        note("waiting for the key on standard input")
    data = sys.stdin.buffer.read(_LARGEST_BYTES + 1)
    if len(data) > _LARGEST_BYTES:
        raise ConfigurationError("standard input has more than 64 KiB, which no key is")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        # The exception holds the bytes, and with them perhaps a key.
        raise ConfigurationError("standard input is no UTF-8 text") from None
    if not text.strip():
        raise ConfigurationError("standard input is empty; the key is expected there")
    return text
