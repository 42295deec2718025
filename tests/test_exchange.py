"""Facts about one response: what is read, what a failure leaves, and who may read."""

from __future__ import annotations

import asyncio
import os
import threading

import anyio
import anyio.lowlevel
import pytest
from sending import seconds_until_timeout, send, send_for_endless_answer

from kilo_sdk import (
    APIConnectionError,
    APITimeoutError,
    ConfigurationError,
    ProtocolError,
    Timeouts,
)
from kilo_sdk.emulator import LocalGateway, RawReply
from kilo_sdk.exchange import Exchange
from kilo_sdk.http import Connections
from kilo_sdk.open_exchanges import WATCH_S

pytestmark = pytest.mark.anyio

TICK = float(os.environ.get("KILO_TEST_TICK", "0.05"))


async def test_an_exchange_shows_status_headers_and_type(
    gateway: LocalGateway, connections: Connections
) -> None:
    kind = {"Content-Type": "Text/Event-Stream; charset=utf-8", "X-Some": "Thing"}
    gateway.enqueue(RawReply(status=503, headers=kind, body=b"data: 1\n\n"))
    exchange = await send(connections, gateway)
    assert exchange.status == 503
    assert exchange.content_type == "text/event-stream"
    assert exchange.headers["x-some"] == "Thing"
    assert await exchange.read_all(100) == b"data: 1\n\n"
    assert not exchange.closed
    await exchange.finish()
    assert exchange.closed
    await exchange.finish()
    exchange.close()


async def test_a_body_that_came_with_its_headers_is_taken_at_once(
    gateway: LocalGateway, connections: Connections
) -> None:
    gateway.enqueue(RawReply(body=b"{}"))
    exchange = await send(connections, gateway)
    await anyio.sleep(TICK)
    assert not exchange.is_at_end
    assert exchange.take_whole(1) is None
    assert exchange.take_whole(2) == b"{}"
    assert exchange.is_at_end
    exchange.close(reuse=True)


async def test_a_body_that_is_still_on_its_way_is_not_taken(
    gateway: LocalGateway, connections: Connections
) -> None:
    gateway.enqueue(RawReply(body=[b"{", 2 * TICK, b"}"]))
    exchange = await send(connections, gateway)
    await anyio.sleep(TICK)
    assert exchange.take_whole(100) is None
    assert await exchange.read_all(100) == b"{}"
    await exchange.finish()


async def test_a_body_that_broke_off_is_not_taken(
    gateway: LocalGateway, connections: Connections
) -> None:
    gateway.enqueue(RawReply(body=[b"{}"], ending="reset"))
    exchange = await send(connections, gateway)
    await anyio.sleep(TICK)
    assert exchange.take_whole(100) is None
    with pytest.raises(APIConnectionError):
        await exchange.read_all(100)


async def test_after_the_first_output_a_limit_holds_to_the_moment_as_before_it(
    gateway: LocalGateway, connections: Connections
) -> None:
    gateway.enqueue(RawReply(body=[b"data: 1\n\n", TICK, b": alive\n\n"], ending="hang"))
    idle = 2.3 * WATCH_S
    exchange = await send(connections, gateway, timeouts=Timeouts(idle=idle, first_token=0.5))
    exchange.start_wait()
    assert await exchange.read() == b"data: 1\n\n"
    exchange.output()
    exchange.stop_wait()
    # Nothing runs while the caller holds what came, however long that is.
    await anyio.sleep(1.2 * idle)
    exchange.start_wait()
    assert await exchange.read() == b": alive\n\n"
    exchange.go_on()
    assert idle * 0.99 <= await seconds_until_timeout(exchange, "idle") < 2.9 * WATCH_S


async def test_a_limit_for_all_of_it_counts_every_wait_after_the_first_output_too(
    gateway: LocalGateway, connections: Connections
) -> None:
    bodies = [b"data: 1\n\n", 4 * TICK, b"data: 2\n\n"]
    gateway.enqueue(RawReply(body=bodies, ending="hang"))
    total = 12 * TICK
    exchange = await send(connections, gateway, timeouts=Timeouts(total=total))
    began = anyio.current_time()
    for data in (b"data: 1\n\n", b"data: 2\n\n"):
        exchange.start_wait()
        assert await exchange.read() == data
        if data == b"data: 1\n\n":
            exchange.output()
        exchange.stop_wait()
    exchange.start_wait()
    await seconds_until_timeout(exchange, "total")
    assert total * 0.9 <= anyio.current_time() - began < total + 8 * TICK


async def test_a_limit_holds_to_the_moment_while_something_comes_all_the_time(
    gateway: LocalGateway, connections: Connections
) -> None:
    gateway.enqueue(RawReply(body=[b"data: 1\n\n", 0.2] * 40))
    total = 4.2 * WATCH_S
    exchange = await send(connections, gateway, timeouts=Timeouts(total=total))
    began = anyio.current_time()

    async def read_on() -> None:
        while True:
            exchange.start_wait()
            await exchange.read()
            exchange.stop_wait()

    with pytest.raises(APITimeoutError) as raised:
        await read_on()
    assert raised.value.phase == "total"
    assert total * 0.95 <= anyio.current_time() - began < total + WATCH_S


async def test_a_body_past_the_limit_closes_the_exchange(
    gateway: LocalGateway, connections: Connections
) -> None:
    gateway.enqueue(RawReply(body=b"x" * 11))
    exchange = await send(connections, gateway, model="m/x")
    with pytest.raises(ProtocolError, match="longer than 10 bytes") as raised:
        await exchange.read_all(10)
    assert raised.value.model == "m/x"
    assert exchange.closed


async def test_what_came_before_a_failure_is_read_first_and_the_failure_stays(
    gateway: LocalGateway, connections: Connections
) -> None:
    gateway.enqueue(RawReply(body=[b"data: 1\n\n", TICK, b"data: 2\n\n"], ending="reset"))
    exchange = await send(connections, gateway)
    exchange.start_wait()
    assert await exchange.read() == b"data: 1\n\n"
    exchange.stop_wait()
    await anyio.sleep(3 * TICK)
    exchange.start_wait()
    assert await exchange.read() == b"data: 2\n\n"
    for _ in range(2):
        with pytest.raises(APIConnectionError):
            await exchange.read()
    exchange.stop_wait()


def test_a_body_is_not_read_in_another_loop() -> None:
    async def begin(gateway: LocalGateway, connections: Connections) -> Exchange:
        await gateway.start()
        return await send_for_endless_answer(connections, gateway)

    async def go_on(exchange: Exchange) -> bytes:
        return await exchange.read_all(100)

    gateway, connections = LocalGateway(), Connections()
    with asyncio.Runner() as first:
        exchange = first.run(begin(gateway, connections))
        with pytest.raises(ConfigurationError, match="another event loop"):
            asyncio.run(go_on(exchange))
        first.run(connections.close())
        first.run(gateway.close())


async def test_one_that_is_closed_from_another_thread_closes_in_its_own_loop(
    gateway: LocalGateway,
) -> None:
    """A stream that was dropped is collected in whatever thread collects."""
    connections = Connections()
    exchange = await send_for_endless_answer(connections, gateway)
    threads: list[int] = []
    exchange.on_close = lambda: threads.append(threading.get_ident())
    await asyncio.to_thread(exchange.close)
    while not exchange.closed:
        await anyio.lowlevel.checkpoint()
    assert threads == [threading.get_ident()]
    await connections.close()
