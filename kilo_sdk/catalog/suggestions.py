"""The words for a model that is not there: what may have been meant."""

from __future__ import annotations

from kilo_sdk.catalog.catalog import ModelCatalog
from kilo_sdk.catalog.static import static_catalog
from kilo_sdk.error_words import fit_to_show

__all__ = ["did_you_mean"]


def did_you_mean(id_: str, catalog: ModelCatalog | None) -> str:
    """Return ``did you mean a/b, c/d?`` for a model that the gateway does not know.

    Args:
        id_: The gateway id that was asked for.
        catalog: Where to look; None where no list was obtained: then in the bundled one.

    Returns:
        Up to three ids in words, or nothing: where none is like it, or where the model is
        listed, so that its name was not the mistake.
    """
    catalog = static_catalog() if catalog is None else catalog
    # An id is whatever a server called it.
    close = [] if id_ in catalog else [fit_to_show(one, 120) for one in catalog.suggest(id_)]
    return f"did you mean {', '.join(close)}?" if close else ""
