from __future__ import annotations

import asyncio
import time
from decimal import Decimal
from typing import Any

import pytest

from kilo_sdk import KiloClient, RetryPolicy
from kilo_sdk.bench.asking import Asker, error_class, open_client
from kilo_sdk.bench.plan import Target
from kilo_sdk.bench.record import RequestRecord
from kilo_sdk.bench.workload import Workload, synthetic_tools
from kilo_sdk.emulator import LocalGateway, RawReply
from kilo_sdk.errors import APITimeoutError, RateLimitError, StreamInterruptedError

pytestmark = pytest.mark.anyio

ASK: list[Any] = [{"role": "user", "content": "Answer with exactly 12 tokens."}]


async def asked(gateway: LocalGateway, **workload: Any) -> RequestRecord:
    target = Target(base_url=gateway.base_url, api_key="k", model="openai/gpt-4.1")
    async with open_client(target) as client:
        now = time.monotonic()
        record = RequestRecord(intended=now, sent=now)
        await Asker(client, Workload(**workload)).ask(record, ASK)
    return record


async def test_a_stream_is_recorded_with_what_the_upstream_counted() -> None:
    async with LocalGateway() as gateway:
        record = await asked(gateway)
    assert (record.outcome, record.error, record.chunks, record.output_tokens) == (
        "completed",
        None,
        12,
        12,
    )
    assert record.input_tokens
    assert record.cost
    assert record.cost > Decimal(0)
    assert record.ended is not None
    assert record.sent < record.arrivals[0] <= record.arrivals[-1] <= record.ended
    assert record.first_content == record.arrivals[0]


async def test_an_answer_that_is_not_streamed_has_no_arrivals() -> None:
    async with LocalGateway() as gateway:
        record = await asked(gateway, stream=False)
        assert gateway.requests[0].payload.get("stream") in (None, False)
    assert (record.outcome, record.arrivals, record.output_tokens) == ("completed", [], 12)


async def test_a_failure_keeps_its_class_and_what_had_come() -> None:
    async with LocalGateway(fault="cut;after=5") as gateway:
        record = await asked(gateway)
    assert (record.outcome, record.error) == ("failed", "StreamInterruptedError")
    assert 0 < record.chunks <= 5
    assert record.ended is not None


async def test_a_request_that_is_given_up_stays_unfinished() -> None:
    async with LocalGateway(ttft=60) as gateway:
        target = Target(base_url=gateway.base_url, model="openai/gpt-4.1")
        async with open_client(target) as client:
            record = RequestRecord(intended=0.0, sent=0.0)
            task = asyncio.create_task(Asker(client, Workload()).ask(record, ASK))
            while not gateway.open_streams:  # noqa: ASYNC110 - it tells no event
                await asyncio.sleep(0.005)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
    assert (record.outcome, record.ended) == ("unfinished", None)


async def test_each_request_counts_its_own_retries() -> None:
    async with LocalGateway() as gateway:
        gateway.enqueue(*[RawReply(status=503)] * 3)
        target = Target(base_url=gateway.base_url, retries=3)
        async with open_client(target) as plain:
            asker = Asker(
                plain.with_options(retries=RetryPolicy(max_attempts=4, wait_initial=0)), Workload()
            )
            records = [RequestRecord(intended=0.0, sent=0.0) for _ in range(2)]
            await asyncio.gather(*(asker.ask(record, ASK) for record in records))
        assert sum(record.retries for record in records) == 3 == len(gateway.requests) - 2


async def test_options_reach_the_server() -> None:
    async with LocalGateway() as gateway:
        await asked(gateway, reasoning="high", extra_body={"top_p": 0.5})
        payload = gateway.requests[0].payload
    assert payload["top_p"] == 0.5
    assert payload["stream"] is True


async def test_a_target_makes_the_client() -> None:
    client: KiloClient
    target = Target(base_url="http://127.0.0.1:1/", model="a/b", retries=2, timeout=4.0)
    async with open_client(target) as client:
        assert client.base_url == "http://127.0.0.1:1/"
        assert client.retries.max_attempts == 3
        assert client.timeouts.total == 4.0
        assert client.default_model.id == "a/b"


def test_errors_are_counted_by_class_and_status() -> None:
    assert error_class(RateLimitError("no", status_code=429)) == "RateLimitError 429"
    assert error_class(APITimeoutError("late", phase="idle")) == "APITimeoutError idle"
    assert error_class(StreamInterruptedError("cut")) == "StreamInterruptedError"


async def test_a_connection_that_fails_is_counted_by_the_systems_code() -> None:
    async with LocalGateway() as gateway:
        target = Target(base_url=gateway.base_url, api_key="k")
    record = RequestRecord(intended=0.0, sent=0.0)
    async with open_client(target) as client:
        await Asker(client, Workload()).ask(record, ASK)
    assert record.error == "APIConnectionError ECONNREFUSED"


@pytest.mark.parametrize("stream", [True, False])
async def test_tool_calls_of_an_answer_are_counted(stream: bool) -> None:
    async with LocalGateway() as gateway:
        target = Target(base_url=gateway.base_url, api_key="k", model="openai/gpt-4.1")
        async with open_client(target) as client:
            asker = Asker(client, Workload(stream=stream))
            record = RequestRecord(intended=0.0, sent=0.0)
            await asker.ask(record, ASK, tools=synthetic_tools(2))
            plain = RequestRecord(intended=0.0, sent=0.0)
            await asker.ask(plain, ASK)
        assert gateway.requests[0].payload["tools"] == synthetic_tools(2)
    assert (record.outcome, record.tool_calls, plain.tool_calls) == ("completed", 1, 0)
