"""The five clocks as arithmetic: every time here is an argument."""

from __future__ import annotations

from math import inf, nan
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kilo_sdk.errors import ConfigurationError, TimeoutPhase
from kilo_sdk.timeouts import CallClocks, Timeouts

NEVER = Timeouts(connect=None, first_token=None, idle=None, stall=None, total=None)
NAMES = list(get_args(TimeoutPhase))


def clocks(**limits: float | None) -> CallClocks:
    return CallClocks(Timeouts(**{**dict.fromkeys(NAMES), **limits}))


# The limits


def test_there_is_a_limit_for_each_phase_and_the_defaults_are_sane() -> None:
    timeouts = Timeouts()
    assert [getattr(timeouts, name) for name in NAMES] == [10.0, 600.0, 120.0, 600.0, None]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("seconds", [0, 0.0, -1, "1", True, False, nan, [1]])
def test_a_limit_is_seconds_above_zero(name: str, seconds: Any) -> None:
    with pytest.raises(ConfigurationError, match=rf"Timeouts\({name}=.*seconds above 0"):
        Timeouts(**{name: seconds})


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("seconds", [None, 1, 0.001, inf])
def test_any_seconds_above_zero_and_none_are_taken(name: str, seconds: float | None) -> None:
    assert getattr(Timeouts(**{name: seconds}), name) == seconds


def test_limits_are_given_by_name() -> None:
    with pytest.raises(TypeError):
        Timeouts(10)  # type: ignore[call-arg]


# Waiting


def test_without_limits_nothing_runs_out() -> None:
    one = CallClocks(NEVER)
    one.response_began()
    one.start(100)
    assert one.next_check() == inf
    assert one.expired(1e12) is None


def test_before_a_wait_begins_nothing_runs_out() -> None:
    one = clocks(first_token=1, idle=1, stall=1, total=1)
    assert one.next_check() == inf
    assert one.expired(1e12) is None


def test_the_first_token_is_awaited_from_the_start() -> None:
    one = clocks(first_token=5)
    one.start(100)
    assert one.next_check() == 105
    assert one.expired(104.9) is None
    assert one.expired(105) == "first_token"


def test_bytes_are_no_first_token() -> None:
    one = clocks(first_token=5)
    one.response_began()
    one.start(100)
    one.byte(104)
    assert one.expired(105) == "first_token"


def test_after_output_the_first_token_is_awaited_no_more() -> None:
    one = clocks(first_token=5)
    one.start(100)
    one.output()
    one.stop(101)
    assert one.output_seen
    one.start(101)
    assert one.next_check() == inf


def test_chunks_without_output_leave_the_first_token_awaited() -> None:
    one = clocks(first_token=5)
    one.start(100)
    one.stop(103)
    one.start(200)
    assert one.next_check() == 202
    assert one.expired(202) == "first_token"


def test_each_try_awaits_the_first_token_anew() -> None:
    one = clocks(first_token=5, total=100)
    one.start(0)
    one.output()
    one.stop(4)
    one.begin_try()
    assert not one.output_seen
    one.start(10)
    assert one.next_check() == 15
    assert one.total_left == 96


def test_silence_counts_from_the_last_byte_once_the_response_began() -> None:
    one = clocks(idle=3)
    one.start(0)
    assert one.next_check() == inf
    one.response_began()
    assert one.next_check() == 3
    one.byte(2)
    assert one.next_check() == 5
    assert one.expired(4.9) is None
    assert one.expired(5) == "idle"


def test_a_new_try_is_silent_without_harm_until_its_response_began() -> None:
    one = clocks(idle=3)
    one.response_began()
    one.begin_try()
    one.start(0)
    assert one.expired(1e6) is None


def test_signs_of_life_do_not_stop_the_stall() -> None:
    one = clocks(idle=3, stall=10)
    one.response_began()
    one.start(0)
    for second in range(1, 10):
        one.byte(second)
        assert one.expired(second) is None
    one.byte(9.9)
    assert one.expired(10) == "stall"


def test_the_stall_counts_from_chunk_to_chunk() -> None:
    one = clocks(stall=10)
    one.response_began()
    one.start(0)
    one.output()
    one.stop(9)
    one.start(9)
    assert one.next_check() == 19


def test_the_total_runs_over_all_waits_and_only_over_waits() -> None:
    one = clocks(total=10)
    one.start(0)
    one.stop(4)
    one.start(1000)
    assert one.next_check() == 1006
    one.stop(1003)
    one.spend(2)
    assert one.total_left == 1
    one.start(5000)
    assert one.expired(5000.9) is None
    assert one.expired(5001) == "total"


def test_a_total_that_is_used_up_has_run_out_at_once() -> None:
    one = clocks(total=10)
    one.spend(11)
    one.start(0)
    assert one.next_check() == -1
    assert one.expired(0) == "total"


def test_while_the_caller_holds_a_chunk_nothing_runs() -> None:
    one = clocks(first_token=1, idle=1, stall=1, total=10)
    one.response_began()
    one.start(0)
    one.output()
    one.stop(0.5)
    assert one.next_check() == inf
    assert one.expired(1e9) is None
    one.start(1e9)
    assert one.expired(1e9 + 0.9) is None


def test_of_several_clocks_the_first_one_runs_out() -> None:
    one = clocks(first_token=5, idle=4, stall=3, total=6)
    one.response_began()
    one.start(0)
    assert one.next_check() == 3
    assert one.expired(3) == "stall"
    assert one.expired(4) == "idle"
    other = clocks(first_token=5, total=5)
    other.start(0)
    assert other.expired(5) == "total"


@given(
    st.fixed_dictionaries(dict.fromkeys(NAMES, st.none() | st.floats(0.5, 50))),
    st.booleans(),
    st.lists(st.floats(0, 20), max_size=5),
)
def test_nothing_has_run_out_before_the_next_check(
    limits: dict[str, float | None], began: bool, silences: list[float]
) -> None:
    one = CallClocks(Timeouts(**limits))
    if began:
        one.response_began()
    now = 100.0
    one.start(now)
    for silence in silences:
        check = one.next_check()
        assert one.expired(min(check - 0.01, 1e9)) is None
        if check < inf:
            assert one.expired(check) is not None
        assert one.left(now) == check - now
        now += silence
        if now >= check:
            break
        one.byte(now)


def test_what_is_left_before_a_wait_is_the_least_of_what_counts() -> None:
    one = clocks(first_token=5, idle=3, stall=4, total=9)
    assert one.left(inf) == 5
    one.response_began()
    assert one.left(inf) == 3
    one.output()
    assert clocks(first_token=5, total=9).left(inf) == 5
    one = clocks(first_token=5, stall=7, total=9)
    one.response_began()
    one.output()
    assert one.left(inf) == 7
    one.spend(8)
    assert one.left(inf) == 1
    assert clocks().left(inf) == inf


def test_a_wait_that_was_noted_elsewhere_counts_from_where_it_began() -> None:
    one = clocks(idle=3, stall=7)
    one.response_began()
    one.waiting_since(10)
    assert one.left(11) == 2
    one.byte(12)
    one.waiting_since(10)
    assert [one.left(14), one.expired(14.9), one.expired(15)] == [1, None, "idle"]
    one.waiting_since(20)  # another wait: what came in the one before is no byte of this one
    assert one.left(21) == 2
    one.waiting_since(inf)
    assert not one.is_waiting
    assert [one.left(100), one.expired(1e9)] == [3, None]
    one.waiting_since(30)
    assert [one.is_waiting, one.left(31)] == [True, 2]


def test_a_try_begins_with_a_wait_for_its_answer() -> None:
    one = clocks(first_token=5, idle=3, total=9)
    one.start(10)
    assert one.next_check() == 15  # idle does not run before the answer has begun
    assert one.expired(15) == "first_token"
    other = clocks()
    other.start(10)
    assert other.next_check() == inf


def test_what_is_left_in_a_wait_shrinks_with_time_and_grows_with_bytes() -> None:
    one = clocks(idle=3, stall=7)
    one.response_began()
    one.start(10)
    assert [one.left(now) for now in (10, 11, 13, 14)] == [3, 2, 0, -1]
    one.byte(12)
    assert one.left(14) == 1
    one.byte(16)
    assert one.left(16.5) == 0.5  # the stall's, which no byte holds up
    one.stop(17)
    assert one.left(17) == 3


@pytest.mark.parametrize(
    ("phase", "words"),
    [
        ("connect", "no connection within 1.5 s"),
        ("first_token", "no output within 2 s of sending the request"),
        ("idle", "not a byte for 3 s"),
        ("stall", "alive, but without a chunk for 4 s"),
        ("total", "not done within 0.001 s in all"),
    ],
)
def test_it_says_what_ran_out(phase: TimeoutPhase, words: str) -> None:
    one = clocks(connect=1.5, first_token=2, idle=3, stall=4, total=0.001)
    assert one.explain(phase) == words


# Two tries side by side


def test_a_try_beside_has_its_own_first_token_and_the_rest_of_the_total() -> None:
    one = clocks(total=10, first_token=4)
    one.spend(3)
    one.start(100)
    other = one.beside(102)
    assert other.total_left == 5
    other.begin_try()
    other.start(102)
    assert other.expired(105.9) is None
    assert other.expired(106) == "first_token"
    assert one.expired(101) == "first_token"


def test_a_try_beside_one_that_waits_for_nothing_has_all_that_is_left() -> None:
    one = clocks(total=10)
    one.spend(3)
    assert one.beside(50).total_left == 7
    assert clocks().beside(50).total_left == inf
