"""Options that several commands take in the same words."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import typer

__all__ = ["AsJson", "GatewayUrl"]

AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]

GatewayUrl: TypeAlias = Annotated[
    str | None,
    typer.Option(metavar="URL", help="Where the gateway is.  [default: as configured, or Kilo's]"),
]
