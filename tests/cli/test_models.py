"""``kilo-sdk models`` as a process with a home of its own."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from kilo_sdk.emulator import LocalGateway

Run: TypeAlias = "Callable[..., subprocess.CompletedProcess[str]]"
GatewayWith: TypeAlias = Callable[..., AbstractContextManager[LocalGateway]]

NOBODY = "http://127.0.0.1:9/api/gateway/"
SONNET = "anthropic/claude-sonnet-4"


@pytest.fixture(autouse=True)
def _own_home(home: Path) -> None:
    """No list of another test is found."""


def refs(done: subprocess.CompletedProcess[str]) -> list[str]:
    assert done.returncode == 0, done.stderr
    return [line.removeprefix("kilocode/") for line in done.stdout.splitlines()]


def test_the_table_has_chat_models_and_a_line_about_the_list(
    run: Run, gateway: LocalGateway
) -> None:
    done = run("models", "list", "claude", "--base-url", gateway.base_url)
    assert done.returncode == 0
    assert done.stdout == (
        "MODEL                        CONTEXT  OUTPUT  $ IN  $ OUT  CAN\n"
        "anthropic/claude-sonnet-4  1,000,000  64,000     3     15  reasoning tools images\n"
        "anthropic/claude-opus-4.5    200,000  64,000     5     25  reasoning tools images\n"
    )
    assert done.stderr == "2 models of 20; prices are US dollars per million tokens\n"


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        (["--free"], ["kilo-auto/free", "mistralai/devstral-2512:free"]),
        (
            ["--reasoning", "--max-input-price", "0.25", "--sort", "price"],
            ["qwen/qwq-32b", "x-ai/grok-code-fast-1", "deepseek/deepseek-v3.2"],
        ),
        (
            ["--vendor", "openai", "--vendor", "QWEN", "--sort", "context"],
            ["openai/gpt-4.1", "openai/gpt-5", "qwen/qwen3-coder", "qwen/qwq-32b"],
        ),
        (
            ["--vendor", "openai", "--sort", "context", "--reverse"],
            ["openai/gpt-5", "openai/gpt-4.1"],
        ),
        (
            ["--images", "--tools", "--min-context", "1000000", "--limit", "2"],
            ["kilo/auto", SONNET],
        ),
        (["--all", "embedding"], ["openai/text-embedding-3-small"]),
        (["embedding"], []),
        (
            ["--parameter", "reasoning", "--max-output-price", "0.5"],
            [
                "deepseek/deepseek-v3.2",
                "qwen/qwq-32b",
            ],
        ),
        (["gpt", "4"], ["openai/gpt-4.1"]),
    ],
)
def test_lists_are_narrowed_and_put_in_order(
    invoke: Run, gateway: LocalGateway, args: Sequence[str], expected: Sequence[str]
) -> None:
    assert (
        refs(invoke("models", "list", "--refs", *args, "--base-url", gateway.base_url)) == expected
    )


def test_json_has_the_list_its_source_and_exact_prices(invoke: Run, gateway: LocalGateway) -> None:
    done = invoke("models", "list", "llama", "--json", KILOCODE_BASE_URL=gateway.base_url)
    told = json.loads(done.stdout)
    assert (told["source"], told["failure"]) == ("gateway", None)
    assert told["fetched_at"].startswith("20")
    (model,) = told["models"]
    assert model["ref"] == "kilocode/meta-llama/llama-3.2-1b-instruct"
    assert '"prompt":0.027,' in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--max-input-price", "cheap"], "accepted are US dollars per million tokens from 0 up"),
        (["--max-output-price", "-1"], "accepted are US dollars per million tokens from 0 up"),
        (["--sort", "beauty"], "'beauty' is not one of"),
        (["--limit", "0"], "--limit"),
        (["--base-url", "gateway"], "base_url is no absolute http or https URL"),
        (["--organization", "a\nb"], "organization"),
    ],
)
def test_what_cannot_work_ends_with_words_and_2(
    invoke: Run, args: Sequence[str], words: str
) -> None:
    done = invoke("models", "list", *args, KILOCODE_BASE_URL=NOBODY)
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr


def test_a_gateway_that_is_not_there_leaves_the_bundled_list_and_says_why(
    run: Run, invoke: Run
) -> None:
    done = run("models", "list", "--base-url", NOBODY)
    assert done.returncode == 0
    assert done.stdout.splitlines()[1].split() == [
        *("kilo/auto", "1,000,000", "128,000", "-", "-", "reasoning", "tools", "images")
    ]
    assert done.stderr.startswith("the gateway's list cannot be had: the host cannot be reached")
    assert done.stderr.endswith("6 models of the list bundled with the SDK\n")
    done = invoke("models", "list", "--json", "--base-url", NOBODY)
    told = json.loads(done.stdout)
    assert (told["source"], told["fetched_at"], len(told["models"])) == ("static", None, 6)
    assert told["failure"].startswith("the host cannot be reached")


def test_a_list_obtained_earlier_serves_while_the_gateway_is_away(
    invoke: Run, gateway_with: GatewayWith
) -> None:
    with gateway_with() as gateway:
        base_url = gateway.base_url
        assert len(refs(invoke("models", "list", "--refs", "--base-url", base_url))) == 18
    done = invoke("models", "list", "--refs", "--refresh", "--base-url", base_url)
    assert len(refs(done)) == 18
    assert "the gateway's list cannot be had: the host cannot be reached" in done.stderr
    assert "18 models of the list of 20" in done.stderr


def test_an_organisation_has_its_own_list(invoke: Run, gateway_with: GatewayWith) -> None:
    with gateway_with(api_keys=["good"], organizations={"org-1": [SONNET]}) as gateway:
        env = {"KILOCODE_BASE_URL": gateway.base_url, "KILOCODE_API_KEY": "good"}
        listed = refs(invoke("models", "list", "--refs", "--organization", "org-1", **env))
        assert listed[0] == SONNET
        assert {ref.partition("/")[0] for ref in listed[1:]} == {"kilo", "kilo-auto"}
        assert gateway.requests[-1].path == "/api/organizations/org-1/models"
        env["KILOCODE_ORGANIZATION_ID"] = "org-2"
        done = invoke("models", "list", "--refs", **env)
        assert "the gateway's list cannot be had: not allowed (status 403" in done.stderr


def test_a_model_is_shown_with_who_serves_it(invoke: Run, gateway: LocalGateway) -> None:
    done = invoke("models", "show", f"kilocode/{SONNET}", "--base-url", gateway.base_url)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"ref         kilocode/{SONNET}\n")
    assert "price       $3 in, $15 out per million tokens\n" in done.stdout
    assert done.stdout.endswith(
        "\nPROVIDER   TAG          CONTEXT  OUTPUT  $ IN  $ OUT  PRECISION\n"
        "Anthropic  anthropic  1,000,000  64,000     3     15  unknown\n"
    )
    told = json.loads(
        invoke("models", "show", SONNET, "--json", "--base-url", gateway.base_url).stdout
    )
    assert (told["id"], told["endpoints"][0]["tag"]) == (SONNET, "anthropic")


@pytest.mark.parametrize(
    ("ref", "code", "words"),
    [
        ("anthropic/claude-sonet-4", 1, f"did you mean {SONNET}"),
        ("claude-sonnet-4", 2, f"did you mean {SONNET}"),
        ("gpt4", 2, "is no model ref"),
        ("", 2, "is no model ref"),
    ],
)
def test_a_name_that_is_wrong_is_told_with_what_may_have_been_meant(
    invoke: Run, gateway: LocalGateway, ref: str, code: int, words: str
) -> None:
    done = invoke("models", "show", ref, "--base-url", gateway.base_url)
    assert (done.returncode, done.stdout) == (code, "")
    assert words in done.stderr


def test_a_model_of_the_bundled_list_is_shown_without_its_providers(invoke: Run) -> None:
    done = invoke("models", "show", "kilo/auto", "--base-url", NOBODY)
    assert done.returncode == 1
    assert "context     1,000,000 tokens\n" in done.stdout
    assert "its providers cannot be shown: the host cannot be reached" in done.stderr


def test_a_model_that_nobody_else_serves_is_no_failure(
    invoke: Run, gateway_with: GatewayWith
) -> None:
    with gateway_with(models=[{"id": "a/b"}]) as gateway:
        done = invoke("models", "show", "kilo/auto", "--json", "--base-url", gateway.base_url)
    assert done.returncode == 0
    assert json.loads(done.stdout)["endpoints"] is None
    assert done.stderr == "the gateway tells of no providers that serve it\n"


def test_no_control_character_of_a_list_reaches_a_terminal(
    invoke: Run, gateway_with: GatewayWith
) -> None:
    entry: dict[str, Any] = {
        "id": "a/b",
        "name": "\x1b[31mred\x9b",
        "supported_parameters": ["a\nb"],
    }
    with gateway_with(models=[entry]) as gateway:
        for args in ([], ["--json"]):
            done = invoke("models", "show", "a/b", *args, "--base-url", gateway.base_url)
            assert done.returncode == 0
            assert "\x1b" not in done.stdout
            assert "\x9b" not in done.stdout
