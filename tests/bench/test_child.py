from __future__ import annotations

import sys
from pathlib import Path

import pytest

from kilo_sdk.bench.child import start_child

pytestmark = pytest.mark.anyio


async def test_a_child_finds_the_modules_that_its_parent_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "echo_for_test.py").write_text(
        "import sys\nprint(sys.stdin.read() + sys.argv[1], end='')\nsys.stderr.write('aside')"
    )
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    with (tmp_path / "errors").open("wb") as errors:
        process = await start_child("echo_for_test", "b", stderr=errors)
        out, _ = await process.communicate(b"a")
    assert (process.returncode, out) == (0, b"ab")
    assert (tmp_path / "errors").read_text() == "aside"
