"""The command line as its users meet it: a process, with pipes or with a terminal."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any, Protocol

import pexpect
import pytest
from anyio.from_thread import start_blocking_portal

import kilo_sdk
from kilo_sdk.emulator import LocalGateway

if not all(map(find_spec, ("typer", "rich"))):
    collect_ignore_glob = ["test_*.py"]  # the extra is not installed

ROOT = Path(kilo_sdk.__file__).parents[1]
COMMAND = [sys.executable, "-m", "kilo_sdk"]
SECONDS = 120  # for what hangs; a loaded machine takes its time


@pytest.fixture(autouse=True)
def _interruptible() -> Iterator[None]:
    """A test run in the background has SIGINT ignored, and its children would inherit that."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def environment(**extra: str) -> dict[str, str]:
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "PYTHONWARNINGS")
    }
    return {**kept, "PYTHONPATH": str(ROOT), "TERM": "xterm", "PYTHONUTF8": "1", **extra}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home directory; the working directory is another one."""
    (tmp_path / "home").mkdir()
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home" / ".config"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home" / ".cache"))
    return tmp_path / "home"


class Run(Protocol):
    def __call__(
        self, *args: str, stdin: bytes | None = None, **env: str
    ) -> subprocess.CompletedProcess[str]: ...


@pytest.fixture
def python() -> Run:
    """Run Python to its end; None for ``stdin`` gives it an empty one."""

    def python(
        *args: str, stdin: bytes | None = None, **env: str
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, *args],
            input=stdin or b"",
            capture_output=True,
            env=environment(**env),
            timeout=SECONDS,
            check=False,
        )
        return subprocess.CompletedProcess(
            done.args, done.returncode, done.stdout.decode(), done.stderr.decode()
        )

    return python


@pytest.fixture
def run(python: Run) -> Run:
    """Run the command to its end, which is never a traceback."""

    def run(*args: str, stdin: bytes | None = None, **env: str) -> subprocess.CompletedProcess[str]:
        done = python("-m", "kilo_sdk", *args, stdin=stdin, **env)
        assert "Traceback" not in done.stderr, done.stderr
        return done

    return run


@pytest.fixture
def invoke(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the command in this process, where no pipe, signal or terminal matters."""

    def invoke(
        *args: str, stdin: bytes | None = None, **env: str
    ) -> subprocess.CompletedProcess[str]:
        from typer.testing import CliRunner

        from kilo_sdk.cli.app import app

        with monkeypatch.context() as context:
            for name, value in env.items():
                context.setenv(name, value)
            done = CliRunner().invoke(app, args, input=stdin, prog_name="kilo-sdk")
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return subprocess.CompletedProcess(args, done.exit_code, done.stdout, done.stderr)

    return invoke


@pytest.fixture
def start() -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Start the command with pipes; what still runs at the end of the test is killed."""
    with ExitStack() as ending:

        def start(
            *args: str, stdout: IO[bytes] | int = subprocess.PIPE, **env: str
        ) -> subprocess.Popen[bytes]:
            process = subprocess.Popen(
                [*COMMAND, *args],
                stdin=subprocess.PIPE,
                stdout=stdout,
                stderr=subprocess.PIPE,
                env=environment(**env),
            )
            ending.enter_context(process)
            ending.callback(process.kill)
            return process

        yield start


@pytest.fixture
def terminal() -> Iterator[Callable[..., Any]]:
    """Start the command at a terminal of 100 columns."""
    with ExitStack() as ending:

        def terminal(*args: str, **env: str) -> Any:
            child = pexpect.spawn(
                COMMAND[0],
                [*COMMAND[1:], *args],
                env=environment(**env),
                timeout=SECONDS,
                encoding="utf-8",
                dimensions=(40, 100),
            )
            ending.callback(child.close, force=True)
            return child

        yield terminal


@contextmanager
def _gateway(**options: Any) -> Iterator[LocalGateway]:
    with (
        start_blocking_portal("asyncio") as portal,
        portal.wrap_async_context_manager(LocalGateway(**options)) as gateway,
    ):
        yield gateway


@pytest.fixture
def gateway_with() -> Callable[..., AbstractContextManager[LocalGateway]]:
    """Run a gateway with options on a thread of its own."""
    return _gateway


@pytest.fixture
def gateway() -> Iterator[LocalGateway]:
    """A gateway that answers as fast as it can."""
    with _gateway() as gateway:
        yield gateway
