"""Facts about what a client is told of its catalogue."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from kilo_sdk import CatalogOptions, KiloClient
from kilo_sdk.errors import ConfigurationError


def test_the_defaults_ask_again_after_five_minutes_and_leave_the_disk_alone() -> None:
    options = CatalogOptions()
    assert (options.ttl, options.stale, options.failure_ttl) == (300.0, 3600.0, 10.0)
    assert options.disk is False


@pytest.mark.parametrize("name", ["ttl", "stale", "failure_ttl"])
@pytest.mark.parametrize("value", [-1, float("nan"), "5", True, None])
def test_seconds_are_numbers_from_0_up(name: str, value: Any) -> None:
    with pytest.raises(ConfigurationError, match=rf"CatalogOptions\({name}=.* from 0 up"):
        CatalogOptions(**{name: value})
    assert getattr(CatalogOptions(**{name: float("inf")}), name) == float("inf")
    assert getattr(CatalogOptions(**{name: 0}), name) == 0


@pytest.mark.parametrize("disk", [True, False, "/tmp/x", Path("/tmp/x")])
def test_the_disk_is_a_switch_or_a_directory(disk: Any) -> None:
    assert CatalogOptions(disk=disk).disk == disk


@pytest.mark.parametrize("disk", [None, 1, b"/tmp/x", "", " ", ["x"]])
def test_anything_else_for_the_disk_is_refused(disk: Any) -> None:
    with pytest.raises(ConfigurationError, match="directory"):
        CatalogOptions(disk=disk)


def test_the_disk_without_its_extra_is_refused_with_the_command_to_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "filelock" else find_spec(name)
    )
    with pytest.raises(ConfigurationError) as raised:
        CatalogOptions(disk=True)
    assert raised.value.message == (
        "CatalogOptions(disk=...) needs filelock: pip install 'kilo-sdk[disk-cache]'"
    )
    assert CatalogOptions(disk=False) == CatalogOptions()


def test_the_client_takes_such_options_and_nothing_else() -> None:
    assert not KiloClient("key", catalog=CatalogOptions(ttl=1)).closed
    wrong: Any = {"ttl": 1}
    with pytest.raises(ConfigurationError, match="catalog is a CatalogOptions object, not dict"):
        KiloClient("key", catalog=wrong)
    with pytest.raises(ConfigurationError, match="with_options\\(\\) does not take catalog"):
        KiloClient("key").with_options(catalog=CatalogOptions())
