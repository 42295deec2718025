"""Facts about completing model refs: what is offered, from where, and in real shells."""

from __future__ import annotations

import os
import shlex
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeAlias

import pexpect
import pytest

import kilo_sdk
from kilo_sdk.catalog.disk import CatalogFile, StoredList
from kilo_sdk.emulator.model_list import built_in_models

Run: TypeAlias = "Callable[..., subprocess.CompletedProcess[str]]"

# forkpty() warns of threads; its child does nothing but exec.
pytestmark = pytest.mark.filterwarnings("ignore:.*forkpty:DeprecationWarning")

GATEWAY = "https://gateway.example/api/gateway/"
ONLY_BUNDLED = ["kilo/auto", "kilo-auto/frontier"]


@pytest.fixture(autouse=True)
def _own_home(home: Path) -> None:
    """No list of another test is found."""


@pytest.fixture
def listed(home: Path) -> None:
    """A command has listed the models, with some key."""
    body = {"data": built_in_models()}
    file = CatalogFile(home / ".cache" / "kilo-sdk" / "models", (GATEWAY, None, "sk-any"))
    file.write(StoredList(body, time.time()))


@pytest.fixture
def offered(invoke: Run) -> Callable[..., list[str]]:
    """What fish is offered for a line: the completion of all its words but the last."""

    def offered(line: str, **env: str) -> list[str]:
        done = invoke(
            **{
                "_KILO_SDK_COMPLETE": "complete_fish",
                "_TYPER_COMPLETE_FISH_ACTION": "get-args",
                "_TYPER_COMPLETE_ARGS": line,
                "KILOCODE_BASE_URL": GATEWAY,
                **env,
            }
        )
        assert done.stderr == ""
        return [one.partition("\t")[0] for one in done.stdout.splitlines() if one]

    return offered


@pytest.mark.usefixtures("listed")
def test_refs_are_completed_from_the_list_last_obtained(offered: Any) -> None:
    assert offered("kilo-sdk chat -m anth") == [
        "anthropic/claude-sonnet-4",
        "anthropic/claude-opus-4.5",
    ]
    assert offered("kilo-sdk models show mistralai/devstral-2512:f") == [
        "mistralai/devstral-2512:free"
    ]
    assert offered("kilo-sdk chat --model kilocode/x-") == ["kilocode/x-ai/grok-code-fast-1"]
    assert "kilo/auto" in offered("kilo-sdk chat -m ")
    assert offered("kilo-sdk chat -m openai/text") == []  # not for chat
    assert offered("kilo-sdk chat -m nothing") == []


@pytest.mark.usefixtures("listed")
def test_a_list_is_that_of_its_gateway_and_organisation(offered: Any) -> None:
    other = "https://other.example/"
    line = "kilo-sdk models show openai/"
    assert len(offered(line)) == 2
    assert offered(line, KILOCODE_BASE_URL=other) == []
    assert offered(line, KILOCODE_ORGANIZATION_ID="org-1") == []
    base = f"kilo-sdk models show --base-url {GATEWAY} openai/"
    assert len(offered(base, KILOCODE_BASE_URL=other)) == 2


def test_without_a_list_the_bundled_models_are_offered(offered: Any, home: Path) -> None:
    assert offered("kilo-sdk chat -m kilo")[:2] == ONLY_BUNDLED
    models = home / ".cache" / "kilo-sdk" / "models"
    models.mkdir(parents=True)
    (models / "models-v1-x.json").write_bytes(b"{")
    assert offered("kilo-sdk chat -m kilo")[:2] == ONLY_BUNDLED


def test_a_configuration_that_cannot_work_is_in_nobodys_way(offered: Any, home: Path) -> None:
    assert offered("kilo-sdk chat -m kilo", KILOCODE_BASE_URL="nowhere")[:2] == ONLY_BUNDLED
    missing = str(home / "missing.toml")
    assert offered("kilo-sdk chat -m kilo", KILO_SDK_CONFIG=missing)[:2] == ONLY_BUNDLED


def test_levels_and_choices_are_completed(offered: Any) -> None:
    assert offered("kilo-sdk chat --reasoning m") == ["minimal", "medium", "max"]
    assert offered("kilo-sdk onboard --auth-choice ") == ["kilocode-api-key"]


def test_nobody_is_asked(offered: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def connect(*args: object) -> None:
        raise AssertionError("a completion opens no connection")

    monkeypatch.setattr(socket.socket, "connect", connect)
    assert offered("kilo-sdk chat -m kilo")[:2] == ONLY_BUNDLED


SHELLS = {
    "bash": (
        ["--norc", "--noprofile"],
        "bind 'set enable-bracketed-paste off'; eval \"$(kilo-sdk --show-completion bash)\"",
    ),
    "zsh": (
        ["-f"],
        'autoload -U compinit; compinit -u -D; eval "$(kilo-sdk --show-completion zsh)"',
    ),
    "fish": (["--no-config"], "kilo-sdk --show-completion fish | source"),
}


@pytest.fixture
def typed(tmp_path: Path) -> Iterator[Callable[[str, str], str]]:
    """Types a line and the Tab key into a shell, and returns what the line has become."""
    command = tmp_path / "bin" / "kilo-sdk"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m kilo_sdk "$@"\n')
    command.chmod(0o755)
    path = f"{command.parent}{os.pathsep}{os.environ['PATH']}"
    root = Path(kilo_sdk.__file__).parents[1]
    env = {**os.environ, "PATH": path, "PYTHONPATH": str(root), "TERM": "dumb", "PS1": "$ "}
    with ExitStack() as ending:

        def typed(shell: str, line: str) -> str:
            arguments, setup = SHELLS[shell]
            child: Any = pexpect.spawn(
                shell,
                arguments,
                env={**env, "KILOCODE_BASE_URL": GATEWAY},
                encoding="utf-8",
                timeout=60,
                dimensions=(40, 200),
            )
            ending.callback(child.close, force=True)
            child.sendline(f"{setup}; echo SET''UP")
            child.expect_exact("SETUP")
            child.send(f"{line}\t")
            child.expect_exact(line)
            # The shell waits for the completion before it takes what is typed after it: to
            # the beginning of the line, which becomes an argument of echo, and to its end.
            child.send("\x01echo 'GOT' \x05 'E''ND'\n")
            child.expect("GOT (.*?) +END")
            return str(child.match[1])

        yield typed


@pytest.mark.usefixtures("listed")
@pytest.mark.parametrize("shell", SHELLS)
def test_real_shells_complete_a_ref_with_a_colon_in_it(typed: Any, shell: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    line = "kilo-sdk chat -m mistralai/devstral-2512:"
    assert typed(shell, line) == f"{line}free"
