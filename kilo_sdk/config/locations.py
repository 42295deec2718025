"""Which files are read where none is named."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from kilo_sdk.config.extras import needs_extra

__all__ = [
    "CONFIG_VARIABLE",
    "config_directory",
    "config_path",
    "openclaw_path",
]

CONFIG_VARIABLE: Final = "KILO_SDK_CONFIG"
_APP: Final = "kilo-sdk"


def config_directory() -> Path:
    """Return the user's directory for this SDK: ``~/.config/kilo-sdk`` on Linux.

    Raises:
        ConfigurationError: The extra ``config`` is not installed.
    """
    with needs_extra("config", what="finding the configuration file"):
        import platformdirs
    return platformdirs.user_config_path(_APP, appauthor=False)


def config_path() -> tuple[Path, bool]:
    """Return where the TOML file is, and whether ``KILO_SDK_CONFIG`` says so."""
    named = os.environ.get(CONFIG_VARIABLE, "").strip()
    if named:
        return _expanded(named), True
    return config_directory() / "config.toml", False


def openclaw_path() -> Path:
    """Return where OpenClaw would look for its file; its own variables count."""
    if named := os.environ.get("OPENCLAW_CONFIG_PATH", "").strip():
        return _expanded(named)
    if state := os.environ.get("OPENCLAW_STATE_DIR", "").strip():
        return _expanded(state) / "openclaw.json"
    home = os.environ.get("OPENCLAW_HOME", "").strip() or "~"
    return _expanded(home) / ".openclaw" / "openclaw.json"


def _expanded(path: str) -> Path:
    # Unlike Path.expanduser this leaves '~' alone where there is no home.
    return Path(os.path.expanduser(path))
