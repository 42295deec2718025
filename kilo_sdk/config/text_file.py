"""Reading a small text file that a person may have written, and who else may read it."""

from __future__ import annotations

import codecs
import os
import shlex
import stat
from pathlib import Path
from typing import Final

import attrs

from kilo_sdk.errors import ConfigurationError

__all__ = ["TextFile", "exposure", "read_text"]

_MAX_BYTES: Final = 1 << 20
_EVERYBODY: Final = stat.S_IROTH | stat.S_IWOTH


@attrs.frozen(slots=True)
class TextFile:
    """What stands in a file.

    Attributes:
        path: Where it is.
        text: Its text, without a BOM and with LF line ends.
        is_open_to_all: Whether every user of the machine may read or change it. Known on
            POSIX alone, else False.
    """

    path: Path
    text: str = attrs.field(repr=False)
    is_open_to_all: bool = False


def read_text(path: Path) -> TextFile | None:
    """Read a file whole, or return None where there is none.

    Raises:
        ConfigurationError: It is a directory, may not be read, is larger than 1 MiB or is
            no UTF-8; the message names the file.
    """
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            data = file.read(_MAX_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as exc:  # a ValueError for a path with a NUL
        if os.path.isdir(path):  # Windows says 'permission denied' of one
            raise ConfigurationError(f"{path} is a directory; expected is a file") from exc
        words = getattr(exc, "strerror", None) or exc
        raise ConfigurationError(
            f"{path} cannot be read: {words}; make it readable, or move it away"
        ) from exc
    if len(data) > _MAX_BYTES:
        raise ConfigurationError(f"{path} is larger than 1 MiB, which no configuration is")
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise ConfigurationError(f"{path} is UTF-16 text; save it as UTF-8")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        # The exception holds the bytes, and with them perhaps a key.
        line = data.count(b"\n", 0, exc.start) + 1
        raise ConfigurationError(f"{path}, line {line}: no UTF-8 text; save it as UTF-8") from None
    is_open_to_all = os.name == "posix" and bool(mode & _EVERYBODY)
    return TextFile(path, text.replace("\r\n", "\n"), is_open_to_all)


def exposure(file: TextFile) -> str | None:
    """Say what to do about a file that holds a key and that everybody may read, or None."""
    if not file.is_open_to_all:
        return None
    return (
        f"{file.path} holds a key, and every user of this machine may read or change it; "
        f"make it yours alone: chmod 600 {shlex.quote(str(file.path))}"
    )
