"""One turn, run as a process with pipes: exact output, exit codes, interruption."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from kilo_sdk.config import CredentialStore
from kilo_sdk.emulator import LocalGateway, RawReply

Run: TypeAlias = "Callable[..., subprocess.CompletedProcess[str]]"
Make: TypeAlias = Callable[..., Any]

SKY = "Why is the sky blue?"
FILLER = (
    " The river runs past the old mill and on to the sea."
    " Nobody had counted the swallows under its roof that year."
)
ANSWER = f"You said: {SKY}.{FILLER}"
THOUGHT = (
    "The user says: Why is the sky blue?. Let me look at this from one side, and then from the"
)
SONNET = "kilocode/anthropic/claude-sonnet-4"
REFUSED = "http://127.0.0.1:9/api/gateway"


def wait_until(condition: Callable[[], bool], seconds: float = 120.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_local_answer_needs_no_key_and_no_network_and_ignores_the_environment(run: Run) -> None:
    done = run("chat", "--local", SKY, KILOCODE_BASE_URL=REFUSED, KILOCODE_API_KEY="wrong")
    assert (done.returncode, done.stdout) == (0, ANSWER + "\n")


def test_a_local_answer_comes_at_a_humane_pace(run: Run) -> None:
    started = time.monotonic()
    done = run("chat", "--local", "--model", "openai/gpt-4.1", "60 tokens")
    assert done.returncode == 0
    assert 1.7 < time.monotonic() - started < 60


def test_the_answer_alone_is_on_standard_output_and_one_line_of_facts_on_standard_error(
    run: Run, gateway: LocalGateway
) -> None:
    done = run("chat", "-m", SONNET, SKY, "--base-url", gateway.base_url)
    assert (done.returncode, done.stdout) == (0, ANSWER + "\n")
    assert re.fullmatch(
        r"anthropic/claude-sonnet-4, 10 tokens in, 58 out \(24 reasoning\), \$0\.0009, "
        r"TTFT \d\.\d\d s\n",
        done.stderr,
    )


def test_reasoning_goes_to_standard_error_when_it_is_asked_for(
    run: Run, gateway: LocalGateway
) -> None:
    done = run("chat", "-m", SONNET, SKY, "--show-reasoning", KILOCODE_BASE_URL=gateway.base_url)
    assert done.stdout == ANSWER + "\n"
    assert done.stderr.startswith(f"{THOUGHT}")
    assert "\x1b" not in done.stderr + done.stdout


def test_output_that_is_no_terminal_is_plain_even_where_colour_is_forced(
    run: Run, gateway: LocalGateway
) -> None:
    done = run("chat", SKY, "--show-reasoning", KILOCODE_BASE_URL=gateway.base_url, FORCE_COLOR="1")
    assert "\x1b" not in done.stderr + done.stdout


def test_an_answer_that_is_not_streamed_is_printed_whole(run: Run, gateway: LocalGateway) -> None:
    done = run("chat", "--no-stream", "-m", SONNET, SKY, "--base-url", gateway.base_url)
    assert (done.returncode, done.stdout) == (0, ANSWER + "\n")
    assert re.search(r", \$0\.0009, took \d+\.\d\d s\n$", done.stderr)
    assert gateway.requests[-1].payload.get("stream") is not True


def test_the_options_reach_the_request(run: Run, gateway: LocalGateway) -> None:
    done = run(
        *("chat", "Prove it", "-m", SONNET, "--reasoning", "high", "--system", "Be terse."),
        *("--max-tokens", "7", "--temperature", "0.5", "--base-url", gateway.base_url),
        KILOCODE_API_KEY="sk-environment",
    )
    assert done.returncode == 0
    assert done.stderr.rstrip().endswith("finish reason length")
    request = gateway.requests[-1]
    assert request.headers["authorization"] == "Bearer sk-environment"
    assert request.payload["messages"] == [
        {"role": "system", "content": "Be terse."},
        {"role": "user", "content": "Prove it"},
    ]
    sent = {name: request.payload[name] for name in ("model", "max_tokens", "temperature")}
    assert sent == {"model": "anthropic/claude-sonnet-4", "max_tokens": 7, "temperature": 0.5}
    assert request.payload["reasoning"] == {"effort": "high"}


@pytest.mark.parametrize("mode", [(), ("--no-stream",)])
def test_json_is_one_object_of_the_final_completion(
    run: Run, gateway: LocalGateway, mode: Sequence[str]
) -> None:
    done = run("chat", "--json", *mode, "-m", SONNET, SKY, "--base-url", gateway.base_url)
    assert (done.returncode, done.stderr) == (0, "")
    told = json.loads(done.stdout)
    assert re.fullmatch(r"gen-\d+-\w+", told.pop("id"))
    assert told.pop("reasoning").startswith(THOUGHT)
    assert told == {
        "model": "anthropic/claude-sonnet-4",
        "text": ANSWER,
        "tool_calls": [],
        "finish_reason": "stop",
        "usage": {
            "prompt_tokens": 10,
            "completion_tokens": 58,
            "total_tokens": 68,
            "cached_tokens": 0,
            "cache_write_tokens": 0,
            "reasoning_tokens": 24,
            "cost": 0.0009,
            "is_byok": False,
        },
    }


def test_control_characters_reach_a_pipe_as_they_came(run: Run, gateway: LocalGateway) -> None:
    text = "[bold]no markup[/bold] \x1b[31mred\x1b[0m :smile: \r\n"
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    gateway.enqueue(RawReply(body=json.dumps({"id": "gen-1", "choices": [choice]}).encode()))
    done = run("chat", "--no-stream", "x", "--base-url", gateway.base_url)
    assert done.stdout == text


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (("-m", "kilocode/nobody/nothing"), 1, "the model 'nobody/nothing' does not exist"),
        (("-m", "nothing"), 2, "accepted are 'vendor/model'"),
        (("--reasoning", "hihg"), 2, "off, minimal, low, medium, high, xhigh, adaptive, max"),
        (("--base-url", REFUSED), 1, "model kilo/auto"),
        (("--base-url", "http://gateway.example/"), 2, "the key would travel in the clear"),
        (("--base-url", "gateway.example"), 2, "no absolute http or https url"),
        (("--local", "--base-url", REFUSED), 2, "are alternatives"),
        (("--max-tokens", "0"), 2, "--max-tokens"),
        (("--api-key", "sk-secret"), 2, "--api-key"),
        (("more",), 2, "more"),
    ],
)
def test_what_cannot_work_ends_with_words_and_its_exit_code(
    run: Run, gateway: LocalGateway, args: Sequence[str], code: int, words: str
) -> None:
    done = run("chat", "hi", *args, KILOCODE_BASE_URL=gateway.base_url, KILOCODE_API_KEY="sk-key")
    assert (done.returncode, done.stdout) == (code, "")
    assert words in " ".join(done.stderr.lower().split())
    assert "sk-key" not in done.stderr


@pytest.mark.parametrize(
    ("env", "state"),
    [
        ({}, "no key is configured; set the environment variable KILOCODE_API_KEY"),
        (
            {"KILOCODE_API_KEY": "sk-wrong"},
            "the key that was refused comes from: environment variable KILOCODE_API_KEY",
        ),
    ],
)
def test_a_401_says_where_the_key_comes_from_and_never_what_it_is(
    run: Run, gateway_with: Make, env: dict[str, str], state: str
) -> None:
    with gateway_with(api_keys=["sk-right"]) as gateway:
        done = run("chat", "hi", "-m", SONNET, "--base-url", gateway.base_url, **env)
    assert (done.returncode, done.stdout) == (1, "")
    assert state in done.stderr
    assert "sk-" not in done.stderr


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(0o600)
    return path


def test_a_key_and_a_model_come_from_files_and_options_win(
    run: Run, gateway_with: Make, tmp_path: Path
) -> None:
    with gateway_with(api_keys=["sk-openclaw"]) as gateway:
        write(tmp_path / ".openclaw" / "openclaw.json", "{env: {KILOCODE_API_KEY: 'sk-openclaw'}}")
        toml = write(
            tmp_path / "config.toml",
            f"base_url = '{gateway.base_url}'\ndefault_model = '{SONNET}'\nreasoning = 'low'",
        )
        env = {"KILO_SDK_CONFIG": str(toml), "HOME": str(tmp_path)}
        done = run("chat", SKY, **env)
        assert (done.returncode, done.stdout) == (0, ANSWER + "\n")
        sent = gateway.requests[-1]
        assert sent.headers["authorization"] == "Bearer sk-openclaw"
        assert sent.payload["model"] == "anthropic/claude-sonnet-4"
        assert sent.payload["reasoning"] == {"effort": "low"}
        assert run("chat", SKY, "-m", "google/gemini-3-pro-preview", **env).returncode == 0
        assert gateway.requests[-1].payload["model"] == "google/gemini-3-pro-preview"
        assert run("chat", SKY, "--base-url", REFUSED, **env).returncode == 1


def test_a_stored_key_goes_to_its_own_gateway(run: Run, gateway_with: Make, tmp_path: Path) -> None:
    home = {"XDG_CONFIG_HOME": str(tmp_path)}
    with gateway_with(api_keys=["sk-stored"]) as gateway, gateway_with() as other:
        store = CredentialStore(tmp_path / "kilo-sdk" / "credentials")
        store.save("sk-stored", base_url=gateway.base_url)
        assert (
            run("chat", SKY, "-m", SONNET, "--base-url", gateway.base_url, **home).returncode == 0
        )
        assert run("chat", SKY, "-m", SONNET, "--base-url", other.base_url, **home).returncode == 0
        assert "authorization" not in other.requests[-1].headers


def test_what_is_wrong_with_a_file_is_told_once_and_ends_with_2(run: Run, tmp_path: Path) -> None:
    toml = write(tmp_path / "config.toml", "\ndefault_modle = 'a/b'")
    done = run("chat", "hi", KILO_SDK_CONFIG=str(toml))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.count("unknown key default_modle") == 1
    assert f"file {toml}, line 2: unknown key default_modle" in done.stderr
    assert "did you mean 'default_model'?" in done.stderr
    assert run("chat", "--local", SKY, KILO_SDK_CONFIG=str(toml)).stdout == ANSWER + "\n"


def test_what_is_suspicious_is_told_once_beside_the_answer(
    run: Run, gateway: LocalGateway, tmp_path: Path
) -> None:
    write(tmp_path / ".openclaw" / "openclaw.json", "{env: {")
    done = run("chat", SKY, "--base-url", gateway.base_url, HOME=str(tmp_path))
    assert (done.returncode, done.stdout) == (0, ANSWER + "\n")
    assert done.stderr.startswith("warning: file ")
    assert done.stderr.count("no valid JSON5") == 1


def test_json_tells_an_error_as_an_object_and_in_words(run: Run, gateway_with: Make) -> None:
    with gateway_with(api_keys=["sk-right"]) as gateway:
        done = run("chat", "--json", "hi", "-m", SONNET, "--base-url", gateway.base_url)
    assert done.returncode == 1
    error = json.loads(done.stdout)["error"]
    assert error.pop("message").startswith("the key is missing or was refused (status 401")
    assert error == {
        "type": "AuthenticationError",
        "status_code": 401,
        "request_id": "req-0-00000001",
        "partial": None,
    }
    assert "KILOCODE_API_KEY" in done.stderr


def test_json_tells_a_configuration_error_as_an_object(run: Run) -> None:
    done = run("chat", "--json", "--reasoning", "much", "hi")
    assert done.returncode == 2
    assert json.loads(done.stdout)["error"]["type"] == "ConfigurationError"


def test_a_stream_that_is_cut_keeps_its_text_and_ends_with_1(run: Run, gateway_with: Make) -> None:
    with gateway_with(fault="cut;after=7") as gateway:
        done = run("chat", SKY, "-m", "openai/gpt-4.1", "--base-url", gateway.base_url)
    assert (done.returncode, done.stdout) == (1, "You said: Why is the\n")
    assert "kilo-sdk: the stream was cut" in done.stderr
    assert "before that came 20 characters, 7 chunks" in done.stderr


def test_json_tells_what_had_arrived_of_a_stream_that_is_cut(run: Run, gateway_with: Make) -> None:
    with gateway_with(fault="cut;after=7") as gateway:
        done = run("chat", "--json", SKY, "-m", "openai/gpt-4.1", "--base-url", gateway.base_url)
    error = json.loads(done.stdout)["error"]
    assert (done.returncode, error["type"]) == (1, "StreamInterruptedError")
    assert error["partial"]["text"] == "You said: Why is the"
    assert error["partial"]["finish_reason"] is None


def test_ctrl_c_closes_the_connection_and_says_what_was_received(
    start: Make, gateway_with: Make
) -> None:
    with gateway_with(tokens_per_second=50) as gateway:
        process = start("chat", "2000 tokens", "--base-url", gateway.base_url)
        process.stdin.close()
        head = process.stdout.read(40)
        process.send_signal(signal.SIGINT)
        text = (head + process.stdout.read()).decode()
        told = process.stderr.read().decode()
        assert process.wait() == 130
        wait_until(lambda: gateway.requests[-1].disconnected_at is not None)
    assert text.startswith("You said: 2000 tokens")
    received = re.fullmatch(
        r"interrupted after (\d+) characters, (\d+) chunks \(and 88 characters of reasoning\)\n",
        told,
    )
    assert received, told
    assert int(received[1]) == len(text) - 1
    assert int(received[2]) > 30


def test_ctrl_c_leaves_a_json_object_of_what_was_received(start: Make, gateway_with: Make) -> None:
    with gateway_with(tokens_per_second=50) as gateway:
        process = start("chat", "--json", "2000 tokens", "--base-url", gateway.base_url)
        process.stdin.close()
        wait_until(lambda: gateway.open_streams == 1)
        time.sleep(2.0)
        process.send_signal(signal.SIGINT)
        error = json.loads(process.stdout.read())["error"]
        assert process.wait() == 130
    assert error["type"] == "Interrupted"
    assert error["message"].startswith("interrupted after ")
    assert error["partial"]["reasoning"].startswith("The user says: 2000 tokens")


def test_ctrl_c_before_an_answer_ends_with_130(start: Make, gateway_with: Make) -> None:
    with gateway_with(ttft=300.0) as gateway:
        process = start("chat", "hi", "--base-url", gateway.base_url)
        process.stdin.close()
        wait_until(lambda: gateway.open_streams == 1)
        process.send_signal(signal.SIGINT)
        assert process.wait() == 130
        assert process.stdout.read() == b""
        assert process.stderr.read() == b"interrupted after 0 characters, 0 chunks\n"


@pytest.mark.parametrize("where", ["--local", "--base-url"])
def test_a_reader_that_leaves_ends_it_quietly(start: Make, gateway_with: Make, where: str) -> None:
    with gateway_with(tokens_per_second=100) as gateway:
        place = ["--local"] if where == "--local" else ["--base-url", gateway.base_url]
        process = start("chat", "2000 tokens", "-m", "openai/gpt-4.1", *place)
        process.stdin.close()
        assert process.stdout.read(8) == b"You said"
        process.stdout.close()
        assert process.wait(timeout=120) == 0
        assert process.stderr.read() == b""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a full disk is played by /dev/full")
def test_a_full_disk_is_told_in_words(start: Make, gateway: LocalGateway) -> None:
    with Path("/dev/full").open("wb") as full:
        process = start("chat", "hi", "--base-url", gateway.base_url, stdout=full)
        process.stdin.close()
        assert process.stderr.read() == (
            b"kilo-sdk: the output cannot be written: No space left on device\n"
        )
        assert process.wait() == 1


def test_a_model_that_is_not_there_is_told_with_what_may_have_been_meant(
    run: Run, gateway: LocalGateway, home: Path
) -> None:
    args = ("chat", "hi", "--base-url", gateway.base_url, "-m")
    done = run(*args, "anthropic/claude-sonet-4")
    assert done.returncode == 1
    assert done.stderr.endswith("\n  'kilo-sdk models list' has the models there are\n")
    assert run("models", "list", "--base-url", gateway.base_url).returncode == 0
    done = run(*args, "anthropic/claude-sonet-4")
    assert done.stderr.splitlines()[-1].startswith("  did you mean anthropic/claude-sonnet-4")


def test_the_answer_comes_through_the_proxy_of_the_environment(
    run: Run, gateway: LocalGateway
) -> None:
    proxy = f"http://{gateway.base_url.split('/')[2]}"
    args = ("--base-url", "http://gateway.invalid/api/gateway/", "-m", "kilo-auto/free")
    done = run("chat", "5 tokens", *args, http_proxy=proxy)
    assert (done.returncode, done.stdout) == (0, "You said: 5 tokens\n")
