"""``kilo-sdk onboard`` and ``logout``: what is stored, when, and what is said of it."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from kilo_sdk.cli.exit_codes import ExitCode
from kilo_sdk.cli.onboard import OnboardOptions, onboard
from kilo_sdk.cli.render import TextOutput
from kilo_sdk.config import CredentialStore
from kilo_sdk.emulator import LocalGateway, RawReply
from kilo_sdk.errors import ConfigurationError

Run: TypeAlias = "Callable[..., subprocess.CompletedProcess[str]]"
Make: TypeAlias = Callable[..., Any]

KEY = "sk-0123456789-secret-good"
WRONG = "sk-0123456789-secret-wrong"
NOBODY = "http://127.0.0.1:9/api/gateway/"

# The gateway runs on a thread, and forkpty() warns of threads; its child does nothing but exec.
pytestmark = pytest.mark.filterwarnings("ignore:.*forkpty:DeprecationWarning")


@pytest.fixture(autouse=True)
def _own_home(home: Path) -> None:
    """No key of another test is found."""


@pytest.fixture
def strict(
    gateway_with: Callable[..., AbstractContextManager[LocalGateway]],
) -> Iterator[LocalGateway]:
    """A gateway that knows one key."""
    with gateway_with(api_keys=[KEY]) as gateway:
        yield gateway


def kept(gateway: LocalGateway | str) -> str | None:
    base_url = gateway if isinstance(gateway, str) else gateway.base_url
    stored = CredentialStore().load(base_url=base_url)
    return None if stored is None else stored.api_key


def credential_files(home: Path) -> list[Path]:
    return list((home / ".config" / "kilo-sdk").rglob("*.*"))


def test_a_good_key_is_stored_for_its_owner_alone(
    run: Run, strict: LocalGateway, home: Path
) -> None:
    done = run(
        *("onboard", "--api-key-stdin"),
        stdin=f"  {KEY}\r\n\n".encode(),
        KILOCODE_BASE_URL=strict.base_url,
    )
    assert done.returncode == 0, done.stderr
    good, where, then = done.stdout.splitlines()
    assert good == (
        "the key sk-...good is good: meta-llama/llama-3.2-1b-instruct answered ($0.000000362)"
    )
    (file,) = credential_files(home)
    assert where == f"it is kept in the file {file}, for {strict.base_url}"
    assert then == 'now ask something: kilo-sdk chat "Why is the sky blue?"'
    assert done.stderr == ""
    assert kept(strict) == KEY
    if os.name == "posix":
        assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)


@pytest.mark.parametrize("args", [(), ("--json",)])
def test_a_key_that_is_refused_is_not_stored(
    run: Run, strict: LocalGateway, home: Path, args: Sequence[str]
) -> None:
    done = run(
        *("onboard", "--api-key-stdin", "--base-url", strict.base_url, *args),
        stdin=WRONG.encode(),
    )
    assert done.returncode == 1
    assert "kilo-sdk: the key is missing or was refused (status 401" in done.stderr
    assert "nothing was stored; was the key copied whole?" in done.stderr
    assert WRONG not in done.stdout + done.stderr
    assert credential_files(home) == []
    if args:
        assert json.loads(done.stdout)["error"]["type"] == "AuthenticationError"
    else:
        assert done.stdout == ""


@pytest.mark.parametrize(
    ("stdin", "words"),
    [
        (b"", "standard input is empty"),
        (b"\xff\xfe", "standard input is no UTF-8 text"),
        (b"two words", "the key has white space inside"),
        (f"{KEY}\n{KEY}\n".encode(), "the key has white space inside"),
        (f"Bearer {KEY}".encode(), "without 'Bearer'"),
        (f"{KEY}\x00".encode(), "the key has a control character"),
        ("schlüssel".encode(), "the key has a non-ASCII character"),
        (b"sk-...", "the key is the placeholder of an example"),
        (b"<your key>", "white space"),
        (b"${KEY}", "the key is a reference to a variable"),
    ],
)
def test_what_is_no_key_is_refused_before_anybody_is_asked(
    stdin: bytes, words: str, monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
    monkeypatch.setattr("kilo_sdk.cli.key_input.is_ready", lambda stdin: True)
    options = OnboardOptions(from_stdin=True, base_url=NOBODY)
    with pytest.raises(ConfigurationError, match=words) as caught:
        onboard(options, TextOutput())
    assert KEY not in str(caught.value)
    assert credential_files(home) == []


# Taking over what is configured


def test_a_configured_key_is_taken_over_and_nothing_is_asked(
    invoke: Run, strict: LocalGateway
) -> None:
    done = invoke(
        *("onboard", "--auth-choice", "kilocode-api-key", "--json"),
        KILOCODE_API_KEY=KEY,
        KILOCODE_BASE_URL=strict.base_url,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == "taking over the key from environment variable KILOCODE_API_KEY\n"
    told = json.loads(done.stdout)
    assert told == {
        "api_key": "sk-...good",
        "base_url": strict.base_url,
        "place": "file",
        "where": told["where"],
        "verified": True,
        "model": "meta-llama/llama-3.2-1b-instruct",
        "problem": None,
    }
    assert kept(strict) == KEY


def test_openclaws_key_is_taken_over(invoke: Run, strict: LocalGateway, home: Path) -> None:
    (home / ".openclaw").mkdir()
    (home / ".openclaw" / "openclaw.json").write_text(f"{{env: {{KILOCODE_API_KEY: '{KEY}'}}}}")
    (home / ".openclaw" / "openclaw.json").chmod(0o600)
    done = invoke(
        *("onboard", "--auth-choice", "kilocode-api-key"), KILOCODE_BASE_URL=strict.base_url
    )
    assert done.returncode == 0, done.stderr
    assert "openclaw.json" in done.stderr
    assert kept(strict) == KEY


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("--auth-choice", "kilocode-api-key"), "and none is; set KILOCODE_API_KEY"),
        (("--auth-choice", "oauth"), "--auth-choice 'oauth' is not known; accepted is kilocode-"),
        ((), "standard input is no terminal to ask for a key"),
        (("--api-key", KEY), "No such option"),
        (("--base-url", "nowhere", "--api-key-stdin"), "base_url is no absolute http or https"),
        (("--base-url", "http://gateway.example/", "--api-key-stdin"), "in the clear"),
    ],
)
def test_what_cannot_work_ends_with_words_and_2(
    invoke: Run, home: Path, args: Sequence[str], words: str
) -> None:
    done = invoke("onboard", *args, stdin=KEY.encode())
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr
    assert credential_files(home) == []


# At a terminal


def test_the_prompt_shows_nothing_and_takes_three_tries(
    terminal: Make, strict: LocalGateway
) -> None:
    child = terminal("onboard", "--base-url", strict.base_url)
    seen = ""
    for typed, answer in (
        ("not a key", "white space inside; give the key alone, without 'Bearer'; try again"),
        (WRONG, "Invalid API key; try again"),
        (KEY, "the key sk-...good is good"),
    ):
        child.expect_exact("Key (it is not shown): ")
        seen += child.before
        child.waitnoecho()
        child.sendline(typed)
        child.expect_exact(answer)
        seen += child.before
    seen += child.read()
    child.wait()
    assert child.exitstatus == 0
    assert "keys are made at https://app.kilo.ai" in seen
    for secret in ("not a key", WRONG, KEY):
        assert secret not in seen
    assert kept(strict) == KEY


def test_a_third_refusal_is_the_last(
    strict: LocalGateway, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    tries = iter([WRONG, "", WRONG])
    monkeypatch.setattr("kilo_sdk.cli.onboard.ask_for_key", lambda: next(tries))
    code = onboard(OnboardOptions(base_url=strict.base_url), TextOutput())
    assert code is ExitCode.REFUSED
    told = capsys.readouterr().err
    assert told.count("try again") == 2
    assert "nothing was stored" in told
    assert kept(strict) is None


def test_ctrl_c_at_the_prompt_ends_it_and_gives_the_echo_back(
    terminal: Make, strict: LocalGateway, home: Path
) -> None:
    child = terminal("onboard", "--base-url", strict.base_url)
    child.expect_exact("Key (it is not shown): ")
    child.waitnoecho()
    child.sendintr()
    rest = child.read()
    child.wait()
    assert (child.exitstatus, "Traceback" in rest) == (130, False)
    assert credential_files(home) == []


# What the gateway says


def test_an_account_that_is_empty_has_a_good_key(invoke: Run, strict: LocalGateway) -> None:
    listed = RawReply(body=b'{"data": [{"id": "a/b"}]}')
    empty = RawReply(
        status=402, body=b'{"error": {"message": "Low", "buyCreditsUrl": "https://b"}}'
    )
    strict.enqueue(listed, empty)
    args = ("onboard", "--auth-choice", "kilocode-api-key", "--base-url", strict.base_url)
    done = invoke(*args, KILOCODE_API_KEY=KEY)
    assert done.returncode == 0
    assert "is good, but its account is empty: out of credit" in done.stdout
    assert "add credit at https://b" in done.stderr
    assert kept(strict) == KEY


def test_a_gateway_that_cannot_be_reached_leaves_the_key_unstored_unless_told(
    invoke: Run, home: Path
) -> None:
    args = ("onboard", "--auth-choice", "kilocode-api-key", "--base-url", NOBODY)
    done = invoke(*args, KILOCODE_API_KEY=KEY)
    assert (done.returncode, done.stdout) == (1, "")
    assert "kilo-sdk: the host cannot be reached" in done.stderr
    assert "is a server listening there?" in done.stderr
    assert "--no-verify stores it unchecked" in done.stderr
    assert credential_files(home) == []
    done = invoke(*args, "--no-verify", "--json", KILOCODE_API_KEY=KEY)
    assert done.returncode == 0
    told = json.loads(done.stdout)
    assert (told["verified"], told["model"], told["problem"]) == (False, None, None)
    assert kept(NOBODY) == KEY


def test_an_organisation_that_does_not_know_the_key_is_no_verdict(
    invoke: Run, gateway_with: Callable[..., AbstractContextManager[LocalGateway]]
) -> None:
    with gateway_with(api_keys=[KEY], organizations={"org-1": ["kilo/auto"]}) as gateway:
        args = ("onboard", "--auth-choice", "kilocode-api-key", "--base-url", gateway.base_url)
        done = invoke(*args, "--organization", "org-2", KILOCODE_API_KEY=KEY)
        assert done.returncode == 1
        assert "not allowed (status 403" in done.stderr
        assert "ask the owner of the organization" in done.stderr
        assert kept(gateway) is None
        done = invoke(*args, "--organization", "org-1", KILOCODE_API_KEY=KEY)
        assert done.returncode == 0
        assert "kilo/auto answered" in done.stdout


# What stands in the way of the stored key


def test_a_key_that_comes_before_the_stored_one_is_told(run: Run, strict: LocalGateway) -> None:
    done = run(
        *("onboard", "--api-key-stdin"),
        stdin=KEY.encode(),
        KILOCODE_API_KEY=WRONG,
        KILOCODE_BASE_URL=strict.base_url,
    )
    assert done.returncode == 0
    assert done.stderr == (
        "another key comes before it: environment variable KILOCODE_API_KEY; take that away to "
        "use the stored one\n"
    )
    assert kept(strict) == KEY


def test_another_gateway_than_the_usual_is_told(invoke: Run, strict: LocalGateway) -> None:
    done = invoke(
        *("onboard", "--auth-choice", "kilocode-api-key", "--base-url", strict.base_url),
        KILOCODE_API_KEY=KEY,
    )
    assert done.stderr.endswith(
        "commands ask https://api.kilo.ai/api/gateway/ unless told otherwise; to ask this one: "
        f"export KILOCODE_BASE_URL={strict.base_url}\n"
    )


def test_a_damaged_store_is_repaired(invoke: Run, strict: LocalGateway, home: Path) -> None:
    CredentialStore().save(WRONG, base_url=strict.base_url)
    (file,) = credential_files(home)
    file.write_bytes(b"{")
    env = {"KILOCODE_BASE_URL": strict.base_url}
    refused = invoke("config", "show", **env)
    assert refused.returncode == 2
    assert "store the key again with 'kilo-sdk onboard'" in refused.stderr
    done = invoke("onboard", "--auth-choice", "kilocode-api-key", KILOCODE_API_KEY=KEY, **env)
    assert done.returncode == 0
    assert kept(strict) == KEY


def test_a_file_in_the_way_of_the_directory_is_told(
    invoke: Run, strict: LocalGateway, home: Path
) -> None:
    (home / ".config").write_text("")
    done = invoke(
        *("onboard", "--auth-choice", "kilocode-api-key", "--base-url", strict.base_url),
        KILOCODE_API_KEY=KEY,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "the key cannot be stored in" in done.stderr
    assert KEY not in done.stderr


def test_without_its_extra_the_keyring_is_refused_before_a_key_is_asked_for(
    invoke: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    done = invoke("onboard", "--keyring")
    assert (done.returncode, done.stdout) == (2, "")
    assert "pip install 'kilo-sdk[keyring]'" in done.stderr


def test_a_key_can_be_kept_in_the_keyring(
    invoke: Run, strict: LocalGateway, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import keyring
    from keyring.backends import null

    secrets: dict[tuple[str, str], str] = {}
    backend = null.Keyring()
    monkeypatch.setattr(backend, "get_password", lambda *which: secrets.get(which), raising=False)
    monkeypatch.setattr(
        backend,
        "set_password",
        lambda service, user, key: secrets.update({(service, user): key}),
        raising=False,
    )
    monkeypatch.setattr(keyring, "get_keyring", lambda: backend)
    monkeypatch.setattr(keyring, "get_password", backend.get_password)
    monkeypatch.setattr(keyring, "set_password", backend.set_password)
    args = ("onboard", "--auth-choice", "kilocode-api-key", "--keyring", "--json")
    done = invoke(*args, "--base-url", strict.base_url, KILOCODE_API_KEY=KEY)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["place"] == "keyring"
    assert secrets == {("kilo-sdk", strict.base_url): KEY}
    (file,) = credential_files(home)
    assert KEY not in file.read_text()


# Forgetting


def test_a_stored_key_is_forgotten(invoke: Run, home: Path) -> None:
    CredentialStore().save(KEY, base_url=NOBODY)
    done = invoke("logout", KILOCODE_BASE_URL=NOBODY)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"the key is forgotten that was stored for {NOBODY}\n"
    assert kept(NOBODY) is None
    done = invoke("logout", "--base-url", NOBODY, KILOCODE_API_KEY=KEY)
    assert done.stdout == f"no key is stored for {NOBODY}\n"
    assert done.stderr == "there still is a key: environment variable KILOCODE_API_KEY\n"
