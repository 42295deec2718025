"""The measure of growth accepts linear work, refuses quadratic work, and minds no noise."""

from __future__ import annotations

import gc
import time

import pytest
from growth import TIMES, assert_linear

STEPS = 20_000


def test_linear_work_is_accepted() -> None:
    assert_linear(lambda size: sum(range(size)), STEPS)


def test_quadratic_work_is_refused() -> None:
    with pytest.raises(AssertionError, match="8 times the size took"):
        assert_linear(lambda size: sum(range(size * size)), 150)


def test_copying_what_came_before_with_every_piece_is_refused() -> None:
    def work(size: int) -> None:
        text = b""
        for _ in range(size):
            text = text + b"x" * 100

    with pytest.raises(AssertionError, match="times the work"):
        assert_linear(work, 300)


def test_time_in_which_the_thread_does_not_run_does_not_count() -> None:
    def work(size: int) -> None:
        sum(range(size))
        if size > STEPS:
            time.sleep(0.1)

    assert_linear(work, STEPS)


def test_a_disturbed_round_is_measured_again() -> None:
    disturbances = iter([TIMES * TIMES, TIMES * TIMES])

    def work(size: int) -> None:
        if size > STEPS:
            size *= next(disturbances, 1)
        sum(range(size))

    assert_linear(work, STEPS)
    assert next(disturbances, None) is None


def test_no_garbage_is_collected_while_work_is_measured() -> None:
    collecting = []

    def work(size: int) -> None:
        collecting.append(gc.isenabled())
        sum(range(size))

    assert gc.isenabled()
    assert_linear(work, STEPS)
    assert gc.isenabled()
    assert collecting
    assert not any(collecting)


def test_garbage_is_collected_again_after_work_that_failed() -> None:
    with pytest.raises(ZeroDivisionError):
        assert_linear(lambda size: size // 0, 1)
    assert gc.isenabled()
