"""The soak in a run short enough for every day; nox -s soak is the long one."""

from __future__ import annotations

import pytest
from soak import Given, objection, soak

pytestmark = pytest.mark.anyio

WHOLE = "one two three"


async def test_nothing_is_lost_and_nothing_is_left() -> None:
    tally = await soak(concurrency=100, calls=1000, seed=1, silence=3.0)
    assert tally.calls == 1000
    assert tally.outcomes["complete"] > 400
    assert tally.joined > 5
    assert len(tally.outcomes) >= 6, tally.outcomes
    assert tally.is_clean, tally.report()


@pytest.mark.parametrize(
    ("outcome", "given", "way"),
    [
        ("complete", Given("one two", whole=True), "chunks"),
        ("complete", Given("one one two three", whole=True), "chunks"),
        ("complete", Given(WHOLE, whole=False), "chunks"),
        ("left", Given("two"), "chunks"),
        ("left", Given(WHOLE, whole=True), "chunks"),
        ("StreamInterruptedError", Given("one two"), "chunks"),
        ("APITimeoutError (idle)", Given("one three"), "text_deltas"),
    ],
)
def test_a_wrong_answer_is_objected_to(outcome: str, given: Given, way: str) -> None:
    assert objection(outcome, given, WHOLE, [], way)
