"""From the SDK's stream to a log, however it ends."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from kilo_sdk import KiloClient
from kilo_sdk.emulator import LocalGateway
from kilo_sdk.relay import MemoryStreamStore, StreamWriter
from kilo_sdk.relay.events import Ended, Failed, Reasoning, Text
from kilo_sdk.relay.generation import Generation

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


async def test_code_of_the_app_that_fails_is_an_internal_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    writer, generation = await writing()

    def opening() -> Any:
        raise LookupError("of the app")

    await generation.run(opening)
    assert list(writer.log.events) == [Failed("error", "internal", "the service failed; try again")]
    assert "LookupError" in caplog.text
