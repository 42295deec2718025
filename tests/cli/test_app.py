"""The command as a whole: help, version, and what it needs to run at all."""

from __future__ import annotations

import re
import shlex
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import typer

from kilo_sdk import __version__
from kilo_sdk.emulator import LocalGateway

Run: TypeAlias = "Callable[..., subprocess.CompletedProcess[str]]"

ROOT = Path(__file__).parents[2]


def test_the_version_is_printed(run: Run) -> None:
    done = run("--version")
    assert (done.returncode, done.stdout) == (0, f"kilo-sdk {__version__}\n")


@pytest.mark.parametrize(
    "args", [("--help",), ("chat", "--help"), ("serve", "-h"), ("onboard", "-h"), ("models", "-h")]
)
def test_help_has_examples(run: Run, args: Sequence[str]) -> None:
    done = run(*args)
    assert done.returncode == 0
    assert "Examples:\n" in done.stdout
    assert "  kilo-sdk " in done.stdout


def test_help_offers_no_option_for_a_key_to_chat(run: Run) -> None:
    assert "--api-key" not in run("chat", "--help").stdout


def test_an_unknown_command_is_a_usage_error(run: Run) -> None:
    done = run("talk")
    assert (done.returncode, done.stdout) == (2, "")
    assert "No such command 'talk'" in done.stderr


@pytest.mark.parametrize("missing", ["typer", "rich"])
def test_without_the_extra_one_line_says_what_to_install(python: Run, missing: str) -> None:
    code = f"import sys; sys.modules[{missing!r}] = None; from kilo_sdk.cli import main; main()"
    done = python("-c", code, "chat", "hi")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "kilo-sdk: the command line needs typer and rich; install them with "
        "pip install 'kilo-sdk[cli]'\n"
    )


def test_another_missing_module_is_not_mistaken_for_the_extra(python: Run) -> None:
    code = (
        "import sys; sys.modules['kilo_sdk.cli.render'] = None; "
        "from kilo_sdk.cli import main; main()"
    )
    done = python("-c", code)
    assert done.returncode == 1
    assert "ModuleNotFoundError" in done.stderr


@pytest.mark.parametrize(("closed", "out"), [(1, ""), (2, "You said: hi.")])
def test_an_output_that_is_closed_is_no_reason_to_fail(
    python: Run, gateway: LocalGateway, closed: int, out: str
) -> None:
    code = (
        f"import os, sys; os.close({closed}); "
        "os.execv(sys.executable, [sys.executable, '-m', 'kilo_sdk', *sys.argv[1:]])"
    )
    done = python("-c", code, "chat", "hi", "--base-url", gateway.base_url)
    assert done.returncode == 0
    assert done.stdout.startswith(out)
    assert ("TTFT" in done.stderr) is (closed == 1)


def documented() -> set[tuple[str, ...]]:
    """The words of every command in the pages that begins with ``kilo-sdk``."""
    pages = [*(ROOT / "docs").rglob("*.md"), ROOT / "README.md"]
    found = set()
    for page in pages:
        for block in re.findall(r"```(?:sh|console)\n(.*?)```", page.read_text("utf-8"), re.DOTALL):
            for line in re.findall(
                r"^(?:\$ )?(?:.* \| )?(?:\S*/)?(kilo-sdk .*)", block, re.MULTILINE
            ):
                found.add(tuple(shlex.split(re.split(r" #| \| ", line)[0])[1:]))
    return found


def test_the_commands_and_options_of_the_pages_are_there() -> None:
    from kilo_sdk.cli.app import app

    lines = documented()
    assert len(lines) > 20
    root: Any = typer.main.get_command(app)
    for line in lines:
        command, rest = root, list(line)
        while rest and rest[0] in getattr(command, "commands", {}):
            command = command.commands[rest.pop(0)]
        options = {name for one in command.params for name in (*one.opts, *one.secondary_opts)}
        options |= {"-h", "--help"}
        used = {word.partition("=")[0] for word in rest if word.startswith("-")}
        assert used <= options, f"kilo-sdk {' '.join(line)}"
        assert command is not root or used, f"kilo-sdk {' '.join(line)}: no such command"
