"""Facts about the HTTP layer: foreign errors are translated, connections belong to one loop."""

from __future__ import annotations

import asyncio
import os

import aiohttp
import anyio
import pytest
from sending import send, send_for_endless_answer

from kilo_sdk import (
    APIConnectionError,
    ConfigurationError,
    Timeouts,
)
from kilo_sdk.emulator import LocalGateway, RawReply
from kilo_sdk.exchange import Exchange
from kilo_sdk.http import Connections
from kilo_sdk.network import Network
from kilo_sdk.timeouts import CallClocks

pytestmark = pytest.mark.anyio

TICK = float(os.environ.get("KILO_TEST_TICK", "0.05"))


async def test_a_large_body_goes_out_whole(gateway: LocalGateway, connections: Connections) -> None:
    body = b'{"filler":"' + b"x" * (3 * 2**20) + b'"}'
    gateway.enqueue(RawReply(body=b"{}"))
    await (await send(connections, gateway, body=body)).finish()
    assert gateway.requests[0].payload == {"filler": "x" * (3 * 2**20)}
    assert gateway.requests[0].headers["content-length"] == str(len(body))


async def test_a_refused_connection_says_so(connections: Connections) -> None:
    async with LocalGateway() as gone:
        pass
    with pytest.raises(APIConnectionError, match="the host cannot be reached") as raised:
        await send(connections, gone, model="m/x")
    assert type(raised.value) is APIConnectionError
    assert isinstance(raised.value.__cause__, aiohttp.ClientConnectorError)


@pytest.mark.parametrize("url", ["http://[::1", "ftp://127.0.0.1/", "http://\ud800.example/"])
async def test_a_url_that_cannot_be_is_a_wrong_setting(url: str, connections: Connections) -> None:
    with pytest.raises(ConfigurationError):
        await connections.send("GET", url, headers={}, body=None, clocks=CallClocks(Timeouts()))


async def test_closing_twice_is_fine_and_use_after_it_is_not(
    gateway: LocalGateway, connections: Connections
) -> None:
    await (await send(connections, gateway)).finish()
    assert not connections.closed
    await connections.close()
    await connections.close()
    assert connections.closed
    with pytest.raises(ConfigurationError, match="the client is closed; make a new KiloClient"):
        await send(connections, gateway)
    assert len(gateway.requests) == 1


async def test_a_session_of_the_caller_stays_open(gateway: LocalGateway) -> None:
    async with aiohttp.ClientSession(headers={"X-Mine": "yes"}, raise_for_status=True) as session:
        connections = Connections(session=session)
        gateway.enqueue(RawReply(status=500, body=b"{}"))
        exchange = await send(connections, gateway)
        assert exchange.status == 500
        await exchange.finish()
        await connections.close()
        assert not session.closed
    assert gateway.requests[0].headers["x-mine"] == "yes"


async def test_each_request_goes_out_with_its_own_headers(
    gateway: LocalGateway, connections: Connections
) -> None:
    for key in ("one", "one", "other", "one"):
        await (await send(connections, gateway, key=key)).finish()
    sent = [one.headers["authorization"] for one in gateway.requests]
    assert sent == ["Bearer one", "Bearer one", "Bearer other", "Bearer one"]


async def test_headers_that_change_between_requests_go_out_as_they_are_then(
    gateway: LocalGateway, connections: Connections
) -> None:
    headers = {"X-Try": "0"}
    for number in range(3):
        headers["X-Try"] = str(number)
        clocks = CallClocks(Timeouts())
        url = gateway.base_url + "chat/completions"
        exchange = await connections.send("POST", url, headers=headers, body=b"{}", clocks=clocks)
        await exchange.finish()
    assert [one.headers["x-try"] for one in gateway.requests] == ["0", "1", "2"]


async def test_a_session_that_the_caller_closed_is_a_wrong_setting(gateway: LocalGateway) -> None:
    session = aiohttp.ClientSession()
    await session.close()
    with pytest.raises(ConfigurationError, match="the aiohttp session given to the client"):
        await send(Connections(session=session), gateway)


async def test_max_connections_is_kept(gateway: LocalGateway) -> None:
    connections = Connections(network=Network(max_connections=2))
    gateway.enqueue(*[RawReply(body=[b"data: 1\n\n", 2 * TICK])] * 6)

    async def call() -> None:
        await (await send(connections, gateway)).read_all(100)

    async with anyio.create_task_group() as group:
        for _ in range(6):
            group.start_soon(call)
    assert gateway.peak_streams == 2
    await connections.close()


def test_connections_belong_to_the_loop_of_their_first_use() -> None:
    connections = Connections()

    async def use(*, close: bool = False) -> None:
        async with LocalGateway() as gateway:
            await (await send(connections, gateway)).finish()
            if close:
                await connections.close()

    asyncio.run(use())
    with pytest.raises(ConfigurationError, match="belongs to another event loop"):
        asyncio.run(use())
    asyncio.run(connections.close())
    assert connections.closed


def test_whether_they_can_be_used_is_told_before_anything_is_sent() -> None:
    connections = Connections()
    connections.check_usable()

    async def use() -> None:
        async with LocalGateway() as gateway:
            (await send(connections, gateway)).close()
        connections.check_usable()

    async def elsewhere() -> None:
        with pytest.raises(ConfigurationError, match="another event loop"):
            connections.check_usable()
        await connections.close()
        with pytest.raises(ConfigurationError, match="the client is closed"):
            connections.check_usable()

    asyncio.run(use())
    asyncio.run(elsewhere())


async def test_closing_in_another_loop_is_refused_while_the_first_runs(
    gateway: LocalGateway,
) -> None:
    connections = Connections()
    exchange = await send_for_endless_answer(connections, gateway)
    with pytest.raises(ConfigurationError, match="belongs to another event loop"):
        await asyncio.to_thread(asyncio.run, connections.close())
    assert not connections.closed
    assert not exchange.closed
    await connections.close()
    assert exchange.closed


def test_closing_in_another_loop_is_fine_when_the_first_is_over() -> None:
    held: list[Exchange] = []

    async def begin(connections: Connections) -> None:
        async with LocalGateway() as gateway:
            held.append(await send_for_endless_answer(connections, gateway))

    connections = Connections()
    asyncio.run(begin(connections))
    asyncio.run(connections.close())
    assert held.pop().closed


def test_a_session_of_another_loop_is_a_wrong_setting() -> None:
    async def make() -> aiohttp.ClientSession:
        return aiohttp.ClientSession()

    async def use(session: aiohttp.ClientSession) -> None:
        async with LocalGateway() as gateway:
            await send(Connections(session=session), gateway)

    with asyncio.Runner() as first:
        session = first.run(make())
        with pytest.raises(ConfigurationError, match="another event loop"):
            asyncio.run(use(session))
        first.run(session.close())


async def test_a_session_is_one_of_aiohttp() -> None:
    with pytest.raises(ConfigurationError, match=r"session is an aiohttp\.ClientSession, not str"):
        Connections(session="https://")  # type: ignore[arg-type]
