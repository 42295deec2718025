"""Facts about looking after open exchanges: in turn, in portions, while there are any."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import cast

import anyio
import anyio.lowlevel
import pytest
from sending import seconds_until_timeout, send, send_for_endless_answer

from kilo_sdk import Timeouts
from kilo_sdk.emulator import LocalGateway, RawReply
from kilo_sdk.exchange import Exchange
from kilo_sdk.http import Connections
from kilo_sdk.open_exchanges import WATCH_S, OpenExchanges

pytestmark = pytest.mark.anyio


class Looked:
    """Stands where an exchange does, and counts."""

    def __init__(self, turns: list[int]) -> None:
        self.turns = turns
        self.times: list[float] = []
        self.in_turn: list[int] = []
        self.closed = False

    def look(self) -> None:
        self.times.append(asyncio.get_running_loop().time())
        self.in_turn.append(len(self.turns))

    def close(self) -> None:
        self.closed = True


def added(open_: OpenExchanges, count: int, turns: list[int] | None = None) -> list[Looked]:
    loop = asyncio.get_running_loop()
    exchanges = [Looked([] if turns is None else turns) for _ in range(count)]
    for one in exchanges:
        open_.add(cast("Exchange", one), loop)
    return exchanges


async def test_each_is_looked_at_once_in_a_round() -> None:
    open_ = OpenExchanges()
    first, second = added(open_, 2)
    open_.discard(cast("Exchange", second))
    await anyio.sleep(2.5 * WATCH_S)
    assert len(first.times) == 2
    assert first.times[1] - first.times[0] >= WATCH_S * 0.99
    assert second.times == []
    open_.close()


async def test_thousands_are_looked_at_in_portions_with_turns_of_the_loop_between() -> None:
    open_, turns = OpenExchanges(), [0]
    exchanges = added(open_, 1200, turns)

    async def turn() -> None:
        while True:
            await anyio.lowlevel.checkpoint()
            turns.append(0)

    async with anyio.create_task_group() as tasks:
        await anyio.sleep(0.9 * WATCH_S)
        tasks.start_soon(turn)
        await anyio.sleep(0.5 * WATCH_S)
        tasks.cancel_scope.cancel()
    assert [len(one.in_turn) for one in exchanges] == [1] * 1200
    portions = Counter(one.in_turn[0] for one in exchanges)
    assert sorted(portions.values()) == [200, 500, 500]
    open_.close()


async def test_with_nothing_open_no_timer_is_left_and_the_next_one_starts_it_again() -> None:
    open_ = OpenExchanges()
    (one,) = added(open_, 1)
    open_.discard(cast("Exchange", one))
    await anyio.sleep(1.2 * WATCH_S)
    assert open_._timer is None
    (other,) = added(open_, 1)
    await anyio.sleep(1.2 * WATCH_S)
    assert (len(one.times), len(other.times)) == (0, 1)
    open_.close()


async def test_closing_closes_each_and_looks_at_none_any_more() -> None:
    open_ = OpenExchanges()
    exchanges = added(open_, 3)
    assert set(open_) == set(exchanges)
    assert len(open_) == 3
    open_.close()
    assert all(one.closed for one in exchanges)
    await anyio.sleep(1.2 * WATCH_S)
    assert [one.times for one in exchanges] == [[], [], []]


async def test_a_limit_of_seconds_that_are_no_whole_rounds_holds_to_the_moment(
    gateway: LocalGateway, connections: Connections
) -> None:
    gateway.enqueue(RawReply(body=[b"data: 1\n\n"], ending="hang"))
    idle = 2.3 * WATCH_S
    exchange = await send(connections, gateway, timeouts=Timeouts(idle=idle))
    exchange.start_wait()
    assert await exchange.read() == b"data: 1\n\n"
    exchange.go_on()
    # Rounds alone would find out after three.
    assert idle * 0.99 <= await seconds_until_timeout(exchange, "idle") < 2.9 * WATCH_S


async def test_an_exchange_is_among_the_open_ones_until_it_is_closed(
    gateway: LocalGateway, connections: Connections
) -> None:
    exchange = await send_for_endless_answer(connections, gateway)
    assert list(connections._exchanges) == [exchange]
    exchange.close()
    assert list(connections._exchanges) == []
