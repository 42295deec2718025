"""Facts about how a key is asked for and read: it is never shown, and nothing hangs."""

from __future__ import annotations

import getpass
import io
import sys
import warnings
from typing import Any

import pytest

from kilo_sdk.cli.key_input import ask_for_key, read_key_from_stdin
from kilo_sdk.errors import ConfigurationError

KEY = "sk-0123456789-secret"


class Stdin(io.TextIOWrapper):
    """Standard input with something in it, as a terminal or as a file."""

    def __init__(self, data: bytes = b"", *, terminal: bool = False) -> None:
        super().__init__(io.BytesIO(data))
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


@pytest.fixture(autouse=True)
def _ready(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is in memory can be read at once; select() knows files alone."""
    monkeypatch.setattr("kilo_sdk.cli.key_input.is_ready", lambda stdin: True)


@pytest.mark.parametrize("data", [KEY.encode(), f"\ufeff{KEY}\r\n\n".encode()])
def test_standard_input_is_read_to_its_end(data: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Stdin(data))
    assert read_key_from_stdin(pytest.fail).strip() == KEY


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "standard input is empty"),
        (b" \n\t\n", "standard input is empty"),
        (b"\xff" + KEY.encode(), "standard input is no UTF-8 text"),
        (KEY.encode() * 5000, "more than 64 KiB"),
    ],
)
def test_what_cannot_be_a_key_is_refused_and_not_shown(
    data: bytes, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", Stdin(data))
    with pytest.raises(ConfigurationError, match=words) as caught:
        read_key_from_stdin(pytest.fail)
    assert KEY not in str(caught.value)
    assert caught.value.__cause__ is None


def test_somebody_who_waits_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Stdin(KEY.encode()))
    monkeypatch.setattr("kilo_sdk.cli.key_input.is_ready", lambda stdin: False)
    told: list[str] = []
    assert read_key_from_stdin(told.append) == KEY
    assert told == ["waiting for the key on standard input"]


def test_at_a_terminal_the_key_is_asked_for_without_echo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Stdin(terminal=True))
    asked: list[str] = []

    def typed(prompt: str) -> str:
        asked.append(prompt)
        return KEY

    monkeypatch.setattr(getpass, "getpass", typed)
    assert ask_for_key() == read_key_from_stdin(pytest.fail) == KEY
    assert asked == ["Key (it is not shown): "] * 2


def test_a_terminal_that_would_show_it_is_asked_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Stdin(KEY.encode(), terminal=True))

    def typed(prompt: str) -> str:
        warnings.warn("cannot control echo", getpass.GetPassWarning, stacklevel=1)
        return sys.stdin.readline()

    monkeypatch.setattr(getpass, "getpass", typed)
    with pytest.raises(ConfigurationError, match="cannot hide what is typed"):
        ask_for_key()


def test_the_end_of_input_is_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", Stdin(terminal=True))

    def ended(prompt: str) -> str:
        raise EOFError

    monkeypatch.setattr(getpass, "getpass", ended)
    with pytest.raises(ConfigurationError, match="no key was given"):
        ask_for_key()


@pytest.mark.parametrize("stdin", [None, Stdin()])
def test_where_nobody_can_be_asked_the_other_ways_are_named(
    stdin: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", stdin)
    with pytest.raises(ConfigurationError, match=r"--api-key-stdin.*--auth-choice"):
        ask_for_key()
    if stdin is None:
        with pytest.raises(ConfigurationError, match="there is no standard input"):
            read_key_from_stdin(pytest.fail)
