"""Which models exist: the gateway's list, the bundled one, how they are joined and kept."""

from kilo_sdk.catalog.catalog import CatalogSource, ModelCatalog
from kilo_sdk.catalog.discovery import catalog_from_wire
from kilo_sdk.catalog.options import CatalogOptions
from kilo_sdk.catalog.selection import SortKey
from kilo_sdk.catalog.static import static_catalog

__all__ = [
    "CatalogOptions",
    "CatalogSource",
    "ModelCatalog",
    "SortKey",
    "catalog_from_wire",
    "static_catalog",
]
