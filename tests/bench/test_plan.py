from __future__ import annotations

import math
from typing import Any

import pytest

from kilo_sdk import ConfigurationError
from kilo_sdk.bench.plan import Phases, Share, Target


@pytest.mark.parametrize("of", [1, 2, 3, 7])
@pytest.mark.parametrize("whole", [0, 1, 5, 21])
def test_shares_add_up_and_no_number_is_taken_twice(of: int, whole: int) -> None:
    shares = [Share(index, of) for index in range(of)]
    assert sum(share.part_of(whole) for share in shares) == whole
    taken = [pair for share in shares for pair in share.every(iter([0.5] * whole))]
    assert sorted(number for number, _ in taken) == list(range(whole))


@pytest.mark.parametrize(
    "phases",
    [
        {"requests": 0},
        {"duration": 0.0},
        {"duration": math.inf},
        {"warmup": -1.0},
        {"cooldown": math.nan},
        {"drain": -0.1},
    ],
)
def test_phases_out_of_range_are_refused(phases: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(phases))):
        Phases(**phases)


def test_no_key_is_in_what_is_shown_of_a_target() -> None:
    target = Target(api_key="sk-secret", headers={"X-Key": "sk-other"})
    assert "sk-" not in repr(target)
