"""Facts about hedging: when a second try is sent, who wins, and what is left of who loses."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from decimal import Decimal
from math import inf
from typing import Any

import anyio
import orjson
import pytest

from kilo_sdk import (
    APITimeoutError,
    BadRequestError,
    ConfigurationError,
    CostMeter,
    KiloClient,
    Limits,
    RetryBudget,
    RetryPolicy,
    ServiceUnavailableError,
    Timeouts,
    TryReport,
)
from kilo_sdk.emulator import LocalGateway, RawReply
from tests.support.raw_streams import AT_ONCE, DONE, TICK, chunk, event

pytestmark = pytest.mark.anyio

AFTER = 2 * TICK
LONG = 40 * TICK
GPT = "openai/gpt-4.1"
Ask = Callable[..., Awaitable[str]]


def whole(text: str) -> bytes:
    return orjson.dumps({"choices": [{"index": 0, "message": {"content": text}}]})


def answer(text: str, *, stream: bool, after: float = 0.0) -> RawReply:
    """An answer that keeps its caller waiting for its first output."""
    pause = [after] if after else []
    if not stream:
        return RawReply(body=[*pause, whole(text)])
    role, last = chunk("", role="assistant"), chunk("", finish_reason="stop")
    return RawReply(body=[event(role), *pause, event(chunk(text)), event(last), DONE])


def refusal(status: int, after: float = 0.0, **headers: str) -> RawReply:
    body = orjson.dumps({"error": {"message": "no", "code": status}})
    return RawReply(status=status, body=[after, body] if after else body, headers=headers)


@pytest.fixture
async def client(gateway: LocalGateway) -> AsyncIterator[KiloClient]:
    async with KiloClient(
        "key", base_url=gateway.base_url, retries=AT_ONCE, hedge_after=AFTER
    ) as client:
        yield client


@pytest.fixture(params=[False, True], ids=["create", "stream"])
def stream(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
def ask(client: KiloClient, stream: bool) -> Ask:
    async def ask(client: KiloClient = client, **options: Any) -> str:
        options = {"messages": "Say hi", "model": GPT, **options}
        if not stream:
            return (await client.chat.completions.create(**options)).text
        async with client.chat.completions.stream(**options) as opened:
            return "".join([text async for text in opened.text_deltas()])

    return ask


def counts(gateway: LocalGateway) -> list[str]:
    return [one.headers["x-kilo-retry-count"] for one in gateway.requests]


async def settled(gateway: LocalGateway) -> None:
    """Wait until the gateway has noticed who left."""
    with anyio.fail_after(LONG):
        while gateway.open_streams or any(  # noqa: ASYNC110 - it tells no event
            one.disconnected_at is None and one.completed_at is None for one in gateway.requests
        ):
            await anyio.sleep(TICK / 10)


async def test_a_slow_try_is_overtaken_and_its_connection_closed(
    gateway: LocalGateway, ask: Ask, stream: bool
) -> None:
    gateway.enqueue(answer("late", stream=stream, after=LONG), answer("soon", stream=stream))
    assert await ask() == "soon"
    await settled(gateway)
    assert counts(gateway) == ["0", "1"]
    assert [one.disconnected_at is not None for one in gateway.requests] == [True, False]


async def test_a_try_without_headers_is_overtaken_too(ask: Ask) -> None:
    async with (
        LocalGateway(fault=f"delay={LONG};times=1") as gateway,
        KiloClient("key", base_url=gateway.base_url, hedge_after=AFTER) as client,
    ):
        assert await ask(client) == await ask(client)
        await settled(gateway)
        assert counts(gateway) == ["0", "1", "0"]
        assert gateway.requests[0].disconnected_at is not None


async def test_a_try_that_is_not_slow_is_alone(
    gateway: LocalGateway, ask: Ask, stream: bool
) -> None:
    gateway.enqueue(answer("soon", stream=stream))
    assert await ask() == "soon"
    await anyio.sleep(2 * AFTER)
    assert counts(gateway) == ["0"]


async def test_the_first_may_win_all_the_same(
    gateway: LocalGateway, ask: Ask, stream: bool
) -> None:
    gateway.enqueue(
        answer("first", stream=stream, after=2 * AFTER),
        answer("second", stream=stream, after=LONG),
    )
    assert await ask() == "first"
    await settled(gateway)
    assert [one.disconnected_at is not None for one in gateway.requests] == [False, True]


async def test_a_stream_is_overtaken_until_its_first_output_and_not_after(
    gateway: LocalGateway, client: KiloClient
) -> None:
    slow = [chunk("a"), chunk("b"), chunk("", finish_reason="stop")]
    pauses = [part for one in slow for part in (event(one), 2 * AFTER)]
    gateway.enqueue(RawReply(body=[*pauses, DONE]))
    async with client.chat.completions.stream(messages="Hi", model=GPT) as opened:
        assert [text async for text in opened.text_deltas()] == ["a", "b"]
    assert counts(gateway) == ["0"]


async def test_a_whole_answer_that_streams_unasked_is_overtaken_until_its_end(
    gateway: LocalGateway, client: KiloClient
) -> None:
    gateway.enqueue(RawReply(body=[event(chunk("la")), LONG]), answer("soon", stream=False))
    completion = await client.chat.completions.create(messages="Say hi", model=GPT)
    assert completion.text == "soon"
    await settled(gateway)
    assert [one.disconnected_at is not None for one in gateway.requests] == [True, False]


async def test_what_came_before_the_first_output_is_handed_out_once(
    gateway: LocalGateway, client: KiloClient
) -> None:
    gateway.enqueue(answer("late", stream=True, after=LONG), answer("soon", stream=True))
    opened = await client.chat.completions.create(messages="Hi", model=GPT, stream=True)
    async with opened:
        deltas = [one.choices[0].delta async for one in opened]
    assert [delta.role for delta in deltas] == ["assistant", None, None]
    assert [delta.content for delta in deltas] == ["", "soon", ""]


async def test_a_held_try_that_fails_is_repeated_and_leaves_no_chunk_behind(
    gateway: LocalGateway, client: KiloClient
) -> None:
    cut = RawReply(body=[event(chunk("", role="assistant"))])
    gateway.enqueue(cut, answer("whole", stream=True))
    async with client.chat.completions.stream(messages="Hi", model=GPT) as opened:
        assert [one.choices[0].delta.content async for one in opened] == ["", "whole", ""]
    assert counts(gateway) == ["0", "1"]


async def test_the_second_answers_where_the_first_fails(
    gateway: LocalGateway, ask: Ask, stream: bool
) -> None:
    gateway.enqueue(refusal(503, 2 * AFTER), answer("second", stream=stream, after=4 * AFTER))
    assert await ask(retries=RetryPolicy(max_attempts=1)) == "second"
    assert counts(gateway) == ["0", "1"]


async def test_the_first_answers_where_the_second_fails(
    gateway: LocalGateway, ask: Ask, stream: bool
) -> None:
    gateway.enqueue(answer("first", stream=stream, after=3 * AFTER), refusal(503))
    assert await ask() == "first"
    assert counts(gateway) == ["0", "1"]


async def test_when_both_fail_the_error_is_the_calls_own_with_a_note_of_the_other(
    gateway: LocalGateway, ask: Ask
) -> None:
    gateway.enqueue(refusal(503, 2 * AFTER), refusal(500, 3 * AFTER))
    with pytest.raises(ServiceUnavailableError) as raised:
        await ask(retries=RetryPolicy(max_attempts=1))
    (note,) = raised.value.__notes__
    assert note.startswith("beside it: InternalServerError: ")


async def test_what_no_other_try_could_mend_ends_both(
    gateway: LocalGateway, ask: Ask, stream: bool
) -> None:
    gateway.enqueue(refusal(400, 2 * AFTER), answer("late", stream=stream, after=LONG))
    with anyio.fail_after(LONG / 2):
        with pytest.raises(BadRequestError):
            await ask()
        await settled(gateway)
    assert gateway.requests[1].disconnected_at is not None


SILENT = b": alive\n\n"


@pytest.mark.parametrize("end", ["silence", "garbage"])
async def test_the_second_outlives_a_first_whose_line_is_dead_or_whose_host_is_broken(
    end: str, gateway: LocalGateway, client: KiloClient, stream: bool
) -> None:
    first = (
        RawReply(body=[SILENT if stream else b" "], ending="hang")
        if end == "silence"
        else RawReply(body=[2 * AFTER, b"<html><title>Sorry</title></html>"])
    )
    gateway.enqueue(first, answer("second", stream=stream, after=2.5 * AFTER))
    options: Any = {"messages": "Hi", "model": GPT, "timeouts": Timeouts(idle=3 * AFTER)}
    if stream:
        async with client.chat.completions.stream(**options) as opened:
            assert (await opened.get_final_completion()).text == "second"
    else:
        assert (await client.chat.completions.create(**options)).text == "second"
    assert counts(gateway) == ["0", "1"]


async def test_the_wait_for_the_next_try_is_not_hedged(
    gateway: LocalGateway, ask: Ask, stream: bool
) -> None:
    busy = refusal(503, **{"Retry-After-Ms": str(3000 * AFTER)})
    gateway.enqueue(busy, answer("second", stream=stream))
    assert await ask() == "second"
    assert counts(gateway) == ["0", "1"]
    assert gateway.requests[1].arrived - gateway.requests[0].arrived >= 3 * AFTER


async def test_each_try_has_the_whole_time_before_it_is_hedged(
    gateway: LocalGateway, ask: Ask, stream: bool
) -> None:
    gateway.enqueue(refusal(503, 0.7 * AFTER), answer("second", stream=stream, after=0.7 * AFTER))
    assert await ask() == "second"
    assert counts(gateway) == ["0", "1"]


async def test_a_retry_beside_the_second_has_a_number_of_its_own(
    gateway: LocalGateway, ask: Ask, stream: bool
) -> None:
    gateway.enqueue(
        refusal(503, 2 * AFTER),
        answer("hedge", stream=stream, after=LONG),
        answer("retry", stream=stream),
    )
    assert await ask() == "retry"
    assert counts(gateway) == ["0", "1", "2"]


async def test_there_is_no_second_where_the_retry_budget_is_used_up(
    gateway: LocalGateway, ask: Ask, client: KiloClient, stream: bool
) -> None:
    poor = client.with_options(retry_budget=RetryBudget(0))
    gateway.enqueue(answer("first", stream=stream, after=2 * AFTER))
    assert await ask(poor) == "first"
    assert counts(gateway) == ["0"]


async def test_a_call_may_be_alone_where_its_client_hedges_and_the_other_way_round(
    gateway: LocalGateway, ask: Ask, client: KiloClient, stream: bool
) -> None:
    slow = answer("slow", stream=stream, after=2 * AFTER)
    gateway.enqueue(slow)
    assert await ask(hedge_after=inf) == "slow"
    assert counts(gateway) == ["0"]
    gateway.enqueue(slow, answer("soon", stream=stream))
    assert await ask(client.with_options(hedge_after=None), hedge_after=AFTER) == "soon"


async def test_the_total_clock_runs_for_both(gateway: LocalGateway, ask: Ask, stream: bool) -> None:
    slow = answer("slow", stream=stream, after=LONG)
    gateway.enqueue(slow, slow)
    with anyio.fail_after(LONG / 2), pytest.raises(APITimeoutError) as raised:
        await ask(timeouts=Timeouts(total=2 * AFTER))
    assert raised.value.phase == "total"
    await settled(gateway)


async def test_the_total_clock_goes_on_for_the_second_alone(
    gateway: LocalGateway, ask: Ask, stream: bool
) -> None:
    gateway.enqueue(refusal(503, 2 * AFTER), answer("slow", stream=stream, after=LONG))
    with anyio.fail_after(LONG / 2), pytest.raises(ServiceUnavailableError) as raised:
        await ask(timeouts=Timeouts(total=4 * AFTER), retries=RetryPolicy(max_attempts=1))
    assert "APITimeoutError" in raised.value.__notes__[0]


async def test_the_second_waits_its_turn_where_calls_are_limited(
    gateway: LocalGateway, ask: Ask, client: KiloClient, stream: bool
) -> None:
    limits = Limits(max_concurrent=1)
    gateway.enqueue(answer("first", stream=stream, after=2 * AFTER))
    assert await ask(client.with_options(limits=limits)) == "first"
    assert counts(gateway) == ["0"]
    assert (limits.active, limits.waiting) == (0, 0)


async def test_closing_the_client_ends_both(
    gateway: LocalGateway, ask: Ask, client: KiloClient, stream: bool
) -> None:
    slow = answer("slow", stream=stream, after=LONG)
    gateway.enqueue(slow, slow)
    asking = asyncio.create_task(ask())
    await anyio.sleep(2 * AFTER)
    await client.close()
    with anyio.fail_after(LONG / 2), pytest.raises((ConfigurationError, Exception)) as raised:
        await asking
    assert type(raised.value).__module__.startswith("kilo_sdk")
    await settled(gateway)
    assert all(one.disconnected_at is not None for one in gateway.requests)


async def test_cancelling_the_call_ends_both(gateway: LocalGateway, ask: Ask, stream: bool) -> None:
    slow = answer("slow", stream=stream, after=LONG)
    gateway.enqueue(slow, slow)
    before = asyncio.all_tasks()
    with anyio.move_on_after(2 * AFTER) as scope:
        await ask()
    assert scope.cancelled_caught
    await settled(gateway)
    assert len(gateway.requests) == 2
    assert not {task for task in asyncio.all_tasks() - before if "hedg" in repr(task)}


async def test_both_are_told_of(
    gateway: LocalGateway, ask: Ask, stream: bool, caplog: pytest.LogCaptureFixture
) -> None:
    reports: list[TryReport] = []
    gateway.enqueue(answer("late", stream=stream, after=LONG), answer("soon", stream=stream))
    with caplog.at_level(logging.INFO, "kilo_sdk"):
        await ask(on_try=reports.append)
    told = {(one.number, one.outcome, one.is_hedge, one.may_be_billed) for one in reports}
    assert told == {(1, "lost", False, True), (2, "answered", True, True)}
    assert [one.seconds >= AFTER for one in reports if one.outcome == "lost"] == [True]
    words = [one.getMessage() for one in caplog.records if one.name == "kilo_sdk.hedging"]
    assert words == [
        f"hedge.sent model={GPT} after={AFTER:.3f}",
        f"hedge.won model={GPT}",
    ]


async def test_what_a_hook_raises_about_the_second_ends_the_call(
    gateway: LocalGateway, ask: Ask, stream: bool
) -> None:
    def refuse(report: TryReport) -> None:
        if report.is_hedge:
            raise LookupError("stop")

    gateway.enqueue(answer("late", stream=stream, after=LONG), refusal(500))
    with anyio.fail_after(LONG / 2), pytest.raises(LookupError, match="stop"):
        await ask(on_try=refuse)
    await settled(gateway)


@pytest.mark.parametrize("outcome", ["answered", "lost"])
async def test_what_a_hook_raises_about_the_winner_leaves_nothing_open(
    outcome: str, gateway: LocalGateway, client: KiloClient
) -> None:
    def refuse(report: TryReport) -> None:
        if report.outcome == outcome:
            raise LookupError("stop")

    limits = Limits(max_concurrent=2)
    limited = client.with_options(limits=limits, on_try=refuse)
    first = [event(chunk("soon")), LONG]
    gateway.enqueue(answer("late", stream=True, after=LONG), RawReply(body=first))
    with pytest.raises(LookupError, match="stop") as raised:
        await limited.chat.completions.create(messages="Hi", model=GPT, stream=True)
    # The traceback holds the stream; what it holds is closed all the same.
    assert raised.tb is not None
    assert limits.active == 0
    await settled(gateway)


async def test_a_budget_that_refuses_a_retry_leaves_the_second_its_time(
    gateway: LocalGateway, client: KiloClient
) -> None:
    words = "word " * 4000
    info = (await client.models.list()).get(GPT)
    assert info is not None
    assert info.pricing.prompt is not None
    prompt = 5000 * info.pricing.prompt / 1_000_000  # four bytes a token, US dollars
    gateway.requests.clear()
    cut = RawReply(body=[b" ", 2 * AFTER], ending="reset")
    gateway.enqueue(cut, answer("second", stream=False, after=4 * AFTER))
    completion = await client.chat.completions.create(
        messages=words, model=GPT, max_cost=prompt * Decimal("2.5")
    )
    assert completion.text == "second"
    assert counts(gateway) == ["0", "1"]


async def test_the_fallback_models_are_asked_after_both(
    gateway: LocalGateway, ask: Ask, stream: bool
) -> None:
    claude = "anthropic/claude-sonnet-4"
    gateway.enqueue(
        refusal(503, 2 * AFTER),
        answer("hedge", stream=stream, after=LONG),
        answer("fallback", stream=stream),
    )
    once = RetryPolicy(max_attempts=1)
    assert await ask(retries=once, fallback_models=[claude]) == "fallback"
    assert [one.payload["model"] for one in gateway.requests] == [GPT, GPT, claude]
    await settled(gateway)


async def test_both_cost(gateway: LocalGateway, ask: Ask, client: KiloClient, stream: bool) -> None:
    meter = CostMeter()
    await client.models.list()
    gateway.enqueue(answer("late", stream=stream, after=LONG), answer("soon", stream=stream))
    await ask(cost_meter=meter)
    assert meter.calls == 2


async def test_a_try_that_lost_before_its_headers_costs_its_prompt(ask: Ask) -> None:
    meter = CostMeter()
    async with (
        LocalGateway(fault=f"delay={LONG};times=1") as gateway,
        KiloClient("key", base_url=gateway.base_url, hedge_after=AFTER, cost_meter=meter) as client,
    ):
        await client.models.list()
        await ask(client)
    assert meter.calls == 2


async def test_max_cost_holds_for_both(
    gateway: LocalGateway, ask: Ask, client: KiloClient, stream: bool
) -> None:
    words = "word " * 4000
    catalog = await client.models.list()
    info = catalog.get(GPT)
    assert info is not None
    assert info.pricing.prompt is not None
    prompt = 5000 * info.pricing.prompt / 1_000_000  # four bytes a token, US dollars
    slow = answer("first", stream=stream, after=2 * AFTER)
    gateway.enqueue(slow, answer("second", stream=stream))
    gateway.requests.clear()
    assert await ask(messages=words, max_cost=prompt * 3) == "second"
    assert counts(gateway) == ["0", "1"]
    gateway.requests.clear()
    gateway.enqueue(slow)
    assert await ask(messages=words, max_cost=prompt * Decimal("1.5")) == "first"
    assert counts(gateway) == ["0"]
