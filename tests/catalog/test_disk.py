"""Facts about lists on disk: who finds what, and what is made of a file that is not whole."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kilo_sdk.catalog.disk import CatalogFile, StoredList, catalog_file, newest_list
from kilo_sdk.errors import ConfigurationError

IDENTITY = ("https://api.kilo.ai/api/gateway/", None, "sk-secret-1234", None, None)
COLLECTED = time.time()
BODY: dict[str, Any] = {"data": [{"id": "a/b", "name": "Ä"}]}


@pytest.fixture
def file(tmp_path: Path) -> CatalogFile:
    return CatalogFile(tmp_path / "models", IDENTITY)


def warnings_in(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING]


def test_what_one_writes_another_reads(file: CatalogFile, tmp_path: Path) -> None:
    now = time.time()
    assert file.read() is None
    file.write(StoredList(BODY, now))
    assert file.read() == StoredList(BODY, now)
    assert CatalogFile(tmp_path / "models", IDENTITY).read() == StoredList(BODY, now)


def test_nothing_is_warned_of_while_nothing_is_there(
    file: CatalogFile, caplog: pytest.LogCaptureFixture
) -> None:
    assert file.read() is None
    file.write(StoredList(BODY, time.time()))
    assert warnings_in(caplog) == []


@pytest.mark.parametrize("part", range(len(IDENTITY)))
def test_another_gateway_organisation_key_or_header_finds_nothing(
    part: int, file: CatalogFile, tmp_path: Path
) -> None:
    file.write(StoredList(BODY, time.time()))
    other = [*IDENTITY]
    other[part] = "another"
    assert CatalogFile(tmp_path / "models", other).read() is None
    # Nor when the file is put where its own would be.
    CatalogFile(tmp_path / "models", other).path.write_bytes(file.path.read_bytes())
    assert CatalogFile(tmp_path / "models", other).read() is None


def test_no_key_stands_in_a_name_or_a_file(file: CatalogFile, tmp_path: Path) -> None:
    file.write(StoredList(BODY, time.time()))
    found = [path for path in (tmp_path / "models").iterdir() if path.suffix != ".lock"]
    assert found == [file.path]
    assert b"secret" not in file.path.read_bytes()
    assert "secret" not in str(file.path)
    assert "secret" not in repr(file)


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
def test_nobody_else_may_read_it(file: CatalogFile) -> None:
    file.write(StoredList(BODY, time.time()))
    assert file.path.stat().st_mode & 0o077 == 0
    assert file.path.parent.stat().st_mode & 0o077 == 0


def stored(**changes: object) -> bytes:
    """What a file holds, with some of it changed."""
    whole = CatalogFile(Path("nowhere"), IDENTITY)
    digest = whole.path.stem.removeprefix("models-v1-")
    return orjson.dumps(
        {"format": 1, "of": digest, "fetched_at": time.time(), "body": BODY, **changes}
    )


def test_the_form_of_the_file_is_known(file: CatalogFile) -> None:
    file.path.parent.mkdir()
    file.path.write_bytes(stored(extra="of a later version"))
    found = file.read()
    assert found is not None
    assert found.body == BODY


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it is cut or was written over"),
        (b"\x00" * 100, "it is cut or was written over"),
        (b"\xff\xfe", "it is cut or was written over"),
        (stored()[:-1], "it is cut or was written over"),
        (b"[" * 100_000, "it is cut or was written over"),
        (b"null", "it is no model list of this form"),
        (b"[]", "it is no model list of this form"),
        (stored(format=2), "it is no model list of this form"),
        (stored(of="another"), "it is the list of another gateway, organisation or key"),
        (stored(of=None), "it is the list of another gateway, organisation or key"),
        (stored(fetched_at=None), "it does not say when it was fetched"),
        (stored(fetched_at="2026"), "it does not say when it was fetched"),
        (stored(fetched_at=True), "it does not say when it was fetched"),
        (stored(fetched_at=time.time() - 31 * 86_400), "it is too old, or from the future"),
        (stored(fetched_at=time.time() + 86_400), "it is too old, or from the future"),
        (stored(fetched_at=1e300), "it is too old, or from the future"),
    ],
    # Names that are the same in every process: the contents hold the time of day.
    ids=lambda value: value if isinstance(value, str) else "file",
)
def test_what_is_no_whole_list_counts_as_nothing_and_is_written_over(
    content: bytes, reason: str, file: CatalogFile, caplog: pytest.LogCaptureFixture
) -> None:
    file.path.parent.mkdir()
    file.path.write_bytes(content)
    assert file.read() is None
    assert warnings_in(caplog) == [
        f"disk_cache.failed action=read path={file.path} reason={reason}"
    ]
    file.write(StoredList(BODY, time.time()))
    found = file.read()
    assert found is not None
    assert found.body == BODY


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.data())
def test_a_file_cut_or_spoiled_anywhere_never_raises(
    file: CatalogFile, data: st.DataObject
) -> None:
    whole = stored(fetched_at=COLLECTED)
    file.path.parent.mkdir(exist_ok=True)
    at = data.draw(st.integers(0, len(whole) - 1))
    spoiled = whole[:at] + data.draw(st.binary(max_size=3))
    file.path.write_bytes(spoiled)
    assert file.read() is None or spoiled.startswith(b"{")


def test_a_giant_is_not_read(file: CatalogFile, caplog: pytest.LogCaptureFixture) -> None:
    file.path.parent.mkdir()
    with file.path.open("wb") as giant:
        giant.truncate(10**12)
    assert file.read() is None
    assert "larger than" in warnings_in(caplog)[0]


def test_a_directory_in_its_place_does_no_harm(
    file: CatalogFile, caplog: pytest.LogCaptureFixture
) -> None:
    file.path.mkdir(parents=True)
    assert file.read() is None
    file.write(StoredList(BODY, time.time()))
    assert file.read() is None
    assert len(warnings_in(caplog)) == 1
    assert not [*file.path.parent.glob("*.tmp")]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
def test_a_pipe_that_nobody_writes_to_is_not_waited_for(file: CatalogFile) -> None:
    file.path.parent.mkdir()
    os.mkfifo(file.path)
    assert file.read() is None


def test_a_directory_that_cannot_be_made_is_warned_of_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "a file").touch()
    file = CatalogFile(tmp_path / "a file" / "models", IDENTITY)
    for _ in range(3):
        assert file.read() is None
        file.write(StoredList(BODY, time.time()))
    assert len(warnings_in(caplog)) == 1
    assert "reason=Not a directory" in warnings_in(caplog)[0]


def test_a_body_that_is_no_json_is_not_written(
    file: CatalogFile, caplog: pytest.LogCaptureFixture
) -> None:
    file.write(StoredList({"data": object()}, time.time()))
    assert file.read() is None
    assert len(warnings_in(caplog)) == 1


def test_an_older_list_does_not_replace_a_newer(file: CatalogFile) -> None:
    now = time.time()
    file.write(StoredList({"data": ["new"]}, now))
    file.write(StoredList({"data": ["old"]}, now - 60))
    assert file.read() == StoredList({"data": ["new"]}, now)
    file.write(StoredList({"data": ["newer"]}, now + 1))
    assert file.read() == StoredList({"data": ["newer"]}, now + 1)


def test_what_was_left_half_written_and_what_nobody_wants_is_swept_away(
    file: CatalogFile,
) -> None:
    directory = file.path.parent
    directory.mkdir()
    torn = directory / f"{file.path.stem}-x1.tmp"
    unwanted = directory / "models-v1-0123.json"
    recent, foreign = directory / "models-v1-4567.json", directory / "notes.json"
    for path in (torn, unwanted, recent, foreign):
        path.touch()
    long_ago = time.time() - 40 * 86_400
    for path in (unwanted, foreign):
        os.utime(path, (long_ago, long_ago))
    file.write(StoredList(BODY, time.time()))
    assert {path for path in directory.iterdir() if path.suffix != ".lock"} == {
        file.path,
        recent,
        foreign,
    }


def test_a_lock_that_somebody_keeps_is_not_waited_for_long(
    file: CatalogFile, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    filelock = pytest.importorskip("filelock")
    monkeypatch.setattr("kilo_sdk.catalog.disk._LOCK_TIMEOUT_S", 0.05)
    file.path.parent.mkdir()
    with filelock.FileLock(file.path.with_suffix(".lock")):
        file.write(StoredList(BODY, time.time()))
    assert file.read() is None
    assert "action=write" in warnings_in(caplog)[0]


def test_the_newest_list_of_a_gateway_is_found_whatever_the_key_was(tmp_path: Path) -> None:
    url, now = IDENTITY[0], time.time()
    for index, key in enumerate(("one", "two", None)):
        listed = {"data": [{"id": f"a/{key}"}]}
        CatalogFile(tmp_path, (url, None, key)).write(StoredList(listed, now - 2 + index % 2))
    CatalogFile(tmp_path, (url, "org-1", "one")).write(StoredList({"data": []}, now))
    CatalogFile(tmp_path, ("https://b.example/", None, "one")).write(StoredList(BODY, now))
    found = newest_list(str(tmp_path), url, None)
    assert found == StoredList({"data": [{"id": "a/two"}]}, now - 1)
    assert newest_list(tmp_path, url, "org-1") == StoredList({"data": []}, now)
    assert newest_list(tmp_path, url, "org-2") is None
    assert newest_list(False, url, None) is None
    assert newest_list(tmp_path / "missing", url, None) is None


def test_spoiled_and_foreign_files_hide_no_list(tmp_path: Path) -> None:
    url = IDENTITY[0]
    CatalogFile(tmp_path, (url, None, "one")).write(StoredList(BODY, time.time()))
    for name, content in {"a": b"", "b": b"[]", "c": stored(), "d": stored(gateway="x")}.items():
        (tmp_path / f"models-v1-{name}.json").write_bytes(content)
    (tmp_path / "models-v1-e.json").mkdir()
    found = newest_list(tmp_path, url, None)
    assert found is not None
    assert found.body == BODY


def test_the_directory_is_the_users_cache_or_the_one_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert catalog_file(False, IDENTITY) is None
    given_one = catalog_file(tmp_path, IDENTITY)
    assert given_one is not None
    assert given_one.path.parent == tmp_path
    platformdirs = pytest.importorskip("platformdirs")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    users = catalog_file(True, IDENTITY)
    assert users is not None
    home = Path(platformdirs.user_cache_dir("kilo-sdk", appauthor=False))
    assert users.path.parent == home / "models"
    short = catalog_file("~/kept", IDENTITY)
    assert short is not None
    assert short.path.parent == tmp_path / "kept"


def test_a_home_that_is_not_there_is_said_to_the_caller() -> None:
    with pytest.raises(ConfigurationError, match=r"CatalogOptions\(disk=...\)"):
        catalog_file("~nobody-of-that-name/x", IDENTITY)


def test_a_token_source_has_no_file_and_the_log_says_why(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert catalog_file(tmp_path, ("url", None, lambda: "key", None, None)) is None
    assert warnings_in(caplog)[0].startswith("disk_cache.unused reason=the key comes from")


WRITER = """
import sys, time
from pathlib import Path
from kilo_sdk.catalog.disk import CatalogFile, StoredList
file = CatalogFile(Path(sys.argv[1]), ("url", None, "key", None, None))
mine, times = sys.argv[2], int(sys.argv[3])
print("ready", flush=True)
for number in range(times):
    file.write(StoredList({"data": [mine] * 20_000}, time.time()))
    found = file.read()
    if found is None:  # never written: others held the lock too long; torn: it warns
        continue
    assert len(set(found.body["data"])) == 1 and len(found.body["data"]) == 20_000, "mixed"
"""


def writer(directory: Path, mine: str, times: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", WRITER, str(directory), mine, str(times)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_processes_that_write_and_read_at_once_see_whole_lists_only(tmp_path: Path) -> None:
    running = [writer(tmp_path, f"p{number}", 10) for number in range(3)]
    for process in running:
        _, said = process.communicate(timeout=240)
        assert process.returncode == 0, said
        assert "action=read" not in said
    found = CatalogFile(tmp_path, ("url", None, "key", None, None)).read()
    assert found is not None
    assert not [*tmp_path.glob("*.tmp")]


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
def test_a_process_killed_while_it_writes_leaves_a_whole_list_and_no_lock(tmp_path: Path) -> None:
    file = CatalogFile(tmp_path, ("url", None, "key", None, None))
    for _ in range(2):
        process = writer(tmp_path, "killed", 10**9)
        try:
            assert process.stdout is not None
            process.stdout.readline()
            deadline = time.monotonic() + 120
            while file.read() is None and time.monotonic() < deadline:
                time.sleep(0.01)
        finally:
            process.send_signal(signal.SIGKILL)
            process.communicate()
        found = file.read()
        assert found is not None
        assert found.body == {"data": ["killed"] * 20_000}
    file.write(StoredList(BODY, time.time()))
    after = file.read()
    assert after is not None
    assert after.body == BODY
    assert not [*tmp_path.glob("*.tmp")]
