"""Facts about reading a file: what comes back, and what is said when nothing does."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import pytest

from kilo_sdk.config.text_file import TextFile, exposure, read_text
from kilo_sdk.errors import ConfigurationError

posix = pytest.mark.skipif(os.name != "posix", reason="modes mean something on POSIX alone")


def written(path: Path, data: bytes, mode: int = 0o600) -> Path:
    path.write_bytes(data)
    path.chmod(mode)
    return path


def test_what_is_not_there_is_none(tmp_path: Path) -> None:
    assert read_text(tmp_path / "none") is None
    (tmp_path / "file").touch()
    assert read_text(tmp_path / "file" / "below") is None


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", ""),
        (b"a\nb\n", "a\nb\n"),
        (b"\xef\xbb\xbfa", "a"),
        (b"a\r\nb\r\n", "a\nb\n"),
        ("ü€".encode(), "ü€"),
    ],
)
def test_a_bom_is_dropped_and_line_ends_become_lf(tmp_path: Path, data: bytes, text: str) -> None:
    path = written(tmp_path / "file", data)
    assert read_text(path) == TextFile(path, text)


def test_the_text_is_in_no_repr(tmp_path: Path) -> None:
    assert "secret" not in repr(read_text(written(tmp_path / "file", b"secret")))


def test_a_directory_is_named_as_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"is a directory; expected is a file"):
        read_text(tmp_path)


@pytest.mark.parametrize(
    ("name", "words"), [("x" * 300, "File name too long"), ("a\0b", "embedded null byte")]
)
def test_a_path_that_cannot_be_opened_is_told(tmp_path: Path, name: str, words: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"cannot be read: {words}; make it readable"):
        read_text(tmp_path / name)


@posix
def test_a_file_without_permission_is_told(tmp_path: Path) -> None:
    path = written(tmp_path / "file", b"secret", mode=0)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)  # root reads anything
    try:
        with pytest.raises(ConfigurationError, match=r"cannot be read: Permission denied; make it"):
            read_text(path)
    finally:
        os.seteuid(user)


def test_what_is_too_large_is_not_read(tmp_path: Path) -> None:
    assert read_text(written(tmp_path / "file", b"a" * (1 << 20))) is not None
    with pytest.raises(ConfigurationError, match="larger than 1 MiB"):
        read_text(written(tmp_path / "file", b"a" * ((1 << 20) + 1)))


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_is_told_by_name(tmp_path: Path, encoding: str) -> None:
    path = written(tmp_path / "file", "\ufeffa = 1".encode(encoding))
    with pytest.raises(ConfigurationError, match="is UTF-16 text; save it as UTF-8"):
        read_text(path)


def test_a_byte_that_is_no_utf_8_is_told_with_its_line_and_nothing_of_the_text(
    tmp_path: Path,
) -> None:
    path = written(tmp_path / "file", b"first\nsecret \xff\n")
    with pytest.raises(ConfigurationError, match="line 2: no UTF-8 text") as caught:
        read_text(path)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    assert "secret" not in str(caught.value)


@posix
@pytest.mark.parametrize(
    ("mode", "is_open"),
    [(0o600, False), (0o640, False), (0o660, False), (0o644, True), (0o602, True), (0o666, True)],
)
def test_a_file_that_every_user_may_read_or_change_is_noticed(
    tmp_path: Path, mode: int, is_open: bool
) -> None:
    file = read_text(written(tmp_path / "file", b"", mode))
    assert file is not None
    assert file.is_open_to_all is is_open
    assert (exposure(file) is not None) is is_open


def test_what_to_do_about_it_can_be_pasted_into_a_shell(tmp_path: Path) -> None:
    warning = exposure(TextFile(Path("/a b/it's"), "", is_open_to_all=True))
    assert warning is not None
    assert shlex.split(warning.rpartition(": ")[2]) == ["chmod", "600", "/a b/it's"]
