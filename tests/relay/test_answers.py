"""Answers without any socket."""

from __future__ import annotations

from typing import Any

import anyio
import pytest

from kilo_sdk import KiloClient
from kilo_sdk.emulator import LocalGateway
from kilo_sdk.relay import (
    EndedAnswer,
    MemoryStreamStore,
    Prompt,
    RelayRefusedError,
    StoreError,
    StreamWriter,
    WebSocketRelay,
)

pytestmark = pytest.mark.anyio

KEY = "k" * 20


async def ended(answers: list[EndedAnswer], count: int = 1) -> None:
    with anyio.fail_after(60):
        while len(answers) < count:  # noqa: ASYNC110 - a list tells no event
            await anyio.sleep(0.005)


async def test_an_answer_is_written_without_anyone_who_reads(client: KiloClient) -> None:
    told: list[EndedAnswer] = []

    async def on_end(answer: EndedAnswer) -> None:
        told.append(answer)

    async with WebSocketRelay(client, on_end=on_end) as relay:
        log = await relay.answers.begin(Prompt(messages="9 tokens", owner="anna", request="r"))
        assert log.owner == "anna"
        await ended(told)
        assert log.state == "done"
        assert (told[0].stream, told[0].owner, told[0].request) == (log.stream, "anna", "r")
        assert told[0].completion is not None
        assert told[0].completion.usage is not None
        assert await relay.answers.find(log.stream, "anna") is log


async def test_a_prompt_that_is_being_prepared_when_the_relay_closes_is_refused(
    client: KiloClient, gateway: LocalGateway
) -> None:
    closed = anyio.Event()

    async def prepare(prompt: Prompt) -> dict[str, Any]:
        await closed.wait()
        return {"messages": prompt.messages}

    store = MemoryStreamStore()
    relay = WebSocketRelay(client, prepare=prepare, store=store)

    async def ask() -> None:
        with pytest.raises(RelayRefusedError, match="the server is stopping"):
            await relay.answers.begin(Prompt(messages="9 tokens"))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask)
        await anyio.sleep(0.005)
        await relay.close()
        closed.set()
    assert (len(store), len(gateway.requests)) == (0, 0)


async def test_an_answer_that_has_only_just_begun_when_the_relay_closes_is_ended(
    client: KiloClient, gateway: LocalGateway
) -> None:
    told: list[EndedAnswer] = []
    relay = WebSocketRelay(client, on_end=told.append)
    log = await relay.answers.begin(Prompt(messages="9 tokens"))
    await relay.close()
    assert (log.state, [answer.state for answer in told]) == ("cut", ["cut"])


async def test_an_answer_that_is_being_stored_when_the_relay_closes_is_ended_and_refused(
    client: KiloClient, gateway: LocalGateway, serving: Any
) -> None:
    class Slow(MemoryStreamStore):
        """Has begun an answer, and takes its time to say so."""

        def __init__(self) -> None:
            super().__init__()
            self.writers: list[StreamWriter] = []
            self.may_return = anyio.Event()

        async def create(self, stream: str, owner: str | None) -> StreamWriter | None:
            writer = await super().create(stream, owner)
            assert writer is not None
            self.writers.append(writer)
            await self.may_return.wait()
            return writer

    store = Slow()
    relay = WebSocketRelay(client, store=store)
    connect = await serving(relay)
    browser = await connect()

    async def ask() -> None:
        with pytest.raises(RelayRefusedError, match="the server is stopping"):
            await relay.answers.begin(Prompt(messages="9 tokens"))

    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask)
            await browser.prompt("9 tokens")
            while len(store.writers) < 2:  # noqa: ASYNC110 - a list tells no event
                await anyio.sleep(0.005)
            await relay.close()
            assert await browser.hear_close() == 1001
            store.may_return.set()
    # What the browser asked for went with its socket, before the store had answered.
    assert sorted((writer.log.state or "") for writer in store.writers) == ["", "cut"]
    assert (relay.open_sockets, relay.live_answers, len(gateway.requests)) == (0, 0, 0)


async def test_a_key_is_of_its_owner(client: KiloClient, gateway: LocalGateway) -> None:
    async with WebSocketRelay(client) as relay:
        begin = relay.answers.begin
        one = await begin(Prompt(messages="9 tokens", owner="anna", key=KEY))
        two = await begin(Prompt(messages="9 tokens", owner="anna", key=KEY))
        other = await begin(Prompt(messages="9 tokens", owner="bert", key=KEY))
        assert one is two
        assert other is not one
        assert other.owner == "bert"


async def test_hooks_decide_and_failures_of_on_end_are_logged(
    client: KiloClient, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[EndedAnswer] = []

    async def prepare(prompt: Prompt) -> dict[str, Any]:
        if prompt.data is None:
            raise RelayRefusedError("say which chat", code="no_chat")
        return {"messages": prompt.messages}

    def on_end(answer: EndedAnswer) -> None:
        told.append(answer)
        raise LookupError("of the app")

    async with WebSocketRelay(client, prepare=prepare, on_end=on_end) as relay:
        with pytest.raises(RelayRefusedError, match="say which chat"):
            await relay.answers.begin(Prompt(messages="9 tokens"))
        await relay.answers.begin(Prompt(messages="9 tokens", data=7))
        await ended(told)
        with anyio.fail_after(60):
            while len(relay.answers):  # noqa: ASYNC110 - its tasks tell no event
                await anyio.sleep(0.005)
    assert "on_end.failed" in caplog.text


async def test_after_the_end_nothing_is_begun(client: KiloClient) -> None:
    relay = WebSocketRelay(client)
    await relay.close()
    with pytest.raises(RelayRefusedError) as refused:
        await relay.answers.begin(Prompt(messages="hi"))
    assert refused.value.code == "unavailable"


class Unreachable(MemoryStreamStore):
    async def open(self, stream: str) -> Any:
        raise StoreError("redis at 10.0.0.7 refused")

    async def create(self, stream: str, owner: str | None) -> Any:
        raise StoreError("redis at 10.0.0.7 refused")


async def test_a_store_that_cannot_be_reached_is_told_without_its_address(
    client: KiloClient, caplog: pytest.LogCaptureFixture
) -> None:
    async with WebSocketRelay(client, store=Unreachable()) as relay:
        for call in (
            relay.answers.begin(Prompt(messages="hi")),
            relay.answers.find("s", None),
            relay.answers.cancel("s", None),
        ):
            with pytest.raises(RelayRefusedError) as refused:
                await call
            assert refused.value.code == "unavailable"
            assert "10.0.0.7" not in refused.value.message
    assert "10.0.0.7" in caplog.text
