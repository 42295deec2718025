"""Every option a configuration has: its name, its default, what it accepts.

A value comes in as a file or a variable has it and goes out as ``KiloClient`` takes it. No
message shows a value: people put keys where they do not belong.

Source: GATEWAY 1 and 2 (base URL, key, feature, organisation), GATEWAY 3 and 4 (reasoning).
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Iterable, Mapping
from typing import Final

import attrs

from kilo_sdk.catalog.options import CatalogOptions
from kilo_sdk.config.api_keys import clean_key
from kilo_sdk.errors import ConfigurationError
from kilo_sdk.middleware.app_headers import AppHeaders
from kilo_sdk.outgoing import check_headers
from kilo_sdk.refs import ModelRef
from kilo_sdk.resilience.policy import RESUME_OPTIONS
from kilo_sdk.retry import RetryPolicy
from kilo_sdk.settings import (
    BASE_URL_VARIABLE,
    DEFAULT_BASE_URL,
    DEFAULT_FEATURE,
    DEFAULT_MODEL,
    FEATURE_VARIABLE,
    KEY_VARIABLES,
    check_base_url,
)
from kilo_sdk.timeouts import Timeouts
from kilo_sdk.types.reasoning import Reasoning, check_level

__all__ = ["ARGUMENTS", "OPTIONS", "TABLES", "VARIABLES", "Option", "kind_of", "nearest"]

_KINDS: Final[dict[type, str]] = {
    str: "a string",
    bool: "true or false",
    int: "a number",
    float: "a number",
    dict: "a table",
    list: "an array",
}


@attrs.frozen(slots=True)
class Option:
    """One thing that can be configured.

    Attributes:
        name: As in the file, with the table and a dot before it where it stands in one.
        default: What holds where no source says anything.
        read: Takes the name and a raw value and returns the checked one, or raises
            ``ConfigurationError`` with words that begin with the name.
        variables: The environment variables that set it, the first set one counting.
    """

    name: str
    default: object
    read: Callable[[str, object], object]
    variables: tuple[str, ...] = ()


def kind_of(value: object) -> str:
    """Return what a value is, in the words of someone who writes files."""
    return _KINDS.get(type(value), type(value).__name__)


def nearest(name: str, accepted: Iterable[str], *, cutoff: float = 0.6) -> str:
    """Return ``; did you mean 'timeouts'?``, or nothing where no name comes near.

    Args:
        name: What was written.
        accepted: What is known.
        cutoff: How alike two names must be, 1 being equal.
    """
    near = difflib.get_close_matches(name, list(accepted), n=1, cutoff=cutoff)
    return f"; did you mean {near[0]!r}?" if near else ""


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise ConfigurationError(f"{name} is a string, not {kind_of(value)}")
    stripped = value.strip()
    if not stripped:
        raise ConfigurationError(f"{name} is empty; leave it out instead")
    return stripped


def _key(name: str, value: object) -> object:
    if callable(value):
        return value
    try:
        return clean_key(value)
    except ConfigurationError as exc:
        raise ConfigurationError(f"{name}: {exc.message}") from None


def _base_url(name: str, value: object) -> str:
    return check_base_url(_text(name, value))


def _organization(name: str, value: object) -> str:
    text = _text(name, value)
    AppHeaders(organization_id=text)
    return text


def _feature(name: str, value: object) -> str:
    text = _text(name, value)
    AppHeaders(text)
    return text


def _model(name: str, value: object) -> ModelRef:
    if isinstance(value, ModelRef):
        return value
    try:
        return ModelRef.parse(_text(name, value))
    except ValueError as exc:
        accepted = str(exc).rpartition("; ")[2]
        raise ConfigurationError(f"{name} is no model ref; {accepted}") from None


def _reasoning(name: str, value: object) -> object:
    if isinstance(value, Reasoning | dict):  # an object goes out as it is
        return value
    return check_level(_text(name, value))


def _headers(name: str, value: object) -> dict[str, str]:
    if not isinstance(value, Mapping):
        raise ConfigurationError(
            f"{name} is a table of header names and strings, not {kind_of(value)}"
        )
    headers = dict(value)
    for header, text in headers.items():
        if not isinstance(text, str):
            raise ConfigurationError(f"{name}.{header} is a string, not {kind_of(text)}")
    check_headers(headers)
    return headers


def _flag(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise ConfigurationError(f"{name} is true or false, not {kind_of(value)}")
    return value


def _whole(least: int, meaning: str) -> Callable[[str, object], int]:
    def read(name: str, value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise ConfigurationError(f"{name} is a whole number, not {kind_of(value)}; {meaning}")
        if value < least:
            raise ConfigurationError(f"{name} is {least} or more; {meaning}")
        return value

    return read


def _seconds(none: str) -> Callable[[str, object], float | None]:
    """Seconds above 0; a file, which has no null, says ``"none"``, and that means ``none``."""

    def read(name: str, value: object) -> float | None:
        if value is None or (isinstance(value, str) and value.strip().lower() == "none"):
            return None
        accepted = f'{name} is a number of seconds above 0, or "none" for {none}'
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ConfigurationError(f"{accepted}; it is {kind_of(value)}")
        if not value > 0:
            raise ConfigurationError(accepted)
        return value

    return read


def _wait(name: str, value: object) -> float:
    accepted = f"{name} is a number of seconds, 0 or more"
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ConfigurationError(f"{accepted}; it is {kind_of(value)}")
    if not value >= 0:
        raise ConfigurationError(accepted)
    return value


def _resume(name: str, value: object) -> str:
    text = _text(name, value)
    if text not in RESUME_OPTIONS:
        raise ConfigurationError(f"{name} is {' or '.join(map(repr, RESUME_OPTIONS))}")
    return text


def _disk(name: str, value: object) -> bool | str | os.PathLike[str]:
    if not isinstance(value, bool | str | os.PathLike):
        raise ConfigurationError(f"{name} is true, false or a directory, not {kind_of(value)}")
    disk = _text(name, value) if isinstance(value, str) else value
    try:
        return CatalogOptions(disk=disk).disk
    except ConfigurationError as exc:  # its extra is missing
        raise ConfigurationError(f"{name}: {exc.message}") from exc


_READERS: Final[Mapping[type, Mapping[str, Callable[[str, object], object]]]] = {
    Timeouts: {field.name: _seconds("no limit") for field in attrs.fields(Timeouts)},
    RetryPolicy: {
        "max_attempts": _whole(1, "it counts the first try, so that 1 is no retry"),
        "wait_initial": _wait,
        "wait_max": _wait,
        "retry_after_max": _wait,
    },
    CatalogOptions: {"ttl": _wait, "stale": _wait, "failure_ttl": _wait, "disk": _disk},
}


def _in_table(table: str, defaults: object) -> list[Option]:
    return [
        Option(f"{table}.{name}", getattr(defaults, name), read)
        for name, read in _READERS[type(defaults)].items()
    ]


TABLES: Final[Mapping[str, type]] = {
    "timeouts": Timeouts,
    "retries": RetryPolicy,
    "catalog": CatalogOptions,
}
"""Tables whose entries are options of their own, each with its own source; what they make."""

OPTIONS: Final[dict[str, Option]] = {
    option.name: option
    for option in (
        Option("api_key", None, _key, KEY_VARIABLES),
        Option("base_url", DEFAULT_BASE_URL, _base_url, (BASE_URL_VARIABLE,)),
        Option("organization_id", None, _organization, ("KILOCODE_ORGANIZATION_ID",)),
        Option("default_model", ModelRef(DEFAULT_MODEL), _model, ("KILOCODE_DEFAULT_MODEL",)),
        Option("reasoning", None, _reasoning, ("KILOCODE_REASONING",)),
        Option("feature", DEFAULT_FEATURE, _feature, (FEATURE_VARIABLE,)),
        Option("headers", {}, _headers),
        Option("hedge_after", None, _seconds("never")),
        Option("resume", "off", _resume),
        Option("max_connections", 0, _whole(0, "0 means no limit")),
        Option("allow_insecure", False, _flag),
        *(option for table, made in TABLES.items() for option in _in_table(table, made())),
    )
}
"""Every option by its dotted name, in the order in which they are shown."""

ARGUMENTS: Final = frozenset(name.partition(".")[0] for name in OPTIONS)
"""The arguments of ``KiloClient`` that options set; a table is one of them."""

VARIABLES: Final[dict[str, str]] = {
    variable: option.name for option in OPTIONS.values() for variable in option.variables
}
"""Every environment variable that sets an option, and which."""
