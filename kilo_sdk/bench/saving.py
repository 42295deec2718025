"""Results onto the disk: nothing is overwritten by accident, and nothing is lost."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from kilo_sdk.errors import ConfigurationError

__all__ = ["check_writable", "save"]


def check_writable(paths: Iterable[Path], *, force: bool) -> None:
    """See to it, before anything is measured, that results can be written.

    Raises:
        ConfigurationError: A file exists and ``force`` does not allow to replace it; its
            folder is missing or may not be written to; or two results have one name.
    """
    seen: set[Path] = set()
    for path in paths:
        folder = path.resolve().parent
        if path.resolve() in seen:
            raise ConfigurationError(f"{path} is named twice; each result needs a file of its own")
        seen.add(path.resolve())
        if path.is_dir():
            raise ConfigurationError(f"{path} is a folder; name a file")
        if path.exists() and not force:
            raise ConfigurationError(
                f"{path} exists; choose another name, or replace it with --force"
            )
        if not folder.is_dir():
            raise ConfigurationError(f"the folder {folder} does not exist; make it first")
        if not os.access(folder, os.W_OK):
            raise ConfigurationError(f"the folder {folder} may not be written to")


def save(path: Path, data: bytes) -> Path:
    """Write a file whole or not at all.

    Returns:
        Where it is: ``path``, or a file in the system's folder for temporary ones where
        that one could not be written.

    Raises:
        OSError: It could be written nowhere; a half file is left nowhere.
    """
    try:
        _write(path, data)
    except OSError as first:
        elsewhere = Path(tempfile.gettempdir()) / f"{os.getpid()}-{path.name}"
        try:
            _write(elsewhere, data)
        except OSError:
            raise first from None
        return elsewhere
    return path


def _write(path: Path, data: bytes) -> None:
    if path.exists() and not path.is_file():  # a device or a pipe is written to as it is
        path.write_bytes(data)
        return
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_bytes(data)
        part.replace(path)
    except BaseException:
        with suppress(OSError):
            part.unlink()
        raise
