"""Facts about how a command ends: every failure has its exit code and its words."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import typer

from kilo_sdk.cli.ending import end_with
from kilo_sdk.cli.exit_codes import ExitCode
from kilo_sdk.cli.render import TextOutput
from kilo_sdk.errors import ConfigurationError, RateLimitError


def raising(error: BaseException) -> Callable[[], ExitCode]:
    def command() -> ExitCode:
        raise error

    return command


def ended(command: Callable[[], ExitCode]) -> int:
    with pytest.raises(typer.Exit) as caught:
        end_with(command, TextOutput())
    return caught.value.exit_code


def test_a_command_ends_with_its_own_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert ended(lambda: ExitCode.DONE) == 0
    assert ended(lambda: ExitCode.REFUSED) == 1
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (ConfigurationError("bad"), 2, "kilo-sdk: bad\n"),
        (RateLimitError("slow down"), 1, "kilo-sdk: slow down\n"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_what_failed_is_told_and_never_traced(
    capsys: pytest.CaptureFixture[str], error: BaseException, code: int, words: str
) -> None:
    assert ended(raising(error)) == code
    assert capsys.readouterr() == ("", words)


def test_what_is_no_failure_of_ours_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        end_with(raising(ZeroDivisionError()), TextOutput())
