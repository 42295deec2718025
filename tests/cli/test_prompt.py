"""Where the prompt comes from, by what the gateway is asked."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import pytest

from kilo_sdk.emulator import LocalGateway

Run: TypeAlias = "Callable[..., subprocess.CompletedProcess[str]]"
Make: TypeAlias = Callable[..., Any]


def asked(gateway: LocalGateway) -> object:
    payload: Any = gateway.requests[-1].payload
    (message,) = payload["messages"]
    return message["content"]


@pytest.mark.parametrize(
    ("args", "stdin", "prompt"),
    [
        (["Say hi"], b"", "Say hi"),
        ([], b"from a pipe\n", "from a pipe"),
        (["Sum up:"], b"line 1\nline 2\n\n", "Sum up:\n\nline 1\nline 2"),
        (["Sum up:"], b" \n", "Sum up:"),
        ([""], "\ufeffgrüße".encode(), "grüße"),
    ],
)
def test_the_prompt_is_the_argument_then_what_is_piped_in(
    run: Run, gateway: LocalGateway, args: Sequence[str], stdin: bytes, prompt: str
) -> None:
    done = run("chat", *args, "--base-url", gateway.base_url, stdin=stdin)
    assert done.returncode == 0
    assert asked(gateway) == prompt


@pytest.mark.parametrize(
    ("args", "stdin", "words"),
    [
        ([], b"", "the prompt is empty"),
        (["  "], b"\n", "the prompt is empty"),
        ([], b"\xff\xfe", "standard input is no UTF-8 text"),
    ],
)
def test_a_prompt_that_is_none_is_refused_before_anything_is_sent(
    run: Run, gateway: LocalGateway, args: Sequence[str], stdin: bytes, words: str
) -> None:
    done = run("chat", *args, "--base-url", gateway.base_url, stdin=stdin)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"kilo-sdk: {words}")
    assert not gateway.requests


def test_silent_standard_input_is_waited_for_and_told_of(
    start: Make, gateway: LocalGateway
) -> None:
    process = start("chat", "Sum up:", "--base-url", gateway.base_url)
    told = process.stderr.readline()
    assert told == b"waiting for standard input; '< /dev/null' leaves it out\n"
    process.stdin.write(b"late")
    process.stdin.close()
    assert process.wait(timeout=120) == 0
    assert asked(gateway) == "Sum up:\n\nlate"


def test_a_local_answer_does_not_wait_for_silent_standard_input(start: Make) -> None:
    process = start("chat", "--local", "-m", "openai/gpt-4.1", "5 tokens")
    assert process.stdout.read() == b"You said: 5 tokens\n"
    assert process.wait(timeout=120) == 0
    assert process.stderr.readline() == (
        b"standard input is open but silent: going on without it\n"
    )
