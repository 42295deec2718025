"""Facts about ``CompletionStream``: what it hands out, and when it closes."""

from __future__ import annotations

from decimal import Decimal

import anyio
import orjson
import pytest

from kilo_sdk import (
    ConfigurationError,
    KiloClient,
)
from kilo_sdk.chunk_template import chunk_of
from kilo_sdk.emulator import LocalGateway, RawReply
from kilo_sdk.types.events import (
    Finished,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
    ToolCallDone,
    UsageReported,
)
from tests.support.raw_streams import (
    ANSWER,
    DONE,
    TICK,
    USAGE,
    chunk,
    event,
    open_stream,
    reply,
)

pytestmark = pytest.mark.anyio


def in_reads(first: str, second: str) -> RawReply:
    """An answer of which the chunks of one read come a moment before those of the other."""
    last = event(chunk("", finish_reason="stop"))
    reads = [b"".join(event(chunk(text)) for text in texts) for texts in (first, second)]
    return RawReply(body=[reads[0], TICK, reads[1] + last])


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


async def test_the_final_completion_leaves_nothing_to_a_loop_that_is_under_way(
    gateway: LocalGateway, client: KiloClient
) -> None:
    gateway.enqueue(in_reads("ab", "c"))
    async with await open_stream(client) as stream:
        seen = [
            (one.choices[0].delta.content, (await stream.get_final_completion()).text)
            async for one in stream
        ]
    assert seen == [("a", "abc")]


async def test_a_loop_inside_another_one_goes_on_with_what_is_left(
    gateway: LocalGateway, client: KiloClient
) -> None:
    gateway.enqueue(in_reads("abc", "d"))
    async with await open_stream(client) as stream:
        seen = [
            (one.choices[0].delta.content, [text async for text in stream.text_deltas()])
            async for one in stream
        ]
    assert seen == [("a", ["b", "c", "d"])]


async def test_the_final_completion_is_one_object(
    gateway: LocalGateway, client: KiloClient
) -> None:
    gateway.enqueue(reply())
    async with await open_stream(client) as stream:
        completion = await stream.get_final_completion()
        assert await stream.get_final_completion() is completion
        assert stream.closed
    assert await stream.get_final_completion() is completion


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


async def test_comments_and_empty_events_are_no_chunks(
    gateway: LocalGateway, client: KiloClient
) -> None:
    noise = b": c\n\ndata: \n\ndata:\n\ndata:   \n\nevent: ping\nid: 1\nretry: 5\n\n"
    body = [noise, *(part for one in ANSWER for part in (event(one), noise)), DONE]
    gateway.enqueue(RawReply(body=body))
    async with await open_stream(client) as stream:
        assert len([one async for one in stream]) == len(ANSWER)
