"""Which error ends the process with which code."""

from __future__ import annotations

import pytest

from kilo_sdk import errors
from kilo_sdk.cli.exit_codes import ExitCode, exit_code_of

CLASSES = [getattr(errors, name) for name in errors.__all__ if name != "TimeoutPhase"]


def test_the_codes_are_these() -> None:
    assert {code.name: code.value for code in ExitCode} == {
        "DONE": 0,
        "REFUSED": 1,
        "USAGE": 2,
        "REGRESSION": 3,
        "INTERRUPTED": 130,
    }


@pytest.mark.parametrize("cls", CLASSES)
def test_a_configuration_error_is_a_usage_error_and_any_other_a_refusal(
    cls: type[errors.KiloError],
) -> None:
    expected = ExitCode.USAGE if cls is errors.ConfigurationError else ExitCode.REFUSED
    assert exit_code_of(cls("words")) is expected
