"""The gateway as a process: where it is, what it does, how it ends."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import pytest

Run: TypeAlias = "Callable[..., subprocess.CompletedProcess[str]]"
Make: TypeAlias = Callable[..., Any]


def base_url_of(process: Any) -> str:
    """Read what a started gateway prints, and return its base URL."""
    serving = process.stdout.readline().decode()
    export = process.stdout.readline().decode()
    found = re.fullmatch(
        r"serving (http://127\.0\.0\.1:\d+/api/gateway/) \(Ctrl-C ends it\)\n", serving
    )
    assert found, serving
    assert export == f"export KILOCODE_BASE_URL={found[1]}\n"
    return found[1]


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_it_prints_where_it_is_answers_and_ends_with_0(
    start: Make, run: Run, sent: signal.Signals
) -> None:
    process = start("serve")
    done = run("chat", "-m", "openai/gpt-4.1", "9 tokens", KILOCODE_BASE_URL=base_url_of(process))
    assert (done.returncode, done.stdout) == (0, "You said: 9 tokens. The river runs\n")
    process.send_signal(sent)
    assert process.wait(timeout=120) == 0
    assert process.stdout.read() == b""
    assert process.stderr.read() == b"stopped; completions served: 1\n"


def test_it_ends_at_once_while_it_streams_and_the_client_sees_a_cut(start: Make) -> None:
    server = start("serve", "--tokens-per-second", "50", "--ttft", "0.1")
    client = start(
        *("chat", "2000 tokens", "-m", "openai/gpt-4.1"), KILOCODE_BASE_URL=base_url_of(server)
    )
    client.stdin.close()
    assert client.stdout.read(9) == b"You said:"
    server.terminate()
    assert server.wait(timeout=120) == 0
    assert server.stderr.read() == b"stopped; completions served: 0\n"
    assert client.wait(timeout=120) == 1
    assert b"kilo-sdk: the stream was cut" in client.stderr.read()


def test_a_client_that_leaves_is_no_error(start: Make) -> None:
    server = start("serve", "--tokens-per-second", "50")
    client = start(
        *("chat", "2000 tokens", "-m", "openai/gpt-4.1"), KILOCODE_BASE_URL=base_url_of(server)
    )
    assert client.stdin.close() is None
    assert client.stdout.read(9) == b"You said:"
    client.kill()
    client.wait()
    server.terminate()
    assert server.wait(timeout=120) == 0
    assert server.stderr.read() == b"stopped; completions served: 0\n"


def test_a_port_in_use_is_told_in_words(run: Run) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = run("serve", "--port", str(port))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"kilo-sdk: port {port} of 127.0.0.1 is in use; choose another with --port, or leave it "
        "out for a free one\n"
    )


def test_keys_and_faults_are_the_gateways(start: Make, run: Run) -> None:
    server = start("serve", "--api-key", "one", "--api-key", "two", "--fault", "cut;after=4")
    base_url = base_url_of(server)
    refused = run("chat", "hi", KILOCODE_BASE_URL=base_url, KILOCODE_API_KEY="three")
    assert refused.returncode == 1
    assert "401" in refused.stderr
    cut = run(
        *("chat", "hi", "-m", "openai/gpt-4.1"), KILOCODE_BASE_URL=base_url, KILOCODE_API_KEY="two"
    )
    assert (cut.returncode, cut.stdout) == (1, "You said:\n")


def test_a_paid_model_can_ask_for_a_key(start: Make, run: Run) -> None:
    base_url = base_url_of(start("serve", "--require-auth"))
    args = ("chat", "9 tokens", "--base-url", base_url, "-m")
    assert run(*args, "openai/gpt-4.1").returncode == 1
    assert run(*args, "openai/gpt-4.1", KILOCODE_API_KEY="any").returncode == 0
    assert run(*args, "kilo-auto/free").returncode == 0


def test_it_replays_recordings(start: Make, run: Run, tmp_path: Path) -> None:
    recording = tmp_path / "hello.sse"
    recording.write_text(
        'data: {"id":"gen-1","model":"a/b","choices":[{"index":0,"delta":{"content":"Hello"},'
        '"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
    )
    server = start("serve", "--replay", str(recording))
    done = run("chat", "anything", KILOCODE_BASE_URL=base_url_of(server))
    assert (done.returncode, done.stdout) == (0, "Hello\n")
    assert done.stderr.startswith("a/b, tokens not reported, cost not reported, TTFT ")


def test_the_model_list_is_that_of_a_file_and_meets_its_fault(
    start: Make, run: Run, tmp_path: Path, home: Path
) -> None:
    listed = tmp_path / "models.json"
    listed.write_text('{"data": [{"id": "a/b"}, null, {"id": 5}, {"id": "c/d"}]}')
    args = ("--models", str(listed), "--models-fault", "html=404;times=1")
    base_url = base_url_of(start("serve", *args, "--organization", "o=kilocode/a/b, x/y"))
    done = run("models", "list", "--refs", "--base-url", base_url)
    assert "the gateway's list cannot be had: not found" in done.stderr
    done = run("models", "list", "--refs", "--base-url", base_url)
    assert done.stdout.startswith("kilocode/a/b\nkilocode/c/d\nkilocode/kilo/auto\n")
    done = run("models", "list", "--refs", "--base-url", base_url, "--organization", "o")
    assert done.stdout.startswith("kilocode/a/b\nkilocode/kilo/auto\n")


@pytest.mark.parametrize("text", ["{", "5", '{"data": 5}'])
def test_a_file_that_holds_no_list_is_told_in_words(invoke: Run, tmp_path: Path, text: str) -> None:
    listed = tmp_path / "models.json"
    listed.write_text(text)
    done = invoke("serve", "--models", str(listed))
    assert (done.returncode, done.stdout) == (2, "")
    assert str(listed) in done.stderr


def test_it_verifies_reasoning_when_told_to(start: Make) -> None:
    detail = {"type": "reasoning.text", "text": "hm", "signature": "made elsewhere"}
    history = [
        {"role": "assistant", "content": "Hi", "reasoning_details": [detail]},
        {"role": "user", "content": "Go on"},
    ]
    body = json.dumps({"model": "anthropic/claude-sonnet-4", "messages": history}).encode()

    def ask(*args: str) -> Any:
        url = base_url_of(start("serve", *args)) + "chat/completions"
        request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
        return urllib.request.urlopen(request, timeout=120)

    with ask() as answer:
        assert answer.status == 200
    with pytest.raises(urllib.error.HTTPError) as refused:
        ask("--verify-signatures")
    with refused.value as answer:
        assert answer.code == 400
        assert b"Invalid signature in thinking block" in answer.read()


def test_a_chat_page_is_served_beside_it_where_it_is_wanted(start: Make) -> None:
    process = start("serve", "--demo", "--api-key", "secret")
    base_url_of(process)
    line = process.stdout.readline().decode()
    found = re.fullmatch(r"chat page: (http://127\.0\.0\.1:\d+/)\n", line)
    assert found, line
    with urllib.request.urlopen(found[1], timeout=120) as answer:
        assert b"<!doctype html>" in answer.read()
    process.terminate()
    assert process.wait(timeout=120) == 0
    assert process.stderr.read() == b"stopped; completions served: 0\n"


def test_a_chat_page_is_served_at_an_address_that_others_reach_too(start: Make) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        try:
            asking.connect(("198.51.100.1", 9))  # nothing is sent
        except OSError:
            pytest.skip("this machine has no address but its loopback's")
        host = asking.getsockname()[0]
    process = start("serve", "--demo", "--host", host)
    for begins in ("serving", "export", f"chat page: http://{host}:"):
        assert process.stdout.readline().decode().startswith(begins)
    process.terminate()
    assert process.wait(timeout=120) == 0


def test_a_page_whose_port_is_in_use_is_told_in_words(run: Run) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = run("serve", "--demo", "--demo-port", str(port))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"kilo-sdk: port {port} of 127.0.0.1 is in use; choose another with --demo-port, or leave "
        "it out for a free one\n"
    )


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("--fault", "explode"), "no fault word 'explode'; accepted are"),
        (("--tokens-per-second", "0"), "tokens_per_second is a number above 0"),
        (("--replay", "no-such-file.sse"), "the recording cannot be read"),
        (("--host", "host.invalid"), "cannot listen on port 0 of host.invalid"),
        (("--models-fault", "explode"), "no fault word 'explode'; accepted are"),
        (("--models", "no-such-file.json"), "no-such-file.json cannot be read: No such file"),
        (("--organization", "org-1"), "is not of the form ID=vendor/model,vendor/model"),
        (("--port", "70000"), "--port"),
    ],
)
def test_options_that_cannot_work_end_with_2(run: Run, args: Sequence[str], words: str) -> None:
    done = run("serve", *args)
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr
