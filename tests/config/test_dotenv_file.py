"""Facts about ``.env``: which variables are read, from which lines, and what is left alone."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from kilo_sdk.config.dotenv_file import read_dotenv
from kilo_sdk.config.text_file import TextFile
from kilo_sdk.errors import ConfigurationError

PATH = Path("/work/.env")


def read(text: str, **more: Any) -> Any:
    return read_dotenv(TextFile(PATH, text, **more))


@pytest.mark.parametrize(
    ("text", "key", "line"),
    [
        ("KILOCODE_API_KEY=sk-1", "sk-1", 1),
        ("\n# c\n\nKILOCODE_API_KEY=sk-1\n", "sk-1", 4),
        ("export KILOCODE_API_KEY='sk-1' # mine", "sk-1", 1),
        ('  KILOCODE_API_KEY = "sk-1"', "sk-1", 1),
        ("KILOCODE_API_KEY=sk#1", "sk#1", 1),
        ('A="\n\n"\n\nKILOCODE_API_KEY=sk-1', "sk-1", 5),
        ("KILO_API_KEY=sk-2\nKILOCODE_API_KEY=sk-1", "sk-1", 2),
        ("KILOCODE_API_KEY=sk-1\nKILO_API_KEY=sk-2", "sk-1", 1),
        ("KILOCODE_API_KEY=sk-0\nKILOCODE_API_KEY=sk-1", "sk-1", 2),
    ],
)
def test_a_key_is_read_with_its_line(text: str, key: str, line: int) -> None:
    found = read(text).found["api_key"]
    assert found.value == key
    assert found.source == f"file {PATH}, line {line} (KILOCODE_API_KEY)"


@pytest.mark.parametrize(
    "text",
    ["", "KILOCODE_API_KEY", "KILOCODE_API_KEY=", "KILOCODE_API_KEY=sk-1\nKILOCODE_API_KEY=''"],
)
def test_a_variable_without_a_value_counts_as_not_set(text: str) -> None:
    assert read(text).found == {}


def test_other_variables_are_left_alone_and_nothing_is_exported() -> None:
    before = dict(os.environ)
    layer = read("OPENAI_API_KEY=x\nPATH=/evil\nKILOCODE_FEATURE=cli\nKILO_SDK_CONFIG=/evil\n")
    assert set(layer.found) == {"feature"}
    assert layer.warnings == ()
    assert dict(os.environ) == before


def test_a_line_that_cannot_be_read_is_skipped_when_it_is_another_s() -> None:
    layer = read("this is no assignment\nFOO='open\nKILOCODE_FEATURE=cli")
    assert layer.found["feature"].source == f"file {PATH}, line 3 (KILOCODE_FEATURE)"


@pytest.mark.parametrize(
    "text",
    ["\nKILOCODE_API_KEY='secret", "\n export KILOCODE_API_KEY 'secret'", "\nKILO KEY=secret"],
)
def test_a_line_of_ours_that_cannot_be_read_is_told_without_its_text(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"/\.env, line 2: this line cannot") as caught:
        read(text)
    assert "secret" not in str(caught.value)


def test_nothing_is_expanded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTHER_SECRET", "secret")
    with pytest.raises(
        ConfigurationError, match=r"KILOCODE_BASE_URL has \$\{\.\.\.\} in it"
    ) as caught:
        read("KILOCODE_BASE_URL=https://evil.example/${OTHER_SECRET}")
    assert "secret" not in str(caught.value)
    assert read("OTHER=${OTHER_SECRET}").found == {}


def test_a_name_that_is_nearly_ours_brings_a_warning() -> None:
    layer = read("KILOCODE_API_KY=sk-1\nKILOCODE_TOKEN=x\nKILO_HOME=/x\n")
    assert layer.found == {}
    assert layer.warnings == (
        f"file {PATH}, line 1: KILOCODE_API_KY is not read; did you mean 'KILOCODE_API_KEY'?",
    )


def test_a_key_that_every_user_may_read_brings_a_warning() -> None:
    (warning,) = read("KILO_API_KEY=sk-1", is_open_to_all=True).warnings
    assert f"chmod 600 {PATH}" in warning
    assert read("KILOCODE_FEATURE=cli", is_open_to_all=True).warnings == ()
