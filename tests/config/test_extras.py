"""Facts about missing packages: the sentence names the extra, and nothing else is caught."""

from __future__ import annotations

import importlib.util
import sys

import pytest

from kilo_sdk import KiloConfig
from kilo_sdk.config import CredentialStore
from kilo_sdk.config.extras import needs_extra
from kilo_sdk.errors import ConfigurationError

from .conftest import Home


def test_a_missing_package_is_told_with_the_command_that_brings_it() -> None:
    with (
        pytest.raises(ConfigurationError) as caught,
        needs_extra("config", what="reading a file"),
    ):
        import no_such_package.inner  # noqa: F401
    assert str(caught.value) == (
        "reading a file needs the package no_such_package, which is not installed; "
        "pip install 'kilo-sdk[config]' brings it"
    )


def test_what_is_there_is_imported() -> None:
    with needs_extra("config", what="reading a file"):
        import platformdirs
    assert platformdirs.user_config_path("x").name == "x"


def test_without_platformdirs_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "platformdirs", None)
    with pytest.raises(ConfigurationError, match=r"platformdirs.*'kilo-sdk\[config\]'"):
        KiloConfig.load()


def test_without_dotenv_a_program_without_such_a_file_goes_on(
    monkeypatch: pytest.MonkeyPatch, home: Home
) -> None:
    for name in ("dotenv", "dotenv.parser"):
        monkeypatch.setitem(sys.modules, name, None)
    assert KiloConfig.load().api_key is None
    home.write(home.dotenv, "KILOCODE_API_KEY=sk-1")
    with pytest.raises(ConfigurationError, match=r"\.env needs the package dotenv.*\[config\]"):
        KiloConfig.load()


def test_without_pyjson5_plain_json_is_read_all_the_same(
    monkeypatch: pytest.MonkeyPatch, home: Home
) -> None:
    monkeypatch.setitem(sys.modules, "pyjson5", None)
    home.write(home.openclaw, '{"env": {"KILOCODE_API_KEY": "sk-1"}}')
    assert KiloConfig.load().api_key == "sk-1"
    home.write(home.openclaw, "{env: {}}")
    with pytest.raises(ConfigurationError, match=r"pyjson5.*'kilo-sdk\[config\]'"):
        KiloConfig.load()


def test_without_keyring_its_own_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(ConfigurationError, match=r"keyring.*'kilo-sdk\[keyring\]'"):
        CredentialStore().save("sk-1", place="keyring")


def test_without_filelock_the_line_that_wants_the_disk_is_told(
    monkeypatch: pytest.MonkeyPatch, home: Home
) -> None:
    home.write(home.toml, "[catalog]\ndisk = true")
    assert KiloConfig.load().catalog.disk is True
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "filelock" else find_spec(name)
    )
    with pytest.raises(ConfigurationError, match=r"line 2: catalog\.disk: .*\[disk-cache\]'"):
        KiloConfig.load()
