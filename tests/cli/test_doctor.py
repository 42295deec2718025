"""``kilo-sdk doctor``: its lines, its JSON, its exit code."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TypeAlias

import pytest

from kilo_sdk.emulator import LocalGateway

Run: TypeAlias = "Callable[..., subprocess.CompletedProcess[str]]"
GatewayWith: TypeAlias = Callable[..., AbstractContextManager[LocalGateway]]

KEY = "sk-0123456789-secret-good"
NOBODY = "http://127.0.0.1:9/api/gateway/"
CHECKS = ["configuration", "proxy", "gateway", "clock", "catalogue", "key", "completion"]


@pytest.fixture(autouse=True)
def _own_home(home: Path) -> None:
    """No key and no list of another test is found."""


def test_where_all_is_well_each_check_is_a_line_and_the_code_is_0(
    run: Run, gateway: LocalGateway
) -> None:
    done = run("doctor", "--base-url", gateway.base_url, KILOCODE_API_KEY=KEY)
    assert (done.returncode, done.stderr) == (0, "")
    lines = [line.split(maxsplit=2) for line in done.stdout.splitlines()]
    assert [line[0] for line in lines] == CHECKS
    assert {line[1] for line in lines} == {"ok"}
    assert lines[5][2].endswith("it comes from: environment variable KILOCODE_API_KEY")
    assert KEY not in done.stdout


def test_what_failed_is_followed_by_what_to_do_and_the_code_is_1(
    invoke: Run, gateway_with: GatewayWith
) -> None:
    with gateway_with(api_keys=["another"], models_fault="html=502") as gateway:
        done = invoke("doctor", "--base-url", gateway.base_url, KILOCODE_API_KEY=KEY)
    assert (done.returncode, done.stderr) == (1, "")
    lines = done.stdout.splitlines()
    failed = [number for number, line in enumerate(lines) if " FAILED   " in line]
    assert [lines[number].split()[0] for number in failed] == ["catalogue", "key", "completion"]
    assert all(lines[number + 1].lstrip().startswith("-> ") for number in failed)


def test_json_is_one_object(invoke: Run, gateway: LocalGateway) -> None:
    done = invoke("doctor", "--json", "--base-url", gateway.base_url)
    assert (done.returncode, done.stderr) == (1, "")
    told = json.loads(done.stdout)
    assert told["ok"] is False
    assert [finding["check"] for finding in told["findings"]] == CHECKS
    key = told["findings"][5]
    assert (key["health"], key["words"]) == (
        "failed",
        "none is configured; only free models answer",
    )
    assert "kilo-sdk onboard" in key["advice"]


def test_what_cannot_be_reached_is_told_in_time(invoke: Run) -> None:
    done = invoke("doctor", "--base-url", NOBODY)
    assert done.returncode == 1
    assert "gateway        FAILED   the host cannot be reached" in done.stdout
    assert done.stdout.count("skipped  not looked at") == 4


def test_what_is_suspicious_in_the_configuration_is_a_warning(
    invoke: Run, gateway: LocalGateway, home: Path
) -> None:
    env_file = home.parent / "work" / ".env"
    env_file.write_text(f"KILOCODE_API_KEY={KEY}\n")
    env_file.chmod(0o644)
    done = invoke("doctor", "--base-url", gateway.base_url)
    assert (done.returncode, done.stderr) == (0, "")
    first = done.stdout.splitlines()[0]
    assert first.startswith("configuration  warning  ")
    assert "chmod 600" in first


def test_a_configuration_that_cannot_work_ends_with_2(invoke: Run, home: Path) -> None:
    done = invoke("doctor", KILO_SDK_CONFIG=str(home / "missing.toml"))
    assert (done.returncode, done.stdout) == (2, "")
    assert "missing.toml is not there" in done.stderr
    done = invoke("doctor", "--json", KILOCODE_BASE_URL="nowhere")
    assert done.returncode == 2
    assert json.loads(done.stdout)["error"]["type"] == "ConfigurationError"


def test_calls_go_through_the_proxy_of_the_environment(invoke: Run, gateway: LocalGateway) -> None:
    elsewhere = "http://gateway.invalid/api/gateway/"
    proxy = f"http://me:s3cret@{gateway.base_url.split('/')[2]}"
    done = invoke("doctor", "--base-url", elsewhere, http_proxy=proxy)
    assert "proxy          ok       HTTP_PROXY names 127.0.0.1:" in done.stdout
    assert "and calls go through it\n" in done.stdout
    assert "gateway        ok       gateway.invalid answers" in done.stdout
    assert "s3cret" not in done.stdout
    done = invoke("models", "list", "--base-url", elsewhere, http_proxy=proxy)
    assert (done.returncode, "cannot be had" in done.stderr) == (0, False)
    done = invoke("doctor", "--base-url", elsewhere, http_proxy="http://127.0.0.1:9")
    assert "FAILED   the proxy cannot be reached" in done.stdout
    assert "-> check HTTPS_PROXY" in done.stdout


def test_a_proxy_that_cannot_be_used_is_told(invoke: Run, gateway: LocalGateway) -> None:
    done = invoke(
        *("doctor", "--base-url", "http://gateway.invalid/api/gateway/"),
        all_proxy="socks5://me:s3cret@127.0.0.1:9",
    )
    assert "proxy          warning  ALL_PROXY names 127.0.0.1:9, which is not used" in done.stdout
    assert "gateway        FAILED   the host name was not found" in done.stdout
    assert "s3cret" not in done.stdout
