"""Facts about asking one thing."""

from __future__ import annotations

from pathlib import Path

from kilo_sdk import CatalogOptions, KiloConfig
from kilo_sdk.catalog import ModelCatalog
from kilo_sdk.cli.asking import with_client, with_list_on_disk
from kilo_sdk.emulator import LocalGateway


def test_lists_are_on_disk_unless_somebody_says_otherwise(home: Path) -> None:
    kept = with_list_on_disk(KiloConfig.load())
    assert kept.catalog == CatalogOptions(stale=0, disk=True)
    assert with_list_on_disk(KiloConfig.load(catalog=CatalogOptions(disk=False))).catalog == (
        CatalogOptions(stale=0, disk=False)
    )


def test_what_one_command_obtained_the_next_has(home: Path, gateway: LocalGateway) -> None:
    def listed(refresh: bool = False) -> ModelCatalog:
        config = with_list_on_disk(KiloConfig.load(base_url=gateway.base_url))
        return with_client(config, lambda client: client.models.list(refresh=refresh))

    first = listed()
    assert listed().fetched_at == first.fetched_at
    assert len(gateway.requests) == 1
    assert list((home / ".cache" / "kilo-sdk" / "models").glob("*.json"))
    listed(refresh=True)
    assert len(gateway.requests) == 2
