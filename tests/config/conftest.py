"""A home of its own for every test, with nothing in it."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import attrs
import pytest

if not all(map(find_spec, ("dotenv", "platformdirs", "pyjson5"))):
    collect_ignore_glob = ["test_*.py"]  # the extra is not installed

KEY = "sk-0123456789-secret-wxyz"


@attrs.frozen
class Home:
    """Where the files are that ``KiloConfig.load()`` looks for.

    Attributes:
        path: The home directory.
        work: The working directory.
    """

    path: Path
    work: Path

    @property
    def toml(self) -> Path:
        return self.path / ".config" / "kilo-sdk" / "config.toml"

    @property
    def dotenv(self) -> Path:
        return self.work / ".env"

    @property
    def openclaw(self) -> Path:
        return self.path / ".openclaw" / "openclaw.json"

    @property
    def credentials(self) -> Path:
        return self.path / ".config" / "kilo-sdk" / "credentials"

    def write(self, path: Path, text: str | bytes, *, mode: int = 0o600) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        path.chmod(mode)
        return path


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    home = Home(tmp_path / "home", tmp_path / "work")
    home.path.mkdir()
    home.work.mkdir()
    monkeypatch.setenv("HOME", str(home.path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(home.path / ".config"))
    monkeypatch.chdir(home.work)
    return home
