"""The gateway's list on disk, for the next process.

One JSON file per gateway, organisation and key, told apart by a digest: no key stands in a
name or a file. What is stored is the gateway's own answer, so any version of the SDK reads
it by its own rules. Files are replaced as a whole; whatever else is found there, cut, torn
or foreign, counts as nothing and is written over.

Nothing here raises for the disk's sake: a cache that fails is one that is not there.
"""

from __future__ import annotations

import hashlib
import logging
import os
import stat
import tempfile
import time
from collections.abc import Hashable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import attrs
import orjson

from kilo_sdk.errors import ConfigurationError

__all__ = ["CatalogFile", "StoredList", "catalog_file", "newest_list"]

_logger: Final = logging.getLogger("kilo_sdk.catalog")
_FORMAT: Final = 1
_PREFIX: Final = "models-v1-"
_LARGEST_BYTES: Final = 20 * 2**20
# Prices and limits change: a list older than this is worse than none.
_LONGEST_LIFE_S: Final = 30 * 86_400.0
# What a clock may be off between the process that wrote and the one that reads.
_CLOCK_SKEW_S: Final = 300.0
_LOCK_TIMEOUT_S: Final = 1.0
# Of the lists of one gateway and organisation, for any key, so many are looked at.
_MOST_LOOKED_AT: Final = 8


@attrs.frozen(slots=True)
class StoredList:
    """What ``GET models`` answered once.

    Attributes:
        body: The decoded JSON.
        fetched_at: When, in seconds since the epoch.
    """

    body: object
    fetched_at: float


def catalog_file(
    disk: bool | str | os.PathLike[str], identity: Sequence[Hashable]
) -> CatalogFile | None:
    """Return the file of one gateway, organisation and key; None where there can be none.

    Args:
        disk: As in ``CatalogOptions``; False for none.
        identity: Whose list it is. A part that is neither text nor None, such as a token
            source, is nothing that another process could recognise.

    Raises:
        ConfigurationError: The directory begins with a ``~`` that leads nowhere.
    """
    if disk is False:
        return None
    if not all(isinstance(part, str | None) for part in identity):
        _logger.warning(
            "disk_cache.unused reason=the key comes from a callable, which the next process "
            "cannot recognise; lists are kept in memory alone"
        )
        return None
    return CatalogFile(_directory_of(disk), identity)


def newest_list(
    disk: bool | str | os.PathLike[str], base_url: str, organization_id: str | None
) -> StoredList | None:
    """Return the list that anybody last got from a gateway, whatever the key was.

    For those who want names to offer and may not ask for the key, which a keyring might
    want a password for. Blocks as long as reading a few files takes.

    Args:
        disk: As in ``CatalogOptions``; False finds nothing.
        base_url: The gateway's, as the client has it.
        organization_id: The organisation, or None.

    Raises:
        ConfigurationError: The directory begins with a ``~`` that leads nowhere.
    """
    if disk is False:
        return None
    newest: StoredList | None = None
    for path in _latest_first(_directory_of(disk))[:_MOST_LOOKED_AT]:
        with suppress(OSError, ValueError):
            stored, of = _decoded(_bytes_of(path), None, now=time.time())
            if of == [base_url, organization_id] and (
                newest is None or stored.fetched_at > newest.fetched_at
            ):
                newest = stored
    return newest


def _directory_of(disk: bool | str | os.PathLike[str]) -> Path:
    if isinstance(disk, bool):
        import platformdirs

        return platformdirs.user_cache_path("kilo-sdk", appauthor=False) / "models"
    try:
        return Path(disk).expanduser()
    except RuntimeError as exc:
        raise ConfigurationError(f"CatalogOptions(disk=...): {exc}") from exc


def _latest_first(directory: Path) -> list[Path]:
    dated: list[tuple[float, Path]] = []
    for path in directory.glob(_PREFIX + "*.json"):
        with suppress(OSError):
            dated.append((path.stat().st_mtime, path))
    return [path for _, path in sorted(dated, reverse=True)]


class CatalogFile:
    """One file of the cache. Its methods block: call them in a thread.

    Any number of processes may read and write it at once.
    """

    __slots__ = ("_digest", "_directory", "_public", "_warned")

    def __init__(self, directory: Path, identity: Sequence[Hashable]) -> None:
        self._directory = directory
        whose = repr(("kilo_sdk models", *identity)).encode("utf-8", "backslashreplace")
        self._digest = hashlib.sha256(whose).hexdigest()[:32]
        # What may stand in the file: the base URL and the organisation, not the key.
        self._public = [*identity[:2]]
        self._warned = False

    @property
    def path(self) -> Path:
        """Where it is, whether it exists or not."""
        return self._directory / f"{_PREFIX}{self._digest}.json"

    def read(self) -> StoredList | None:
        """Return what is stored; None where that is nothing of use."""
        try:
            return _decoded(_bytes_of(self.path), self._digest, now=time.time())[0]
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as exc:
            self._warn("read", exc)
            return None

    def write(self, stored: StoredList) -> None:
        """Store a list, unless a newer one is there by now."""
        import filelock

        try:
            data = orjson.dumps(
                {
                    "format": _FORMAT,
                    "of": self._digest,
                    "gateway": self._public,
                    "fetched_at": stored.fetched_at,
                    "body": stored.body,
                }
            )
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = filelock.FileLock(self.path.with_suffix(".lock"), timeout=_LOCK_TIMEOUT_S)
            with lock:
                if not self._holds_newer(stored.fetched_at):
                    self._sweep()
                    self._replace(data)
        # TypeError: orjson refuses what no gateway can have sent.
        except (OSError, TypeError, ValueError) as exc:
            self._warn("write", exc)

    def _holds_newer(self, fetched_at: float) -> bool:
        try:
            held, _ = _decoded(_bytes_of(self.path), self._digest, now=time.time())
        except (OSError, ValueError):
            return False
        return held.fetched_at > fetched_at

    def _replace(self, data: bytes) -> None:
        descriptor, name = tempfile.mkstemp(
            dir=self._directory, prefix=self.path.stem + "-", suffix=".tmp"
        )
        try:
            with open(descriptor, "wb") as file:
                file.write(data)
            os.replace(name, self.path)
        except BaseException:
            with suppress(OSError):
                os.unlink(name)
            raise

    def _sweep(self) -> None:
        """Remove what a killed process left half written, and lists nobody has wanted long."""
        for torn in self._directory.glob(self.path.stem + "-*.tmp"):
            with suppress(OSError):
                torn.unlink()
        oldest = time.time() - _LONGEST_LIFE_S
        for listed in self._directory.glob(_PREFIX + "*.json"):
            with suppress(OSError):
                if listed.stat().st_mtime < oldest:
                    listed.unlink()

    def _warn(self, action: str, exc: Exception) -> None:
        """Say so once; the same again would be said at every call."""
        level = logging.DEBUG if self._warned else logging.WARNING
        self._warned = True
        reason = exc.strerror if isinstance(exc, OSError) and exc.strerror else str(exc)
        _logger.log(
            level, "disk_cache.failed action=%s path=%s reason=%s", action, self.path, reason[:200]
        )


def _bytes_of(path: Path) -> bytes:
    with open(path, "rb", opener=_open_without_waiting) as file:
        about = os.fstat(file.fileno())
        if not stat.S_ISREG(about.st_mode):
            raise ValueError("it is no file")
        if about.st_size > _LARGEST_BYTES:
            raise ValueError(f"it is larger than {_LARGEST_BYTES} bytes")
        return file.read(_LARGEST_BYTES)


def _open_without_waiting(path: str, flags: int) -> int:
    # A named pipe that nobody writes to would hold the reader for ever.
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _decoded(data: bytes, digest: str | None, *, now: float) -> tuple[StoredList, object]:
    """Return the list, and the base URL and organisation it is said to be of."""
    try:
        stored = orjson.loads(data)
    except orjson.JSONDecodeError as exc:
        raise ValueError("it is cut or was written over") from exc
    if not isinstance(stored, dict) or stored.get("format") != _FORMAT:
        raise ValueError("it is no model list of this form")
    if digest is not None and stored.get("of") != digest:
        raise ValueError("it is the list of another gateway, organisation or key")
    fetched_at = stored.get("fetched_at")
    if not isinstance(fetched_at, int | float) or isinstance(fetched_at, bool):
        raise ValueError("it does not say when it was fetched")
    if not now - _LONGEST_LIFE_S <= fetched_at <= now + _CLOCK_SKEW_S:
        raise ValueError("it is too old, or from the future")
    return StoredList(stored.get("body"), float(fetched_at)), stored.get("gateway")
