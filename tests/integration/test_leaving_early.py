"""Whoever leaves a stream closes its connection at once, in whatever way and at whatever point."""

from __future__ import annotations

import asyncio
import gc
import warnings
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, NoReturn

import aiohttp
import anyio
import pytest
from aiohttp.abc import AbstractResolver

from kilo_sdk import (
    ConfigurationError,
    KiloClient,
    KiloError,
    OutgoingRequest,
    RetryPolicy,
    StreamInterruptedError,
)
from kilo_sdk.emulator import LocalGateway, RawReply

pytestmark = pytest.mark.anyio

MODEL = "openai/gpt-4.1"
FLOWING = ""
STALLED = "stall;after=3"
COMMENTS = "comments;after=3;interval=0.01"
NO_OUTPUT = "comments;after=0;interval=0.01"
NO_HEADERS = "delay=600"
HALF_A_BODY = "stall;after=1"

Leaving = Callable[[KiloClient, dict[str, str], float], Awaitable[None]]


class Scene:
    """A gateway, a client, and what must be as before once a call was left."""

    def __init__(self, gateway: LocalGateway, client: KiloClient, tick: float) -> None:
        self.gateway = gateway
        self.client = client
        self.tick = tick
        self._tasks: set[asyncio.Task[Any]] = set()

    def opening(self, fault: str = FLOWING) -> Any:
        self.remember_tasks()
        headers = {"X-Kilo-Emulator-Fault": fault} if fault else {}
        return self.client.chat.completions.stream(
            messages="5000 words", model=MODEL, extra_headers=headers
        )

    def remember_tasks(self) -> None:
        """The tasks that may still be there when the call was left."""
        self._tasks = asyncio.all_tasks()

    def idle_connections(self) -> int:
        """How many connections wait for the next request."""
        session = self.client.connections._session
        assert session is not None
        if session.closed:
            return 0
        assert session.connector is not None
        return len(session.connector._conns)

    async def check_left(self) -> None:
        """The server saw the close within two ticks, and nothing is left behind."""
        left = asyncio.get_running_loop().time()
        (request,) = self.gateway.requests
        with anyio.fail_after(30):
            while request.disconnected_at is None:  # noqa: ASYNC110 - it tells no event
                await anyio.sleep(self.tick / 50)
        assert request.disconnected_at - left <= 2 * self.tick
        assert self.gateway.open_streams == 0
        assert not self.idle_connections(), "what was left must not be used again"
        await anyio.sleep(self.tick)
        assert asyncio.all_tasks() - self._tasks == set()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session
        connector = session.connector
        assert connector is not None
        assert connector._acquired == set(), "a connection is still in use"


@pytest.fixture
async def scene(session: aiohttp.ClientSession, tick: float) -> AsyncIterator[Scene]:
    async with (
        LocalGateway(tokens_per_second=10 / tick) as gateway,
        KiloClient("key", base_url=gateway.base_url, session=session) as client,
    ):
        yield Scene(gateway, client, tick)


STATES = pytest.mark.parametrize("fault", [FLOWING, STALLED, COMMENTS])


@STATES
async def test_by_break_inside_the_block(fault: str, scene: Scene) -> None:
    async with scene.opening(fault) as stream:
        async for chunk in stream:
            if chunk.choices[0].delta.content:
                break
    assert stream.closed
    await scene.check_left()


@STATES
@pytest.mark.parametrize("way", ["chunks", "text_deltas", "events"])
async def test_by_break_without_a_block(way: str, fault: str, scene: Scene) -> None:
    stream = await scene.opening(fault).__aenter__()
    stream._entered = False  # as create(stream=True) hands it out
    iteration = aiter(stream) if way == "chunks" else getattr(stream, way)()
    async for _ in iteration:
        break
    del iteration
    await scene.check_left()
    assert stream.closed


@STATES
async def test_by_an_exception_in_the_block(fault: str, scene: Scene) -> None:
    async def fail() -> None:
        async with scene.opening(fault) as stream:
            await anext(stream)
            raise LookupError("of the caller")

    with pytest.raises(LookupError, match="of the caller"):
        await fail()
    await scene.check_left()


@STATES
async def test_by_close(fault: str, scene: Scene) -> None:
    stream = await scene.opening(fault).__aenter__()
    await anext(stream)
    await stream.close()
    await scene.check_left()


@STATES
async def test_by_dropping_it(fault: str, scene: Scene) -> None:
    held = [await scene.opening(fault).__aenter__()]
    await anext(held[0])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        held.clear()
        gc.collect()
    assert [one.category for one in caught] == [ResourceWarning]
    await scene.check_left()


async def read_to_the_end(scene: Scene, fault: str) -> None:
    async with scene.opening(fault) as stream:
        await stream.get_final_completion()


WAITS = pytest.mark.parametrize("fault", [FLOWING, STALLED, COMMENTS, NO_OUTPUT, NO_HEADERS])


@WAITS
async def test_by_cancelling_the_task(fault: str, scene: Scene) -> None:
    task = asyncio.create_task(read_to_the_end(scene, fault))
    await anyio.sleep(2 * scene.tick)
    assert task.cancel("enough")
    with pytest.raises(asyncio.CancelledError):
        await task
    assert task.cancelled()
    del task
    await scene.check_left()


@WAITS
async def test_by_asyncio_timeout(fault: str, scene: Scene) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(2 * scene.tick):
            await read_to_the_end(scene, fault)
    await scene.check_left()


@WAITS
async def test_by_an_anyio_cancel_scope(fault: str, scene: Scene) -> None:
    with anyio.move_on_after(2 * scene.tick) as scope:
        await read_to_the_end(scene, fault)
    assert scope.cancelled_caught
    await scene.check_left()


@WAITS
async def test_by_a_sibling_that_fails(fault: str, scene: Scene) -> None:
    async def fail() -> None:
        await anyio.sleep(2 * scene.tick)
        raise LookupError

    async def both() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(read_to_the_end, scene, fault)
            group.start_soon(fail)

    with pytest.raises(ExceptionGroup) as raised:
        await both()
    (only,) = raised.value.exceptions
    assert isinstance(only, LookupError)
    await scene.check_left()


@pytest.mark.parametrize("fault", [HALF_A_BODY, NO_OUTPUT, NO_HEADERS])
async def test_a_call_without_a_stream_is_left_by_cancellation(fault: str, scene: Scene) -> None:
    scene.remember_tasks()
    with anyio.move_on_after(2 * scene.tick) as scope:
        await scene.client.chat.completions.create(
            messages="Hi", model=MODEL, extra_headers={"X-Kilo-Emulator-Fault": fault}
        )
    assert scope.cancelled_caught
    await scene.check_left()


async def test_the_wait_for_another_try_can_be_cancelled(scene: Scene) -> None:
    with anyio.move_on_after(2 * scene.tick) as scope:
        await read_to_the_end(scene, "status=503;retry_after=30")
    assert scope.cancelled_caught
    await anyio.sleep(scene.tick)
    assert len(scene.gateway.requests) == 1


async def test_the_end_of_a_whole_answer_can_be_cancelled(scene: Scene) -> None:
    """``[DONE]`` is here and the end of the body is not: that wait is a wait like any other."""
    event = b'data: {"id":"g","choices":[{"index":0,"delta":{"content":"All."}}]}\n\n'
    scene.gateway.enqueue(RawReply(body=[event, b"data: [DONE]\n\n"], ending="hang"))
    async with scene.opening() as stream:
        await anext(stream)
        await anyio.sleep(scene.tick)  # until ``[DONE]`` is here
        with anyio.move_on_after(0.01) as scope:
            await stream.get_final_completion()
        assert scope.cancelled_caught
        await scene.check_left()
        assert (await stream.get_final_completion()).text == "All."


@pytest.mark.parametrize("where", ["token", "middleware"])
async def test_waiting_for_a_token_or_a_middleware_can_be_cancelled(
    where: str, scene: Scene
) -> None:
    async def token() -> str:
        if where == "token":
            await anyio.sleep(60)
        return "key"

    async def middleware(_: OutgoingRequest) -> None:
        if where == "middleware":
            await anyio.sleep(60)

    client = scene.client.with_options(api_key=token, request_middleware=[middleware])
    with anyio.move_on_after(2 * scene.tick) as scope:
        await client.chat.completions.create(messages="Hi", model=MODEL)
    assert scope.cancelled_caught
    assert not scene.gateway.requests


@pytest.mark.parametrize("own", [True, False], ids=["own session", "given session"])
@pytest.mark.parametrize("fault", [STALLED, NO_OUTPUT, NO_HEADERS])
async def test_closing_the_client_ends_what_waits_and_nothing_is_asked_again(
    fault: str, own: bool, scene: Scene, session: aiohttp.ClientSession, tick: float
) -> None:
    given = None if own else session
    async with KiloClient(base_url=scene.gateway.base_url, session=given) as client:
        inner = Scene(scene.gateway, client, tick)
        inner.remember_tasks()
        reading = asyncio.create_task(read_to_the_end(inner, fault))
        await anyio.sleep(2 * tick)
        await client.close()
        with anyio.fail_after(2 * tick), pytest.raises(KiloError) as raised:
            await reading
        kind = StreamInterruptedError if fault == STALLED else ConfigurationError
        assert type(raised.value) is kind
        del reading
        await inner.check_left()


async def test_closing_the_client_ends_the_wait_for_a_connection(scene: Scene, tick: float) -> None:
    async with KiloClient(base_url=scene.gateway.base_url, max_connections=1) as client:
        inner = Scene(scene.gateway, client, tick)
        async with inner.opening(STALLED):
            waiting = asyncio.create_task(
                client.chat.completions.create(messages="Hi", model=MODEL)
            )
            await anyio.sleep(2 * tick)
            await client.close()
            with anyio.fail_after(2 * tick), pytest.raises(ConfigurationError, match="is closed"):
                await waiting
        assert not waiting.cancelled()
        del waiting
        await inner.check_left()


class _NoNames(AbstractResolver):
    """Looks names up for ever."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()

    async def resolve(self, *_: Any, **__: Any) -> NoReturn:
        self.asked.set()
        await asyncio.Event().wait()
        raise AssertionError

    async def close(self) -> None: ...


@pytest.mark.parametrize("closed", ["client", "session"])
async def test_closing_ends_the_wait_for_a_name_and_no_call_reads_as_cancelled(
    closed: str, tick: float
) -> None:
    resolver = _NoNames()
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(resolver=resolver)) as session,
        KiloClient(
            base_url="http://gateway.test/",
            session=session,
            retries=RetryPolicy(wait_initial=0),
        ) as client,
    ):
        calls = [
            asyncio.create_task(client.chat.completions.create(messages="Hi", model=MODEL))
            for _ in range(2)  # the second waits for what the first has asked
        ]
        await resolver.asked.wait()
        await anyio.sleep(tick)
        await (client.close() if closed == "client" else session.close())
        with anyio.fail_after(2 * tick):
            ended = await asyncio.gather(*calls, return_exceptions=True)
    words = f"the {closed} is closed" if closed == "client" else "to the client is closed"
    assert [type(one) for one in ended] == [ConfigurationError] * 2
    assert all(words in str(one) for one in ended)


@pytest.mark.parametrize("own", [True, False])
async def test_a_stream_of_a_closed_client_was_cut(own: bool, scene: Scene, tick: float) -> None:
    """The client's own session is closed with it; one of the caller's is closed by the caller."""
    session = None if own else aiohttp.ClientSession()
    async with KiloClient(base_url=scene.gateway.base_url, session=session) as client:
        inner = Scene(scene.gateway, client, tick)
        stream = await inner.opening(STALLED).__aenter__()
        while not stream.partial.text.startswith("You said"):
            await anext(stream)
        came = stream.partial.text
        await (client.close() if session is None else session.close())
        await inner.check_left()
        with pytest.raises(StreamInterruptedError) as raised:
            await stream.get_final_completion()
        assert raised.value.partial is not None
        assert raised.value.partial.text == came
