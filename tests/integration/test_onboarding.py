"""From nothing to a first answer, with a gateway in another process; and what may go wrong then."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeAlias

import pytest

import kilo_sdk

if not all(map(find_spec, ("typer", "rich"))):
    pytest.skip("the command line needs the extra 'cli'", allow_module_level=True)

Run: TypeAlias = "Callable[..., subprocess.CompletedProcess[str]]"

ROOT = Path(kilo_sdk.__file__).parents[1]
SECONDS = 120  # for what hangs; a loaded machine takes its time
KEY = "sk-0123456789-secret-good"
WRONG = "sk-0123456789-secret-wrong"


@pytest.fixture
def bare(tmp_path: Path) -> dict[str, str]:
    """The environment of a fresh container: a home with nothing in it, and no setting."""
    (tmp_path / "home").mkdir()
    kept = ("PATH", "SYSTEMROOT", "LD_LIBRARY_PATH", "VIRTUAL_ENV")
    return {
        **{name: os.environ[name] for name in kept if name in os.environ},
        "HOME": str(tmp_path / "home"),
        "PYTHONPATH": str(ROOT),
        "PYTHONUTF8": "1",
    }


@pytest.fixture
def serving(bare: dict[str, str], tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Runs ``kilo-sdk serve`` in another process, and returns its base URL."""
    with ExitStack() as ending:

        def serving(*args: str) -> str:
            process = subprocess.Popen(
                [sys.executable, "-m", "kilo_sdk", "serve", *args],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd=tmp_path,
                env=bare,
            )
            ending.enter_context(process)
            ending.callback(process.kill)
            assert process.stdout is not None
            found = re.match(r"serving (\S+) ", process.stdout.readline().decode())
            assert found
            return found[1]

        yield serving


@pytest.fixture
def run(bare: dict[str, str], tmp_path: Path) -> Run:
    """Run the command to its end, which is never a traceback and never shows a key."""

    def run(*args: str, stdin: str = "", **env: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "kilo_sdk", *args],
            input=stdin,
            capture_output=True,
            encoding="utf-8",
            cwd=tmp_path,
            env={**bare, **env},
            timeout=SECONDS,
            check=False,
        )
        told = done.stdout + done.stderr
        assert "Traceback" not in told, told
        assert not [key for key in (KEY, WRONG) if key in told]
        return done

    return run


def test_from_nothing_to_a_first_answer(
    serving: Any, run: Run, bare: dict[str, str], tmp_path: Path
) -> None:
    base_url = serving("--api-key", KEY)
    env = {"KILOCODE_BASE_URL": base_url}
    chat = ("chat", "-m", "openai/gpt-4.1", "9 tokens")

    # Nothing is set up yet, and it says what to do.
    refused = run(*chat, **env)
    assert refused.returncode == 1
    assert "no key is configured" in refused.stderr
    assert "kilo-sdk onboard" in refused.stderr
    sick = run("doctor", **env)
    assert (sick.returncode, "-> store a key with 'kilo-sdk onboard'" in sick.stdout) == (1, True)

    # A wrong key is told and not kept.
    wrong = run("onboard", "--api-key-stdin", stdin=f"{WRONG}\n", **env)
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert "Invalid API key" in wrong.stderr
    assert "nothing was stored" in wrong.stderr
    assert run(*chat, **env).returncode == 1

    # The right one is, with the newline that it came with.
    right = run("onboard", "--api-key-stdin", stdin=f"{KEY}\n", **env)
    assert right.returncode == 0, right.stderr
    assert "the key sk-...good is good" in right.stdout
    (file,) = (tmp_path / "home").rglob("credentials/*")
    if os.name == "posix":
        assert file.stat().st_mode & 0o777 == 0o600
    shown = json.loads(run("config", "show", "--json", **env).stdout)["values"]["api_key"]
    assert shown == {"value": "sk-...good", "source": f"stored key, file {file}"}

    # From now on everything works.
    listed = run("models", "list", "--sort", "price", "--refs", **env)
    assert listed.returncode == 0
    assert listed.stdout.splitlines()[0] == "kilocode/kilo-auto/free"
    answer = run(*chat, **env)
    assert (answer.returncode, answer.stdout) == (0, "You said: 9 tokens. The river runs\n")
    well = run("doctor", **env)
    assert (well.returncode, "FAILED" in well.stdout) == (0, False)

    # A program finds the key where the command put it.
    code = (
        "import asyncio\n"
        "from kilo_sdk import KiloClient\n"
        "async def main():\n"
        "    async with KiloClient.from_config() as client:\n"
        "        answer = await client.chat.completions.create(\n"
        "            messages='9 tokens', model='openai/gpt-4.1')\n"
        "        print(answer.text)\n"
        "asyncio.run(main())\n"
    )
    program = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        encoding="utf-8",
        cwd=tmp_path,
        env={**bare, **env},
        timeout=SECONDS,
        check=False,
    )
    assert program.stdout == "You said: 9 tokens. The river runs\n", program.stderr

    # And it can all be taken back.
    assert run("logout", **env).returncode == 0
    assert run(*chat, **env).returncode == 1


def write_lists(directory: Path) -> None:
    (directory / "empty.json").write_text("[]")
    (directory / "broken.json").write_text('[null, {"id": 5}, {"name": "no id"}, "x"]')
    (directory / "half.json").write_text('[null, {"id": 5}, {"id": "a/b", "pricing": "?"}]')


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("--models-fault", "status=429;retry_after=60"), "rate limit reached"),
        (("--models-fault", "garbage=html"), "the answer is no JSON, but"),
        (
            ("--models-fault", "garbage=huge_line;size=52428800"),
            "the answer is longer than 16777216",
        ),
        (("--models-fault", "stall"), "not done within 5 s in all (total timeout)"),
        (("--models", "empty.json"), "the list is empty"),
        (("--models", "broken.json"), "none of the 4 entries describes a model"),
    ],
)
def test_whatever_the_list_answers_the_bundled_one_serves_and_it_says_why(
    serving: Any, run: Run, tmp_path: Path, args: tuple[str, ...], words: str
) -> None:
    write_lists(tmp_path)
    done = run("models", "list", "--json", "--base-url", serving(*args))
    assert done.returncode == 0
    told = json.loads(done.stdout)
    assert told["source"] == "static"
    assert told["models"][0]["ref"] == "kilocode/kilo/auto"
    assert told["failure"].startswith(words)
    assert done.stderr.startswith(f"the gateway's list cannot be had: {words}")


def test_half_a_list_is_better_than_none(serving: Any, run: Run, tmp_path: Path) -> None:
    write_lists(tmp_path)
    base_url = serving("--models", "half.json")
    done = run("models", "list", "--refs", "--base-url", base_url)
    assert done.stdout.splitlines()[:2] == ["kilocode/a/b", "kilocode/kilo/auto"]


def test_a_key_can_be_checked_although_the_list_cannot_be_had(serving: Any, run: Run) -> None:
    base_url = serving("--api-key", KEY, "--models-fault", "garbage=html")
    args = ("onboard", "--api-key-stdin", "--base-url", base_url)
    assert run(*args, stdin=WRONG).returncode == 1
    done = run(*args, stdin=KEY)
    assert done.returncode == 0
    assert "kilo/auto answered" in done.stdout


@pytest.mark.parametrize(
    ("command", "text", "words"),
    [
        ("models list", "api_key = ", "line 1, column 11: no valid TOML"),
        ("doctor", "api_kei = 'x'", "line 1: unknown key api_kei; accepted are"),
        ("onboard --api-key-stdin", "[timeouts]\nidle = 'x'", "line 2: timeouts.idle is a number"),
        ("chat hi", f"api_key = '{KEY} {KEY}'", "line 1: api_key: the key has white space inside"),
    ],
)
def test_a_configuration_file_with_something_wrong_is_told_by_every_command(
    run: Run, tmp_path: Path, command: str, text: str, words: str
) -> None:
    file = tmp_path / "config.toml"
    file.write_text(text)
    file.chmod(0o600)
    done = run(*command.split(), stdin=KEY, KILO_SDK_CONFIG=str(file))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"kilo-sdk: file {file}, {words}")


@pytest.mark.skipif(os.name != "posix", reason="modes mean something on POSIX alone")
def test_a_file_with_a_key_that_all_may_read_works_with_a_warning(
    serving: Any, run: Run, tmp_path: Path
) -> None:
    file = tmp_path / "config.toml"
    file.write_text(f'api_key = "{KEY}\\n"\nbase_url = "{serving("--api-key", KEY)}"\n')
    file.chmod(0o644)
    done = run("chat", "-m", "openai/gpt-4.1", "9 tokens", KILO_SDK_CONFIG=str(file))
    assert (done.returncode, done.stdout) == (0, "You said: 9 tokens. The river runs\n")
    assert f"chmod 600 {file}" in done.stderr


def test_a_configuration_that_cannot_be_read_is_told(run: Run, tmp_path: Path) -> None:
    done = run("models", "list", KILO_SDK_CONFIG=str(tmp_path))
    assert (done.returncode, done.stdout) == (2, "")
    assert f"{tmp_path} is a directory; expected is a file" in done.stderr
