"""Facts about the progress of tries: since when one is under way, and what is told of it."""

from __future__ import annotations

import anyio
import pytest

from kilo_sdk import APIConnectionError, ServiceUnavailableError, TryReport
from kilo_sdk.refs import ModelRef
from kilo_sdk.resilience.try_progress import TryProgress

pytestmark = pytest.mark.anyio

REF = ModelRef("openai/gpt-4.1")


async def test_it_is_under_way_from_its_beginning_to_its_end() -> None:
    progress = TryProgress(None)
    before = anyio.current_time()
    assert not progress.under_way
    assert progress.since >= before
    progress.begin(1)
    began = progress.since
    await anyio.sleep(0.01)
    assert progress.under_way
    assert progress.since == began
    progress.end(REF, "answered")
    assert not progress.under_way
    assert progress.since > began


async def test_each_is_told_of_once_with_its_own_number_and_time() -> None:
    told: list[TryReport] = []
    progress = TryProgress(told.append, is_hedge=True)
    busy = ServiceUnavailableError("busy", status_code=503)
    progress.begin(2)
    await anyio.sleep(0.02)
    progress.end(REF, "retry", busy, wait=1.5)
    progress.begin(4)
    progress.answer_began = True
    progress.end(REF, "answered")
    first, second = told
    assert 0.02 <= first.seconds < 5
    assert second.seconds < first.seconds
    assert [(one.number, one.outcome, one.error, one.wait) for one in told] == [
        (2, "retry", busy, 1.5),
        (4, "answered", None, 0.0),
    ]
    assert [(one.ref, one.is_hedge, one.may_be_billed) for one in told] == [
        (REF, True, False),
        (REF, True, True),
    ]


@pytest.mark.parametrize("never_sent", [True, False])
async def test_what_was_never_sent_is_on_no_bill(never_sent: bool) -> None:
    told: list[TryReport] = []
    progress = TryProgress(told.append)
    progress.begin(1)
    progress.end(REF, "failed", APIConnectionError("gone"), never_sent=never_sent)
    assert [one.may_be_billed for one in told] == [not never_sent]


async def test_a_new_try_knows_nothing_of_the_answer_to_the_last() -> None:
    progress = TryProgress(None)
    progress.begin(1)
    progress.answer_began = True
    progress.begin(2)
    assert not progress.answer_began
