"""Records with known times, and plans against a gateway of known pace."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

pytest.importorskip("hdrh", reason="measuring needs the extra 'bench'")


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    """Latencies are those of the wall clock here: what is measured is another process too."""
    return "asyncio", {"loop_factory": asyncio.SelectorEventLoop}
