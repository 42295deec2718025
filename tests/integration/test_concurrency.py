"""Many streams at once through one client: none disturbs another, and nothing is left over."""

from __future__ import annotations

import asyncio
import os
import random
from typing import Any

import aiohttp
import anyio
import pytest
from own_time import own_time_loop

from kilo_sdk import KiloClient, KiloError, RetryPolicy
from kilo_sdk.emulator import LocalGateway

pytestmark = pytest.mark.anyio

TICK = float(os.environ.get("KILO_TEST_TICK", "0.05"))
MANY = 200
MODELS = ["anthropic/claude-sonnet-4", "google/gemini-3-pro-preview", "openai/gpt-4.1"]


async def test_two_hundred_streams_at_once() -> None:
    async with (
        LocalGateway(tokens_per_second=20 / TICK, ttft=TICK) as gateway,
        KiloClient("key", base_url=gateway.base_url) as client,
    ):
        texts: dict[int, str] = {}

        async def read(number: int) -> None:
            async with client.chat.completions.stream(
                messages=f"I am number {number}, 30 tokens", model=MODELS[number % 3]
            ) as stream:
                pieces = [text async for text in stream.text_deltas()]
                completion = await stream.get_final_completion()
            assert completion.text == "".join(pieces)
            assert completion.model_ref is not None
            assert completion.model_ref.id == completion.model == MODELS[number % 3]
            texts[number] = completion.text

        async with anyio.create_task_group() as group:
            with own_time_loop().standing_still():
                for number in range(MANY):
                    group.start_soon(read, number)
                while gateway.open_streams < MANY:  # noqa: ASYNC110 - it tells no event
                    await asyncio.sleep(0)
        assert len(texts) == MANY
        for number, text in texts.items():
            assert text.startswith(f"You said: I am number {number}, 30 tokens.")
        assert gateway.peak_streams == MANY
        assert gateway.open_streams == 0
        assert gateway.completions_served == MANY


async def test_many_streams_that_are_left_failing_or_whole_leave_nothing_behind() -> None:
    """A mix of every ending, in an order that is drawn, but always the same."""
    faults = ["", "cut;after=3", "reset;after=2", "error_event=502;after=4", "status=503", "end"]
    drawn = random.Random(7)
    before = asyncio.all_tasks()
    async with (
        LocalGateway() as gateway,
        aiohttp.ClientSession() as session,
        KiloClient(
            "key",
            base_url=gateway.base_url,
            retries=RetryPolicy(max_attempts=2, wait_initial=0),
            session=session,
        ) as client,
    ):
        ends: list[str] = []

        async def run(fault: str, leave: bool, whole: bool) -> None:
            headers = {"X-Kilo-Emulator-Fault": fault} if fault else {}
            more: dict[str, Any] = {"messages": "Hi", "model": MODELS[0], "extra_headers": headers}
            try:
                if whole:
                    await client.chat.completions.create(**more)
                else:
                    async with client.chat.completions.stream(**more) as stream:
                        await anext(stream)
                        if not leave:
                            await stream.get_final_completion()
            except KiloError:
                ends.append("error")
            else:
                ends.append("left" if leave and not whole else "whole")

        async with anyio.create_task_group() as group:
            for number in range(MANY):
                draw = drawn.choice(faults), drawn.random() < 0.3, number % 4 == 0
                group.start_soon(run, *draw)
        assert len(ends) == MANY
        assert {"error", "left", "whole"} == set(ends)
        connector = session.connector
        assert connector is not None
        assert connector._acquired == set()
        with anyio.fail_after(30):
            while gateway.open_streams:  # noqa: ASYNC110 - it tells no event
                await anyio.sleep(TICK / 10)
    await anyio.sleep(TICK)
    assert asyncio.all_tasks() - before == set()


async def test_one_slow_reader_holds_up_nobody_else() -> None:
    async with (
        LocalGateway() as gateway,
        KiloClient("key", base_url=gateway.base_url) as client,
        client.chat.completions.stream(messages="50000 words", model=MODELS[2]) as slow,
    ):
        await anext(slow)
        with anyio.fail_after(30):
            for _ in range(3):
                async with client.chat.completions.stream(messages="Hi", model=MODELS[2]) as stream:
                    await stream.get_final_completion()
        completion = await slow.get_final_completion()
        assert completion.usage is not None
        assert completion.usage.completion_tokens == 50_000
