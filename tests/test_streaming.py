"""Facts about ``CompletionStream``: what it hands out, how it ends, who may read it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from decimal import Decimal
from typing import Any

import anyio
import orjson
import pytest

from kilo_sdk import (
    APITimeoutError,
    ConfigurationError,
    InsufficientCreditsError,
    KiloClient,
    RetryPolicy,
    StreamError,
    StreamInterruptedError,
    StreamProtocolError,
    Timeouts,
)
from kilo_sdk.chunk_template import chunk_of
from kilo_sdk.emulator import LocalGateway, RawReply
from kilo_sdk.streaming import CompletionStream
from kilo_sdk.types.events import (
    Finished,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
    ToolCallDone,
    UsageReported,
)

pytestmark = pytest.mark.anyio

TICK = float(os.environ.get("KILO_TEST_TICK", "0.05"))
AT_ONCE = RetryPolicy(max_attempts=3, wait_initial=0, wait_max=0)
DONE = b"data: [DONE]\n\n"
USAGE = {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8, "cost": 0.001425}


def chunk(content: str | None = None, *, index: int = 0, **more: Any) -> dict[str, Any]:
    """A wire chunk; ``finish_reason`` and ``usage`` stand where they belong."""
    usage = {"usage": more.pop("usage")} if "usage" in more else {}
    finish_reason = more.pop("finish_reason", None)
    delta = ({} if content is None else {"content": content}) | more
    choice = {"index": index, "delta": delta, "finish_reason": finish_reason}
    return {"id": "gen-1", "model": "m/x", "created": 7, "choices": [choice], **usage}


def event(wire: dict[str, Any]) -> bytes:
    return b"data: " + orjson.dumps(wire) + b"\n\n"


def tool(arguments: str, **more: Any) -> list[dict[str, Any]]:
    name = {"name": more.pop("name")} if "name" in more else {}
    return [{"index": 0, "function": {"arguments": arguments, **name}, **more}]


ANSWER = [
    chunk("", role="assistant"),
    chunk(reasoning="Hm, "),
    chunk(reasoning="well."),
    chunk("Let"),
    chunk(" me"),
    chunk(" look."),
    chunk(tool_calls=tool('{"q"', id="c1", name="search")),
    chunk(tool_calls=tool(": 1}")),
    chunk("", finish_reason="tool_calls"),
    chunk("", usage=USAGE),
]


def reply(chunks: Sequence[dict[str, Any]] = ANSWER, end: bytes = DONE, **more: Any) -> RawReply:
    """A stream of these chunks, each in a write of its own."""
    return RawReply(body=[*map(event, chunks), end], **more)


@pytest.fixture
async def gateway() -> AsyncIterator[LocalGateway]:
    async with LocalGateway() as gateway:
        yield gateway


@pytest.fixture
async def client(gateway: LocalGateway) -> AsyncIterator[KiloClient]:
    async with KiloClient("key", base_url=gateway.base_url, retries=AT_ONCE) as client:
        yield client


async def open_stream(client: KiloClient, **more: Any) -> CompletionStream:
    return await client.chat.completions.create(messages="Hi", model="m/x", stream=True, **more)


async def test_chunks_come_as_they_were_sent(gateway: LocalGateway, client: KiloClient) -> None:
    plain = [chunk("", role="assistant"), *map(chunk, ["a", "b", "Zoë", "\u2028", "[DONE]"])]
    plain += [chunk("", finish_reason="stop"), chunk("", usage=USAGE)]
    gateway.enqueue(reply(plain))
    async with await open_stream(client) as stream:
        got = [one async for one in stream]
    assert [one.raw for one in got] == plain
    assert [one.choices[0].delta.content for one in got] == [
        "",
        "a",
        "b",
        "Zoë",
        "\u2028",
        "[DONE]",
        "",
        "",
    ]
    assert [one.choices[0].raw for one in got] == [one["choices"][0] for one in plain]
    assert [one.choices[0].delta.raw for one in got] == [
        one["choices"][0]["delta"] for one in plain
    ]
    assert [one.choices[0].finish_reason for one in got[-2:]] == ["stop", None]
    assert got[0].choices[0].delta.role == "assistant"
    assert {one.id for one in got} == {"gen-1"}
    assert got[-1].usage is not None
    assert got[-1].usage.cost == Decimal("0.001425")
    completion = await stream.get_final_completion()
    assert completion.text == "abZoë\u2028[DONE]"


async def test_text_deltas_are_the_pieces_that_are_not_empty(
    gateway: LocalGateway, client: KiloClient
) -> None:
    gateway.enqueue(reply())
    async with await open_stream(client) as stream:
        assert [text async for text in stream.text_deltas()] == ["Let", " me", " look."]


async def test_coalesced_text_is_one_piece_per_read(
    gateway: LocalGateway, client: KiloClient
) -> None:
    reads: list[bytes | float] = [
        b"".join(map(event, ANSWER[:4])),
        TICK,
        event(ANSWER[4]) + event(ANSWER[5]),
        TICK,
        b"".join(map(event, ANSWER[6:])) + DONE,
    ]
    gateway.enqueue(RawReply(body=reads))
    async with await open_stream(client) as stream:
        texts = [text async for text in stream.text_deltas(coalesce=True)]
    assert texts == ["Let", " me look."]


async def test_batches_are_what_each_read_brought(
    gateway: LocalGateway, client: KiloClient
) -> None:
    reads: list[bytes | float] = [
        b"".join(map(event, ANSWER[:4])),
        TICK,
        b"".join(map(event, ANSWER[4:])) + DONE,
    ]
    gateway.enqueue(RawReply(body=reads), RawReply(body=reads))
    async with await open_stream(client) as stream:
        batches = [list(map(chunk_of, batch)) async for batch in stream.batches()]
        completion = await stream.get_final_completion()
    async with await open_stream(client) as stream:
        chunks = [chunk async for chunk in stream]
    assert [len(batch) for batch in batches] == [4, len(ANSWER) - 4]
    assert [chunk.raw for batch in batches for chunk in batch] == [chunk.raw for chunk in chunks]
    assert completion.text == "Let me look."


@pytest.mark.parametrize("coalesce", [False, True])
async def test_text_deltas_are_those_of_one_choice(
    coalesce: bool, gateway: LocalGateway, client: KiloClient
) -> None:
    both = {**chunk("left"), "choices": chunk("left")["choices"] + chunk("R", index=1)["choices"]}
    chunks = [both, chunk("!", index=1), chunk("", finish_reason="stop")]
    gateway.enqueue(reply(chunks), reply(chunks))
    for choice, text in ((1, "R!"), (0, "left")):
        async with await open_stream(client) as stream:
            deltas = stream.text_deltas(coalesce=coalesce, choice=choice)
            assert "".join([one async for one in deltas]) == text


async def test_events_say_what_happened_in_order(gateway: LocalGateway, client: KiloClient) -> None:
    gateway.enqueue(reply())
    async with await open_stream(client) as stream:
        events = [one async for one in stream.events()]
    completion = await stream.get_final_completion()
    assert completion.usage is not None
    assert events == [
        ReasoningDelta("Hm, "),
        ReasoningDelta("well."),
        TextDelta("Let"),
        TextDelta(" me"),
        TextDelta(" look."),
        ToolCallDelta(index=0, id="c1", name="search", arguments='{"q"'),
        ToolCallDelta(index=0, id=None, name=None, arguments=": 1}"),
        UsageReported(completion.usage),
        ToolCallDone(completion.tool_calls[0]),
        Finished(completion),
    ]
    assert completion.tool_calls[0].arguments == '{"q": 1}'


async def test_each_way_of_iterating_goes_on_where_the_last_one_stopped(
    gateway: LocalGateway, client: KiloClient
) -> None:
    gateway.enqueue(reply())
    async with await open_stream(client) as stream:
        async for one in stream:
            assert one.choices[0].delta.role == "assistant"
            break
        assert (await anext(stream)).choices[0].delta.reasoning == "Hm, "
        async for happened in stream.events():
            assert happened == ReasoningDelta("well.")
            break
        async for text in stream.text_deltas():
            assert text == "Let"
            break
        assert stream.partial.reasoning == "Hm, well."
        assert not stream.closed
        completion = await stream.get_final_completion()
        assert completion.text == "Let me look."
        assert completion.tool_calls[0].arguments == '{"q": 1}'
        assert [one async for one in stream] == []


async def test_the_final_completion_drains_what_one_read_brought(
    gateway: LocalGateway, client: KiloClient
) -> None:
    gateway.enqueue(RawReply(body=b"".join([*map(event, ANSWER), DONE])))
    async with await open_stream(client) as stream:
        await anext(stream)
        completion = await stream.get_final_completion()
        assert completion.text == "Let me look."
        with pytest.raises(StopAsyncIteration):
            await anext(stream)


async def test_the_final_completion_is_one_object(
    gateway: LocalGateway, client: KiloClient
) -> None:
    gateway.enqueue(reply())
    async with await open_stream(client) as stream:
        completion = await stream.get_final_completion()
        assert await stream.get_final_completion() is completion
        assert stream.closed
    assert await stream.get_final_completion() is completion


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
        headers = {"Content-Type": "text/event-stream", "Retry-After": str(4 * TICK)}
        gateway.enqueue(RawReply(headers=headers, body=failing.body), reply())
    else:
        gateway.enqueue(failing)
    fault = {"X-Kilo-Emulator-Fault": f"delay={4 * TICK}"}
    stream = await client.chat.completions.create(
        messages="Hi", model="openai/gpt-4.1", stream=True, extra_headers=fault
    )
    reading = asyncio.create_task(stream.get_final_completion())
    await anyio.sleep(2 * TICK)
    await stream.close()
    with pytest.raises(StreamError, match="closed before its end"):
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


async def test_leaving_an_iteration_closes_a_stream_that_was_not_entered(
    gateway: LocalGateway, client: KiloClient
) -> None:
    gateway.enqueue(reply(ANSWER[:5], b"", ending="hang"))
    stream = await open_stream(client)
    async for _ in stream.text_deltas():
        break
    await anyio.sleep(TICK)
    assert stream.closed
    assert gateway.requests[0].disconnected_at is not None


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


async def test_a_stream_opening_is_entered_once(client: KiloClient) -> None:
    opening = client.chat.completions.stream(messages="Hi", model="openai/gpt-4.1")
    async with opening as stream:
        await stream.get_final_completion()
    with pytest.raises(ConfigurationError, match="entered before"):
        await opening.__aenter__()


async def test_what_a_stream_says_of_itself(gateway: LocalGateway, client: KiloClient) -> None:
    gateway.enqueue(reply(), reply())
    gateway_ids = []
    async with await open_stream(client) as stream:
        assert stream.model_ref.ref == "kilocode/m/x"
        assert stream.request_id == "req-0-00000001"
        assert repr(stream) == "<CompletionStream m/x open>"
        assert not stream.closed
        assert stream.partial.text == ""
        gateway_ids = [one.id async for one in stream]
        assert repr(stream) == "<CompletionStream m/x ended>"
    assert set(gateway_ids) == {"gen-1"}
    left = await open_stream(client)
    await left.close()
    assert repr(left) == "<CompletionStream m/x closed>"


async def test_a_json_answer_is_a_stream_of_one(gateway: LocalGateway, client: KiloClient) -> None:
    message = {"role": "assistant", "content": "Whole.", "reasoning": "So."}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    body = {"id": "gen-2", "model": "m/x", "choices": [choice], "usage": USAGE}
    answer = RawReply(body=b"\n   \n" + orjson.dumps(body))
    gateway.enqueue(answer, answer)
    async with await open_stream(client) as stream:
        (only,) = [one async for one in stream]
        streamed = await stream.get_final_completion()
    assert only.choices[0].delta.content == "Whole."
    created = await client.chat.completions.create(messages="Hi", model="m/x")
    assert streamed == created
    assert streamed.text == "Whole."
    assert streamed.reasoning == "So."
    assert streamed.finish_reason == "stop"


async def test_waiting_for_a_json_answer_is_counted_once(gateway: LocalGateway) -> None:
    refusal = orjson.dumps({"error": {"message": "busy", "code": 503}})
    slow = RawReply(body=[b" ", 4 * TICK, refusal])
    gateway.enqueue(slow, RawReply(body=[b": alive\n\n", 4 * TICK, event(chunk("ok")), DONE]))
    clocks = Timeouts(total=10 * TICK, first_token=7 * TICK)
    async with KiloClient(base_url=gateway.base_url, retries=AT_ONCE, timeouts=clocks) as client:
        stream = await open_stream(client)
        assert (await stream.get_final_completion()).text == "ok"


async def test_comments_and_empty_events_are_no_chunks(
    gateway: LocalGateway, client: KiloClient
) -> None:
    noise = b": c\n\ndata: \n\ndata:\n\ndata:   \n\nevent: ping\nid: 1\nretry: 5\n\n"
    body = [noise, *(part for one in ANSWER for part in (event(one), noise)), DONE]
    gateway.enqueue(RawReply(body=body))
    async with await open_stream(client) as stream:
        assert len([one async for one in stream]) == len(ANSWER)


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
