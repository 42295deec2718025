"""What one source says: names of options with raw values, and where each of them stands."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import attrs

__all__ = ["Found", "Layer", "in_file"]


@attrs.frozen(slots=True)
class Found:
    """A value as a source has it, not yet checked.

    Attributes:
        value: As read.
        source: Where it stands, in words: ``environment variable KILOCODE_API_KEY``.
    """

    value: object = attrs.field(repr=False)
    source: str


@attrs.frozen(slots=True)
class Layer:
    """What one source says.

    Attributes:
        found: By the option's name, dotted for those in a table.
        warnings: What is wrong with the source without being in the way.
    """

    found: Mapping[str, Found] = attrs.field(factory=dict)
    warnings: tuple[str, ...] = ()


def in_file(path: Path, line: int | None = None, key: str = "") -> str:
    """Say where in a file a value stands; ``key`` is given where its name differs."""
    place = f"file {path}" if line is None else f"file {path}, line {line}"
    return f"{place} ({key})" if key else place
