"""What calls cost over real sockets: reported, estimated, counted, and cut off at a budget."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable
from decimal import Decimal
from typing import Any, TypeVar

import orjson
import pytest

from kilo_sdk import (
    APIStatusError,
    APITimeoutError,
    BudgetExceededError,
    CatalogOptions,
    ChatCompletion,
    ConfigurationError,
    CostMeter,
    KiloClient,
    ResponseMiddleware,
    RetryPolicy,
    StreamEvent,
    StreamInterruptedError,
    TextDelta,
    Timeouts,
)
from kilo_sdk.emulator import LocalGateway, RawReply

pytestmark = pytest.mark.anyio

GPT, AUTO, FREE = "openai/gpt-4.1", "kilo/auto", "mistralai/devstral-2512:free"
T = TypeVar("T")
both = pytest.mark.parametrize("stream", [False, True], ids=["create", "stream"])
USAGE = {
    "prompt_tokens": 1000,
    "completion_tokens": 100,
    "total_tokens": 1100,
    "prompt_tokens_details": {"cached_tokens": 300, "cache_write_tokens": 200},
}
PRICING = {
    "prompt": "0.000002",
    "completion": "0.000008",
    "request": "0.001",
    "input_cache_read": "0.0000005",
    "input_cache_write": "0.0000025",
}
MODELS = [
    {"id": GPT, "pricing": PRICING},
    {"id": "other/dear", "pricing": {"prompt": "0.5", "completion": "0.5"}},
    {"id": FREE, "pricing": PRICING, "isFree": True},
    {"id": AUTO},
]
# Two dollars a million of prompt, eight of output, and a request costs nothing.
CHEAP = [{"id": GPT, "pricing": {"prompt": "0.000002", "completion": "0.000008"}}, {"id": AUTO}]


@pytest.fixture
async def gateway() -> AsyncIterator[LocalGateway]:
    async with LocalGateway(models=MODELS) as gateway:
        yield gateway


def client_of(gateway: LocalGateway, **options: Any) -> KiloClient:
    options.setdefault("retries", RetryPolicy(wait_initial=0))
    return KiloClient("key", base_url=gateway.base_url, default_model=GPT, **options)


def reply(usage: Any, model: str = GPT, *, stream: bool) -> RawReply:
    top = {"id": "g", "model": model, "created": 7}
    said = {"role": "assistant", "content": "Hi"}
    if not stream:
        choice = {"index": 0, "message": said, "finish_reason": "stop"}
        return RawReply(body=orjson.dumps({**top, "choices": [choice], "usage": usage}))
    chunk = {**top, "choices": [{"index": 0, "delta": said, "finish_reason": "stop"}]}
    events = [chunk, {**top, "choices": [], "usage": usage}]
    return RawReply(body=b"".join(sse(event) for event in events) + b"data: [DONE]\n\n")


def sse(event: dict[str, Any]) -> bytes:
    return b"data: " + orjson.dumps(event) + b"\n\n"


def text(content: str, **choice: Any) -> bytes:
    return sse({"model": GPT, "choices": [{"index": 0, "delta": {"content": content}, **choice}]})


async def until(holds: Callable[[], object]) -> None:
    """Wait however long it takes; pytest's own limit ends what never comes true."""
    while not holds():  # noqa: ASYNC110 - what is waited for tells no event
        await asyncio.sleep(0.001)


async def ask(client: KiloClient, *, stream: bool = False, **more: Any) -> ChatCompletion:
    more.setdefault("messages", "Hi")
    if stream:
        async with client.chat.completions.stream(**more) as opened:
            return await opened.get_final_completion()
    completion: ChatCompletion = await client.chat.completions.create(**more)
    return completion


def posts(gateway: LocalGateway) -> int:
    return sum(request.method == "POST" for request in gateway.requests)


# What an answer cost


@both
async def test_a_reported_cost_is_exact_and_no_estimate(
    stream: bool, gateway: LocalGateway
) -> None:
    gateway.enqueue(reply({**USAGE, "cost": 0.1234567}, stream=stream))
    async with client_of(gateway) as client:
        await client.models.list()
        gateway.enqueue(reply({**USAGE, "cost": 0.1234567}, stream=stream))
        usage = (await ask(client, stream=stream)).usage
    assert usage is not None
    assert (usage.cost, usage.cost_is_estimated) == (Decimal("0.1234567"), False)


async def test_a_cost_that_was_not_reported_is_made_of_the_catalogues_prices(
    gateway: LocalGateway,
) -> None:
    answers = []
    async with client_of(gateway) as client:
        await client.models.list()
        for stream in (False, True):
            gateway.enqueue(reply(USAGE, stream=stream))
            answers.append(await ask(client, stream=stream))
    created, streamed = answers
    assert created == streamed
    for usage in (created.usage, streamed.usage):
        assert usage is not None
        # 500 plain, 300 from the cache, 200 into it, 100 out, one request
        assert (usage.cost, usage.cost_is_estimated) == (Decimal("0.00345"), True)
        assert usage.raw == USAGE


@both
async def test_an_estimate_never_asks_for_the_catalogue(
    stream: bool, gateway: LocalGateway
) -> None:
    meter = CostMeter()
    gateway.enqueue(reply(USAGE, stream=stream))
    async with client_of(gateway, cost_meter=meter) as client:
        usage = (await ask(client, stream=stream)).usage
    assert usage is not None
    assert (usage.cost, usage.cost_is_estimated) == (None, False)
    assert [request.path for request in gateway.requests] == ["/api/gateway/chat/completions"]
    assert (meter.calls, meter.unknown, meter.total) == (1, 1, 0)
    assert (meter.prompt_tokens, meter.completion_tokens) == (1000, 100)


@both
@pytest.mark.parametrize(
    ("asked", "answered", "cost"),
    [
        (AUTO, GPT, "0.00345"),
        (AUTO, AUTO, None),
        (GPT, "gpt-4.1-2025-04-14", "0.00345"),
        (FREE, FREE, "0"),
        (FREE, GPT, "0"),
    ],
)
async def test_the_model_that_answered_names_the_price(
    asked: str, answered: str, cost: str | None, stream: bool, gateway: LocalGateway
) -> None:
    async with client_of(gateway) as client:
        await client.models.list()
        gateway.enqueue(reply(USAGE, answered, stream=stream))
        usage = (await ask(client, stream=stream, model=asked)).usage
    assert usage is not None
    assert usage.cost == (None if cost is None else Decimal(cost))
    assert usage.cost_is_estimated == (cost is not None)


# What a meter counts


async def test_the_meter_is_the_sum_of_its_calls_exactly() -> None:
    meter, mine = CostMeter(), CostMeter()
    models = [GPT, "openai/gpt-5", "anthropic/claude-sonnet-4", FREE]
    async with LocalGateway() as gateway, client_of(gateway, cost_meter=meter) as client:
        answers = await asyncio.gather(
            *(
                ask(
                    client,
                    stream=bool(number % 2),
                    messages=f"Say exactly {number + 1} words",
                    model=models[number % 4],
                    task_id=f"task {number % 3}" if number % 5 else None,
                    cost_meter=mine if number % 2 else None,
                )
                for number in range(60)
            )
        )
    usages = [answer.usage for answer in answers]
    costs = [usage.cost for usage in usages if usage is not None and usage.cost is not None]
    assert len(costs) == 60
    assert meter.total == sum(costs) > 0
    assert (meter.estimated, meter.calls, meter.unknown) == (0, 60, 0)
    assert meter.completion_tokens == sum(usage.completion_tokens or 0 for usage in usages if usage)
    assert {model: sums.total for model, sums in meter.by_model.items()} == {
        model: sum(costs[index::4]) for index, model in enumerate(models)
    }
    assert {task: sums.total for task, sums in meter.by_task.items()} == {
        f"task {task}": sum(costs[n] for n in range(60) if n % 5 and n % 3 == task)
        for task in range(3)
    }
    assert (mine.calls, mine.total) == (30, sum(costs[1::2]))


@pytest.mark.parametrize("way", ["chunks", "text", "events", "all at once"])
async def test_a_stream_that_was_read_to_its_end_counts_at_once(way: str) -> None:
    meter = CostMeter(max_cost=1)
    async with LocalGateway() as gateway, client_of(gateway, cost_meter=meter) as client:
        stream = await client.chat.completions.create(messages="Hi", stream=True)
        readers: dict[str, AsyncIterable[Any]] = {
            "chunks": stream,
            "text": stream.text_deltas(coalesce=True),
            "events": stream.events(),
        }
        if way in readers:
            async for _ in readers[way]:
                pass
        else:
            await stream.get_final_completion()
        usage = (await stream.get_final_completion()).usage
        assert usage is not None
        assert (meter.calls, meter.total, meter.reserved) == (1, usage.cost, 0)
        await stream.close()
        del stream, readers
        assert meter.calls == 1


async def test_an_answer_that_a_middleware_will_not_serve_holds_nothing_back() -> None:
    class Refusing:
        def for_call(self) -> ResponseMiddleware:
            raise KeyError

    meter = CostMeter(max_cost=1)
    async with (
        LocalGateway() as gateway,
        client_of(gateway, cost_meter=meter, response_middleware=[Refusing()]) as client,
    ):
        for stream in (False, True):
            with pytest.raises(KeyError):
                await ask(client, stream=stream)
            assert meter.reserved == 0
    # What was written is not known, and that it was asked for is.
    assert (meter.calls, meter.estimated) == (2, meter.total)


async def test_a_call_counts_once_where_its_meter_is_the_clients() -> None:
    meter = CostMeter()
    async with LocalGateway() as gateway, client_of(gateway, cost_meter=meter) as client:
        await ask(client, cost_meter=meter)
        assert meter.calls == 1
        view = client.with_options(cost_meter=None)
        await ask(view)
        assert view.cost_meter is None
    assert meter.calls == 1


# Ten tokens of prompt and three of output, then nothing.
TEN_TOKENS = "x" * 36
HANGING = RawReply(body=[text("abcdefgh"), text("ijkl")], ending="hang")


@pytest.mark.parametrize("way", ["break", "close", "exception", "cancel"])
async def test_a_stream_that_is_left_counts_with_what_came_of_it(way: str) -> None:
    meter = CostMeter()
    async with LocalGateway(models=CHEAP) as gateway, client_of(gateway) as client:
        await client.models.list()
        gateway.enqueue(HANGING)
        got = ""

        async def leave() -> None:
            nonlocal got
            async with client.chat.completions.stream(
                messages=TEN_TOKENS, cost_meter=meter
            ) as stream:
                async for piece in stream.text_deltas():
                    got += piece
                    if len(got) < 12 or way == "cancel":
                        continue
                    if way == "close":
                        await stream.close()
                    if way == "exception":
                        raise KeyError
                    break

        task = asyncio.create_task(leave())
        await until(lambda: got == "abcdefghijkl")
        if way == "cancel":
            task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    check_ten_and_three(meter)


async def test_a_stream_that_is_dropped_counts_with_what_came_of_it() -> None:
    meter = CostMeter(max_cost=1)
    async with LocalGateway(models=CHEAP) as gateway, client_of(gateway) as client:
        await client.models.list()
        gateway.enqueue(HANGING)
        stream = await client.chat.completions.create(
            messages=TEN_TOKENS, stream=True, cost_meter=meter
        )
        while stream.partial.text != "abcdefghijkl":
            await anext(stream)
        assert (meter.calls, meter.reserved) == (0, Decimal("0.000044"))
        with pytest.warns(ResourceWarning, match="was dropped before its end"):
            del stream
    check_ten_and_three(meter)
    assert meter.reserved == 0


def check_ten_and_three(meter: CostMeter) -> None:
    assert (meter.calls, meter.unknown) == (1, 0)
    assert (meter.prompt_tokens, meter.completion_tokens) == (10, 3)
    assert meter.total == meter.estimated == Decimal("0.000044")


@pytest.mark.parametrize(
    ("tail", "ending", "raised"),
    [
        ([], "cut", StreamInterruptedError),
        ([], "reset", StreamInterruptedError),
        ([], "clean", StreamInterruptedError),
        ([b'data: {"error": {"message": "no", "code": 502}}\n\n'], "clean", APIStatusError),
        ([], "hang", APITimeoutError),
    ],
    ids=["cut", "reset", "ended without an end", "error", "silent"],
)
async def test_a_stream_that_fails_counts_with_what_came_of_it(
    tail: list[Any], ending: Any, raised: type[Exception], tick: float
) -> None:
    meter = CostMeter()
    async with (
        LocalGateway(models=CHEAP) as gateway,
        client_of(gateway, cost_meter=meter) as client,
    ):
        await client.models.list()
        timeouts = Timeouts(idle=4 * tick) if ending == "hang" else Timeouts()
        gateway.enqueue(RawReply(body=[text("abcdefgh"), tick, *tail], ending=ending))
        stream = await client.chat.completions.create(
            messages=TEN_TOKENS, stream=True, timeouts=timeouts
        )
        with pytest.raises(raised):
            async for _ in stream:
                pass
    assert (meter.calls, meter.total) == (1, Decimal("0.000036"))
    assert meter.estimated == meter.total


async def test_a_usage_that_came_before_the_cut_counts() -> None:
    meter = CostMeter()
    async with LocalGateway() as gateway, client_of(gateway, cost_meter=meter) as client:
        usage = sse({"choices": [], "usage": {"cost": 0.5, "prompt_tokens": 7}})
        gateway.enqueue(RawReply(body=[text("abcd"), usage], ending="cut"))
        with pytest.raises(StreamInterruptedError):
            await ask(client, stream=True)
    assert (meter.total, meter.estimated) == (Decimal("0.5"), 0)
    assert meter.prompt_tokens == 7


@both
async def test_refusals_cost_nothing_and_the_answer_after_them_counts_once(
    stream: bool, gateway: LocalGateway
) -> None:
    meter = CostMeter(max_cost=1)
    refusals = [
        RawReply(status=503, body=b'{"error": {"message": "busy", "code": 503}}'),
        RawReply(body=b'{"error": {"message": "busy", "code": 503}}'),
    ]
    gateway.enqueue(RawReply(body=orjson.dumps({"data": MODELS})), *refusals)
    async with client_of(gateway, cost_meter=meter) as client:
        gateway.enqueue(reply({**USAGE, "cost": 0.25}, stream=stream))
        await ask(client, stream=stream)
    assert (meter.calls, meter.total, meter.reserved) == (1, Decimal("0.25"), 0)


async def test_the_model_that_was_fallen_back_on_is_the_one_that_counts(
    gateway: LocalGateway,
) -> None:
    meter = CostMeter()
    gateway.enqueue(RawReply(status=404, body=b'{"error": "Model not found"}'))
    async with client_of(gateway, cost_meter=meter) as client:
        completion = await ask(client, model="other/dear", fallback_models=[GPT])
    assert completion.usage is not None
    assert {m: sums.total for m, sums in meter.by_model.items()} == {GPT: completion.usage.cost}


@pytest.mark.parametrize("way", ["cancel", "cut", "timeout"])
async def test_a_whole_answer_that_was_on_its_way_counts_its_prompt(way: str, tick: float) -> None:
    """It cannot be known what was written; the prompt at least was read."""
    meter = CostMeter()
    # The idle clock runs from the headers on.
    timeouts = Timeouts(idle=4 * tick if way == "timeout" else None)
    async with (
        LocalGateway(models=CHEAP) as gateway,
        client_of(gateway, cost_meter=meter, retries=RetryPolicy(max_attempts=1)) as client,
    ):
        await client.models.list()
        ending: Any = "cut" if way == "cut" else "hang"
        gateway.enqueue(RawReply(body=[b"\n", 2 * tick, b"\n"], ending=ending))
        task = asyncio.create_task(ask(client, messages=TEN_TOKENS, timeouts=timeouts))
        if way == "cancel":
            await until(lambda: len(client.connections._exchanges))
            task.cancel()
        (error,) = await asyncio.gather(task, return_exceptions=True)
    assert isinstance(error, BaseException)
    assert (meter.calls, meter.total) == (1, Decimal("0.00002"))
    assert meter.estimated == meter.total


# Budgets


@both
async def test_a_prompt_that_is_too_dear_is_not_sent(stream: bool, gateway: LocalGateway) -> None:
    async with client_of(gateway) as client:
        with pytest.raises(BudgetExceededError, match="nothing was sent; model openai/gpt") as err:
            await ask(client, stream=stream, messages="x" * 3996, max_cost="0.002999")
        assert err.value.cost == Decimal("0.003")  # a thousand tokens and the request
        assert err.value.partial is None
        assert [request.path for request in gateway.requests] == ["/api/gateway/models"]
        await ask(client, stream=stream, messages="x" * 3996, max_cost="2")
        await ask(client, stream=stream, max_cost=2.0)
    # The catalogue was asked for once.
    assert [request.method for request in gateway.requests] == ["GET", "POST", "POST"]


@pytest.mark.parametrize("max_cost", [-1, "-0.5", float("nan"), "free", True, [1]])
async def test_a_budget_that_is_no_amount_is_refused_at_once(
    max_cost: Any, gateway: LocalGateway
) -> None:
    async with client_of(gateway) as client:
        with pytest.raises(ConfigurationError, match=r"max_cost is .* accepted are US dollars"):
            await client.chat.completions.create(messages="Hi", max_cost=max_cost)
        with pytest.raises(ConfigurationError, match=r"max_cost is .* accepted are US dollars"):
            client.chat.completions.stream(messages="Hi", max_cost=max_cost)
        with pytest.raises(ConfigurationError, match="cost_meter is a CostMeter object, not "):
            await client.chat.completions.create(messages="Hi", cost_meter=max_cost)
    with pytest.raises(ConfigurationError, match="cost_meter is a CostMeter object, not "):
        KiloClient(cost_meter=max_cost)
    assert not gateway.requests


async def test_a_price_that_is_not_known_is_no_budget(gateway: LocalGateway) -> None:
    async with client_of(gateway) as client:
        with pytest.raises(ConfigurationError, match="the price of kilo/auto is not known"):
            await ask(client, model=AUTO, max_cost=5)
        assert posts(gateway) == 0
        allowing = CostMeter(max_cost=5, on_unknown_price="allow")
        gateway.enqueue(reply({"cost": 6}, stream=False))
        await ask(client, model=AUTO, cost_meter=allowing)
        assert allowing.remaining == -1
        with pytest.raises(BudgetExceededError, match="is used up"):
            await ask(client, model=AUTO, cost_meter=allowing)
    assert posts(gateway) == 1


async def test_without_a_catalogue_there_is_no_budget(gateway: LocalGateway) -> None:
    gateway.enqueue(*[RawReply(status=500)] * 3)
    async with client_of(gateway, catalog=CatalogOptions(failure_ttl=0)) as client:
        with pytest.raises(ConfigurationError, match="model list could not be had"):
            await ask(client, max_cost=5)
        assert (await ask(client, max_cost=5)).text  # it can be had by now
    assert posts(gateway) == 1


async def test_a_budget_knows_the_models_of_today() -> None:
    async with LocalGateway(models=CHEAP) as gateway:
        options = CatalogOptions(ttl=0, stale=0)
        async with client_of(gateway, catalog=options) as client:
            await client.models.list()
            gateway.enqueue(RawReply(body=orjson.dumps({"data": MODELS})))
            with pytest.raises(BudgetExceededError, match="model other/dear"):
                await ask(client, model="other/dear", max_cost="0.5")


async def test_the_total_clock_runs_while_the_catalogue_is_awaited(
    gateway: LocalGateway, tick: float
) -> None:
    gateway.enqueue(RawReply(body=[b"\n"], ending="hang"))
    async with client_of(gateway) as client:
        with pytest.raises(APITimeoutError) as raised:
            await ask(client, max_cost=5, timeouts=Timeouts(total=4 * tick))
    assert raised.value.phase == "total"
    assert posts(gateway) == 0


async def collect(
    items: AsyncIterable[T], into: list[T], look: Callable[[], object] = lambda: None
) -> None:
    async for item in items:
        into.append(item)
        look()


def long_stream(pieces: int, pause: float) -> RawReply:
    body: list[bytes | float] = []
    for _ in range(pieces):
        body += [text("abcdefgh"), pause]
    return RawReply(body=[*body, text("", finish_reason="stop"), b"data: [DONE]\n\n"])


@pytest.mark.parametrize("by", ["call", "meter"])
async def test_a_stream_is_cut_at_its_budget_and_others_go_on(by: str, tick: float) -> None:
    meter = CostMeter(max_cost="0.0001")
    options: dict[str, Any] = {"max_cost": "0.0001"} if by == "call" else {"cost_meter": meter}
    async with LocalGateway(models=CHEAP) as gateway, client_of(gateway) as client:
        await client.models.list()
        gateway.enqueue(long_stream(40, tick / 5), long_stream(1000, tick))
        other = asyncio.create_task(ask(client, stream=True, messages="go on"))
        await until(lambda: posts(gateway))
        got: list[str] = []
        closed: list[bool] = []
        async with client.chat.completions.stream(messages=TEN_TOKENS, **options) as stream:
            with pytest.raises(BudgetExceededError) as raised:
                await collect(stream.text_deltas(), got, lambda: closed.append(stream.closed))
            # Before the caller had seen what passed the budget.
            assert closed == [False] * 5 + [True]
            with pytest.raises(BudgetExceededError) as again:
                await stream.get_final_completion()
        assert again.value is raised.value
        # Ten tokens of prompt, then two a piece: the sixth passes the budget.
        assert got == ["abcdefgh"] * 6
        error = raised.value
        assert error.cost == Decimal("0.000116")
        assert error.max_cost == Decimal("0.0001")
        assert error.partial is not None
        assert error.partial.text == "".join(got)
        assert error.partial.finish_reason is None
        await until(lambda: gateway.requests[-1].disconnected_at)
        assert (await other).text == "abcdefgh" * 40
        if by == "meter":
            assert (meter.total, meter.reserved) == (Decimal("0.000116"), 0)
            with pytest.raises(BudgetExceededError, match="is used up"):
                await ask(client, cost_meter=meter)


async def test_events_that_came_before_the_cut_are_handed_out(tick: float) -> None:
    async with LocalGateway(models=CHEAP) as gateway, client_of(gateway) as client:
        await client.models.list()
        burst = b"".join(text(f"{number:04}") for number in range(50))
        gateway.enqueue(RawReply(body=[burst], ending="hang"))
        events: list[StreamEvent] = []
        async with client.chat.completions.stream(messages="Hi", max_cost="0.0001") as stream:
            with pytest.raises(BudgetExceededError) as raised:
                await collect(stream.events(), events)
        texts = [f"{number:04}" for number in range(50)]
        assert events == [TextDelta(piece) for piece in texts]
        assert raised.value.partial is not None
        assert raised.value.partial.text == "".join(texts)


@pytest.mark.parametrize(
    "reply",
    [
        RawReply(body=text("x" * 4000) + b"data: [DONE]\n\n"),
        RawReply(body=[text("x" * 4000, finish_reason="stop")]),
        RawReply(
            body=orjson.dumps({"choices": [{"index": 0, "message": {"content": "x" * 4000}}]})
        ),
    ],
    ids=["with its end", "with its reason", "not streamed"],
)
async def test_an_answer_that_is_whole_is_handed_out(reply: RawReply) -> None:
    meter = CostMeter(max_cost="0.0001")
    async with LocalGateway(models=CHEAP) as gateway, client_of(gateway) as client:
        await client.models.list()
        gateway.enqueue(reply)
        assert len((await ask(client, stream=True, cost_meter=meter)).text) == 4000
        assert meter.total > Decimal("0.008")
        with pytest.raises(BudgetExceededError, match="is used up"):
            await ask(client, cost_meter=meter)


async def test_a_whole_answer_that_streams_all_the_same_is_cut() -> None:
    async with LocalGateway(models=CHEAP) as gateway, client_of(gateway) as client:
        await client.models.list()
        gateway.enqueue(RawReply(body=[text("x" * 4000)], ending="hang"))
        with pytest.raises(BudgetExceededError) as raised:
            await ask(client, max_cost="0.0001")
        assert raised.value.partial is not None
        assert raised.value.partial.text == "x" * 4000


async def test_a_hundred_calls_at_once_cannot_all_pass() -> None:
    """Each holds back its prompt of 25 tokens: 20 of them fit."""
    meter = CostMeter(max_cost="0.001")
    async with (
        LocalGateway(models=CHEAP, fault="stall") as gateway,
        client_of(gateway, cost_meter=meter) as client,
    ):
        tasks = [asyncio.create_task(ask(client, messages="x" * 96)) for _ in range(100)]
        await until(lambda: sum(task.done() for task in tasks) >= 80)
        await until(lambda: posts(gateway) >= 20)
        errors = [task.exception() for task in tasks if task.done()]
        assert [type(error) for error in errors] == [BudgetExceededError] * 80
        assert posts(gateway) == 20
        assert (meter.reserved, meter.remaining) == (Decimal("0.001"), 0)
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        assert meter.reserved == 0
    # The catalogue, which all of them needed, is there for the next.
    assert client.loaded_catalog is not None


@both
@pytest.mark.parametrize(("status", "tries"), [(402, 1), (500, 3)])
async def test_what_fails_holds_nothing_back(
    status: int, tries: int, stream: bool, gateway: LocalGateway
) -> None:
    meter = CostMeter(max_cost="0.9")
    async with client_of(gateway, cost_meter=meter) as client:
        await client.models.list()
        gateway.enqueue(*[RawReply(status=status)] * tries * 2)
        with pytest.raises(APIStatusError):
            await ask(client, stream=stream, fallback_models=[FREE])
        assert (meter.calls, meter.reserved, meter.total) == (0, 0, 0)


BILLED = b'data: {"error": {"message": "no", "code": 503}, "usage": {"cost": 0.25}}\n\n'


async def test_a_try_that_was_billed_and_failed_counts_besides_the_next(
    gateway: LocalGateway,
) -> None:
    meter = CostMeter()
    gateway.enqueue(RawReply(body=BILLED), reply({"cost": 0.5}, stream=True))
    async with client_of(gateway, cost_meter=meter) as client:
        completion = await ask(client, stream=True)
    assert completion.usage is not None
    assert completion.usage.cost == Decimal("0.5")
    assert (meter.calls, meter.total, meter.estimated) == (2, Decimal("0.75"), 0)


async def test_a_next_try_that_the_budget_does_not_allow_is_not_sent(
    gateway: LocalGateway,
) -> None:
    async with client_of(gateway) as client:
        await client.models.list()
        gateway.enqueue(RawReply(body=BILLED))
        stream = await client.chat.completions.create(messages="Hi", stream=True, max_cost=0.25)
        with pytest.raises(BudgetExceededError, match=r"after \$0.25 for earlier tries") as raised:
            await anext(stream)
        with pytest.raises(BudgetExceededError) as again:
            await stream.get_final_completion()
    assert again.value is raised.value
    assert raised.value.partial is None
    assert posts(gateway) == 1


@both
async def test_a_call_that_is_cancelled_before_its_answer_begins_costs_nothing(
    stream: bool,
) -> None:
    meter = CostMeter(max_cost=1)
    async with (
        LocalGateway(fault="delay=1000") as gateway,
        client_of(gateway, cost_meter=meter) as client,
    ):
        task = asyncio.create_task(ask(client, stream=stream))
        await until(lambda: posts(gateway))
        assert meter.reserved > 0
        task.cancel()
        await asyncio.wait([task])
    assert (meter.calls, meter.reserved, meter.total) == (0, 0, 0)


@both
async def test_a_fallback_that_is_too_dear_is_refused_and_says_what_failed_before(
    stream: bool, gateway: LocalGateway
) -> None:
    meter = CostMeter(max_cost="0.9")
    async with client_of(gateway, cost_meter=meter) as client:
        await client.models.list()
        gateway.enqueue(RawReply(status=404))
        with pytest.raises(
            BudgetExceededError, match="nothing was sent; model other/dear"
        ) as raised:
            await ask(client, stream=stream, fallback_models=["other/dear"])
    (note,) = raised.value.__notes__
    assert note.startswith("before it: NotFoundError: ")
    assert posts(gateway) == 1
    assert (meter.calls, meter.reserved, meter.total) == (0, 0, 0)
