"""``kilo-sdk config`` as a process with a home of its own: exact output, and no secret in it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

import pytest

from kilo_sdk.config import CredentialStore
from kilo_sdk.config.schema import OPTIONS

Run: TypeAlias = "Callable[..., subprocess.CompletedProcess[str]]"

KEY = "sk-0123456789-secret-wxyz"


@pytest.fixture
def toml(home: Path) -> Path:
    if sys.platform != "linux":
        pytest.skip("the directory is the platform's")
    path = home / ".config" / "kilo-sdk" / "config.toml"
    path.parent.mkdir(parents=True)
    return path


def write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)


def test_every_value_is_shown_with_its_source(run: Run, toml: Path) -> None:
    write(
        toml,
        "base_url = 'https://x.example'\nreasoning = {effort = 'low'}\nheaders = {X-A = 'hidden'}\n"
        "[timeouts]\nidle = 5.0\n",
    )
    done = run("config", "show", KILOCODE_API_KEY=KEY)
    assert (done.returncode, done.stderr) == (0, "")
    rows = [line.split(maxsplit=2) for line in done.stdout.splitlines()]
    assert [row[0] for row in rows] == list(OPTIONS)
    told = {name: (value, source) for name, value, source in rows}
    assert told["api_key"] == ("sk-...wxyz", "environment variable KILOCODE_API_KEY")
    assert told["base_url"] == ("https://x.example/", f"file {toml}, line 1")
    assert told["reasoning"] == ('{"effort":"low"}', f"file {toml}, line 2")
    assert told["headers"] == ('{"X-A":"***"}', f"file {toml}, line 3")
    assert told["timeouts.idle"] == ("5", f"file {toml}, line 5")
    assert told["timeouts.total"] == ("none", "default")
    assert told["allow_insecure"] == ("false", "default")
    assert told["organization_id"] == ("none", "default")
    assert "hidden" not in done.stdout
    lines = zip(done.stdout.splitlines(), rows, strict=True)
    assert len({line.rindex(source) for line, (_, _, source) in lines}) == 1


def test_json_has_every_value_and_the_warnings(run: Run, home: Path) -> None:
    write(home.parent / "work" / ".env", f"KILOCODE_API_KEY={KEY}\nKILOCODE_FEATUR=x\n")
    done = run("config", "show", "--json")
    assert done.returncode == 0
    told = json.loads(done.stdout)
    assert list(told["values"]) == list(OPTIONS)
    dotenv = home.parent / "work" / ".env"
    assert told["values"]["api_key"] == {
        "value": "sk-...wxyz",
        "source": f"file {dotenv}, line 1 (KILOCODE_API_KEY)",
    }
    assert told["values"]["timeouts.total"] == {"value": None, "source": "default"}
    (warning,) = told["warnings"]
    assert warning.endswith("did you mean 'KILOCODE_FEATURE'?")
    assert done.stderr == f"warning: {warning}\n"


def test_a_stored_key_is_shown_with_where_it_is_kept(run: Run, toml: Path) -> None:
    stored = CredentialStore(toml.parent / "credentials").save(KEY)
    told = json.loads(run("config", "show", "--json").stdout)["values"]["api_key"]
    assert told == {"value": "sk-...wxyz", "source": f"stored key, {stored.where}"}


def test_control_characters_do_not_reach_the_terminal(run: Run, home: Path) -> None:
    env = {"KILOCODE_DEFAULT_MODEL": "a/\x1b[31m\x9bred"}
    for args in (("show",), ("show", "--json")):
        done = run("config", *args, **env)
        assert done.returncode == 0
        assert "\x1b" not in done.stdout
        assert "\x9b" not in done.stdout
    assert json.loads(done.stdout)["values"]["default_model"]["value"].endswith("\x9bred")


@pytest.mark.parametrize("args", [(), ("--json",)])
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("api_kee = 'x'", "line 1: unknown key api_kee; accepted are"),
        (f"api_key = {KEY}", "line 1, column 11: no valid TOML"),
        (f"api_key = '{KEY} x'", "line 1: api_key: the key has white space inside"),
        ("[timeouts]\nidle = 'soon'", "line 2: timeouts.idle is a number of seconds above 0"),
    ],
)
def test_a_file_that_cannot_work_ends_with_words_and_2(
    run: Run, toml: Path, args: Sequence[str], text: str, words: str
) -> None:
    write(toml, text)
    done = run("config", "show", *args)
    assert done.returncode == 2
    assert f"kilo-sdk: file {toml}, {words}" in done.stderr
    assert KEY not in done.stderr + done.stdout
    if args:
        assert json.loads(done.stdout)["error"]["type"] == "ConfigurationError"
    else:
        assert done.stdout == ""


def test_the_path_is_printed_alone(run: Run, toml: Path) -> None:
    done = run("config", "path")
    assert (done.returncode, done.stdout) == (0, f"{toml}\n")
    assert done.stderr == "there is no such file yet, and none is needed\n"
    write(toml, "this is no TOML")
    assert run("config", "path").stdout == f"{toml}\n"
    assert run("config", "path").stderr == ""
    assert run("config", "path", KILO_SDK_CONFIG="/x/y.toml").stdout == "/x/y.toml\n"


def test_without_a_subcommand_there_is_help(run: Run) -> None:
    done = run("config")
    assert done.returncode == 2
    assert "kilo-sdk config show" in done.stdout + done.stderr


@pytest.mark.parametrize("command", [("show",), ("path",)])
def test_without_the_extra_the_words_say_what_to_install(
    python: Run, home: Path, command: Sequence[str]
) -> None:
    code = "import sys; sys.modules['platformdirs'] = None; from kilo_sdk.cli import main; main()"
    done = python("-c", code, "config", *command)
    assert (done.returncode, done.stdout) == (2, "")
    assert "pip install 'kilo-sdk[config]'" in done.stderr
    assert "Traceback" not in done.stderr
