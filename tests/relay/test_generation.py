"""From the SDK's stream to a log, however it ends."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from kilo_sdk import KiloClient
from kilo_sdk.emulator import LocalGateway
from kilo_sdk.relay import MemoryStreamStore, StreamWriter
from kilo_sdk.relay.events import Ended, Failed, Reasoning, Started, Text, ToolCalled
from kilo_sdk.relay.generation import Generation
from kilo_sdk.types.wire import WireChunk, WireCompletion
from tests.support.raw_streams import chunk, reply, tool

pytestmark = pytest.mark.anyio

PAYLOAD = {"messages": "You are asked for 5000 tokens"}


async def writing(**options: Any) -> tuple[StreamWriter, Generation]:
    writer = await MemoryStreamStore().create("s", "anna")
    assert writer is not None
    options = {"max_bytes": 10**6, "report_cost": True, **options}
    return writer, Generation(writer, PAYLOAD, **options)


async def test_a_whole_answer_ends_with_its_message(client: KiloClient) -> None:
    writer, generation = await writing()
    model = "anthropic/claude-sonnet-4"
    await generation.run(
        lambda: client.chat.completions.stream(messages="9 tokens", model=model, reasoning="low")
    )
    events = writer.log.events
    last = events[-1]
    assert isinstance(last, Ended)
    assert generation.completion is not None
    assert last.message == generation.completion.message.to_param()
    text = "".join(event.text for event in events if isinstance(event, Text))
    thought = "".join(event.text for event in events if isinstance(event, Reasoning))
    assert text == generation.completion.text
    assert thought == generation.completion.reasoning
    ended = generation.ended("r")
    assert (ended.stream, ended.owner, ended.request, ended.state) == ("s", "anna", "r", "done")
    assert ended.seconds > 0


async def test_stopping_before_anything_came_asks_nothing(
    client: KiloClient, gateway: LocalGateway
) -> None:
    writer, generation = await writing()
    generation.cancel()
    await generation.run(lambda: client.chat.completions.stream(**PAYLOAD))
    assert list(writer.log.events) == [Ended("cancelled")]
    assert not gateway.requests
    assert generation.ended(None).completion is None


async def test_stopping_in_the_middle_estimates_what_was_used(client: KiloClient) -> None:
    writer, generation = await writing()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(generation.run, lambda: client.chat.completions.stream(**PAYLOAD))
        with anyio.fail_after(60):
            while writer.log.last_seq < 6:  # noqa: ASYNC110 - a log tells its watchers only
                await anyio.sleep(0.005)
        generation.cancel()
    last = writer.log.events[-1]
    assert isinstance(last, Ended)
    assert last.usage is not None
    assert last.usage["estimated"] is True
    # Four bytes of prompt for a token, rounded up.
    assert last.usage["prompt_tokens"] == 8
    written = last.usage["completion_tokens"]
    assert last.usage["total_tokens"] == 8 + written
    text = "".join(event.text for event in writer.log.events if isinstance(event, Text))
    assert written == -(-len(text) // 4)


@pytest.mark.parametrize(
    ("chunks", "message"),
    [
        (
            [chunk("Let me look."), chunk(tool_calls=tool('{"city": "Par', id="c", name="f"))],
            {"role": "assistant", "content": "Let me look."},
        ),
        (
            [chunk(reasoning="Hm."), chunk(tool_calls=tool("{}", id="c", name="f"))],
            {"role": "assistant", "content": "", "reasoning": "Hm."},
        ),
        ([chunk(tool_calls=tool('{"city": "Par', id="c", name="f"))], None),
        ([chunk("", role="assistant")], None),
    ],
)
async def test_an_answer_that_was_stopped_leaves_a_message_that_models_take(
    chunks: list[dict[str, Any]],
    message: dict[str, Any] | None,
    client: KiloClient,
    gateway: LocalGateway,
) -> None:
    gateway.enqueue(reply(chunks, b"", ending="hang"))
    writer, generation = await writing()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(generation.run, lambda: client.chat.completions.stream(**PAYLOAD))
        with anyio.fail_after(60):
            while not _has_come(generation, chunks):  # noqa: ASYNC110 - calls are told at the end
                await anyio.sleep(0.005)
        generation.cancel()
    last = writer.log.events[-1]
    assert isinstance(last, Ended)
    assert (last.state, last.message) == ("cancelled", message)
    # The app hears of the call, as far as it came.
    calls = [part for one in chunks for part in one["choices"][0]["delta"].get("tool_calls", [])]
    completion = generation.ended(None).completion
    assert completion is not None
    assert [call.arguments for call in completion.message.tool_calls] == [
        call["function"]["arguments"] for call in calls
    ]


def _has_come(generation: Generation, chunks: list[dict[str, Any]]) -> bool:
    completion = generation.completion
    if completion is None or not completion.choices:
        return False
    wants_call = "tool_calls" in chunks[-1]["choices"][0]["delta"]
    return not wants_call or bool(completion.message.tool_calls)


async def test_a_writer_that_is_torn_down_leaves_a_cut(
    client: KiloClient, gateway: LocalGateway
) -> None:
    writer, generation = await writing()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(generation.run, lambda: client.chat.completions.stream(**PAYLOAD))
        with anyio.fail_after(60):
            while writer.log.last_seq < 2:  # noqa: ASYNC110 - a log tells its watchers only
                await anyio.sleep(0.005)
        tasks.cancel_scope.cancel()
    last = writer.log.events[-1]
    assert isinstance(last, Failed)
    assert (last.state, writer.log.state) == ("cut", "cut")


MORE = "x" * 400


@pytest.mark.parametrize(
    "endless",
    [
        chunk(MORE),
        chunk(reasoning=MORE),
        chunk(MORE, index=1),
        chunk(reasoning=MORE, index=1),
        chunk(tool_calls=tool(MORE, id="c", name="f")),
        chunk(tool_calls=tool("", id="c" * 400, name="f")),
        chunk(reasoning_details=[{"type": "reasoning.encrypted", "data": MORE, "index": 0}]),
        chunk(annotations=[{"type": "url_citation", "url_citation": {"url": MORE}}]),
        chunk(reasoning_details=[{"type": [MORE]}, MORE]),
        chunk(refusal=MORE),
    ],
)
async def test_an_answer_that_does_not_stop_is_stopped_whatever_it_is_made_of(
    endless: dict[str, Any], client: KiloClient, gateway: LocalGateway
) -> None:
    gateway.enqueue(reply([endless] * 30, b"", ending="hang"))
    writer, generation = await writing(max_bytes=10_000)
    with anyio.fail_after(60):
        await generation.run(lambda: client.chat.completions.stream(**PAYLOAD))
    last = writer.log.events[-1]
    assert isinstance(last, Failed)
    assert (last.state, last.code) == ("error", "too_long")
    assert not any(isinstance(event, ToolCalled) for event in writer.log.events)


async def test_a_call_of_a_whole_answer_is_told_and_the_answer_is_done(
    client: KiloClient, gateway: LocalGateway
) -> None:
    """What a call weighs was counted as it came, so nothing follows it but the end."""
    arguments = '{"text": "' + "x" * 6000 + '"}'
    call = chunk(tool_calls=tool(arguments, id="c", name="f"))
    gateway.enqueue(reply([chunk("y" * 3000), call, chunk("", finish_reason="tool_calls")]))
    writer, generation = await writing(max_bytes=9500)
    writer.append(Started())
    await generation.run(lambda: client.chat.completions.stream(**PAYLOAD))
    assert writer.log.size > 9500
    assert list(writer.log.events)[:3] == [
        Started(),
        Text("y" * 3000),
        ToolCalled(0, "c", "f", arguments),
    ]
    assert writer.log.state == "done"


async def test_code_of_the_app_that_fails_is_an_internal_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    writer, generation = await writing()

    def opening() -> Any:
        raise LookupError("of the app")

    await generation.run(opening)
    assert list(writer.log.events) == [Failed("error", "internal", "the service failed; try again")]
    assert "LookupError" in caplog.text
    assert isinstance(generation.ended(None).error, LookupError)


async def test_what_was_used_until_code_of_the_app_failed_is_told(
    client: KiloClient, gateway: LocalGateway
) -> None:
    gateway.enqueue(reply([chunk("Four char"), chunk("more")]))
    writer, generation = await writing()

    class Failing:
        def on_chunk(self, chunk: WireChunk) -> None:
            if chunk["choices"][0]["delta"]["content"] != "Four char":
                raise LookupError("of the app")

        def on_completion(self, completion: WireCompletion) -> None:
            pass

    failing = client.with_options(response_middleware=[Failing()])
    await generation.run(lambda: failing.chat.completions.stream(**PAYLOAD))
    last = writer.log.events[-1]
    assert isinstance(last, Failed)
    usage = {"completion_tokens": 3, "prompt_tokens": 8, "total_tokens": 11, "estimated": True}
    assert (last.code, last.usage) == ("internal", usage)
