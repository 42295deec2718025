"""Which models exist: the gateway's list, the bundled one, and how they are joined."""

from kilo_sdk.catalog.catalog import CatalogSource, ModelCatalog
from kilo_sdk.catalog.discovery import catalog_from_wire
from kilo_sdk.catalog.static import static_catalog

__all__ = ["CatalogSource", "ModelCatalog", "catalog_from_wire", "static_catalog"]
