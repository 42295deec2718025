"""Facts about OpenClaw's file: a key and a model are read, and nothing in it stops us."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kilo_sdk.config.layers import Layer
from kilo_sdk.config.openclaw_file import read_openclaw
from kilo_sdk.refs import ModelRef

JSON5 = """\
// as its documentation has it
{
  env: { KILOCODE_API_KEY: 'sk-1' },
  agents: {
    defaults: {
      model: { primary: "kilocode/kilo/auto", },
    },
  },
  channels: [{ anything: +0x10, at: .5 }],
}
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "openclaw.json"


def read(path: Path, text: str, mode: int = 0o600, **more: Any) -> Layer:
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return read_openclaw(path, **more)


def test_the_key_and_the_model_are_read_with_their_lines(path: Path) -> None:
    layer = read(path, JSON5)
    assert layer.found["api_key"].value == "sk-1"
    assert layer.found["api_key"].source == f"file {path}, line 3 (env.KILOCODE_API_KEY)"
    assert layer.found["default_model"].value == ModelRef("kilo/auto")
    assert layer.found["default_model"].source == (
        f"file {path}, line 6 (agents.defaults.model.primary)"
    )
    assert layer.warnings == ()


def test_no_line_is_claimed_where_the_key_stands_twice(path: Path) -> None:
    layer = read(path, "// KILOCODE_API_KEY\n{env: {KILOCODE_API_KEY: 'sk-1'}}")
    assert layer.found["api_key"].source == f"file {path} (env.KILOCODE_API_KEY)"


def test_no_line_is_claimed_where_the_key_is_written_with_escapes(path: Path) -> None:
    layer = read(path, "{env: {'KILOCODE_API\\u005fKEY': 'sk-1'}}")
    assert layer.found["api_key"].source == f"file {path} (env.KILOCODE_API_KEY)"


@pytest.mark.parametrize(
    ("document", "key"),
    [
        ({"env": {"KILOCODE_API_KEY": " sk-1\n"}}, "sk-1"),
        ({"env": {"vars": {"KILOCODE_API_KEY": "sk-1"}}}, "sk-1"),
        ({"env": {"KILOCODE_API_KEY": "sk-1", "vars": {"KILOCODE_API_KEY": "sk-2"}}}, "sk-1"),
        ({"env": {"KILOCODE_API_KEY": None}}, None),
        ({"env": {"OTHER": "sk-1"}}, None),
        ({"env": "KILOCODE_API_KEY"}, None),
        ({}, None),
        ([], None),
        (None, None),
        ("KILOCODE_API_KEY", None),
    ],
)
def test_where_a_key_may_stand(path: Path, document: object, key: str | None) -> None:
    layer = read(path, json.dumps(document))
    found = layer.found.get("api_key")
    assert (found and found.value) == key
    assert layer.warnings == ()


@pytest.mark.parametrize(
    ("model", "ref"),
    [
        ({"primary": "kilocode/a/b", "fallbacks": ["x/y"]}, ModelRef("a/b")),
        ("kilocode/a/b", ModelRef("a/b")),
        ({"primary": "anthropic/claude-opus"}, None),
        ({"primary": None}, None),
        ({}, None),
        (None, None),
    ],
)
def test_a_model_counts_when_it_goes_through_the_gateway(
    path: Path, model: object, ref: ModelRef | None
) -> None:
    layer = read(path, json.dumps({"agents": {"defaults": {"model": model}}}))
    found = layer.found.get("default_model")
    assert (found and found.value) == ref
    assert layer.warnings == ()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{env: {KILOCODE_API_KEY: 3}}", r"line 1 \(env.KILOCODE_API_KEY\): the key is a string"),
        ("{env: {KILOCODE_API_KEY: 'a secret'}}", "the key has white space inside"),
        ("{env: {KILOCODE_API_KEY: '${secret}'}}", "the key is a reference to a variable"),
        ("{agents: {defaults: {model: 3}}}", "the model is a string, not a number"),
        ("{agents: {defaults: {model: {primary: []}}}}", "the model is a string, not an array"),
        ("{agents: {defaults: {model: 'kilocode/x'}}}", "no model ref, accepted are 'vendor/mod"),
        ("{env: {\n\nKILOCODE_API_KEY: 'secret", "line 3: no valid JSON5 here: unclosed string"),
        ("{a: 1,\n b secret}", "line 2: no valid JSON5 here: expected colon"),
        ("", "no valid JSON5 here: no JSON data found"),
        ("[" * 5000, "no valid JSON5"),
    ],
)
def test_what_is_wrong_is_a_warning_that_shows_no_value(path: Path, text: str, words: str) -> None:
    layer = read(path, text)
    assert layer.found == {}
    (warning,) = layer.warnings
    assert warning.startswith(f"file {path}")
    assert warning.endswith("left out")
    assert re.search(words, warning), warning
    assert "secret" not in warning


def test_a_bad_key_does_not_hide_a_good_one(path: Path) -> None:
    layer = read(path, "{env: {KILOCODE_API_KEY: 3, vars: {KILOCODE_API_KEY: 'sk-1'}}}")
    assert layer.found["api_key"].value == "sk-1"
    assert len(layer.warnings) == 1


def test_a_file_that_cannot_be_read_is_a_warning(tmp_path: Path) -> None:
    (warning,) = read_openclaw(tmp_path).warnings
    assert warning == f"{tmp_path} is a directory; expected is a file; it is left out"
    assert read_openclaw(tmp_path / "none") == Layer()


def test_what_is_not_wanted_is_not_even_looked_at(path: Path) -> None:
    bad = "{env: {KILOCODE_API_KEY: 3}, agents: {defaults: {model: 3}}}"
    assert len(read(path, bad).warnings) == 2
    assert "the key" in read(path, bad, wanted={"api_key"}).warnings[0]
    assert "the model" in read(path, bad, wanted={"default_model"}).warnings[0]
    assert read(path, "{{{", wanted=()) == Layer()


def test_a_key_that_every_user_may_read_brings_a_warning(path: Path) -> None:
    (warning,) = read(path, JSON5, mode=0o644).warnings
    assert f"chmod 600 {path}" in warning
    assert read(path, JSON5, mode=0o644, wanted={"default_model"}).warnings == ()


@given(st.text() | st.from_regex(r"\{env: \{KILOCODE_API_KEY: .{0,20}", fullmatch=True))
def test_no_text_stops_us(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.getbasetemp() / "any.json"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    layer = read_openclaw(path)
    assert set(layer.found) <= {"api_key", "default_model"}
