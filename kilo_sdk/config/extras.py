"""What is said when a package of an extra is not installed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from kilo_sdk.errors import ConfigurationError

__all__ = ["needs_extra"]


@contextmanager
def needs_extra(extra: str, *, what: str) -> Iterator[None]:
    """Import optional packages inside; a missing one becomes a sentence.

    Args:
        extra: The extra of this distribution that brings them.
        what: What they are needed for, as the beginning of that sentence.

    Raises:
        ConfigurationError: One is missing; the message has the command that installs it.
    """
    try:
        yield
    except ModuleNotFoundError as exc:
        package = (exc.name or "").partition(".")[0]
        raise ConfigurationError(
            f"{what} needs the package {package}, which is not installed; "
            f"pip install 'kilo-sdk[{extra}]' brings it"
        ) from exc
