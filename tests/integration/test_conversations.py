"""Ten turns with tools, reasoning and changes of vendor, against a gateway that verifies.

The short form of ``nox -s conversations``.
"""

from __future__ import annotations

import pytest
from talk import talk

pytestmark = pytest.mark.anyio

SEEDS = range(12)


async def test_nothing_is_refused() -> None:
    tally = await talk(SEEDS)
    assert tally.rejections == {}
    assert tally.calls >= 10 * len(SEEDS)
    assert tally.details > 100 * len(SEEDS)


async def test_without_sanitation_vendors_refuse_so_that_the_check_can_fail() -> None:
    tally = await talk(SEEDS, sanitised=False)
    assert len(tally.rejections) >= 3, tally.report()
