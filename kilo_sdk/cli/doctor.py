"""``kilo-sdk doctor``: what works on the way to the gateway, and what to do where it does not."""

from __future__ import annotations

from typing import Annotated, Any, Final

import typer

from kilo_sdk.cli.asking import with_client, with_list_on_disk
from kilo_sdk.cli.config import read_config
from kilo_sdk.cli.ending import end_with
from kilo_sdk.cli.exit_codes import ExitCode
from kilo_sdk.cli.options import GatewayUrl
from kilo_sdk.cli.render import (
    JsonOutput,
    Output,
    TextOutput,
    make_harmless,
    write_json,
    write_text,
)
from kilo_sdk.client import KiloClient
from kilo_sdk.config import KiloConfig
from kilo_sdk.diagnosis import Finding, Health, examine

__all__ = ["doctor", "doctor_command"]

_WORD: Final = {
    Health.OK: "ok",
    Health.WARNING: "warning",
    Health.FAILED: "FAILED",
    Health.SKIPPED: "skipped",
}


def doctor_command(
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object: the findings.")
    ] = False,
    base_url: GatewayUrl = None,
    organization: Annotated[
        str | None,
        typer.Option(metavar="ID", help="In whose name to ask.  [default: as configured]"),
    ] = None,
) -> None:
    """Check what stands between this machine and an answer, and say what to do about it.

    Looked at are configuration, proxy, gateway, clock, model list, key, and an answer of a
    free model. It costs a small fraction of a cent, as the key is checked with one token of
    a model that is not free. The exit code is 0 where nothing failed, and 1 where something
    did; warnings do not count.
    """
    output = JsonOutput() if as_json else TextOutput()
    end_with(lambda: doctor(base_url, organization, output), output)


def doctor(base_url: str | None, organization: str | None, output: Output) -> ExitCode:
    """Look at everything, and tell each finding as it comes.

    Raises:
        ConfigurationError: The configuration cannot be read, or cannot work.
    """
    warnings: list[str] = []
    config = with_list_on_disk(
        read_config(warnings.append, base_url=base_url, organization_id=organization)
    )
    findings = [*(_suspicious(warning) for warning in warnings)] or [
        Finding("configuration", Health.OK, "every value can be used")
    ]
    is_json = isinstance(output, JsonOutput)
    if not is_json:
        for finding in findings:
            write_text(_lines(finding))
    findings += with_client(config, lambda client: _examined(client, config, tell=not is_json))
    if is_json:
        write_json({"ok": _all_well(findings), "findings": [*map(_object, findings)]})
    return ExitCode.DONE if _all_well(findings) else ExitCode.REFUSED


async def _examined(client: KiloClient, config: KiloConfig, *, tell: bool) -> list[Finding]:
    findings: list[Finding] = []
    async for finding in examine(client, config):
        findings.append(finding)
        if tell:
            write_text(_lines(finding))
    return findings


def _suspicious(warning: str) -> Finding:
    return Finding("configuration", Health.WARNING, warning)


def _all_well(findings: list[Finding]) -> bool:
    return not any(finding.health is Health.FAILED for finding in findings)


def _lines(finding: Finding) -> str:
    head = f"{finding.check:<13}  {_WORD[finding.health]:<7}  "
    lines = [head + finding.words]
    if finding.advice is not None:
        lines.append(" " * len(head) + f"-> {finding.advice}")
    return "".join(make_harmless(line).replace("\n", " ") + "\n" for line in lines)


def _object(finding: Finding) -> dict[str, Any]:
    return {
        "check": finding.check,
        "health": finding.health.value,
        "words": finding.words,
        "advice": finding.advice,
    }
