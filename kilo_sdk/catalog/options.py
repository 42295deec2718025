"""How a client keeps its catalogue: how long, and whether on disk too."""

from __future__ import annotations

import importlib.util
import os
from typing import Any, Final

import attrs

from kilo_sdk.errors import ConfigurationError

__all__ = ["CatalogOptions"]

_DISK_NEEDS: Final = ("filelock", "platformdirs")


def _check_seconds(_: object, attribute: attrs.Attribute[float], value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= 0:
        raise ConfigurationError(
            f"CatalogOptions({attribute.name}={value!r}): accepted are seconds from 0 up"
        )


def _check_disk(_: object, attribute: attrs.Attribute[Any], value: object) -> None:
    if isinstance(value, bool):
        wanted = value
    elif isinstance(value, str | os.PathLike) and isinstance(os.fspath(value), str):
        wanted = True
        if not os.fspath(value).strip():
            raise ConfigurationError("CatalogOptions(disk=''): a directory has a name")
    else:
        raise ConfigurationError(
            "CatalogOptions(disk=...): accepted are True (the user's cache directory), False, "
            f"or the path of a directory, not {type(value).__name__}"
        )
    missing = [name for name in _DISK_NEEDS if importlib.util.find_spec(name) is None]
    if wanted and missing:
        raise ConfigurationError(
            f"CatalogOptions(disk=...) needs {' and '.join(missing)}: "
            "pip install 'kilo-sdk[disk-cache]'"
        )


@attrs.frozen(slots=True, kw_only=True)
class CatalogOptions:
    """How long the gateway's model list is kept, in seconds, and where.

    Attributes:
        ttl: How long a list is served without asking again.
        stale: How long after that it is still served at once, while a new one is fetched
            behind the caller's back. When that has passed too, the caller waits for the
            new one, and gets the old one where none can be had.
        failure_ttl: How long the gateway is left in peace after it failed to answer; a
            longer ``Retry-After`` of its own counts instead.
        disk: Keep lists on disk too, for the next process: True for the user's cache
            directory, or a directory of yours. Needs the extra ``disk-cache``.

    Raises:
        ConfigurationError: A value cannot work, or the extra is not installed.
    """

    ttl: float = attrs.field(default=300.0, validator=_check_seconds)
    stale: float = attrs.field(default=3600.0, validator=_check_seconds)
    failure_ttl: float = attrs.field(default=10.0, validator=_check_seconds)
    disk: bool | str | os.PathLike[str] = attrs.field(default=False, validator=_check_disk)
