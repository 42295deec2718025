"""The tries of real calls: the budget they share, the limits they pass, and who is told of them."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import orjson
import pytest

from kilo_sdk import (
    APIConnectionError,
    APIError,
    ConfigurationError,
    InternalServerError,
    KiloClient,
    Limits,
    NotFoundError,
    RateLimitError,
    RetryBudget,
    RetryPolicy,
    StreamInterruptedError,
    Timeouts,
    TryReport,
)
from kilo_sdk.emulator import LocalGateway, RawReply

pytestmark = pytest.mark.anyio

GPT, CLAUDE = "openai/gpt-4.1", "anthropic/claude-sonnet-4"
ONE_TRY = RetryPolicy(max_attempts=1)
AT_ONCE = RetryPolicy(max_attempts=3, wait_initial=0, wait_max=0)
GOOD = RawReply(body=orjson.dumps({"choices": [{"index": 0, "message": {"content": "word"}}]}))
Eventually = Callable[[Callable[[], object]], Awaitable[None]]
both = pytest.mark.parametrize("stream", [False, True], ids=["create", "stream"])


def refusal(status: int, **headers: str) -> RawReply:
    body = orjson.dumps({"error": {"message": "no", "code": status}})
    return RawReply(
        status=status, body=body, headers={k.replace("_", "-"): v for k, v in headers.items()}
    )


async def ask(client: KiloClient, *, stream: bool = False, **options: Any) -> str:
    options = {"messages": "Say hi", "model": GPT, **options}
    if stream:
        async with client.chat.completions.stream(**options) as opened:
            return (await opened.get_final_completion()).text
    return (await client.chat.completions.create(**options)).text


def notes_of(error: object) -> list[str]:
    return getattr(error, "__notes__", [])


def told(reports: list[TryReport]) -> list[tuple[int, str, str | None, bool]]:
    return [(one.number, one.outcome, one.reason, one.may_be_billed) for one in reports]


# The budget


@both
async def test_an_outage_is_not_multiplied_by_the_number_of_calls(stream: bool) -> None:
    budget = RetryBudget(5, per_second=0)
    async with (
        LocalGateway(fault="status=500") as gateway,
        KiloClient(
            "key", base_url=gateway.base_url, retries=AT_ONCE, retry_budget=budget
        ) as client,
    ):
        calls = [ask(client, stream=stream) for _ in range(20)]
        failures = await asyncio.gather(*calls, return_exceptions=True)
        assert len(gateway.requests) == 20 + 5
        assert all(isinstance(one, InternalServerError) for one in failures)
        refused = [one for one in failures if "retry budget of 5" in str(notes_of(one))]
        assert len(refused) >= 17


async def test_a_wait_that_the_server_named_takes_nothing_from_the_budget() -> None:
    async with (
        LocalGateway() as gateway,
        KiloClient(
            "key", base_url=gateway.base_url, retries=AT_ONCE, retry_budget=RetryBudget(0)
        ) as client,
    ):
        gateway.enqueue(refusal(429, retry_after="0"), refusal(503, retry_after_ms="1"), GOOD)
        assert await ask(client) == "word"
        gateway.enqueue(refusal(429))
        with pytest.raises(RateLimitError) as raised:
            await ask(client)
        assert "retry budget of 0 is used up" in raised.value.__notes__[0]


async def test_the_next_model_is_asked_though_the_budget_is_used_up() -> None:
    async with (
        LocalGateway() as gateway,
        KiloClient(
            "key", base_url=gateway.base_url, retries=AT_ONCE, retry_budget=RetryBudget(0)
        ) as client,
    ):
        gateway.enqueue(refusal(500), GOOD)
        assert await ask(client, fallback_models=[CLAUDE]) == "word"
        assert [one.payload["model"] for one in gateway.requests] == [GPT, CLAUDE]


async def test_views_and_other_lists_share_the_budget(
    serve: Callable[..., AbstractAsyncContextManager[Any]],
) -> None:
    async def fail(call: Any) -> None:
        await call.write(b"HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n")

    budget = RetryBudget(1, per_second=0)
    async with (
        serve(fail) as server,
        KiloClient("key", base_url=server.base_url, retries=AT_ONCE, retry_budget=budget) as client,
    ):
        with pytest.raises(InternalServerError):
            await ask(client.with_options(organization_id="acme"))
        assert len(server.calls) == 2
        with pytest.raises(InternalServerError) as raised:
            await client.providers.list()
        assert "retry budget of 1 is used up" in raised.value.__notes__[0]
        assert len(server.calls) == 3


@both
async def test_a_call_may_have_retries_of_its_own(stream: bool) -> None:
    async with (
        LocalGateway(fault="status=500") as gateway,
        KiloClient("key", base_url=gateway.base_url, retries=AT_ONCE) as client,
    ):
        for tries in (1, 5):
            own = RetryPolicy(max_attempts=tries, wait_initial=0)
            with pytest.raises(InternalServerError):
                await ask(client, stream=stream, retries=own)
            assert len(gateway.requests) == tries
            gateway.requests.clear()
        with pytest.raises(ConfigurationError, match="retries is a RetryPolicy object, not int"):
            await ask(client, stream=stream, retries=3)


# Reports


@both
async def test_every_try_is_told_with_its_reason_and_wait(stream: bool) -> None:
    reports: list[TryReport] = []
    async with (
        LocalGateway() as gateway,
        KiloClient(
            "key", base_url=gateway.base_url, retries=AT_ONCE, on_try=reports.append
        ) as client,
    ):
        gateway.enqueue(
            refusal(503), refusal(429, retry_after_ms="2"), refusal(404), GOOD, refusal(404)
        )
        assert await ask(client, stream=stream, fallback_models=[CLAUDE]) == "word"
        assert told(reports) == [
            (1, "retry", "status 503", False),
            (2, "retry", "status 429", False),
            (3, "next_model", "status 404", False),
            (4, "answered", None, True),
        ]
        assert [one.wait for one in reports] == [0, 0.002, 0, 0]
        assert [one.ref.id for one in reports] == [GPT, GPT, GPT, CLAUDE]
        assert all(one.seconds >= 0 for one in reports)
        reports.clear()
        with pytest.raises(NotFoundError) as raised:
            await ask(client, stream=stream)
        assert told(reports) == [(1, "failed", "status 404", False)]
        assert reports[0].error is raised.value


async def test_a_new_key_is_told_and_a_calls_own_hook_replaces_the_clients() -> None:
    of_client: list[TryReport] = []
    of_call: list[TryReport] = []
    keys = iter(["old", "new"])
    async with (
        LocalGateway(api_keys=["new"]) as gateway,
        KiloClient(
            lambda: next(keys), base_url=gateway.base_url, on_try=of_client.append
        ) as client,
    ):
        await ask(client, on_try=of_call.append)
    assert told(of_call) == [(1, "new_key", "status 401", False), (2, "answered", None, True)]
    assert of_client == []


async def test_a_stream_that_is_cut_before_its_first_chunk_may_be_billed() -> None:
    reports: list[TryReport] = []
    async with (
        LocalGateway(fault="cut;after=0") as gateway,
        KiloClient("key", base_url=gateway.base_url, retries=AT_ONCE) as client,
    ):
        with pytest.raises(APIError):
            await ask(client, stream=True, on_try=reports.append)
    assert [one.outcome for one in reports] == ["retry", "retry", "failed"]
    assert {one.may_be_billed for one in reports} == {True}


async def test_a_stream_that_is_cut_later_was_answered() -> None:
    reports: list[TryReport] = []
    async with (
        LocalGateway(fault="cut;after=3") as gateway,
        KiloClient("key", base_url=gateway.base_url, on_try=reports.append) as client,
    ):
        with pytest.raises(StreamInterruptedError):
            await ask(client, stream=True)
    assert told(reports) == [(1, "answered", None, True)]


async def test_of_an_answer_that_streams_unasked_nothing_is_told_before_its_end() -> None:
    reports: list[TryReport] = []
    last = {"choices": [{"index": 0, "delta": {"content": "word"}, "finish_reason": "stop"}]}
    first = {"choices": [{"index": 0, "delta": {"content": "wo"}}]}
    half, whole = [b"data: " + orjson.dumps(one) + b"\n\n" for one in (first, last)]
    async with (
        LocalGateway() as gateway,
        KiloClient(
            "key", base_url=gateway.base_url, retries=AT_ONCE, on_try=reports.append
        ) as client,
    ):
        gateway.enqueue(RawReply(body=[half], ending="cut"), RawReply(body=[whole]))
        assert await ask(client) == "word"
    assert told(reports) == [
        (1, "retry", "StreamInterruptedError", True),
        (2, "answered", None, True),
    ]


async def test_where_there_was_no_connection_nothing_is_billed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    reports: list[TryReport] = []
    once = RetryPolicy(max_attempts=1)
    async with KiloClient("key", base_url=f"http://127.0.0.1:{port}/", retries=once) as client:
        with pytest.raises(APIConnectionError):
            await ask(client, on_try=reports.append)
    assert told(reports) == [(1, "failed", "APIConnectionError", False)]


async def test_a_connection_that_breaks_before_the_answer_may_be_billed(
    serve: Callable[..., AbstractAsyncContextManager[Any]],
) -> None:
    async def cut(call: Any) -> None:
        call.reset()

    reports: list[TryReport] = []
    once = RetryPolicy(max_attempts=1)
    async with (
        serve(cut) as server,
        KiloClient("key", base_url=server.base_url, retries=once) as client,
    ):
        with pytest.raises(APIConnectionError):
            await ask(client, on_try=reports.append)
    assert told(reports) == [(1, "failed", "APIConnectionError", True)]


@both
async def test_a_hook_that_raises_ends_the_call_and_leaves_nothing_open(stream: bool) -> None:
    def fail(report: TryReport) -> None:
        raise LookupError(report.outcome)

    async with (
        LocalGateway() as gateway,
        KiloClient("key", base_url=gateway.base_url, retries=AT_ONCE, on_try=fail) as client,
    ):
        for fault, outcome in (("status=500", "retry"), ("", "answered")):
            headers = {"X-Kilo-Emulator-Fault": fault} if fault else {}
            with pytest.raises(LookupError, match=outcome):
                await ask(client, stream=stream, extra_headers=headers)
        assert not client.connections._exchanges or all(
            one.closed for one in client.connections._exchanges
        )


# Limits


@both
async def test_no_more_calls_are_under_way_than_allowed(stream: bool) -> None:
    limits = Limits(max_concurrent=2)
    most = 0

    def watch(request: Any) -> None:
        nonlocal most
        most = max(most, limits.active)

    async with (
        LocalGateway() as gateway,
        KiloClient("key", base_url=gateway.base_url, limits=limits) as client,
    ):
        async with asyncio.TaskGroup() as group:
            for _ in range(12):
                group.create_task(ask(client, stream=stream, on_try=watch))
        assert len(gateway.requests) == 12
    assert 1 <= most <= 2
    assert (limits.active, limits.waiting) == (0, 0)


async def test_every_way_out_of_a_call_gives_its_place_back(
    tick: float, eventually: Eventually
) -> None:
    limits = Limits(max_concurrent=1, learn=False)
    once = RetryPolicy(max_attempts=1)
    async with (
        LocalGateway() as gateway,
        KiloClient("key", base_url=gateway.base_url, limits=limits, retries=once) as client,
    ):
        for fault in (
            "status=500",
            "status=429",
            "cut;after=0",
            "cut;after=2",
            "garbage",
            "reset;after=1",
        ):
            headers = {"X-Kilo-Emulator-Fault": fault}
            for stream in (False, True):
                with pytest.raises(APIError):
                    await ask(client, stream=stream, extra_headers=headers)
                assert limits.active == 0, (fault, stream)
        stalled = {"X-Kilo-Emulator-Fault": "stall;after=2"}
        async with client.chat.completions.stream(
            messages="Hi", model=GPT, extra_headers=stalled
        ) as left:
            await anext(aiter(left))
            assert limits.active == 1
        assert limits.active == 0
        task = asyncio.ensure_future(ask(client, stream=True, extra_headers=stalled))
        await eventually(lambda: limits.active)
        await asyncio.sleep(tick)
        task.cancel()
        await asyncio.wait([task])
        assert limits.active == 0
        with pytest.raises(APIError):
            await ask(client, extra_headers=stalled, timeouts=Timeouts(idle=tick, first_token=tick))
        assert limits.active == 0


async def test_the_wait_for_a_turn_counts_on_the_total_clock_alone(tick: float) -> None:
    limits = Limits(requests_per_minute=1)
    async with (
        LocalGateway() as gateway,
        KiloClient("key", base_url=gateway.base_url, limits=limits) as client,
    ):
        await ask(client)
        with pytest.raises(APIError, match="total timeout"):
            await ask(client, timeouts=Timeouts(first_token=tick / 10, total=2 * tick))
        assert len(gateway.requests) == 1
        assert (limits.active, limits.waiting) == (0, 0)


async def test_a_call_whose_turn_does_not_come_in_time_makes_no_try_to_tell_of(
    tick: float,
) -> None:
    limits, reports = Limits(requests_per_minute=1), list[TryReport]()
    async with (
        LocalGateway() as gateway,
        KiloClient("key", base_url=gateway.base_url, limits=limits) as client,
    ):
        gateway.enqueue(refusal(404))
        with pytest.raises(APIError, match="total timeout") as raised:
            await ask(
                client,
                fallback_models=[CLAUDE],
                timeouts=Timeouts(total=20 * tick),
                on_try=reports.append,
            )
        assert len(gateway.requests) == 1
    assert told(reports) == [(1, "next_model", "status 404", False)]
    assert [note.partition(": ")[0] for note in notes_of(raised.value)] == ["before it"]


async def test_closing_the_client_ends_the_wait_for_a_turn(
    tick: float, eventually: Eventually
) -> None:
    limits = Limits(requests_per_minute=1)
    async with LocalGateway() as gateway:
        client = KiloClient("key", base_url=gateway.base_url, limits=limits)
        await ask(client)
        task = asyncio.ensure_future(ask(client))
        await eventually(lambda: limits.waiting)
        await client.close()
        with pytest.raises(ConfigurationError, match="closed"):
            await task


async def test_one_calls_retry_after_holds_up_the_others(
    tick: float, eventually: Eventually
) -> None:
    limits = Limits()
    async with (
        LocalGateway() as gateway,
        KiloClient("key", base_url=gateway.base_url, limits=limits) as client,
    ):
        gateway.enqueue(refusal(429, retry_after_ms=str(int(6000 * tick))))
        first = asyncio.ensure_future(ask(client))
        await eventually(lambda: gateway.requests)
        await eventually(lambda: not limits.active)
        second = asyncio.ensure_future(ask(client))
        await asyncio.sleep(tick)
        assert limits.waiting == 1
        await asyncio.gather(first, second)
        assert len(gateway.requests) == 3


@pytest.mark.parametrize("way", ["status", "inside a 200", "in mid-stream"])
async def test_a_retry_after_holds_up_whoever_waits_in_line(way: str, tick: float) -> None:
    role = {"choices": [{"index": 0, "delta": {"role": "assistant"}}]}
    refused = {"error": {"message": "slow down", "code": 429}}
    body = [orjson.dumps(refused)]
    if way == "in mid-stream":
        body = [b"data: " + orjson.dumps(one) + b"\n\n" for one in (role, refused)]
    headers = {"Retry-After-Ms": str(int(6000 * tick))}
    limits = Limits(max_concurrent=1)
    async with (
        LocalGateway() as gateway,
        KiloClient("key", base_url=gateway.base_url, retries=ONE_TRY, limits=limits) as client,
    ):
        status = 429 if way == "status" else 200
        gateway.enqueue(RawReply(status=status, body=body, headers=headers), GOOD)
        first = asyncio.ensure_future(ask(client, stream=way == "in mid-stream"))
        await asyncio.sleep(0)
        second = asyncio.ensure_future(ask(client))
        with pytest.raises(RateLimitError):
            await first
        await asyncio.sleep(tick)
        assert limits.waiting == 1
        assert await second == "word"
        assert len(gateway.requests) == 2


async def test_tokens_are_counted_as_the_answer_reports_them() -> None:
    limits = Limits(tokens_per_minute=6_000_000)
    bucket = limits._tokens
    assert bucket is not None
    async with (
        LocalGateway() as gateway,
        KiloClient("key", base_url=gateway.base_url, limits=limits) as client,
    ):
        for stream in (False, True):
            before = bucket._left = 300_000.0
            bucket._as_of = asyncio.get_running_loop().time()
            bucket._per_second = 1e-9
            usage = []

            def note(completion: dict[str, Any], usage: list[Any] = usage) -> None:
                usage.append(completion.get("usage"))

            view = client.with_options(response_middleware=[note])
            await ask(view, stream=stream)
            (reported,) = [one for one in usage if one]
            assert before - bucket._left == pytest.approx(reported["total_tokens"], abs=0.1)
