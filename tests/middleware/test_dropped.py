"""What is told of parts that were left out of a history: once, and none of their words."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

import pytest

from kilo_sdk.middleware.dropped import DroppedPart, tell_dropped

UNSIGNED = DroppedPart(1, "assistant", "unsigned text", 2)
FOREIGN = DroppedPart(1, "assistant", "another vendor's signature")
MALFORMED = DroppedPart(3, "user", "malformed detail", malformed=True)


@pytest.fixture(autouse=True)
def _at_info(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "kilo_sdk.replay")


def told(
    caplog: pytest.LogCaptureFixture, *requests: Iterable[DroppedPart]
) -> list[tuple[str, str]]:
    """The level and the words of each line that the builds of one call bring."""
    so_far: frozenset[DroppedPart] = frozenset()
    for dropped in requests:
        so_far = tell_dropped("a/b", dropped, so_far)
    return [(record.levelname, record.getMessage()) for record in caplog.records]


def test_one_line_says_which_message_and_why(caplog: pytest.LogCaptureFixture) -> None:
    assert told(caplog, [MALFORMED, UNSIGNED, FOREIGN]) == [
        (
            "WARNING",
            "replay.dropped model=a/b left out of the history: messages[1] (assistant) another "
            "vendor's signature (1), unsigned text (2); messages[3] (user) malformed detail (1)",
        )
    ]


def test_a_history_that_is_in_order_is_no_warning(caplog: pytest.LogCaptureFixture) -> None:
    assert [level for level, _ in told(caplog, [UNSIGNED, FOREIGN])] == ["INFO"]


def test_nothing_is_told_of_nothing(caplog: pytest.LogCaptureFixture) -> None:
    assert told(caplog, [], []) == []


def test_what_was_told_of_a_call_is_not_told_again(caplog: pytest.LogCaptureFixture) -> None:
    lines = told(caplog, [UNSIGNED], [UNSIGNED], [UNSIGNED, MALFORMED], [MALFORMED])
    assert [level for level, _ in lines] == ["INFO", "WARNING"]
    assert "messages[1]" not in lines[1][1]


def test_a_record_holds_what_was_dropped(caplog: pytest.LogCaptureFixture) -> None:
    told(caplog, [MALFORMED, UNSIGNED])
    (record,) = caplog.records
    assert record.name == "kilo_sdk.replay"
    assert record.__dict__["model"] == "a/b"
    assert record.__dict__["dropped"] == (UNSIGNED, MALFORMED)


def test_a_long_history_makes_no_long_line(caplog: pytest.LogCaptureFixture) -> None:
    ((_, line),) = told(caplog, [DroppedPart(i, "assistant", "unsigned text") for i in range(50)])
    assert "messages[7]" in line
    assert "messages[8]" not in line
    assert line.endswith("; and 42 more messages")
    (record,) = caplog.records
    assert len(record.__dict__["dropped"]) == 50


@pytest.mark.parametrize("role", [None, 7, "", "the secret plan", ["assistant"]])
def test_a_role_that_is_none_is_not_repeated(role: Any) -> None:
    assert DroppedPart(0, role, "unsigned text").role == "unknown role"


@pytest.mark.parametrize("role", ["system", "developer", "user", "assistant", "tool"])
def test_a_role_is_named(role: str) -> None:
    assert DroppedPart(0, role, "unsigned text").role == role
