"""Model refs known without asking: completed in a shell, and suggested for a wrong one.

A completion runs at each press of the Tab key, so it asks neither the gateway nor the
keyring, and says nothing: a shell would print it into the line being typed. Lists come
from where commands keep them.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from typing import Final

import typer

from kilo_sdk.catalog.catalog import ModelCatalog
from kilo_sdk.catalog.discovery import catalog_from_wire
from kilo_sdk.catalog.disk import newest_list
from kilo_sdk.catalog.static import static_catalog
from kilo_sdk.cli.bash_words import TYPED_BEFORE
from kilo_sdk.config import KiloConfig
from kilo_sdk.errors import ConfigurationError

__all__ = ["complete_ref", "known_models"]

_PREFIX: Final = "kilocode/"


def complete_ref(ctx: typer.Context, incomplete: str) -> Iterator[tuple[str, str]]:
    """Return the refs that begin with what was typed, each with the model's name.

    Ids are offered, or refs with their prefix once that is being typed. They come from the
    list last obtained from the gateway that is configured, or that ``--base-url`` names,
    else from the bundled list.
    """
    before = os.environ.get(TYPED_BEFORE, "")
    typed = before + incomplete
    is_prefixed = typed.startswith(_PREFIX[:5])
    for model in _models_of(ctx).chat_models():
        for name in (model.id, model.ref) if is_prefixed else (model.id,):
            if name.startswith(typed):
                yield name.removeprefix(before), model.name


def known_models(config: KiloConfig) -> ModelCatalog:
    """Return the list that a command last got from the gateway, else the bundled one."""
    bundled = static_catalog()
    disk = config.sources.get("catalog.disk") == "default" or config.catalog.disk
    try:
        stored = newest_list(disk, config.base_url, config.organization_id)
        return bundled if stored is None else catalog_from_wire(stored.body, bundled=bundled)
    except (ConfigurationError, ValueError):  # no list, whatever stands there
        return bundled


def _models_of(ctx: typer.Context) -> ModelCatalog:
    logging.getLogger("kilo_sdk").addHandler(logging.NullHandler())
    try:
        config = KiloConfig.load(
            base_url=ctx.params.get("base_url"),
            organization_id=ctx.params.get("organization"),
            credentials=False,
        )
    except ConfigurationError:  # the command itself will tell
        return static_catalog()
    return known_models(config)
