"""What a client was told, checked and resolved once.

Explicit arguments come first, then the environment, then the defaults. Nothing here
touches the network, and no value that is secret shows in a repr.

Source: GATEWAY 1 (base URL), GATEWAY 2 (key and feature).
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Final, TypeVar
from urllib.parse import urlsplit

from kilo_sdk._version import __version__
from kilo_sdk.errors import ConfigurationError
from kilo_sdk.middleware.auth import TokenSource
from kilo_sdk.refs import ModelRef

__all__ = [
    "BASE_URL_VARIABLE",
    "DEFAULT_BASE_URL",
    "DEFAULT_FEATURE",
    "DEFAULT_MODEL",
    "FEATURE_VARIABLE",
    "KEY_VARIABLES",
    "check_base_url",
    "default_headers",
    "merge_headers",
    "of_class",
    "parse_ref",
    "resolve_api_key",
    "resolve_base_url",
    "resolve_feature",
    "sequence_of",
]

DEFAULT_BASE_URL: Final = "https://api.kilo.ai/api/gateway/"
DEFAULT_MODEL: Final = "kilo/auto"
DEFAULT_FEATURE: Final = "direct-gateway"
KEY_VARIABLES: Final = ("KILOCODE_API_KEY", "KILO_API_KEY")
BASE_URL_VARIABLE: Final = "KILOCODE_BASE_URL"
FEATURE_VARIABLE: Final = "KILOCODE_FEATURE"

T = TypeVar("T")


def resolve_api_key(api_key: str | TokenSource | None) -> str | TokenSource | None:
    """Return the key given, else the environment's, else None for anonymous calls.

    Raises:
        ConfigurationError: An empty string was given.
    """
    if api_key is None:
        for name in KEY_VARIABLES:
            if value := os.environ.get(name, "").strip():
                return value
        return None
    if isinstance(api_key, str) and not api_key.strip():
        raise ConfigurationError(
            "api_key is empty; pass the key, or leave it out to use KILOCODE_API_KEY or, "
            "where that is not set, to call anonymously"
        )
    return api_key


def resolve_base_url(base_url: str | None) -> str:
    """Return the base URL given, else the environment's, else the gateway's.

    Returns:
        An absolute URL that ends in a slash.

    Raises:
        ConfigurationError: It is not one.
    """
    if base_url is None:
        base_url = os.environ.get(BASE_URL_VARIABLE, "").strip() or DEFAULT_BASE_URL
    return check_base_url(base_url)


def check_base_url(url: object) -> str:
    """Return the URL, with one slash at its end.

    Raises:
        ConfigurationError: It is no absolute http or https URL of scheme, host and path.
            The message shows none of it: people put keys into URLs.
    """
    if not isinstance(url, str):
        raise ConfigurationError(f"base_url is a string, not {type(url).__name__}")
    try:
        parts = urlsplit(url)
        port_is_valid = parts.port is None or parts.port > 0
    except ValueError:
        parts, port_is_valid = urlsplit(""), False
    # urlsplit drops some of these characters, and readers of URLs disagree about a backslash.
    clean = all(c.isprintable() and not c.isspace() and c != "\\" for c in url)
    if parts.scheme not in ("http", "https") or not (parts.hostname and port_is_valid and clean):
        raise ConfigurationError(
            "base_url is no absolute http or https URL; it reads like "
            f"{DEFAULT_BASE_URL} (KILOCODE_BASE_URL is used where none is given)"
        )
    if "@" in parts.netloc or "?" in url or "#" in url:
        raise ConfigurationError(
            "base_url has a user, a query or a fragment in it; it is scheme, host and path "
            "alone, and the key is given as api_key"
        )
    return url.rstrip("/") + "/"


def resolve_feature(feature: str | None) -> str:
    """Return the app attribution given, else the environment's, else ``direct-gateway``."""
    if feature is not None:
        return feature
    return os.environ.get(FEATURE_VARIABLE, "").strip() or DEFAULT_FEATURE


def parse_ref(ref: str | ModelRef) -> ModelRef:
    """Return the model ref.

    Raises:
        ConfigurationError: It is none; the message names the accepted forms.
    """
    try:
        return ModelRef.parse(ref)
    except ValueError as exc:
        raise ConfigurationError(str(exc)) from exc


def of_class(value: T | None, kind: type[T], name: str, example: str = "") -> T | None:
    """Return the value when it is of that class, or None.

    Args:
        value: The value.
        kind: The class.
        name: What it is, for the error.
        example: What makes such an object, for the error; empty to name none.

    Raises:
        ConfigurationError: It is something else.
    """
    if value is not None and not isinstance(value, kind):
        such = f": {example} and the like" if example else ""
        raise ConfigurationError(
            f"{name} is a {kind.__name__} object, not {type(value).__name__}{such}"
        )
    return value


def sequence_of(values: Sequence[T], name: str) -> tuple[T, ...]:
    """Return the values as a tuple.

    Raises:
        ConfigurationError: They are no sequence, or a string.
    """
    if not isinstance(values, Sequence) or isinstance(values, str):
        raise ConfigurationError(f"{name} is a sequence, not {type(values).__name__}: [one, other]")
    return tuple(values)


STREAM_HEADERS: Final = {
    "Content-Type": "application/json",
    "Accept": "text/event-stream",
    # A compressed stream waits until its compressor has a block full.
    "Accept-Encoding": "identity",
}
"""What a request for a stream says of itself, under all other headers."""

PLAIN_HEADERS: Final = {"Content-Type": "application/json", "Accept": "application/json"}
"""What a request for a whole answer says of itself."""


def default_headers(headers: Mapping[str, str] | None) -> dict[str, str]:
    """Return what every request carries: the SDK's own headers under the caller's."""
    own = {"User-Agent": f"kilo-sdk-python/{__version__}"}
    return merge_headers(own, headers)


def merge_headers(base: Mapping[str, str], extra: Mapping[str, str] | None) -> dict[str, str]:
    """Return ``base`` with ``extra`` over it; names match in any case.

    Raises:
        ConfigurationError: ``extra`` is no mapping.
    """
    merged = dict(base)
    if not extra:
        return merged
    if not isinstance(extra, Mapping):
        raise ConfigurationError(
            f"headers are a mapping of names to values, not {type(extra).__name__}"
        )
    spelt = {name.lower(): name for name in merged}
    for name, value in extra.items():
        lowered = str(name).lower()
        merged.pop(spelt.get(lowered, ""), None)
        spelt[lowered] = name
        merged[name] = value
    return merged
