"""Keys kept for the user, one per base URL: in a file of their own or in the system keyring.

One file per base URL, written beside its place and moved into it: writers of different
URLs never meet, of two writers of one URL the last wins whole, and readers see a whole
file or none. So there is no lock. A key in the keyring has a file too, which says that it
is there: the keyring, which may ask for a password, is left alone where nothing is stored.

No message shows a key.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal
from urllib.parse import urlsplit

import attrs
import orjson

from kilo_sdk.config.api_keys import clean_key, mask
from kilo_sdk.config.extras import needs_extra
from kilo_sdk.config.locations import config_directory
from kilo_sdk.config.text_file import exposure, read_text
from kilo_sdk.errors import ConfigurationError
from kilo_sdk.settings import DEFAULT_BASE_URL, check_base_url

if TYPE_CHECKING:
    from types import ModuleType

__all__ = ["CredentialStore", "Place", "StoredKey", "check_place", "same_for_all"]

_SERVICE: Final = "kilo-sdk"
_PORTS: Final = {"http": ":80", "https": ":443"}
_AGAIN: Final = "store the key again with 'kilo-sdk onboard', or set KILOCODE_API_KEY"

Place = Literal["file", "keyring"]
"""Where a key is kept."""


@attrs.frozen(slots=True, kw_only=True)
class StoredKey:
    """A key that is kept.

    Attributes:
        api_key: The key.
        base_url: The only base URL it is for.
        place: ``file`` or ``keyring``.
        where: The place in words: ``file /home/me/.config/kilo-sdk/credentials/...`` or
            ``system keyring (SecretService Keyring)``.
        warning: What to do about a file that every user may read, or None.
    """

    api_key: str = attrs.field(repr=mask)
    base_url: str
    place: Place
    where: str
    warning: str | None = None


class CredentialStore:
    """Keys by base URL. Any number of threads and processes may use it at once.

    On POSIX its directory is open to its owner alone (0700) and so is every file in it
    (0600), from the moment it is made. On Windows the user's profile protects them.

    Args:
        directory: Where the files are; default: ``credentials`` in the user's
            configuration directory, ``~/.config/kilo-sdk`` on Linux.

    Raises:
        ConfigurationError: No directory is given, and the extra ``config``, which knows
            the user's, is not installed.
    """

    def __init__(self, directory: str | os.PathLike[str] | None = None) -> None:
        self.directory = (
            config_directory() / "credentials"
            if directory is None
            else Path(os.path.expanduser(directory))
        )

    def save(
        self, api_key: str, *, base_url: str = DEFAULT_BASE_URL, place: Place = "file"
    ) -> StoredKey:
        """Keep a key, in place of one that is kept for this base URL already.

        Args:
            api_key: The key; white space around it is dropped.
            base_url: What it is for; URLs that differ in a slash at the end, in the case
                of the host or in a port that goes without saying are the same.
            place: ``file``, or ``keyring`` with the extra of that name.

        Returns:
            The key, with where it is now.

        Raises:
            ConfigurationError: It is no key, or cannot be kept there.
        """
        key, url = clean_key(api_key), same_for_all(base_url)
        check_place(place)
        before = self._entry(url, lenient=True)
        if place == "keyring":
            where = _save_in_keyring(key, url)
            self._write(url, {"base_url": url, "keyring": _SERVICE})
        else:
            where = f"file {self._path(url)}"
            self._write(url, {"base_url": url, "api_key": key})
            if "keyring" in before:
                # The old key is of no use to anybody now; that it stays is no failure.
                with contextlib.suppress(ConfigurationError):
                    _delete_from_keyring(url)
        return StoredKey(api_key=key, base_url=url, place=place, where=where)

    def load(self, *, base_url: str = DEFAULT_BASE_URL) -> StoredKey | None:
        """Return the key kept for a base URL, or None.

        Raises:
            ConfigurationError: There is one, but it cannot be read.
        """
        url = same_for_all(base_url)
        entry = self._entry(url)
        if not entry:
            return None
        path = self._path(url)
        if "keyring" in entry:
            key, where = _load_from_keyring(url, path)
            return StoredKey(api_key=key, base_url=url, place="keyring", where=where)
        try:
            key = clean_key(entry.get("api_key"))
        except ConfigurationError as exc:
            raise ConfigurationError(f"{path}: {exc.message}; {_AGAIN}") from None
        return StoredKey(
            api_key=key,
            base_url=url,
            place="file",
            where=f"file {path}",
            warning=entry.get("warning"),
        )

    def delete(self, *, base_url: str = DEFAULT_BASE_URL) -> bool:
        """Forget the key of a base URL; returns whether there was one.

        Raises:
            ConfigurationError: It cannot be deleted.
        """
        url = same_for_all(base_url)
        path = self._path(url)
        if "keyring" in self._entry(url, lenient=True):
            _delete_from_keyring(url)
        try:
            path.unlink()
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as exc:
            raise ConfigurationError(
                f"{path} cannot be deleted: {exc.strerror or type(exc).__name__}"
            ) from exc
        return True

    def _path(self, url: str) -> Path:
        host = re.sub(r"[^a-z0-9.-]", "_", urlsplit(url).netloc)
        digest = hashlib.sha256(url.encode()).hexdigest()[:16]
        return self.directory / f"{host[:80]}-{digest}.json"

    def _entry(self, url: str, *, lenient: bool = False) -> dict[str, Any]:
        """Return what the file says, with a warning in it; empty where there is none."""
        path = self._path(url)
        try:
            file = read_text(path)
            if file is None:
                return {}
            entry = orjson.loads(file.text)
            if not isinstance(entry, dict) or entry.get("base_url") != url:
                raise ValueError("another shape")
        except (ConfigurationError, ValueError) as exc:
            if lenient:
                return {}
            told = exc.message if isinstance(exc, ConfigurationError) else f"{path} is damaged"
            # A JSON error holds the text, and with it the key.
            raise ConfigurationError(f"{told}; {_AGAIN}") from None
        return {**entry, "warning": exposure(file)}

    def _write(self, url: str, entry: dict[str, str]) -> None:
        path = self._path(url)
        if self.directory.parts[:1] and self.directory.parts[0].startswith("~"):
            raise ConfigurationError(
                f"the key cannot be stored in {self.directory}: the home directory is not known; "
                "set HOME, or set KILOCODE_API_KEY instead"
            )
        try:
            self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            if os.name == "posix" and self.directory.stat().st_mode & 0o077:
                self.directory.chmod(0o700)  # made by hand, or by another umask's rules
            # Made anew, readable by its owner alone, under a name that nobody can guess.
            handle, temporary = tempfile.mkstemp(prefix=".", suffix=".tmp", dir=self.directory)
            try:
                with open(handle, "wb") as file:
                    file.write(orjson.dumps(entry, option=orjson.OPT_APPEND_NEWLINE))
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(temporary, path)
            except BaseException:
                with contextlib.suppress(OSError):
                    os.unlink(temporary)
                raise
        except OSError as exc:
            raise ConfigurationError(
                f"the key cannot be stored in {self.directory}: "
                f"{exc.strerror or type(exc).__name__}; make it yours and writable, or set "
                "KILOCODE_API_KEY instead"
            ) from exc


def check_place(place: str) -> None:
    """Refuse a place in which no key can be kept, before anybody is asked for one.

    Raises:
        ConfigurationError: There is no such place, or its extra is not installed.
    """
    if place not in ("file", "keyring"):
        raise ConfigurationError(f"a key is kept in 'file' or 'keyring', not in {place!r}")
    if place == "keyring":
        _keyring()


def same_for_all(base_url: str) -> str:
    """Return a base URL as every spelling of it is written.

    Raises:
        ConfigurationError: It is none.
    """
    parts = urlsplit(check_base_url(base_url))
    host = parts.netloc.lower().removesuffix(_PORTS[parts.scheme])
    return parts._replace(netloc=host).geturl()


def _keyring() -> ModuleType:
    with needs_extra("keyring", what="the system keyring"):
        import keyring
    return keyring


def _named(keyring: Any) -> str:
    return f"system keyring ({keyring.get_keyring().name})"


def _save_in_keyring(key: str, url: str) -> str:
    keyring = _keyring()
    try:
        keyring.set_password(_SERVICE, url, key)
        kept = keyring.get_password(_SERVICE, url) == key
        where = _named(keyring)
    except Exception as exc:
        raise _keyring_failed("cannot keep the key", exc) from None
    if not kept:  # the null backend takes everything and keeps nothing
        raise ConfigurationError(f"the {where} did not keep the key; store it in a file instead")
    return where


def _load_from_keyring(url: str, path: Path) -> tuple[str, str]:
    keyring = _keyring()
    try:
        key, where = keyring.get_password(_SERVICE, url), _named(keyring)
    except Exception as exc:
        raise _keyring_failed(f"cannot be asked for the key of {url}", exc) from None
    if key is None:
        raise ConfigurationError(
            f"the {where} has no key for {url}, although {path} says that it is there; {_AGAIN}"
        )
    return clean_key(key), where


def _delete_from_keyring(url: str) -> None:
    keyring = _keyring()
    try:
        if keyring.get_password(_SERVICE, url) is not None:
            keyring.delete_password(_SERVICE, url)
    except Exception as exc:
        raise _keyring_failed(f"cannot be made to forget the key of {url}", exc) from None


def _keyring_failed(what: str, exc: Exception) -> ConfigurationError:
    # A backend's own words are not known, so only the class of its error is told.
    return ConfigurationError(
        f"the system keyring {what} ({type(exc).__name__}); is there one, and is it unlocked? "
        "A file needs none, and neither does KILOCODE_API_KEY"
    )
