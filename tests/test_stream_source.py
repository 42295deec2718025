"""Facts about where chunks come from: how a stream ends, who may read it, when it is retried."""

from __future__ import annotations

import asyncio

import anyio
import orjson
import pytest

from kilo_sdk import (
    APITimeoutError,
    ConfigurationError,
    InsufficientCreditsError,
    KiloClient,
    Limits,
    RateLimitError,
    StreamError,
    StreamInterruptedError,
    StreamProtocolError,
    Timeouts,
)
from kilo_sdk.emulator import LocalGateway, RawReply
from tests.support.raw_streams import (
    ANSWER,
    AT_ONCE,
    DONE,
    TICK,
    chunk,
    event,
    open_stream,
    reply,
)

pytestmark = pytest.mark.anyio


async def test_what_came_before_an_error_is_handed_out_first_and_the_error_stays(
    gateway: LocalGateway, client: KiloClient
) -> None:
    error = {"error": {"message": "no more", "code": 402, "metadata": {}}}
    whole = b"".join(map(event, [*ANSWER[:5], error, *ANSWER[5:]])) + DONE
    gateway.enqueue(RawReply(body=whole))
    stream = await open_stream(client)
    deltas = stream.text_deltas()
    assert [await anext(deltas), await anext(deltas)] == ["Let", " me"]
    with pytest.raises(InsufficientCreditsError) as first:
        await anext(deltas)
    assert first.value.partial is not None
    assert first.value.partial.text == "Let me"
    assert first.value.partial.reasoning == "Hm, well."
    for again in (anext(stream), stream.get_final_completion()):
        with pytest.raises(InsufficientCreditsError) as second:
            await again
        assert second.value is first.value
    assert len(gateway.requests) == 1


async def test_a_closed_stream_raises_with_what_had_come(
    gateway: LocalGateway, client: KiloClient
) -> None:
    gateway.enqueue(reply(ANSWER[:5], b"", ending="hang"))
    stream = await open_stream(client)
    texts = stream.text_deltas()
    assert [await anext(texts), await anext(texts)] == ["Let", " me"]
    await stream.close()
    await stream.close()
    assert stream.closed
    with pytest.raises(StreamError, match="closed before its end; model m/x") as raised:
        await stream.get_final_completion()
    assert type(raised.value) is StreamError
    assert raised.value.partial is not None
    assert raised.value.partial.text == "Let me"
    assert raised.value.model == "m/x"


async def test_who_reads_in_another_loop_is_refused_and_takes_the_stream_from_nobody(
    gateway: LocalGateway, client: KiloClient
) -> None:
    gateway.enqueue(reply())
    stream = await open_stream(client)
    with pytest.raises(ConfigurationError, match="make one KiloClient per event loop"):
        await asyncio.to_thread(asyncio.run, stream.get_final_completion())
    assert (await stream.get_final_completion()).text == "Let me look."


async def test_an_answer_that_was_whole_when_its_stream_was_left_is_still_there(
    gateway: LocalGateway, client: KiloClient
) -> None:
    gateway.enqueue(RawReply(body=b"".join([*map(event, ANSWER), DONE])))
    async with await open_stream(client) as stream:
        async for one in stream:
            if one.usage:
                break
    assert (await stream.get_final_completion()).text == "Let me look."


@pytest.mark.parametrize("chunks", [0, 3])
async def test_closing_wakes_the_task_that_waits_and_asks_for_nothing_more(
    chunks: int, gateway: LocalGateway, client: KiloClient
) -> None:
    gateway.enqueue(reply(ANSWER[:chunks], b": alive\n\n", ending="hang"))
    stream = await open_stream(client)

    async def read() -> StreamError:
        with pytest.raises(StreamError) as raised:
            await stream.get_final_completion()
        return raised.value

    reading = asyncio.create_task(read())
    await anyio.sleep(TICK)
    await stream.close()
    error = await reading
    assert type(error) is StreamError
    assert "closed before its end" in str(error)
    await anyio.sleep(TICK)
    assert len(gateway.requests) == 1
    assert gateway.requests[0].disconnected_at is not None


@pytest.mark.parametrize("wait", ["before the next try", "while it is sent"])
async def test_closing_ends_the_retries_of_a_stream_that_has_brought_nothing(
    wait: str, gateway: LocalGateway, client: KiloClient
) -> None:
    failing = RawReply(body=[event({"error": {"message": "busy", "code": 503}})])
    headers = {"Content-Type": "text/event-stream"}
    if wait == "before the next try":
        headers = {"Content-Type": "text/event-stream", "Retry-After": "30"}
        gateway.enqueue(RawReply(headers=headers, body=failing.body), reply())
    else:
        gateway.enqueue(failing)
    fault = {"X-Kilo-Emulator-Fault": "delay=30"}
    stream = await client.chat.completions.create(
        messages="Hi", model="openai/gpt-4.1", stream=True, extra_headers=fault
    )
    reading = asyncio.create_task(stream.get_final_completion())
    await anyio.sleep(2 * TICK)
    await stream.close()
    with anyio.fail_after(4 * TICK), pytest.raises(StreamError, match="closed before its end"):
        await reading
    await anyio.sleep(4 * TICK)
    assert len(gateway.requests) == (1 if wait == "before the next try" else 2)
    assert gateway.open_streams == 0
    assert stream.closed


@pytest.mark.parametrize("entered", [False, True])
async def test_two_tasks_may_not_read_one_stream(
    entered: bool, gateway: LocalGateway, client: KiloClient
) -> None:
    rest = b"".join(map(event, ANSWER[1:])) + DONE
    gateway.enqueue(RawReply(body=[event(ANSWER[0]), 20 * TICK, rest]))
    stream = await open_stream(client)
    if entered:
        await stream.__aenter__()
    await anext(stream)
    first = asyncio.create_task(stream.get_final_completion())
    await anyio.sleep(TICK)
    for second in (stream.text_deltas(), stream.events(), aiter(stream)):
        with pytest.raises(ConfigurationError, match="two tasks read one stream"):
            await anext(second)
    with pytest.raises(ConfigurationError, match="two tasks read one stream"):
        await stream.get_final_completion()
    assert (await first).text == "Let me look."


async def test_a_dropped_stream_closes_its_connection_and_says_so(
    gateway: LocalGateway, client: KiloClient
) -> None:
    gateway.enqueue(reply(ANSWER[:5], b"", ending="hang"))
    held = [await open_stream(client)]
    await anext(held[0])
    with pytest.warns(ResourceWarning, match="was dropped before its end"):
        held.clear()
    await anyio.sleep(TICK)
    assert gateway.requests[0].disconnected_at is not None


async def test_waiting_for_a_json_answer_is_counted_once(gateway: LocalGateway) -> None:
    refusal = orjson.dumps({"error": {"message": "busy", "code": 503}})
    slow = RawReply(body=[b" ", 4 * TICK, refusal])
    gateway.enqueue(slow, RawReply(body=[b": alive\n\n", 4 * TICK, event(chunk("ok")), DONE]))
    clocks = Timeouts(total=10 * TICK, first_token=7 * TICK)
    async with KiloClient(base_url=gateway.base_url, retries=AT_ONCE, timeouts=clocks) as client:
        stream = await open_stream(client)
        assert (await stream.get_final_completion()).text == "ok"


async def test_nothing_counts_after_done(gateway: LocalGateway, client: KiloClient) -> None:
    after = event(chunk(" more")) + event({"error": {"code": 500, "message": "x"}}) + b"data: <"
    gateway.enqueue(RawReply(body=[event(chunk("All.")), DONE + after, after]))
    async with await open_stream(client) as stream:
        assert (await stream.get_final_completion()).text == "All."


async def test_an_event_that_is_no_json_ends_the_stream_with_what_had_come(
    gateway: LocalGateway, client: KiloClient
) -> None:
    gateway.enqueue(RawReply(body=[event(chunk("One")), b"data: {oops\n\n", event(chunk("two"))]))
    async with await open_stream(client) as stream:
        with pytest.raises(StreamProtocolError, match="no JSON object") as raised:
            await stream.get_final_completion()
    assert raised.value.partial is not None
    assert raised.value.partial.text == "One"


async def test_a_stream_that_brought_nothing_is_asked_for_again(
    gateway: LocalGateway, client: KiloClient
) -> None:
    gateway.enqueue(RawReply(body=b": alive\n\n"), RawReply(body=b": x\n\n", ending="reset"))
    gateway.enqueue(reply())
    async with await open_stream(client) as stream:
        assert (await stream.get_final_completion()).text == "Let me look."
    assert [one.headers["x-kilo-retry-count"] for one in gateway.requests] == ["0", "1", "2"]


async def test_a_stream_that_brought_a_chunk_is_not_asked_for_again(
    gateway: LocalGateway, client: KiloClient
) -> None:
    gateway.enqueue(reply(ANSWER[:1], b""))
    async with await open_stream(client) as stream:
        with pytest.raises(StreamInterruptedError) as raised:
            await stream.get_final_completion()
    assert raised.value.partial is not None
    assert raised.value.partial.text == ""
    assert len(gateway.requests) == 1


async def test_a_clock_that_ran_out_is_told_again(gateway: LocalGateway) -> None:
    gateway.enqueue(reply(ANSWER[:4], b"", ending="hang"))
    async with KiloClient(base_url=gateway.base_url, timeouts=Timeouts(idle=4 * TICK)) as client:
        stream = await open_stream(client)
        with pytest.raises(APITimeoutError) as first:
            await stream.get_final_completion()
        with pytest.raises(APITimeoutError) as second:
            await stream.get_final_completion()
    assert second.value is first.value
    assert first.value.phase == "idle"
    assert first.value.partial is not None
    assert first.value.partial.text == "Let"


async def test_a_try_that_is_over_makes_room_for_the_next(gateway: LocalGateway) -> None:
    nothing = RawReply(body=b": alive\n\n", headers={"Content-Type": "text/event-stream"})
    gateway.enqueue(nothing, nothing)
    async with KiloClient(
        "key", base_url=gateway.base_url, retries=AT_ONCE, limits=Limits(max_concurrent=1)
    ) as client:
        with anyio.fail_after(20):
            async with client.chat.completions.stream(messages="Hi", model="openai/gpt-4.1") as one:
                assert (await one.get_final_completion()).text.startswith("You said: Hi.")
    assert len(gateway.requests) == 3


async def test_a_refusal_in_mid_stream_halves_what_may_be_under_way(gateway: LocalGateway) -> None:
    refused = {"error": {"message": "slow down", "code": 429}}
    body = [event(chunk("", role="assistant")), event(refused)]
    gateway.enqueue(*[RawReply(body=body)] * 4)
    limits = Limits()
    async with KiloClient(
        "key", base_url=gateway.base_url, retries=AT_ONCE, limits=limits
    ) as client:
        streams = [await open_stream(client) for _ in range(4)]
        assert limits.active == 4
        for one in streams:
            with pytest.raises(RateLimitError, match="slow down"):
                await one.get_final_completion()
            assert limits._window == 2
    assert len(gateway.requests) == 4
