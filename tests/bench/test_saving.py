from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from kilo_sdk import ConfigurationError
from kilo_sdk.bench.saving import check_writable, save


def test_a_file_is_written_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b"old")
    assert save(path, b"new") == path
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("name", "said"),
    [("there", "--force"), ("none/a", "does not exist"), ("folder", "is a folder")],
)
def test_what_cannot_be_written_is_told_beforehand(tmp_path: Path, name: str, said: str) -> None:
    (tmp_path / "there").write_bytes(b"")
    (tmp_path / "folder").mkdir()
    with pytest.raises(ConfigurationError, match=said):
        check_writable([tmp_path / name], force=False)


def test_force_replaces(tmp_path: Path) -> None:
    (tmp_path / "there").write_bytes(b"")
    check_writable([tmp_path / "there", tmp_path / "new"], force=True)


def test_two_results_need_two_files(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="named twice"):
        check_writable([tmp_path / "a", tmp_path / "." / "a"], force=True)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no full device here")
def test_a_full_disk_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(tempfile, "tempdir", str(tmp_path))
        elsewhere = save(Path("/dev/full"), b"all of it")
    assert elsewhere.parent == tmp_path
    assert elsewhere.read_bytes() == b"all of it"


def test_where_nothing_can_be_written_the_first_reason_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
        with pytest.raises(FileNotFoundError, match="nowhere"):
            save(tmp_path / "nowhere" / "a", b"x")
    assert list(tmp_path.iterdir()) == []
