"""Facts about stored keys: one per base URL, whole, for their owner's eyes alone."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import keyring
import keyring.backend
import keyring.errors
import pytest
from hypothesis import given
from hypothesis import strategies as st
from keyring.backends import fail, null

import kilo_sdk
from kilo_sdk.config.credentials import CredentialStore
from kilo_sdk.errors import ConfigurationError

from .conftest import KEY, Home

OTHER = "https://other.example/v1/"
posix = pytest.mark.skipif(os.name != "posix", reason="modes mean something on POSIX alone")


class MemoryKeyring(keyring.backend.KeyringBackend):
    """A keyring as a desktop has one, without the desktop."""

    priority = 1  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        del self.kept[service, username]


class LockedKeyring(MemoryKeyring):
    """One whose owner does not type the password."""

    def get_password(self, service: str, username: str) -> str | None:
        raise keyring.errors.KeyringLocked(f"refused {KEY}")

    def set_password(self, service: str, username: str, password: str) -> None:
        raise keyring.errors.KeyringLocked(f"refused {password}")

    def delete_password(self, service: str, username: str) -> None:
        raise keyring.errors.PasswordDeleteError(f"refused {KEY}")


@pytest.fixture
def system_keyring() -> Iterator[MemoryKeyring]:
    before = keyring.get_keyring()
    memory = MemoryKeyring()
    keyring.set_keyring(memory)
    yield memory
    keyring.set_keyring(before)


@pytest.fixture
def store() -> CredentialStore:
    return CredentialStore()


def file_of(store: CredentialStore) -> Path:
    (path,) = store.directory.iterdir()
    return path


def test_what_was_saved_is_loaded_until_it_is_deleted(store: CredentialStore) -> None:
    assert store.load() is None
    saved = store.save(f" {KEY}\n")
    assert saved.api_key == KEY
    assert saved.base_url == "https://api.kilo.ai/api/gateway/"
    assert saved.place == "file"
    assert saved.where == f"file {file_of(store)}"
    assert store.load() == saved
    assert store.delete() is True
    assert store.load() is None
    assert store.delete() is False
    assert list(store.directory.iterdir()) == []


def test_it_is_kept_in_the_user_s_configuration_directory(
    store: CredentialStore, home: Home
) -> None:
    store.save(KEY)
    assert file_of(store).parent == home.credentials
    assert file_of(store).name.startswith("api.kilo.ai-")


def test_each_base_url_has_a_key_of_its_own(store: CredentialStore) -> None:
    store.save("sk-1")
    store.save("sk-2", base_url=OTHER)
    store.save("sk-3", base_url="http://127.0.0.1:8080/api/gateway/")
    loaded = [store.load(base_url=url) for url in (OTHER, "http://127.0.0.1:8080/api/gateway")]
    assert [key and key.api_key for key in loaded] == ["sk-2", "sk-3"]
    assert store.load(base_url="https://other.example/v2/") is None
    store.delete(base_url=OTHER)
    assert store.load(base_url=OTHER) is None
    kept = store.load()
    assert kept is not None
    assert kept.api_key == "sk-1"


@pytest.mark.parametrize(
    "spelling",
    ["https://Other.Example/v1", "HTTPS://other.example:443/v1//", "https://other.example/v1/"],
)
def test_spellings_of_one_url_share_a_key(store: CredentialStore, spelling: str) -> None:
    store.save(KEY, base_url=OTHER)
    loaded = store.load(base_url=spelling)
    assert loaded is not None
    assert loaded.base_url == OTHER


def test_saving_again_replaces(store: CredentialStore) -> None:
    store.save("sk-1")
    store.save("sk-2")
    loaded = store.load()
    assert loaded is not None
    assert loaded.api_key == "sk-2"
    assert len(list(store.directory.iterdir())) == 1


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=200))
def test_any_key_comes_back_as_it_went_in(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    store = CredentialStore(tmp_path_factory.getbasetemp() / "any")
    try:
        saved = store.save(text)
    except ConfigurationError:
        return
    loaded = store.load()
    assert loaded is not None
    assert loaded.api_key == saved.api_key == text


@posix
def test_modes_are_narrow_whatever_the_umask_and_the_directory_s_mode(
    store: CredentialStore,
) -> None:
    store.directory.mkdir(parents=True, mode=0o777)
    store.directory.chmod(0o777)
    before = os.umask(0)
    try:
        store.save(KEY)
    finally:
        os.umask(before)
    assert stat.S_IMODE(store.directory.stat().st_mode) == 0o700
    assert stat.S_IMODE(file_of(store).stat().st_mode) == 0o600


@posix
def test_no_file_is_open_to_others_even_for_a_moment(store: CredentialStore) -> None:
    modes, done = set[int](), threading.Event()

    def watch() -> None:
        while not done.is_set():
            for path in list(store.directory.iterdir()):
                try:
                    modes.add(stat.S_IMODE(path.stat().st_mode))
                except FileNotFoundError:
                    continue

    before = os.umask(0)
    try:
        store.save(KEY)
        watcher = threading.Thread(target=watch)
        watcher.start()
        for number in range(100):
            store.save(f"{KEY}{number}")
        done.set()
        watcher.join()
    finally:
        os.umask(before)
    assert modes == {0o600}


@posix
def test_a_file_that_every_user_may_read_brings_a_warning(store: CredentialStore) -> None:
    store.save(KEY)
    file_of(store).chmod(0o644)
    loaded = store.load()
    assert loaded is not None
    assert loaded.warning is not None
    assert f"chmod 600 {file_of(store)}" in loaded.warning
    store.save(KEY)
    loaded = store.load()
    assert loaded is not None
    assert loaded.warning is None


def test_the_key_is_in_no_repr(store: CredentialStore) -> None:
    saved = store.save(KEY)
    assert KEY not in repr(saved)
    assert "sk-...wxyz" in repr(saved)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        f'"{KEY}"',
        f'{{"api_key": "{KEY}"}}',
        f'{{"base_url": "https://evil.example/", "api_key": "{KEY}"}}',
        f'{{"base_url": "https://api.kilo.ai/api/gateway/", "api_key": "{KEY} {KEY}"}}',
        '{"base_url": "https://api.kilo.ai/api/gateway/", "api_key": 3}',
        '{"base_url": "https://api.kilo.ai/api/gateway/"}',
        "\udcff",
    ],
)
def test_a_damaged_file_is_named_and_can_be_replaced(store: CredentialStore, text: str) -> None:
    store.save(KEY)
    path = file_of(store)
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ConfigurationError, match="store the key again") as caught:
        store.load()
    assert str(path) in str(caught.value)
    assert KEY not in str(caught.value)
    assert caught.value.__suppress_context__
    store.save(KEY)
    assert store.load() is not None
    path.write_text(text, encoding="utf-8", errors="surrogateescape")
    assert store.delete() is True


@pytest.mark.parametrize("key", ["", "two words", "${KEY}", "<key>"])
def test_what_is_no_key_is_not_stored(store: CredentialStore, key: str) -> None:
    with pytest.raises(ConfigurationError, match="the key"):
        store.save(key)
    assert not store.directory.exists()


def test_a_base_url_that_is_none_is_refused(store: CredentialStore) -> None:
    for act in (store.load, store.delete):
        with pytest.raises(ConfigurationError, match="no absolute http"):
            act(base_url="x.example")
    with pytest.raises(ConfigurationError, match="no absolute http"):
        store.save(KEY, base_url="x.example")


def test_another_place_is_refused(store: CredentialStore) -> None:
    with pytest.raises(ConfigurationError, match="'file' or 'keyring', not in 'cloud'"):
        store.save(KEY, place="cloud")  # type: ignore[arg-type]


def test_a_directory_that_cannot_be_made_is_told(home: Home) -> None:
    file = home.write(home.path / "file", "")
    with pytest.raises(
        ConfigurationError, match=r"cannot be stored in .*; make it yours"
    ) as caught:
        CredentialStore(file / "below").save(KEY)
    assert KEY not in str(caught.value)
    assert CredentialStore(file / "below").load() is None
    assert CredentialStore(file / "below").delete() is False


def test_the_home_directory_may_be_written_as_a_tilde_and_must_be_known(home: Home) -> None:
    CredentialStore("~/keys").save(KEY)
    assert len(list((home.path / "keys").iterdir())) == 1
    with pytest.raises(ConfigurationError, match="the home directory is not known; set HOME"):
        CredentialStore("~no-such-user/keys").save(KEY)
    assert list(home.work.iterdir()) == []


def test_what_cannot_be_replaced_or_deleted_is_told_and_leaves_nothing_behind(
    store: CredentialStore,
) -> None:
    store.save(KEY)
    path = file_of(store)
    path.unlink()
    path.mkdir()
    with pytest.raises(ConfigurationError, match="cannot be stored in"):
        store.save(KEY)
    assert list(store.directory.iterdir()) == [path]
    with pytest.raises(ConfigurationError, match="cannot be deleted"):
        store.delete()
    with pytest.raises(ConfigurationError, match="is a directory; expected is a file"):
        store.load()


def test_threads_may_save_load_and_delete_at_once(store: CredentialStore) -> None:
    keys = {f"sk-{number}" * 500 for number in range(8)}

    def work(key: str) -> set[str]:
        seen = set[str]()
        for round_ in range(20):
            store.save(key)
            loaded = store.load()
            if loaded is not None:
                seen.add(loaded.api_key)
            if round_ % 5 == 0:
                store.delete()
        return seen

    with ThreadPoolExecutor(8) as pool:
        seen = set[str]().union(*pool.map(work, keys))
    assert seen <= keys
    assert {path.suffix for path in store.directory.iterdir()} <= {".json"}


def test_processes_may_save_keys_of_several_urls_at_once(store: CredentialStore) -> None:
    code = (
        "import sys; from kilo_sdk.config import CredentialStore\n"
        "for n in range(20): CredentialStore(sys.argv[1]).save('sk-' + sys.argv[2], "
        "base_url=f'https://x.example/{sys.argv[2]}/{n}/')"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(kilo_sdk.__file__).parents[1])}
    processes = [
        subprocess.Popen([sys.executable, "-c", code, str(store.directory), name], env=environment)
        for name in ("a", "b", "c")
    ]
    assert [process.wait(60) for process in processes] == [0, 0, 0]
    for name in ("a", "b", "c"):
        for number in range(20):
            loaded = store.load(base_url=f"https://x.example/{name}/{number}/")
            assert loaded is not None
            assert loaded.api_key == f"sk-{name}"
    assert len(list(store.directory.iterdir())) == 60


# The system keyring


def test_a_key_in_the_keyring_is_in_no_file(
    store: CredentialStore, system_keyring: MemoryKeyring
) -> None:
    saved = store.save(KEY, place="keyring")
    assert saved.place == "keyring"
    assert saved.where == f"system keyring ({system_keyring.name})"
    assert KEY not in file_of(store).read_text()
    assert system_keyring.kept == {("kilo-sdk", saved.base_url): KEY}
    assert store.load() == saved
    assert store.delete() is True
    assert system_keyring.kept == {}
    assert store.load() is None


def test_a_key_that_moves_leaves_nothing_where_it_was(
    store: CredentialStore, system_keyring: MemoryKeyring
) -> None:
    store.save(KEY)
    store.save(KEY, place="keyring")
    assert KEY not in file_of(store).read_text()
    assert store.save(KEY).place == "file"
    assert system_keyring.kept == {}
    loaded = store.load()
    assert loaded is not None
    assert loaded.place == "file"


def test_a_keyring_that_is_not_asked_for_is_left_alone(store: CredentialStore) -> None:
    before = keyring.get_keyring()
    keyring.set_keyring(LockedKeyring())
    try:
        store.save(KEY)
        assert store.load() is not None
        assert store.delete() is True
    finally:
        keyring.set_keyring(before)


@pytest.mark.parametrize("backend", [LockedKeyring, fail.Keyring])
def test_a_keyring_that_refuses_is_told_in_words_of_ours(
    store: CredentialStore, system_keyring: MemoryKeyring, backend: type
) -> None:
    store.save(KEY, place="keyring")
    keyring.set_keyring(backend())
    acts = (lambda: store.save(KEY, place="keyring"), store.load, store.delete)
    for act, words in zip(acts, ("keep", "asked", "forget"), strict=True):
        with pytest.raises(
            ConfigurationError, match=rf"the system keyring cannot .*{words}.*unlocked\?"
        ) as caught:
            act()
        assert KEY not in str(caught.value)
        assert caught.value.__suppress_context__
    keyring.set_keyring(system_keyring)
    assert store.load() is not None


def test_a_keyring_that_keeps_nothing_is_found_out(
    store: CredentialStore, system_keyring: MemoryKeyring
) -> None:
    keyring.set_keyring(null.Keyring())
    with pytest.raises(ConfigurationError, match="did not keep the key; store it in a file"):
        store.save(KEY, place="keyring")
    assert not store.directory.exists()


def test_a_key_that_somebody_took_out_of_the_keyring_is_missed(
    store: CredentialStore, system_keyring: MemoryKeyring
) -> None:
    store.save(KEY, place="keyring")
    system_keyring.kept.clear()
    with pytest.raises(ConfigurationError, match=r"has no key for https://api\.kilo\.ai/.*again"):
        store.load()
    assert store.delete() is True


def test_a_keyring_key_that_cannot_be_deleted_does_not_hold_up_a_file(
    store: CredentialStore, system_keyring: MemoryKeyring
) -> None:
    store.save(KEY, place="keyring")
    keyring.set_keyring(LockedKeyring())
    assert store.save("sk-2").place == "file"
    loaded = store.load()
    assert loaded is not None
    assert loaded.api_key == "sk-2"
