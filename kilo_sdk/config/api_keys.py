"""Keys as values: made clean when they are read, masked when they are shown."""

from __future__ import annotations

from typing import Final

from kilo_sdk.errors import ConfigurationError
from kilo_sdk.middleware.auth import key_problem

__all__ = ["clean_key", "mask"]

_SHORTEST_SHOWN: Final = 16
_CHARACTERS_SHOWN: Final = 4
_SCHEME: Final = "sk-"


def clean_key(key: object) -> str:
    """Return a key without the white space around it, which editors and pipes leave there.

    Raises:
        ConfigurationError: It is no string, empty, or no key: with white space, control or
            non-ASCII characters inside, or the placeholder of an example. The message
            shows nothing of it.
    """
    if not isinstance(key, str):
        raise ConfigurationError(f"the key is a string, not {type(key).__name__}")
    stripped = key.strip()
    if not stripped:
        raise ConfigurationError("the key is empty; leave it out for anonymous calls")
    problem = key_problem(stripped)
    if problem:
        raise ConfigurationError(f"the key {problem}")
    if "${" in stripped:
        raise ConfigurationError(
            "the key is a reference to a variable, and none is expanded here; give the key itself"
        )
    if stripped.startswith("<") or stripped.endswith("..."):
        raise ConfigurationError("the key is the placeholder of an example; put your key there")
    return stripped


def mask(key: str) -> str:
    """Return what may be shown of a key: ``sk-...abcd``, its last four characters at most.

    Of a key under 16 characters nothing is shown.
    """
    if len(key) < _SHORTEST_SHOWN:
        return "***"
    scheme = _SCHEME if key.startswith(_SCHEME) else ""
    return f"{scheme}...{key[-_CHARACTERS_SHOWN:]}"
