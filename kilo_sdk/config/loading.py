"""From sources to checked values: for each option, the first source that has it counts."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias
from urllib.parse import urlsplit

import attrs

from kilo_sdk.config.credentials import CredentialStore
from kilo_sdk.config.dotenv_file import read_dotenv
from kilo_sdk.config.environment import read_environment
from kilo_sdk.config.layers import Found, Layer
from kilo_sdk.config.locations import CONFIG_VARIABLE, config_path, openclaw_path
from kilo_sdk.config.openclaw_file import API_KEY, MODEL, read_openclaw
from kilo_sdk.config.schema import OPTIONS, TABLES
from kilo_sdk.config.text_file import read_text
from kilo_sdk.config.toml_file import read_toml
from kilo_sdk.errors import ConfigurationError
from kilo_sdk.middleware.auth import is_loopback
from kilo_sdk.settings import DEFAULT_BASE_URL

__all__ = ["FileChoice", "Resolved", "resolve"]

logger = logging.getLogger("kilo_sdk.config")

FileChoice: TypeAlias = "str | os.PathLike[str] | Literal[False] | None"
"""Which file to read: this one, none (False), or the usual one (None)."""

_DEFAULT: Final = "default"


@attrs.frozen(slots=True)
class Resolved:
    """Checked values by dotted name, and where each comes from."""

    values: dict[str, Any] = attrs.field(repr=False)
    sources: dict[str, str]
    warnings: tuple[str, ...]


def resolve(
    given: Mapping[str, object],
    *,
    path: FileChoice,
    env_file: FileChoice,
    openclaw_file: FileChoice,
    credentials: CredentialStore | Literal[False] | None,
) -> Resolved:
    """Read every source and take each option from the first that has it.

    Args:
        given: The arguments that are not None, by name.
        path: The TOML file.
        env_file: The ``.env`` file.
        openclaw_file: OpenClaw's file.
        credentials: The stored keys; False leaves them alone.

    Raises:
        ConfigurationError: A source cannot be read, or a value cannot work.
    """
    arguments, dotenv = _arguments(given), _dotenv(env_file)
    layers = [arguments, read_environment(os.environ), dotenv, _toml(path)]
    found = _merged(layers)
    stored = _stored(credentials, found)
    layers.append(stored)
    layers.append(_openclaw(openclaw_file, _merged(layers)))
    found = _merged(layers)
    if env_file is None:
        _keep_secrets_from_strangers(found, dotenv, (arguments, dotenv, stored))
    values: dict[str, Any] = {}
    for name, option in OPTIONS.items():
        values[name] = _checked(name, found[name]) if name in found else option.default
    warnings = tuple(warning for layer in layers for warning in layer.warnings)
    for warning in warnings:
        logger.warning("config.suspicious %s", warning)
    sources = {name: found[name].source if name in found else _DEFAULT for name in OPTIONS}
    return Resolved(values, sources, warnings)


def _merged(layers: Sequence[Layer]) -> dict[str, Found]:
    """Return options by name, each from the first layer that has it."""
    found: dict[str, Found] = {}
    for layer in reversed(layers):
        found.update(layer.found)
    return found


def _arguments(given: Mapping[str, Any]) -> Layer:
    found: dict[str, Found] = {}
    for name, value in given.items():
        source = f"argument {name}"
        if name in TABLES:
            for field in attrs.fields(type(value)):
                found[f"{name}.{field.name}"] = Found(getattr(value, field.name), source)
        else:
            found[name] = Found(value, source)
    return Layer(found)


def _toml(choice: FileChoice) -> Layer:
    if choice is False:
        return Layer()
    path, is_named = config_path() if choice is None else (_path(choice), True)
    file = read_text(path)
    if file is not None:
        return read_toml(file)
    if is_named:
        by = f"the environment variable {CONFIG_VARIABLE}" if choice is None else "path"
        raise ConfigurationError(f"{path} is not there, although {by} names it as configuration")
    return Layer()


def _dotenv(choice: FileChoice) -> Layer:
    if choice is False:
        return Layer()
    if choice is not None:
        path = _path(choice)
        file = read_text(path)
        if file is None:
            raise ConfigurationError(f"{path} is not there, although env_file names it")
        return read_dotenv(file)
    try:
        path = Path.cwd() / ".env"
    except OSError:  # the working directory was deleted
        return Layer()
    if os.path.isdir(path):  # a virtual environment of that name
        return Layer()
    try:
        file = read_text(path)
    except ConfigurationError as exc:  # nobody asked for it, and it may not be meant for us
        return Layer(warnings=(f"{exc.message}; it is left out",))
    return Layer() if file is None else read_dotenv(file)


def _keep_secrets_from_strangers(
    found: Mapping[str, Found], dotenv: Layer, trusted: Sequence[Layer]
) -> None:
    """Refuse to send the user's key where a file in the working directory says.

    Such a file comes with what was checked out or unpacked there, and could name anybody's
    server. A key of its own, one given as an argument, one stored for that very base URL
    and this machine's own servers are no matter.
    """
    base_url = found.get("base_url")
    if base_url is None or base_url is not dotenv.found.get("base_url"):
        return
    if is_loopback(urlsplit(_checked("base_url", base_url)).hostname or ""):
        return
    for name in ("api_key", "headers"):
        secret = found.get(name)
        if secret is None or any(secret is layer.found.get(name) for layer in trusted):
            continue
        raise ConfigurationError(
            f"{base_url.source} sends calls to another server, but {name} comes from "
            f"{secret.source}: a file in the working directory does not say where your key "
            "goes; set KILOCODE_BASE_URL in the environment, or put the key into the same file"
        )


def _stored(choice: CredentialStore | Literal[False] | None, found: Mapping[str, Found]) -> Layer:
    # Asked only where it counts: the system keyring may want a password.
    if choice is False or "api_key" in found:
        return Layer()
    url = _checked("base_url", found["base_url"]) if "base_url" in found else DEFAULT_BASE_URL
    stored = (choice or CredentialStore()).load(base_url=url)
    if stored is None:
        return Layer()
    key = Found(stored.api_key, f"stored key, {stored.where}")
    return Layer({"api_key": key}, (stored.warning,) if stored.warning else ())


def _openclaw(choice: FileChoice, found: Mapping[str, Found]) -> Layer:
    if choice is False:
        return Layer()
    path = openclaw_path() if choice is None else _path(choice)
    return read_openclaw(path, wanted={API_KEY, MODEL} - found.keys())


def _path(path: str | os.PathLike[str]) -> Path:
    return Path(path).expanduser()


def _checked(name: str, found: Found) -> Any:
    try:
        return OPTIONS[name].read(name, found.value)
    except ConfigurationError as exc:
        raise ConfigurationError(f"{found.source}: {exc.message}") from exc.__cause__
