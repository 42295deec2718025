"""What the package promises by name, and what importing it leaves undone."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from types import ModuleType

import pytest

import kilo_sdk
from kilo_sdk import errors

PACKAGE = Path(kilo_sdk.__file__).parent


def submodules() -> list[str]:
    """Every public module below ``kilo_sdk``, found without importing any."""
    paths = (path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py"))
    names = (".".join(path.with_suffix("").parts) for path in paths if path.name != "__init__.py")
    return sorted(
        f"kilo_sdk.{name}"
        for name in names
        if not any(part.startswith("_") for part in name.split("."))
    )


def imported(name: str) -> ModuleType:
    if name == "kilo_sdk.bench.ray_workers":
        pytest.importorskip("ray", reason="a Ray cluster needs the extra 'bench-ray'")
    if name.startswith("kilo_sdk.cli."):
        pytest.importorskip("typer", reason="the command line needs the extra 'cli'")
    return importlib.import_module(name)


def shelf_order(name: str) -> tuple[int, str]:
    """Constants, then classes, then the rest: the order ruff keeps ``__all__`` in."""
    if len(name) > 1 and name.isupper():
        return (0, name)
    return (1 if name[0].isupper() else 2, name)


def run_python(code: str) -> str:
    """Run code in a fresh interpreter that finds this very kilo_sdk; returns what it prints."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env={**os.environ, "PYTHONPATH": str(PACKAGE.parent)},
        cwd=PACKAGE.parent,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_front_is_sorted_and_without_repeats() -> None:
    assert kilo_sdk.__all__ == sorted(set(kilo_sdk.__all__), key=shelf_order)


def test_every_name_of_the_front_is_there() -> None:
    missing = [name for name in kilo_sdk.__all__ if not hasattr(kilo_sdk, name)]
    assert missing == []


def test_every_name_of_the_front_is_the_public_name_of_a_submodule() -> None:
    homes: dict[str, list[object]] = {}
    for path in submodules():
        if not path.startswith(("kilo_sdk.bench.", "kilo_sdk.cli.")):
            module = importlib.import_module(path)
            for name in module.__all__:
                homes.setdefault(name, []).append(getattr(module, name))
    strays = [
        name
        for name in kilo_sdk.__all__
        if name != "__version__"
        and not any(getattr(kilo_sdk, name) is value for value in homes.get(name, []))
    ]
    assert strays == []


def test_every_exception_can_be_imported_from_the_front() -> None:
    exceptions = {name for name in errors.__all__ if isinstance(getattr(errors, name), type)}
    assert exceptions <= set(kilo_sdk.__all__)


@pytest.mark.parametrize("name", submodules())
def test_a_submodule_says_what_is_public_and_has_it(name: str) -> None:
    module = imported(name)
    public = module.__all__
    assert len(set(public)) == len(public)
    assert [entry for entry in public if not hasattr(module, entry)] == []


def test_the_version_is_the_installed_one() -> None:
    try:
        installed = metadata.version("kilo-sdk")
    except metadata.PackageNotFoundError:
        pytest.skip("kilo-sdk runs from the tree and is not installed")
    assert kilo_sdk.__version__ == installed


def test_importing_the_package_leaves_the_rest_alone() -> None:
    loaded = json.loads(run_python("import json, sys, kilo_sdk; print(json.dumps([*sys.modules]))"))
    rest = {
        "kilo_sdk.bench",
        "kilo_sdk.cli",
        "kilo_sdk.config",
        "kilo_sdk.emulator",
        "kilo_sdk.relay",
        "kilo_sdk.types.stored",
        "openai",
        "openrouter",
        "rich",
        "typer",
        "uvloop",
    }
    assert rest & set(loaded) == set()


def test_importing_the_package_sets_up_no_logging() -> None:
    printed = run_python(
        "import logging, kilo_sdk\n"
        "loggers = [logging.getLogger(), logging.getLogger('kilo_sdk')]\n"
        "print([(logger.level, logger.handlers) for logger in loggers])"
    )
    assert printed.strip() == "[(30, []), (0, [])]"
