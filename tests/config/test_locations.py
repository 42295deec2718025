"""Facts about where files are looked for."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from kilo_sdk.config.locations import config_directory, config_path, openclaw_path

from .conftest import Home

linux = pytest.mark.skipif(sys.platform != "linux", reason="the directory is the platform's")


@linux
def test_the_user_s_file_is_in_the_platform_s_directory(home: Home) -> None:
    assert config_directory() == home.path / ".config" / "kilo-sdk"
    assert config_path() == (home.toml, False)


@linux
def test_without_xdg_config_home_it_is_dot_config(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("XDG_CONFIG_HOME")
    assert config_path() == (home.toml, False)


def test_a_variable_names_another_file(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KILO_SDK_CONFIG", " /etc/kilo.toml\n")
    assert config_path() == (Path("/etc/kilo.toml"), True)
    monkeypatch.setenv("KILO_SDK_CONFIG", "~/kilo.toml")
    assert config_path() == (home.path / "kilo.toml", True)
    monkeypatch.setenv("KILO_SDK_CONFIG", " ")
    assert config_path()[1] is False


def test_openclaw_s_own_variables_count_in_its_own_order(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert openclaw_path() == home.openclaw
    monkeypatch.setenv("OPENCLAW_HOME", "/srv/claw")
    assert openclaw_path() == Path("/srv/claw/.openclaw/openclaw.json")
    monkeypatch.setenv("OPENCLAW_STATE_DIR", "~/state")
    assert openclaw_path() == home.path / "state" / "openclaw.json"
    monkeypatch.setenv("OPENCLAW_CONFIG_PATH", "~/claw.json5")
    assert openclaw_path() == home.path / "claw.json5"
