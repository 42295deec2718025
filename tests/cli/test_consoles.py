"""Facts about where a benchmark is told of: who does not listen costs nobody the results."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from typing import TextIO

import pytest

from kilo_sdk.cli.consoles import notes_console, noting, results_console


@pytest.fixture
def unread() -> Iterator[TextIO]:
    """A pipe whose reader is gone."""
    reader, writer = os.pipe()
    os.close(reader)
    stream = os.fdopen(writer, "w")
    yield stream
    with pytest.raises(BrokenPipeError):
        stream.close()


def test_results_that_nobody_reads_are_an_error(
    unread: TextIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdout", unread)
    with pytest.raises(BrokenPipeError):
        results_console().print("a")


def test_results_are_whole_lines_in_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", out := io.StringIO())
    results_console().print("a " * 70)
    assert out.getvalue() == "a " * 70 + "\n"


def test_notes_that_nobody_reads_are_no_error(
    unread: TextIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stderr", unread)
    console = notes_console()
    noting(console)("a")
    assert console.is_terminal is False
    assert console.encoding == "utf-8"


def test_notes_are_lines_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    noting(notes_console())("[bold]" + "a " * 100)
    assert capsys.readouterr() == ("", "[bold]" + "a " * 100 + "\n")
