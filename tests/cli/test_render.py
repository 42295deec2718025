"""Printing: what reaches which output, and what a terminal is spared."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kilo_sdk.cli.progress import Progress
from kilo_sdk.cli.render import JsonOutput, TextOutput, make_harmless
from kilo_sdk.errors import APIConnectionError
from kilo_sdk.types.completion import ChatCompletion


def completion(text: str = "Hi", **more: object) -> ChatCompletion:
    message = {"role": "assistant", "content": text, **more}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return ChatCompletion.from_wire({"id": "gen-1", "model": "a/b", "choices": [choice]})


@given(st.text(st.characters(codec="utf-8")))
def test_no_control_character_but_tab_and_line_feed_is_left(text: str) -> None:
    controls = {chr(code) for code in (*range(0x20), *range(0x7F, 0xA0))} - {"\t", "\n"}
    assert not controls & set(make_harmless(text))


@given(st.text(st.characters(codec="utf-8", exclude_categories=["Cc"])))
def test_text_without_control_characters_stays_as_it_is(text: str) -> None:
    assert make_harmless(text) == text


def test_control_characters_become_their_pictures() -> None:
    assert make_harmless("a\x1b[2J\x07\x00\x7f\x9b1m\r\nb\tc") == "a␛[2J␇␀␡\ufffd1m\nb\tc"


def test_the_answer_goes_to_standard_output_and_the_rest_beside_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    output = TextOutput(show_reasoning=True)
    output.reasoning("Hm")
    output.reasoning("m.")
    output.answer("")
    output.answer("Hel")
    output.answer("lo\x1b[0m")
    output.completed(completion(), Progress(0.0, ttft=1.0))
    printed = capsys.readouterr()
    assert printed.out == "Hello\x1b[0m\n"
    assert printed.err == "Hmm.\n\na/b, tokens not reported, cost not reported, TTFT 1.00 s\n"


def test_reasoning_is_not_shown_where_nobody_watches(capsys: pytest.CaptureFixture[str]) -> None:
    output = TextOutput()
    output.reasoning("Hm")
    output.answer("Hello\n")
    output.failed(APIConnectionError("gone"), Progress(0.0, chunks=2, characters=6))
    printed = capsys.readouterr()
    assert printed.out == "Hello\n"
    assert printed.err == "kilo-sdk: gone\n  before that came 6 characters, 2 chunks\n"


def test_reasoning_that_is_interrupted_ends_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    output = TextOutput(show_reasoning=True)
    output.reasoning("Hm")
    output.interrupted(Progress(0.0, chunks=1, reasoning_characters=2))
    assert capsys.readouterr().err == (
        "Hm\ninterrupted after 0 characters, 1 chunk (and 2 characters of reasoning)\n"
    )


def test_a_refusal_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    TextOutput().completed(completion("", refusal="I will not."), Progress(0.0, ttft=1.0))
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("the model refused: I will not.\n")


def test_json_is_one_line_without_raw_control_characters(
    capsys: pytest.CaptureFixture[str],
) -> None:
    output = JsonOutput()
    output.reasoning("not here")
    output.answer("nor here")
    output.completed(completion("a\x1b\x9b\x7f\nü"), Progress(0.0))
    printed = capsys.readouterr()
    assert printed.err == ""
    assert '"text":"a\\u001b\\u009b\\u007f\\nü"' in printed.out
    assert printed.out.count("\n") == 1
    assert json.loads(printed.out)["text"] == "a\x1b\x9b\x7f\nü"


def test_a_note_goes_beside_the_answer(capsys: pytest.CaptureFixture[str]) -> None:
    JsonOutput().note("wait")
    TextOutput().note("a moment")
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", "wait\na moment\n")
