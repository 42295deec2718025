"""The shape of the tree: a test file per module, names that say something, modules of a size."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "kilo_sdk"
TESTS = ROOT / "tests"

MAX_LINES = 400
NAMES_THAT_SAY_NOTHING = {"common", "helper", "helpers", "manager", "misc", "util", "utils"}

# Modules without a test file of their own, and why. ``__init__.py`` files list names: what they
# list is tested in test_exports.py and with the modules the names come from.
UNTESTED = {
    "_version.py": "one constant; test_exports.py compares it with the installed version",
    "relay/store.py": "declarations, and one error class; the stores are tested",
    "cli/options.py": "declarations for typer; nothing in it runs",
    "resources/call_options.py": "declarations for the type checkers; nothing in it runs",
    "types/params.py": "declarations for the type checkers; nothing in it runs",
    "types/wire.py": "declarations for the type checkers; nothing in it runs",
}

# Modules past MAX_LINES, and why one idea takes that much.
LONG: dict[str, str] = {}


def modules() -> list[Path]:
    """Every module of the package, relative to it."""
    found = sorted(path.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py"))
    assert found, f"no modules under {PACKAGE}"
    return found


def plain_modules() -> list[Path]:
    return [path for path in modules() if path.name != "__init__.py"]


def mirror_of(module: Path) -> Path:
    return TESTS / module.with_name(f"test_{module.name}")


def lines_of(module: Path) -> int:
    return len((PACKAGE / module).read_text(encoding="utf-8").splitlines())


def test_every_module_has_its_test_file() -> None:
    untested = {path.as_posix() for path in plain_modules() if not mirror_of(path).is_file()}
    assert untested == set(UNTESTED)


def test_no_module_or_package_has_a_name_that_says_nothing() -> None:
    nameless = [
        path.as_posix()
        for path in modules()
        if NAMES_THAT_SAY_NOTHING & {part.strip("_") for part in path.with_suffix("").parts}
    ]
    assert nameless == []


def test_only_listed_modules_are_long() -> None:
    long = {path.as_posix(): lines_of(path) for path in modules() if lines_of(path) > MAX_LINES}
    assert set(long) == set(LONG), long


def test_every_exemption_gives_a_reason() -> None:
    assert all(reason.strip() for reason in [*UNTESTED.values(), *LONG.values()])


def git(*arguments: str) -> list[str]:
    return subprocess.run(
        ["git", "-C", str(ROOT), *arguments], check=True, capture_output=True, text=True
    ).stdout.splitlines()


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="not a clone")
def test_only_sources_are_tracked() -> None:
    assert git("ls-files", "--cached", "--ignored", "--exclude-standard") == []
    links = [line for line in git("ls-files", "--stage") if line.startswith("120000")]
    assert links == [], "a link means something else on another machine"
