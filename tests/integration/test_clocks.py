"""The five clocks: each says its phase, and none runs while the caller holds a chunk."""

from __future__ import annotations

import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import anyio
import orjson
import pytest
from own_time import elapsed

from kilo_sdk import (
    APITimeoutError,
    KiloClient,
    RetryPolicy,
    ServiceUnavailableError,
    Timeouts,
)
from kilo_sdk.emulator import LocalGateway, RawReply
from kilo_sdk.types.completion import ChatCompletion

pytestmark = pytest.mark.anyio

ONE_TRY = RetryPolicy(max_attempts=1)
AT_ONCE = RetryPolicy(max_attempts=3, wait_initial=0, wait_max=0)
NONE: dict[str, None] = dict.fromkeys(("connect", "first_token", "idle", "stall", "total"))
COMMENT = b": OPENROUTER PROCESSING\n\n"
DONE = b"data: [DONE]\n\n"
MODEL = "openai/gpt-4.1"


def only(**limits: float) -> Timeouts:
    """These clocks and no others."""
    return Timeouts(**{**NONE, **limits})


def event(**delta: Any) -> bytes:
    chunk = {"id": "gen-1", "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
    return b"data: " + orjson.dumps(chunk) + b"\n\n"


ROLE = event(role="assistant", content="")
WORD = event(content="word")


async def ask(client: KiloClient, *, stream: bool) -> ChatCompletion:
    """One call, as a stream or not, to its end."""
    if not stream:
        return await client.chat.completions.create(messages="Hi", model=MODEL)
    async with client.chat.completions.stream(messages="Hi", model=MODEL) as opened:
        return await opened.get_final_completion()


@contextmanager
def unreachable() -> Iterator[str]:
    """A base URL whose host answers no connection request: its queue is full."""
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(8):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/"


@pytest.mark.skipif(sys.platform != "linux", reason="other systems refuse where Linux is silent")
@pytest.mark.parametrize("stream", [False, True])
async def test_connect_is_the_time_to_a_connection(stream: bool, tick: float) -> None:
    with unreachable() as base_url:
        async with KiloClient(
            base_url=base_url, retries=ONE_TRY, timeouts=only(connect=3 * tick)
        ) as client:
            with (
                elapsed(3 * tick),
                pytest.raises(APITimeoutError, match="no connection within") as raised,
            ):
                await ask(client, stream=stream)
    assert raised.value.phase == "connect"
    assert raised.value.partial is None
    assert raised.value.model == MODEL


async def test_connect_counts_the_wait_for_a_free_connection(tick: float) -> None:
    async with (
        LocalGateway() as gateway,
        KiloClient(
            base_url=gateway.base_url,
            retries=ONE_TRY,
            timeouts=only(connect=3 * tick),
            max_connections=1,
        ) as client,
    ):
        gateway.enqueue(RawReply(body=[WORD], ending="hang"))
        async with client.chat.completions.stream(messages="Hi", model=MODEL):
            with elapsed(3 * tick), pytest.raises(APITimeoutError) as raised:
                await client.chat.completions.create(messages="Hi", model=MODEL)
        assert raised.value.phase == "connect"
        assert (await client.chat.completions.create(messages="Hi", model=MODEL)).text
    assert len(gateway.requests) == 2


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    "fault",
    ["delay=600", "comments;after=0;interval=0.01", "stall;after=0"],
    ids=["no headers", "signs of life alone", "headers alone"],
)
async def test_first_token_is_the_time_to_output(fault: str, stream: bool, tick: float) -> None:
    async with (
        LocalGateway(fault=fault) as gateway,
        KiloClient(
            base_url=gateway.base_url, retries=ONE_TRY, timeouts=only(first_token=3 * tick)
        ) as client,
    ):
        with elapsed(3 * tick), pytest.raises(APITimeoutError) as raised:
            await ask(client, stream=stream)
    assert raised.value.phase == "first_token"
    assert raised.value.partial is None
    assert f"no output within {3 * tick:g} s" in str(raised.value)


async def test_a_chunk_with_a_role_alone_is_no_output(tick: float) -> None:
    async with LocalGateway() as gateway:
        gateway.enqueue(RawReply(body=[ROLE, 2 * tick, ROLE], ending="hang"))
        async with KiloClient(
            base_url=gateway.base_url, timeouts=only(first_token=4 * tick)
        ) as client:
            with elapsed(4 * tick), pytest.raises(APITimeoutError) as raised:
                await ask(client, stream=True)
        assert len(gateway.requests) == 1, "a chunk had reached the caller"
    assert raised.value.phase == "first_token"
    assert raised.value.partial is not None
    assert raised.value.partial.id == "gen-1"


async def test_first_token_has_nothing_to_say_after_output(tick: float) -> None:
    async with LocalGateway() as gateway:
        body: list[bytes | float] = [ROLE, tick, WORD, 4 * tick, WORD, DONE]
        gateway.enqueue(RawReply(body=body))
        async with KiloClient(
            base_url=gateway.base_url, timeouts=only(first_token=3 * tick)
        ) as client:
            assert (await ask(client, stream=True)).text == "wordword"


async def test_first_token_is_tried_again_and_counts_anew(tick: float) -> None:
    async with LocalGateway(fault="stall;after=0;times=2") as gateway:
        async with KiloClient(
            base_url=gateway.base_url, retries=AT_ONCE, timeouts=only(first_token=3 * tick)
        ) as client:
            with elapsed(6 * tick):
                completion = await ask(client, stream=True)
        assert completion.finish_reason == "stop"
        counts = [one.headers["x-kilo-retry-count"] for one in gateway.requests]
        assert counts == ["0", "1", "2"]


@pytest.mark.parametrize("lead", [[], [COMMENT], [ROLE, WORD]], ids=["headers", "comment", "text"])
async def test_idle_is_the_time_without_a_byte(lead: list[bytes], tick: float) -> None:
    async with LocalGateway() as gateway:
        body: list[bytes | float] = [*lead, tick, COMMENT]
        gateway.enqueue(RawReply(body=body, ending="hang"))
        clocks = only(idle=3 * tick, stall=60, first_token=60)
        async with KiloClient(base_url=gateway.base_url, timeouts=clocks) as client:
            with elapsed(4 * tick), pytest.raises(APITimeoutError) as raised:
                await ask(client, stream=True)
        assert len(gateway.requests) == 1
    assert raised.value.phase == "idle"
    assert "not a byte for" in str(raised.value)
    if WORD in lead:
        assert raised.value.partial is not None
        assert raised.value.partial.text == "word"
    else:
        assert raised.value.partial is None


async def test_a_body_of_silence_is_idle_too(tick: float) -> None:
    async with LocalGateway() as gateway:
        gateway.enqueue(RawReply(body=[b"\n", tick, b"\n"], ending="hang"))
        clocks = only(idle=3 * tick, first_token=60)
        async with KiloClient(base_url=gateway.base_url, timeouts=clocks) as client:
            with elapsed(4 * tick), pytest.raises(APITimeoutError) as raised:
                await client.chat.completions.create(messages="Hi", model=MODEL)
    assert raised.value.phase == "idle"


async def test_stall_is_alive_without_a_chunk(tick: float) -> None:
    async with (
        LocalGateway(fault=f"comments;after=4;interval={tick / 4}") as gateway,
        KiloClient(
            base_url=gateway.base_url, timeouts=only(stall=4 * tick, idle=3 * tick)
        ) as client,
    ):
        with elapsed(4 * tick), pytest.raises(APITimeoutError) as raised:
            await ask(client, stream=True)
    assert raised.value.phase == "stall"
    assert "alive, but without a chunk for" in str(raised.value)
    assert raised.value.partial is not None
    assert raised.value.partial.text == "You said:"


@pytest.mark.parametrize("stream", [False, True])
async def test_total_runs_across_tries(stream: bool, tick: float) -> None:
    fault = f"status=503;delay={3 * tick};times=2"
    async with (
        LocalGateway(fault=fault) as gateway,
        KiloClient(
            base_url=gateway.base_url, retries=AT_ONCE, timeouts=only(total=5 * tick)
        ) as client,
    ):
        with elapsed(5 * tick), pytest.raises(APITimeoutError) as raised:
            await ask(client, stream=stream)
        assert len(gateway.requests) == 2
    assert raised.value.phase == "total"
    assert f"not done within {5 * tick:g} s in all" in str(raised.value)


async def test_a_wait_that_total_does_not_allow_is_not_begun(tick: float) -> None:
    async with (
        LocalGateway(fault="status=503;retry_after=30") as gateway,
        KiloClient(base_url=gateway.base_url, timeouts=only(total=29)) as client,
    ):
        with elapsed(0), pytest.raises(ServiceUnavailableError):
            await client.chat.completions.create(messages="Hi", model=MODEL)
        assert len(gateway.requests) == 1


async def test_the_waits_between_tries_count_for_total(tick: float) -> None:
    fault = f"status=503;retry_after={4 * tick};times=2"
    async with (
        LocalGateway(fault=fault) as gateway,
        KiloClient(base_url=gateway.base_url, timeouts=only(total=7 * tick)) as client,
    ):
        with elapsed(4 * tick), pytest.raises(ServiceUnavailableError):
            await client.chat.completions.create(messages="Hi", model=MODEL)
        assert len(gateway.requests) == 2, "the second wait would have been past total"


async def test_total_ends_a_stream_that_goes_well(tick: float) -> None:
    async with (
        LocalGateway(tokens_per_second=2 / tick) as gateway,
        KiloClient(base_url=gateway.base_url, timeouts=only(total=5 * tick)) as client,
    ):
        with elapsed(5 * tick), pytest.raises(APITimeoutError) as raised:
            async with client.chat.completions.stream(messages="500 words", model=MODEL) as stream:
                await stream.get_final_completion()
    assert raised.value.phase == "total"
    assert raised.value.partial is not None
    assert raised.value.partial.text.startswith("You said: 500")


async def test_no_clock_runs_while_the_caller_holds_a_chunk(tick: float) -> None:
    async with LocalGateway() as gateway:
        words = [event(content=f"{number} ") for number in range(4)]
        spaced: list[bytes | float] = [ROLE]
        for word in words:
            spaced += [tick, word]
        gateway.enqueue(RawReply(body=[*spaced, DONE]))
        limit = 2.5 * tick
        clocks = only(idle=limit, stall=limit, first_token=limit, total=3 * tick)
        texts: list[str] = []
        async with (
            KiloClient(base_url=gateway.base_url, timeouts=clocks) as client,
            client.chat.completions.stream(messages="Hi", model=MODEL) as stream,
        ):
            async for chunk in stream:
                texts.append(chunk.choices[0].delta.content or "")
                await anyio.sleep(4 * tick)
            completion = await stream.get_final_completion()
        assert "".join(texts) == completion.text == "0 1 2 3 "


@pytest.mark.parametrize("stream", [False, True])
async def test_without_limits_nothing_fires(stream: bool, tick: float) -> None:
    async with LocalGateway(fault=f"delay={4 * tick}", ttft=4 * tick) as gateway:
        async with KiloClient(base_url=gateway.base_url, timeouts=only()) as client:
            completion = await ask(client, stream=stream)
        assert completion.text.startswith("You said: Hi.")


async def test_blank_lines_keep_a_body_alive(tick: float) -> None:
    message = {"role": "assistant", "content": "At last."}
    body = orjson.dumps({"id": "gen-1", "choices": [{"index": 0, "message": message}]})
    async with LocalGateway() as gateway:
        blank: list[bytes | float] = [b"\n         \n", tick]
        gateway.enqueue(RawReply(body=[*blank * 6, body]))
        clocks = only(idle=3 * tick, first_token=60)
        async with KiloClient(base_url=gateway.base_url, timeouts=clocks) as client:
            completion = await client.chat.completions.create(messages="Hi", model=MODEL)
    assert completion.text == "At last."


async def test_the_clocks_of_a_call_win_over_those_of_the_client(tick: float) -> None:
    async with (
        LocalGateway(fault="stall;after=2") as gateway,
        KiloClient(base_url=gateway.base_url, timeouts=only(idle=60)) as client,
        client.chat.completions.stream(
            messages="Hi", model=MODEL, timeouts=only(idle=2 * tick)
        ) as stream,
    ):
        with elapsed(2 * tick), pytest.raises(APITimeoutError) as raised:
            await stream.get_final_completion()
    assert raised.value.phase == "idle"


@pytest.mark.parametrize("clock", ["idle", "stall", "total"])
async def test_a_short_clock_is_on_time_after_the_caller_held_a_chunk(
    clock: str, tick: float
) -> None:
    async with (
        LocalGateway(fault="stall;after=2") as gateway,
        KiloClient(base_url=gateway.base_url, timeouts=only(**{clock: 4 * tick})) as client,
        client.chat.completions.stream(messages="Hi", model=MODEL) as stream,
    ):
        await anext(stream)
        await anyio.sleep(6 * tick)  # a timer comes that finds nobody waiting
        with elapsed(3 * tick, late=4 * tick), pytest.raises(APITimeoutError) as raised:
            await stream.get_final_completion()
    assert raised.value.phase == clock


@pytest.mark.parametrize("clock", ["idle", "stall", "first_token"])
async def test_what_came_in_time_counts_although_the_loop_was_busy(
    clock: str, tick: float, stream_head: bytes
) -> None:
    """The server lives in a thread: it sends while this loop is held up past the limit."""
    send, sent = threading.Event(), threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(stream_head + b"%x\r\n%s\r\n" % (len(ROLE), ROLE))
            send.wait(60)
            connection.sendall(b"%x\r\n%s\r\n" % (len(WORD), WORD))
            sent.set()
            connection.sendall(b"%x\r\n%s\r\n0\r\n\r\n" % (len(DONE), DONE))
            connection.recv(1)

    thread = threading.Thread(target=serve)
    thread.start()
    base_url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
    try:
        async with (
            KiloClient(base_url=base_url, timeouts=only(**{clock: 3 * tick})) as client,
            client.chat.completions.stream(messages="Hi", model=MODEL) as stream,
            anyio.create_task_group() as group,
        ):
            await anext(stream)

            async def hold_up_the_loop() -> None:
                await anyio.sleep(tick)
                send.set()
                until = anyio.current_time() + 4 * tick
                while anyio.current_time() < until or not sent.is_set():
                    pass

            group.start_soon(hold_up_the_loop)
            assert (await stream.get_final_completion()).text == "word"
    finally:
        send.set()
        thread.join()
        listener.close()
