"""Facts about going on with a cut stream, step by step; tests/integration does it in earnest."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from kilo_sdk import (
    APIError,
    ConfigurationError,
    KiloClient,
    StreamInterruptedError,
    UpstreamError,
)
from kilo_sdk.attempts import Attempts
from kilo_sdk.emulator import LocalGateway, RawReply
from kilo_sdk.resumption import Resumption
from kilo_sdk.stream_decoder import StreamDecoder
from tests.support.raw_streams import AT_ONCE, DONE, chunk, event, reply

pytestmark = pytest.mark.anyio

MODEL = "deepseek/deepseek-v3.2"


@pytest.fixture
async def attempts(gateway: LocalGateway) -> AsyncIterator[Attempts]:
    """The tries of a call whose answer has begun with two words."""
    gateway.enqueue(reply([chunk("One"), chunk(" two ")], b"", ending="cut"))
    async with KiloClient(
        "key", base_url=gateway.base_url, retries=AT_ONCE, resume="continue"
    ) as client:
        stream = await client.chat.completions.create(messages="Hi", model=MODEL, stream=True)
        yield stream._attempts
        await stream.close()


async def begun(resumption: Resumption, attempts: Attempts, before: StreamDecoder) -> StreamDecoder:
    answer = await resumption.open()
    answer.exchange.close()
    return resumption.decoder(answer.context, before)


def cut_after(attempts: Attempts, *texts: str) -> StreamDecoder:
    """A decoder that has taken these texts of an answer that was then cut."""
    from kilo_sdk.answers import AnswerContext

    route = attempts.candidate[1]
    context = AnswerContext(
        route.transport, route.response_chain, attempts.ref, None, {}, "text/event-stream"
    )
    decoder = StreamDecoder(context)
    decoder.feed(b"".join(event(chunk(text)) for text in texts))
    decoder.end()
    return decoder


def cut(decoder: StreamDecoder) -> APIError:
    assert isinstance(decoder.failure, StreamInterruptedError)
    return decoder.failure


async def test_the_rest_is_asked_for_and_decoded_onto_what_came(
    gateway: LocalGateway, attempts: Attempts
) -> None:
    resumption = Resumption(attempts)
    first = cut_after(attempts, "One", " two ")
    await resumption.recover(cut(first), first)
    assert resumption.count == 1
    second = await begun(resumption, attempts, first)
    sent = gateway.requests[-1].payload["messages"][-1]
    assert sent == {"role": "assistant", "content": "One two", "prefix": True}
    second.feed(event(chunk(" three")) + event(chunk("", finish_reason="stop")) + DONE)
    assert second.completion().text == "One two three"
    assert second.failure is None
    assert second.is_whole


async def test_what_was_cut_again_is_gone_on_with_from_where_it_is(
    gateway: LocalGateway, attempts: Attempts
) -> None:
    resumption = Resumption(attempts)
    first = cut_after(attempts, "One")
    await resumption.recover(cut(first), first)
    second = await begun(resumption, attempts, first)
    second.feed(event(chunk(" two")))
    second.end()
    await resumption.recover(cut(second), second)
    assert resumption.count == 2
    await begun(resumption, attempts, second)
    messages = gateway.requests[-1].payload["messages"]
    assert [one["content"] for one in messages] == ["Hi", "One two"]


async def test_a_continuation_that_does_not_begin_is_tried_again(
    gateway: LocalGateway, attempts: Attempts
) -> None:
    resumption = Resumption(attempts)
    first = cut_after(attempts, "One")
    await resumption.recover(cut(first), first)
    second = await begun(resumption, attempts, first)
    second.end()
    await resumption.recover(cut(second), second)
    assert resumption.count == 1
    third = await begun(resumption, attempts, second)
    third.feed(event(chunk(" two", finish_reason="stop")))
    assert third.completion().text == "One two"


async def test_the_cut_is_raised_where_its_continuation_fails(
    gateway: LocalGateway, attempts: Attempts
) -> None:
    resumption = Resumption(attempts)
    first = cut_after(attempts, "One")
    await resumption.recover(cut(first), first)
    gateway.enqueue(*[RawReply(status=502)] * 2)
    with pytest.raises(StreamInterruptedError) as raised:
        await resumption.open()
    assert raised.value is first.failure
    (note,) = raised.value.__notes__
    assert note.startswith("not resumed: UpstreamError: ")


async def test_a_client_that_was_closed_meanwhile_is_told_as_such(attempts: Attempts) -> None:
    resumption = Resumption(attempts)
    first = cut_after(attempts, "One")
    await resumption.recover(cut(first), first)
    attempts.connections.lifetime.end()
    with pytest.raises(ConfigurationError, match="the client is closed"):
        await resumption.open()
    assert not hasattr(first.failure, "__notes__")


async def test_before_anything_is_cut_it_only_asks(
    gateway: LocalGateway, attempts: Attempts
) -> None:
    resumption = Resumption(attempts)
    gateway.enqueue(*[RawReply(status=502)] * 3)
    with pytest.raises(UpstreamError):
        await resumption.open()
    answer = await resumption.open()
    answer.exchange.close()
    assert resumption.count == 0
    error = UpstreamError("no", status_code=502)
    with pytest.raises(UpstreamError) as raised:
        await resumption.recover(error, cut_after(attempts, "One"))
    assert raised.value is error
    assert not hasattr(error, "__notes__")
