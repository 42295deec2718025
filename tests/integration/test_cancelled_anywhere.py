"""A call can be cancelled at each of its awaits, and leaves no connection, task or hold behind.

Every call is run again and again, cancelled at its first await, at its second, and so on, until
it comes to its end before.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import Any

import anyio
import pytest

from kilo_sdk import CostMeter, KiloClient, Limits, RetryPolicy, Timeouts
from kilo_sdk.emulator import LocalGateway

pytestmark = pytest.mark.anyio

GPT = "openai/gpt-4.1"
HEDGE_AFTER = 0.002
Call = Callable[[KiloClient], Coroutine[Any, Any, object]]


_nanoseconds = itertools.count(1)


def once(fault: str) -> dict[str, str]:
    """Headers that let the first request of one call meet a fault.

    Equal faults share their count, and the gateway serves call after call: each differs from
    all others in its delay.
    """
    delay = next(_nanoseconds) / 1e9
    if "delay=" in fault:
        fault, _, slow = fault.partition("delay=")
        delay += float(slow)
    return {"X-Kilo-Emulator-Fault": f"{fault.rstrip(';')};delay={delay:.9f};times=1".lstrip(";")}


class CancelAt:
    """Runs a coroutine, and does something in the moment before its n-th wait."""

    def __init__(self, work: Coroutine[Any, Any, object], at: int, act: Callable[[], object]):
        self._work = work
        self._left = at
        self._act = act

    def __await__(self) -> Generator[Any, Any, object]:
        inner = self._work.__await__()
        value: Any = None
        error: BaseException | None = None
        while True:
            try:
                pending = inner.send(value) if error is None else inner.throw(error)
            except StopIteration as end:
                return end.value
            value = error = None
            self._left -= 1
            if self._left == 0:
                self._act()
            try:
                value = yield pending
            except BaseException as exc:
                error = exc


async def create(client: KiloClient) -> object:
    return await client.chat.completions.create(messages="Say hi", model=GPT)


async def create_after_a_retry(client: KiloClient) -> object:
    return await client.chat.completions.create(
        messages="Say hi", model=GPT, extra_headers=once("status=503")
    )


async def create_with_a_fallback(client: KiloClient) -> object:
    return await client.chat.completions.create(
        messages="Say hi", model="acme/not-there", fallback_models=[GPT]
    )


async def create_within_a_total(client: KiloClient) -> object:
    return await client.chat.completions.create(
        messages="Say hi", model=GPT, timeouts=Timeouts(total=600)
    )


async def stream_chunks(client: KiloClient) -> object:
    async with client.chat.completions.stream(messages="Say hi", model=GPT) as stream:
        return [chunk async for chunk in stream]


async def stream_without_a_block(client: KiloClient) -> object:
    stream = await client.chat.completions.create(messages="Say hi", model=GPT, stream=True)
    return [text async for text in stream.text_deltas()]


async def stream_after_a_cut(client: KiloClient) -> object:
    async with client.chat.completions.stream(
        messages="Say hi", model=GPT, extra_headers=once("cut;after=0")
    ) as stream:
        return await stream.get_final_completion()


async def stream_resumed(client: KiloClient) -> object:
    async with client.chat.completions.stream(
        messages="Say hi",
        model="mistralai/devstral-2512:free",
        resume="continue",
        extra_headers=once("cut;after=5"),
    ) as stream:
        return await stream.get_final_completion()


async def create_hedged(client: KiloClient) -> object:
    return await client.chat.completions.create(
        messages="Say hi",
        model=GPT,
        hedge_after=HEDGE_AFTER,
        extra_headers=once("delay=0.05"),
    )


async def stream_hedged(client: KiloClient) -> object:
    async with client.chat.completions.stream(
        messages="Say hi",
        model=GPT,
        hedge_after=HEDGE_AFTER,
        extra_headers=once("delay=0.05"),
    ) as stream:
        return await stream.get_final_completion()


async def list_models(client: KiloClient) -> object:
    return await client.models.list(refresh=True)


async def list_providers(client: KiloClient) -> object:
    return await client.providers.list()


CALLS: list[Call] = [
    create,
    create_after_a_retry,
    create_with_a_fallback,
    create_within_a_total,
    stream_chunks,
    stream_without_a_block,
    stream_after_a_cut,
    stream_resumed,
    create_hedged,
    stream_hedged,
    list_models,
    list_providers,
]


# Calls that send two requests where nobody cancels them; the others send one.
TWICE = {
    create_after_a_retry,
    create_with_a_fallback,
    stream_after_a_cut,
    stream_resumed,
    create_hedged,
    stream_hedged,
}


async def by_the_task(work: Coroutine[Any, Any, object], at: int) -> bool:
    """Cancel as asyncio does; False when the work ended before."""
    task: asyncio.Task[object]

    async def run() -> object:
        return await CancelAt(work, at, lambda: task.cancel())

    task = asyncio.ensure_future(run())
    await asyncio.wait([task])
    if not task.cancelled():
        task.result()
    return task.cancelled()


async def by_a_scope(work: Coroutine[Any, Any, object], at: int) -> bool:
    """Cancel as anyio does; False when the work ended before."""
    with anyio.CancelScope() as scope:
        await CancelAt(work, at, scope.cancel)
    return scope.cancelled_caught


@pytest.mark.parametrize("cancelled", [by_the_task, by_a_scope])
@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.__name__)
async def test_whichever_await_is_cancelled_nothing_is_left(
    call: Call,
    cancelled: Callable[[Coroutine[Any, Any, object], int], Awaitable[bool]],
    eventually: Callable[[Callable[[], object]], Awaitable[None]],
) -> None:
    limits, meter = Limits(max_concurrent=4, tokens_per_minute=1e9), CostMeter()
    at = 0
    async with LocalGateway() as gateway:
        while True:
            at += 1
            client = KiloClient(
                "key",
                base_url=gateway.base_url,
                headers={"X-Run": str(at)},
                retries=RetryPolicy(wait_initial=0.001),
                limits=limits,
                cost_meter=meter,
            )
            before = asyncio.all_tasks()
            was_cancelled = await cancelled(call(client), at)
            gc.collect()
            connections = client.connections
            assert not connections._exchanges, f"an answer is open after await {at}"
            assert (limits.active, limits.waiting) == (0, 0), f"a place is held after await {at}"
            if connections._session is not None:
                connector = connections._session.connector
                assert connector is not None
                assert not connector._acquired, f"a connection is held after await {at}"
            await client.close()
            await eventually(lambda seen=before: asyncio.all_tasks() - seen <= served(seen))
            if not was_cancelled:
                sent = [one for one in gateway.requests if one.headers["x-run"] == str(at)]
                assert len(sent) == (2 if call in TWICE else 1)
                break
        await eventually(lambda: gateway.open_streams == 0)
    assert at > 1, "a call that never waits is no call"


def served(before: set[asyncio.Task[Any]]) -> set[asyncio.Task[Any]]:
    """The gateway's own tasks for connections that it has yet to see closed."""
    return {
        task for task in asyncio.all_tasks() - before if "RequestHandler" in repr(task.get_coro())
    }
