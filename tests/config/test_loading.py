"""Facts about sources: which are read, which comes first, and what each failure says."""

from __future__ import annotations

import logging
import os
from typing import Any

import pytest

from kilo_sdk.config.config import KiloConfig
from kilo_sdk.config.credentials import CredentialStore
from kilo_sdk.config.loading import Resolved, resolve
from kilo_sdk.errors import ConfigurationError
from kilo_sdk.timeouts import Timeouts

from .conftest import KEY, Home


def load(**given: Any) -> Resolved:
    files = {
        name: given.pop(name, None) for name in ("path", "env_file", "openclaw_file", "credentials")
    }
    return resolve(given, **files)


def test_without_any_source_the_defaults_hold() -> None:
    resolved = load()
    assert set(resolved.sources.values()) == {"default"}
    assert resolved.values["api_key"] is None
    assert resolved.values["base_url"] == "https://api.kilo.ai/api/gateway/"
    assert resolved.warnings == ()


def test_each_value_is_taken_from_the_first_source_that_has_it(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.write(home.openclaw, "{env: {KILOCODE_API_KEY: 'sk-openclaw'}}")
    assert load().values["api_key"] == "sk-openclaw"
    stored = CredentialStore().save("sk-stored")
    assert load().values["api_key"] == "sk-stored"
    assert load().sources["api_key"] == f"stored key, {stored.where}"
    home.write(home.toml, "api_key = 'sk-toml'")
    assert load().sources["api_key"] == f"file {home.toml}, line 1"
    home.write(home.dotenv, "KILOCODE_API_KEY=sk-dotenv")
    assert load().sources["api_key"] == f"file {home.dotenv}, line 1 (KILOCODE_API_KEY)"
    monkeypatch.setenv("KILO_API_KEY", "sk-environment")
    assert load().sources["api_key"] == "environment variable KILO_API_KEY"
    assert load(api_key="sk-argument").values["api_key"] == "sk-argument"
    assert load(api_key="sk-argument").sources["api_key"] == "argument api_key"


def test_values_come_from_several_sources_at_once(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.write(home.openclaw, "{agents: {defaults: {model: 'kilocode/a/b'}}}")
    home.write(home.toml, "feature = 'cli'\n[timeouts]\nidle = 5\ntotal = 60")
    monkeypatch.setenv("KILOCODE_ORGANIZATION_ID", "org")
    resolved = load(reasoning="high")
    told = {name: source for name, source in resolved.sources.items() if source != "default"}
    assert told == {
        "default_model": f"file {home.openclaw}, line 1 (agents.defaults.model)",
        "feature": f"file {home.toml}, line 1",
        "organization_id": "environment variable KILOCODE_ORGANIZATION_ID",
        "reasoning": "argument reasoning",
        "timeouts.idle": f"file {home.toml}, line 3",
        "timeouts.total": f"file {home.toml}, line 4",
    }


def test_clocks_given_as_an_argument_replace_those_of_a_file_as_a_whole(home: Home) -> None:
    home.write(home.toml, "[timeouts]\nidle = 5")
    resolved = load(timeouts=Timeouts(total=60))
    assert resolved.values["timeouts.idle"] == 120
    assert resolved.sources["timeouts.idle"] == "argument timeouts"


def test_a_value_that_is_not_used_is_not_checked(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.write(home.toml, "default_model = 'no ref'")
    with pytest.raises(ConfigurationError, match="line 1: default_model is no model ref"):
        load()
    monkeypatch.setenv("KILOCODE_DEFAULT_MODEL", "a/b")
    assert load().values["default_model"].id == "a/b"


def test_a_bad_value_is_told_with_its_source(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KILOCODE_API_KEY", "two secrets")
    with pytest.raises(
        ConfigurationError, match=r"^environment variable KILOCODE_API_KEY: api_key: the key has"
    ) as caught:
        load()
    assert "secrets" not in str(caught.value)
    monkeypatch.delenv("KILOCODE_API_KEY")
    with pytest.raises(ConfigurationError, match=r"^argument base_url: base_url is no absolute"):
        load(base_url="x")


def test_nothing_is_written_to_the_environment(home: Home) -> None:
    home.write(home.dotenv, "KILOCODE_API_KEY=sk-1\nKILOCODE_FEATURE=cli")
    before = dict(os.environ)
    load()
    assert dict(os.environ) == before


# Files by name


def test_a_file_given_by_name_must_be_there(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigurationError, match=r"x\.toml is not there, although path names it"):
        load(path=home.work / "x.toml")
    with pytest.raises(
        ConfigurationError, match=r"x\.env is not there, although env_file names it"
    ):
        load(env_file=home.work / "x.env")
    monkeypatch.setenv("KILO_SDK_CONFIG", "/none.toml")
    with pytest.raises(
        ConfigurationError, match="not there, although the environment variable KILO_SDK_CONFIG"
    ):
        load()


def test_files_given_by_name_are_read_in_place_of_the_usual_ones(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.write(home.toml, "feature = 'usual'")
    home.write(home.dotenv, "KILOCODE_API_KEY=sk-usual")
    home.write(home.openclaw, "{agents: {defaults: {model: 'kilocode/usual/x'}}}")
    mine = home.write(home.path / "mine.toml", "feature = 'mine'")
    env = home.write(home.path / "mine.env", "KILOCODE_API_KEY=sk-mine")
    claw = home.write(home.path / "mine.json", "{agents: {defaults: {model: 'kilocode/mine/x'}}}")
    values = load(path="~/mine.toml", env_file=env, openclaw_file=claw).values
    assert values["feature"] == "mine"
    assert values["api_key"] == "sk-mine"
    assert values["default_model"].id == "mine/x"
    monkeypatch.setenv("KILO_SDK_CONFIG", str(mine))
    assert load().sources["feature"] == f"file {mine}, line 1"
    assert load(path=home.toml).values["feature"] == "usual"


def test_every_source_can_be_left_out(home: Home) -> None:
    home.write(home.toml, "feature = 'usual'")
    home.write(home.dotenv, "KILOCODE_API_KEY=sk-usual")
    home.write(home.openclaw, "{agents: {defaults: {model: 'kilocode/usual/x'}}}")
    CredentialStore().save(KEY)
    resolved = load(path=False, env_file=False, openclaw_file=False, credentials=False)
    assert set(resolved.sources.values()) == {"default"}
    assert load(env_file=False).sources["api_key"].startswith("stored key, file ")
    assert load(env_file=False, credentials=False).values["api_key"] is None


def test_the_user_s_file_that_cannot_be_read_is_an_error(home: Home) -> None:
    home.toml.mkdir(parents=True)
    with pytest.raises(ConfigurationError, match=r"config\.toml is a directory; expected is a f"):
        load()


@pytest.mark.parametrize("data", [b"\xff\xfeK\x00", b"KILOCODE_API_KEY=\xff", b"x" * (2 << 20)])
def test_a_dotenv_that_nobody_named_is_left_out_when_it_cannot_be_read(
    home: Home, data: bytes
) -> None:
    home.write(home.dotenv, data)
    (warning,) = load().warnings
    assert warning.startswith(str(home.dotenv))
    assert warning.endswith("; it is left out")
    with pytest.raises(ConfigurationError, match=r"\.env"):
        load(env_file=home.dotenv)


def test_a_virtual_environment_called_dot_env_is_no_file(home: Home) -> None:
    home.dotenv.mkdir()
    assert load().warnings == ()


def test_a_working_directory_that_was_deleted_is_no_matter(home: Home) -> None:
    home.work.rmdir()
    assert load().warnings == ()


# Which key goes where


def test_a_stored_key_goes_to_its_own_base_url_alone(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    CredentialStore().save("sk-usual")
    CredentialStore().save("sk-other", base_url="https://other.example/")
    assert load().values["api_key"] == "sk-usual"
    assert load(base_url="https://other.example").values["api_key"] == "sk-other"
    assert load(base_url="https://third.example").values["api_key"] is None
    monkeypatch.setenv("KILOCODE_BASE_URL", "https://other.example/")
    assert load().values["api_key"] == "sk-other"


def test_a_stored_key_is_not_asked_for_where_a_better_source_has_one(home: Home) -> None:
    CredentialStore().save(KEY)
    (path,) = home.credentials.iterdir()
    path.write_text("damaged")
    assert load(api_key="sk-1").values["api_key"] == "sk-1"
    with pytest.raises(ConfigurationError, match="store the key again"):
        load()


@pytest.mark.parametrize("source", ["environment", "toml", "openclaw", "headers"])
def test_a_dotenv_does_not_say_where_the_user_s_key_goes(
    home: Home, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    home.write(home.dotenv, "KILOCODE_BASE_URL=https://evil.example/")
    assert load().values["base_url"] == "https://evil.example/"
    if source == "environment":
        monkeypatch.setenv("KILOCODE_API_KEY", KEY)
    elif source == "toml":
        home.write(home.toml, f"api_key = '{KEY}'")
    elif source == "headers":
        home.write(home.toml, f"headers = {{Authorization = 'Bearer {KEY}'}}")
    else:
        home.write(home.openclaw, f"{{env: {{KILOCODE_API_KEY: '{KEY}'}}}}")
    with pytest.raises(ConfigurationError, match="does not say where your key goes") as caught:
        load()
    assert KEY not in str(caught.value)
    assert load(env_file=home.dotenv).values["base_url"] == "https://evil.example/"


def test_a_dotenv_may_say_where_these_go(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    home.write(home.dotenv, "KILOCODE_BASE_URL=https://x.example/")
    assert load(api_key=KEY).values["api_key"] == KEY
    CredentialStore().save("sk-stored", base_url="https://x.example/")
    assert load().values["api_key"] == "sk-stored"
    home.write(home.dotenv, "KILOCODE_BASE_URL=https://x.example/\nKILOCODE_API_KEY=sk-own")
    assert load().values["api_key"] == "sk-own"
    home.write(home.dotenv, "KILOCODE_BASE_URL=http://127.0.0.1:8080/")
    monkeypatch.setenv("KILOCODE_API_KEY", KEY)
    assert load().values["api_key"] == KEY


# Warnings


def test_warnings_are_returned_and_logged(home: Home, caplog: pytest.LogCaptureFixture) -> None:
    home.write(home.openclaw, "{")
    with caplog.at_level(logging.WARNING, "kilo_sdk.config"):
        (warning,) = KiloConfig.load().warnings
    assert caplog.messages == [f"config.suspicious {warning}"]


@pytest.mark.skipif(os.name != "posix", reason="modes mean something on POSIX alone")
def test_every_file_with_a_key_that_all_may_read_brings_a_warning(home: Home) -> None:
    home.write(home.toml, "api_key = 'sk-1'", mode=0o644)
    home.write(home.dotenv, "KILO_API_KEY=sk-1", mode=0o644)
    home.write(home.openclaw, "{env: {KILOCODE_API_KEY: 'sk-1'}}", mode=0o644)
    assert [warning.partition(" ")[0] for warning in load().warnings] == [
        str(home.dotenv),
        str(home.toml),
    ]
    home.toml.unlink()
    home.dotenv.unlink()
    assert load().warnings[0].startswith(str(home.openclaw))
    CredentialStore().save(KEY)
    (path,) = home.credentials.iterdir()
    path.chmod(0o644)
    (warning,) = load().warnings
    assert warning.startswith(str(path))
