"""Conversations at a terminal, played by a pseudo-terminal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import pytest

from kilo_sdk.emulator import LocalGateway, RawReply

Make: TypeAlias = Callable[..., Any]

# The gateway runs on a thread, and forkpty() warns of threads; its child does nothing but exec.
pytestmark = pytest.mark.filterwarnings("ignore:.*forkpty:DeprecationWarning")

PLAIN = "openai/gpt-4.1"
DIM, END = "\x1b[2m", "\x1b[0m"


def said(gateway: LocalGateway) -> list[list[tuple[str, str]]]:
    """What each request said, by role and content."""
    return [
        [(message["role"], message["content"]) for message in request.payload["messages"]]
        for request in gateway.requests
    ]


def talk(terminal: Make, gateway: LocalGateway, *args: str, model: str = PLAIN, **env: str) -> Any:
    child = terminal("chat", "-m", model, "--base-url", gateway.base_url, *args, **env)
    child.expect("Ctrl-D ends it")
    child.expect("> ")
    return child


def ask(child: Any, text: str) -> None:
    child.sendline(text)
    child.expect("out.*TTFT[^\n]*\n")
    child.expect("> ")


def test_a_conversation_remembers_its_turns_until_it_is_reset(
    terminal: Make, gateway: LocalGateway
) -> None:
    child = talk(terminal, gateway, "--system", "Be terse.")
    ask(child, "12 tokens")
    ask(child, "9 tokens")
    child.sendline("/reset")
    child.expect("the conversation is forgotten")
    ask(child, "8 tokens")
    child.sendline("/exit")
    child.expect("\n")
    child.wait()
    assert child.exitstatus == 0
    system = ("system", "Be terse.")
    first = [system, ("user", "12 tokens")]
    answer = ("assistant", "You said: 12 tokens. The river runs past the old")
    assert said(gateway) == [
        first,
        [*first, answer, ("user", "9 tokens")],
        [system, ("user", "8 tokens")],
    ]
    tasks = [request.headers["x-kilocode-taskid"] for request in gateway.requests]
    assert tasks[0] == tasks[1] != tasks[2]


def test_reasoning_is_dimmed_and_goes_back_with_the_history(
    terminal: Make, gateway: LocalGateway
) -> None:
    child = talk(terminal, gateway, model="anthropic/claude-sonnet-4")
    child.sendline("hi")
    child.expect_exact(f"{DIM} user{END}")
    child.expect_exact("\r\n\r\nYou said: hi.")
    child.expect_exact(DIM + "anthropic/claude-sonnet-4, ")
    child.expect("> ")
    ask(child, "again")
    child.sendeof()
    child.wait()
    assert child.exitstatus == 0
    answer = gateway.requests[-1].payload["messages"][1]
    assert answer["reasoning"].startswith("The user says: hi.")
    assert [detail["type"] for detail in answer["reasoning_details"]] == ["reasoning.text"]
    assert answer["reasoning_details"][0]["signature"]


def test_reasoning_can_be_left_out(terminal: Make, gateway: LocalGateway) -> None:
    child = talk(terminal, gateway, "--no-reasoning", model="anthropic/claude-sonnet-4")
    child.sendline("hi")
    child.expect_exact("You said: hi.")
    assert "The user says" not in child.before


def test_a_failed_turn_is_told_and_leaves_the_history_as_it_was(
    terminal: Make, gateway: LocalGateway
) -> None:
    child = talk(terminal, gateway)
    ask(child, "5 tokens")
    gateway.enqueue(RawReply(status=400, body=b'{"error": {"message": "Not today", "code": 400}}'))
    child.sendline("this fails")
    child.expect("refused as invalid.*Not today")
    child.expect("> ")
    ask(child, "7 tokens")
    assert said(gateway)[-1] == [
        ("user", "5 tokens"),
        ("assistant", "You said: 5 tokens"),
        ("user", "7 tokens"),
    ]


def test_ctrl_c_ends_the_answer_and_at_the_prompt_the_conversation(
    terminal: Make, gateway_with: Make
) -> None:
    with gateway_with(tokens_per_second=50) as gateway:
        child = talk(terminal, gateway)
        child.sendline("2000 tokens")
        child.expect("swallows")
        child.sendintr()
        child.expect(r"interrupted after \d+ characters, \d+ chunks")
        child.expect("> ")
        ask(child, "6 tokens")
        assert said(gateway)[-1] == [("user", "6 tokens")]
        child.sendintr()
        child.wait()
        assert child.exitstatus == 130


def test_a_word_after_a_slash_that_is_no_command_is_not_sent(
    terminal: Make, gateway: LocalGateway
) -> None:
    child = talk(terminal, gateway)
    child.sendline("/quit")
    child.expect("no command /quit; there are /reset and /exit")
    child.expect("> ")
    child.sendline("")
    child.expect("> ")
    ask(child, "/etc/passwd is what?")
    assert said(gateway) == [[("user", "/etc/passwd is what?")]]


def test_ctrl_c_ends_a_single_answer_with_130(terminal: Make) -> None:
    child = terminal("chat", "--local", "-m", PLAIN, "2000 tokens")
    child.expect("swallows")
    child.sendintr()
    child.expect(r"interrupted after \d+ characters, \d+ chunks")
    child.wait()
    assert child.exitstatus == 130
    assert "Traceback" not in child.before + child.read()


def test_model_output_cannot_drive_the_terminal_nor_is_it_markup(
    terminal: Make, gateway: LocalGateway
) -> None:
    text = r"[red]a[/red] \u001b]0;owned\u0007\u001b[31m b\rc \u009b31m \u007f :smile:"
    body = (
        '{"id": "gen-1", "choices": [{"index": 0, "finish_reason": "stop", '
        f'"message": {{"role": "assistant", "content": "{text}"}}}}]}}'
    )
    gateway.enqueue(RawReply(body=body.encode()))
    child = terminal("chat", "x", "--no-stream", "--base-url", gateway.base_url)
    child.expect_exact("[red]a[/red] ␛]0;owned␇␛[31m bc \ufffd31m ␡ :smile:\r\n")
    assert "\x1b" not in child.before


def test_json_wants_a_prompt(terminal: Make) -> None:
    child = terminal("chat", "--json", "--local")
    child.expect_exact("--json prints one answer; give PROMPT, or pipe it in")
    child.wait()
    assert child.exitstatus == 2


def test_a_terminal_that_can_do_nothing_gets_plain_text(
    terminal: Make, gateway: LocalGateway
) -> None:
    child = terminal("chat", "hi", "--base-url", gateway.base_url, TERM="dumb")
    child.expect("TTFT")
    assert "\x1b" not in child.before
    assert "The user says: hi." in child.before
