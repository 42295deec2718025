"""``kilo-sdk bench run`` and ``report`` as processes, against gateways that are there or not."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, TypeAlias

import pytest

pytest.importorskip("hdrh", reason="measuring needs the extra 'bench'")

from kilo_sdk import ConfigurationError
from kilo_sdk.cli.bench_files import ResultFiles
from kilo_sdk.cli.bench_run import RunOptions, run_bench
from kilo_sdk.emulator import LocalGateway

Run: TypeAlias = "Callable[..., subprocess.CompletedProcess[str]]"
Make: TypeAlias = Callable[..., Any]
GatewayWith: TypeAlias = Callable[..., AbstractContextManager[LocalGateway]]

FAST = ["--local-ttft", "0", "--local-tokens-per-second", "0", "--output-tokens", "8"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"loads": ("max-rate",)}, "--slo"),
        ({"slo": "speed:1"}, "ttft:200ms"),
        ({"input_tokens": "many"}, "uniform:LEAST:GREATEST"),
        ({"requests": 0}, "requests is a whole number from 1 up"),
        ({"duration": -1.0}, "duration is a number of seconds above 0"),
        ({"prompts": Path("/nowhere/prompts.txt")}, "cannot be read"),
        ({"prompts": Path("prompts.txt"), "turns": 2}, "--turns and --prefix-tokens make"),
        ({"prompts": Path("prompts.txt"), "prefix_tokens": 9}, "change none that --prompts brings"),
        ({"loads": ("trace:/nowhere.jsonl",)}, "cannot be read"),
        ({"tools": "/nowhere/tools.json"}, "cannot be read"),
        ({"tools": "-1"}, "--tools is a number of made-up tools from 0 to 1000"),
        ({"tools": "1001"}, "made-up tools are 0 to 1000, not 1001"),
        ({"tools": "9" * 5000}, "--tools is a number of made-up tools from 0 to 1000"),
        ({"workers": 100_000}, "100000 worker processes on .* cores would only wait"),
        ({"tools": ""}, "or a JSON file of tools"),
        ({"extra_body": "{"}, "--extra-body is no JSON"),
        ({"extra_body": "[]"}, "--extra-body is a JSON object"),
        ({"base_url": "http://x", "remote": True}, "alternatives"),
        ({"base_url": "http://x", "local_ttft": 0.0}, "are of the embedded gateway"),
        ({"remote": True, "local_fault": "cut"}, "measured without --base-url and --remote"),
        ({"reasoning": "deep"}, "reasoning"),
        ({"local_fault": "nonsense=1"}, "no fault word"),
        ({"files": ResultFiles(json=Path("/nowhere/a.json"))}, "does not exist"),
    ],
)
def test_what_cannot_work_is_told_before_anything_is_sent(
    options: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigurationError, match=said):
        run_bench(RunOptions(**options))


def test_it_runs_with_no_key_and_no_network_and_loses_no_request(run: Run, tmp_path: Path) -> None:
    files = {name: tmp_path / f"a.{name}" for name in ("json", "csv", "html", "png", "prom")}
    done = run(
        *["bench", "run", "-m", "openai/gpt-4.1", "--requests", "30", "--workers", "2", *FAST],
        *["-o", str(files["json"]), "--csv", str(files["csv"]), "--html", str(files["html"])],
        *["--png", str(files["png"]), "--prometheus", str(files["prom"])],
    )
    assert done.returncode == 0, done.stderr
    assert "Time to first token (ms)" in done.stdout
    assert "30 requests in " in done.stdout
    counted = re.search(
        r"counted (\d+) requests and (\d+) whole answers; sent were (\d+)", done.stdout
    )
    assert counted
    assert counted.groups() == ("31", "31", "31")
    stored = json.loads(files["json"].read_bytes())
    assert stored["server"] == {"requests": 31, "completions": 31}
    assert stored["measurements"][0]["counts"]["output_tokens"] == 240
    assert stored["settings"]["workers"] == "2"
    assert all(path.stat().st_size > 500 for path in files.values())
    shown = run("bench", "report", str(files["json"]))
    assert shown.returncode == 0
    assert "30 requests in " in shown.stdout
    assert "counted 31 requests" in shown.stdout


def test_tools_of_a_file_go_into_each_request_and_calls_are_counted(
    run: Run, gateway_with: GatewayWith, tmp_path: Path
) -> None:
    tool = {
        "type": "function",
        "function": {
            "name": "weather",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
        },
    }
    path, stored = tmp_path / "tools.json", tmp_path / "a.json"
    path.write_text(json.dumps([tool]))
    with gateway_with() as gateway:
        done = run(
            *["bench", "run", "-m", "openai/gpt-4.1", "--base-url", gateway.base_url],
            *["--requests", "4", "--tools", str(path), "-o", str(stored)],
        )
        assert done.returncode == 0, done.stderr
        assert [one.payload["tools"] for one in gateway.requests] == [[tool]] * 5
    assert "4 whole (4 with 4 tool calls), 0 failed" in done.stdout
    report = json.loads(stored.read_bytes())
    counts = report["measurements"][0]["counts"]
    assert (counts["tool_call_answers"], counts["tool_calls"]) == (4, 4)
    assert report["settings"]["tools"] == str(path)


def test_a_ramp_goes_from_rate_to_rate_however_it_is_bound(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    options = ["bench", "run", "--load", "ramp:10:50", "--load", "ramp:10:50:1", *FAST]
    done = run(*options, "--requests", "30", "-o", str(path))
    assert done.returncode == 0, done.stderr
    taken = json.loads(path.read_bytes())["measurements"]
    assert [one["load"] for one in taken] == ["ramp:10:50", "ramp:10:50:1"]
    # 30 a second on average, and the last one when the second is over.
    for one in taken:
        assert one["counts"]["sent"] == 30
        assert 0.95 <= one["seconds"] < 2


def test_a_base_url_is_measured_with_the_configured_key(
    run: Run, gateway_with: GatewayWith
) -> None:
    with gateway_with(api_keys=["right"]) as gateway:
        options = ["bench", "run", "-m", "openai/gpt-4.1", "--base-url", gateway.base_url]
        wrong = run(*options, KILOCODE_API_KEY="wrong-key-1234")
        done = run(*options, "--requests", "3", KILOCODE_API_KEY="right")
        assert len(gateway.requests) == 1 + 1 + 3
    assert (wrong.returncode, wrong.stdout) == (1, "")
    assert "KILOCODE_API_KEY" in wrong.stderr
    assert "wrong-key-1234" not in wrong.stderr
    assert done.returncode == 0, done.stderr


def test_a_model_that_is_not_there_is_told(run: Run) -> None:
    done = run("bench", "run", "-m", "no/such-model", *FAST)
    assert (done.returncode, done.stdout) == (1, "")
    assert "no/such-model" in done.stderr


def test_a_target_that_is_not_there_is_told(run: Run) -> None:
    done = run("bench", "run", "--base-url", "http://127.0.0.1:9/")
    assert (done.returncode, done.stdout) == (1, "")
    assert "see whether the address is right" in " ".join(done.stderr.split())


def test_where_every_request_fails_the_code_says_so(run: Run, gateway_with: GatewayWith) -> None:
    # The check beforehand is let through, and everything after it is not.
    with gateway_with(fault="cut;after=3") as gateway:
        done = run(
            *["bench", "run", "-m", "openai/gpt-4.1", "--base-url", gateway.base_url],
            *["--requests", "5", "--output-tokens", "20"],
        )
    assert done.returncode == 1
    assert "errors: StreamInterruptedError: 5" in done.stdout


def test_ctrl_c_keeps_what_was_measured(
    start: Make, gateway_with: GatewayWith, tmp_path: Path
) -> None:
    path = tmp_path / "a.json"
    with gateway_with() as gateway:
        process = start(
            *["bench", "run", "-m", "openai/gpt-4.1", "--base-url", gateway.base_url],
            *[
                "--duration",
                "600",
                "--load",
                "concurrency:2",
                "--output-tokens",
                "8",
                "-o",
                str(path),
            ],
        )
        while b"measuring" not in (line := process.stderr.readline()):
            assert line, "it ended before it measured"
        # With two at once, all of these but two have come to an end there as well.
        while len(gateway.requests) < 20 and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert b"interrupted: these are the numbers until then" in out
    assert b"Traceback" not in err
    stored = json.loads(path.read_bytes())
    assert stored["interrupted"] is True
    assert stored["measurements"][0]["counts"]["completed"] >= 15


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_all_of_its_processes_and_twice_keeps_what_was_measured(
    python: Run, gateway_with: GatewayWith, tmp_path: Path, number: signal.Signals
) -> None:
    path = tmp_path / "a.json"
    with gateway_with(tokens_per_second=200.0) as gateway:
        # As timeout(1) does it: to the process, and to its group.
        script = (
            "import os, signal, subprocess, sys, time\n"
            f"child = subprocess.Popen([sys.executable, '-m', 'kilo_sdk', *sys.argv[1:]])\n"
            f"signal.signal({number.value}, signal.SIG_IGN)\n"
            "sys.stdin.readline()\n"
            f"child.send_signal({number.value})\n"
            f"os.killpg(0, {number.value})\n"
            "sys.exit(child.wait())"
        )
        with subprocess.Popen(
            [
                *[sys.executable, "-c", script, "bench", "run", "-m", "openai/gpt-4.1"],
                *["--base-url", gateway.base_url, "--duration", "60", "--load", "concurrency:2"],
                *["--workers", "2", "--output-tokens", "8", "-o", str(path)],
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        ) as process:
            while len(gateway.requests) < 20 and process.poll() is None:
                time.sleep(0.01)
            out, err = process.communicate(b"now\n", timeout=60)
    assert process.returncode == 130, err
    assert b"interrupted: these are the numbers until then" in out
    assert b"Traceback" not in err
    assert json.loads(path.read_bytes())["measurements"][0]["counts"]["completed"] >= 15


def test_at_a_terminal_it_shows_how_it_goes(terminal: Make) -> None:
    child = terminal(
        *["bench", "run", "-m", "openai/gpt-4.1", "--duration", "2", "--output-tokens", "20"]
    )
    child.expect(r"\d+ done, \d+ under way")
    child.expect(r"TTFT \d+ ms")
    child.expect("Time to first token")
    child.expect(r"counted \d+ requests")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full device here")
@pytest.mark.parametrize(("full", "code"), [("stdout", 1), ("stderr", 0)])
def test_an_output_that_is_full_costs_no_file(tmp_path: Path, full: str, code: int) -> None:
    path = tmp_path / "a.json"
    script = "import os, runpy; os.dup2(os.open('/dev/full', os.O_WRONLY), FD); "
    script = script.replace("FD", {"stdout": "1", "stderr": "2"}[full])
    done = subprocess.run(
        [
            *[sys.executable, "-c", script + "runpy.run_module('kilo_sdk', run_name='__main__')"],
            *["bench", "run", "--requests", "4", *FAST, "-o", str(path)],
        ],
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == code, done.stderr
    assert json.loads(path.read_bytes())["measurements"][0]["counts"]["completed"] == 4


def test_a_reader_of_the_head_alone_gets_the_files_all_the_same(
    start: Make, tmp_path: Path
) -> None:
    path = tmp_path / "a.json"
    reader, writer = os.pipe()
    os.close(reader)
    process = start("bench", "run", "--requests", "4", *FAST, "-o", str(path), stdout=writer)
    os.close(writer)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert json.loads(path.read_bytes())["measurements"][0]["counts"]["completed"] == 4


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full device here")
def test_a_full_disk_loses_nothing(run: Run, tmp_path: Path) -> None:
    done = run(
        *["bench", "run", "-m", "openai/gpt-4.1", "--requests", "3", *FAST],
        *["-o", "/dev/full", "--force"],
        TMPDIR=str(tmp_path),
    )
    assert done.returncode == 1
    assert "the results are kept in" in " ".join(done.stderr.split())
    (kept,) = tmp_path.glob("*-full")
    assert json.loads(kept.read_bytes())["measurements"][0]["counts"]["completed"] == 3


@pytest.mark.parametrize("text", ["", "{}", "no JSON"])
def test_what_is_no_report_is_told(run: Run, tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_text(text)
    done = run("bench", "report", str(tmp_path / "a.json"))
    assert (done.returncode, done.stdout) == (2, "")
    assert "is no report of kilo-sdk bench run" in " ".join(done.stderr.split())
