"""Facts about the TOML file: its values with their lines, and what is wrong with it."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kilo_sdk.config.schema import ARGUMENTS, OPTIONS
from kilo_sdk.config.text_file import TextFile
from kilo_sdk.config.toml_file import key_lines, read_toml
from kilo_sdk.errors import ConfigurationError
from kilo_sdk.types.reasoning import Reasoning

PATH = Path("/home/me/config.toml")

WHOLE = """\
# mine
api_key = "sk-1"

base_url = 'https://x.example/'
reasoning = { effort = "high" }

[timeouts]
# seconds
idle = 5
total = "none"

[retries]
max_attempts = 1

[headers]
X-Team = "a"
"""


def file(text: str, **more: Any) -> TextFile:
    return TextFile(PATH, text, **more)


def test_every_value_has_its_line() -> None:
    layer = read_toml(file(WHOLE))
    assert {name: found.value for name, found in layer.found.items()} == {
        "api_key": "sk-1",
        "base_url": "https://x.example/",
        "reasoning": Reasoning(effort="high"),
        "timeouts.idle": 5,
        "timeouts.total": "none",
        "retries.max_attempts": 1,
        "headers": {"X-Team": "a"},
    }
    assert {name: found.source for name, found in layer.found.items()} == {
        "api_key": f"file {PATH}, line 2",
        "base_url": f"file {PATH}, line 4",
        "reasoning": f"file {PATH}, line 5",
        "timeouts.idle": f"file {PATH}, line 9",
        "timeouts.total": f"file {PATH}, line 10",
        "retries.max_attempts": f"file {PATH}, line 13",
        "headers": f"file {PATH}, line 15",
    }
    assert layer.warnings == ()


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing", "[timeouts]"])
def test_an_empty_file_says_nothing(text: str) -> None:
    assert read_toml(file(text)).found == {}


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("a = 1\nb = 2", {("a",): 1, ("b",): 2}),
        ("\n# c\n\na = 1", {("a",): 4}),
        ("a.b = 1\na.c = 2", {("a",): 1, ("a", "b"): 1, ("a", "c"): 2}),
        ("[a]\nb = 1\n[a.c]\nd = 2", {("a",): 1, ("a", "b"): 2, ("a", "c"): 3, ("a", "c", "d"): 4}),
        ("a = {b = 1}", {("a",): 1, ("a", "b"): 1}),
        ('a = """\nb = 1\n"""\nc = 1', {("a",): 1, ("c",): 4}),
        ("a = '''\n]\n'''\nc = 1", {("a",): 1, ("c",): 4}),
        ('a = [\n  "]",\n  [2],\n]\nc = 1', {("a",): 1, ("c",): 5}),
        ('"a b"."c.d" = 1', {("a b",): 1, ("a b", "c.d"): 1}),
        ("[[a]]\nb = 1\n[[a]]\nb = 2", {("a",): 1, ("a", "b"): 2}),
        ("[[a]]\n[a.b]\nc = 1", {("a",): 1, ("a", "b"): 2, ("a", "b", "c"): 3}),
        ("[b]\n  [b.a] # [x]\n", {("b",): 1, ("b", "a"): 2}),
    ],
)
def test_the_lines_of_keys(text: str, lines: dict[tuple[str, ...], int]) -> None:
    tomllib.loads(text)
    assert key_lines(text) == lines


KEYS = st.text("abcXYZ01_-", min_size=1, max_size=6)
LITERALS = st.sampled_from(
    ["1", "1.5", "true", '"x"', "'#'", "[1, 2]", "[\n 1,\n\n 2,\n]", '"""\n[x]\n"""', "{y = 1}"]
)


@given(
    st.lists(st.tuples(KEYS, LITERALS), unique_by=lambda pair: pair[0], max_size=8),
    st.lists(st.sampled_from(["", "# c = 1", "  "]), min_size=9, max_size=9),
)
def test_each_key_stands_on_the_line_it_is_said_to(
    pairs: list[tuple[str, str]], between: list[str]
) -> None:
    text, expected = "", dict[str, int]()
    for (key, literal), gap in zip(pairs, between, strict=False):
        text += f"{gap}\n"
        expected[key] = text.count("\n") + 1
        text += f"{key} = {literal}\n"
    assert list(tomllib.loads(text)) == list(expected)
    assert {path[0]: line for path, line in key_lines(text).items() if len(path) == 1} == expected


def test_what_comes_after_an_endless_value_has_no_line() -> None:
    text = "a = 1\nb = [\n" + "[1],\n" * 50_000 + "]\nc = 1"
    tomllib.loads(text)
    assert key_lines(text) == {("a",): 1}


@given(st.text('ab.=[]{}"#\n 1\\,\x00', max_size=40) | st.text(max_size=40))
def test_no_text_brings_another_exception(text: str) -> None:
    try:
        layer = read_toml(file(text))
    except ConfigurationError as exc:
        words = exc.message
    else:
        words = f"file {PATH}"
        assert set(layer.found) <= set(OPTIONS)
    assert words.startswith(f"file {PATH}")


@given(st.text("ab.=[]{}\"'#\n 1,", max_size=40))
def test_every_top_key_of_a_document_has_a_line(text: str) -> None:
    try:
        document = tomllib.loads(text)
    except ValueError:
        return
    lines = key_lines(text)
    assert {path[0] for path in lines} == set(document)
    assert all(1 <= line <= text.count("\n") + 1 for line in lines.values())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("\n\napi_kee = 1", "line 3: unknown key api_kee; accepted are .*did you mean 'api_key'?"),
        ("API_KEY = 1", "line 1: unknown key API_KEY; .*did you mean 'api_key'?"),
        (
            "[timeouts]\n\nidel = 5",
            "line 3: unknown key timeouts.idel; .*'idle'",
        ),
        ("[timeout]", "line 1: unknown key timeout; .*did you mean 'timeouts'?"),
        ("[retries]\nmax_attempt = 1", "line 2: unknown key retries.max_attempt; .*'max_attempts'"),
        ("[reasoning]\nefort = 1", "line 2: unknown key reasoning.efort; .*'effort'"),
        ("\n[reasoning]\neffort = 'huge'", "line 2: reasoning: effort is one of none, minimal"),
        ("reasoning = {effort='low', max_tokens=1}", "line 1: reasoning: .* are alternatives"),
        ("\ntimeouts = 5", r"line 2: timeouts is a table, \[timeouts\], .*; it is a number"),
        ("retries = []", r"line 1: retries is a table, \[retries\], .*; it is an array"),
        ("[[timeouts]]\nidle = 1", "line 1: timeouts is a table, .*; it is an array"),
    ],
)
def test_an_unknown_key_is_told_with_file_line_and_what_is_accepted(text: str, words: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^file {PATH}, {words}"):
        read_toml(file(text))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("api_key = sk-secret", "line 1, column 11: no valid TOML: Invalid value; text stands"),
        ("\napi_key", "line 2, column 8: no valid TOML: Expected '='"),
        ("api_key = 'secret", "line 1, column 18: no valid TOML: "),
        ("a = 1\n\na = 2\nb = 1", "line 3, column 6: no valid TOML: Cannot overwrite a value"),
        ("[a]\n[a]", "line 2, column 3: no valid TOML: Cannot declare"),
        ("a = 1 secret", "line 1, column 7: no valid TOML: Expected newline"),
        ("a = 1\rb = 2", "line 1, column 6: no valid TOML"),
        ("a = \x00", "line 1, column 5: no valid TOML"),
        ("{}", "line 1, column 1: no valid TOML: Invalid statement"),
    ],
)
def test_a_malformed_file_is_told_with_line_and_column_and_nothing_of_its_text(
    text: str, words: str
) -> None:
    with pytest.raises(ConfigurationError, match=f"^file {PATH}, {words}") as caught:
        read_toml(file(text))
    assert "secret" not in str(caught.value)
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("text", ["a = " + "[" * 5000, "a = 1" + "0" * 5000])
def test_what_only_an_attacker_writes_is_refused_too(text: str) -> None:
    with pytest.raises(ConfigurationError, match="no TOML that can be read: "):
        read_toml(file(text))


def test_the_example_of_the_page_is_read_whole() -> None:
    page = Path(__file__).parents[2] / "docs" / "how-to" / "configure.md"
    example = page.read_text(encoding="utf-8").partition("```toml\n")[2].partition("```")[0]
    layer = read_toml(file(example.replace("sk-...", "sk-1")))
    assert {name.partition(".")[0] for name in layer.found} == ARGUMENTS
    for name, found in layer.found.items():
        OPTIONS[name].read(name, found.value)


@pytest.mark.parametrize(
    ("text", "warns"),
    [
        ("api_key = 'sk-1'", True),
        ("[headers]\nauthorization = 'Bearer x'", True),
        ("[headers]\nX-Team = 'a'", False),
        ("base_url = 'https://x.example/'", False),
        ("headers = 3", False),
    ],
)
def test_a_file_with_a_key_that_every_user_may_read_brings_a_warning(
    text: str, warns: bool
) -> None:
    warnings = read_toml(file(text, is_open_to_all=True)).warnings
    assert [str(PATH) in warning for warning in warnings] == [True] * warns
    assert read_toml(file(text)).warnings == ()
