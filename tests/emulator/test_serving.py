"""Each fault as a client meets it, on real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import aiohttp
import pytest
from own_time import elapsed

from kilo_sdk.emulator import LocalGateway, RawReply
from kilo_sdk.emulator.serving import Pace

pytestmark = pytest.mark.anyio

Make = Callable[..., dict[str, Any]]
Read = Callable[[bytes], list[dict[str, Any]]]
MS = 0.001


async def raw_exchange(
    gateway: LocalGateway, body: bytes, *, fault: str | None = None, version: str = "1.1"
) -> tuple[bytes, type[Exception] | None]:
    """Ask over a bare socket; returns every byte of the answer, and how it ended."""
    port = int(gateway.base_url.split(":")[2].split("/")[0])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    lines = [
        f"POST /api/gateway/chat/completions HTTP/{version}",
        "Host: localhost",
        f"Content-Length: {len(body)}",
        "Connection: close",
    ]
    if fault:
        lines.append(f"X-Kilo-Emulator-Fault: {fault}")
    writer.write("\r\n".join([*lines, "", ""]).encode() + body)
    answer, error = b"", None
    try:
        while data := await asyncio.wait_for(reader.read(65536), 30):
            answer += data
    except ConnectionResetError:
        error = ConnectionResetError
    writer.close()
    return answer, error


STREAM = (
    b'{"model":"openai/gpt-4.1","messages":[{"role":"user","content":"9 words"}],"stream":true}'
)
BODY = STREAM.replace(b',"stream":true', b"")


@pytest.mark.parametrize(
    ("tokens_per_second", "ttft", "events_per_write"),
    [(0, 0, 1), (-1, 0, 1), (float("nan"), 0, 1), (None, -1, 1), (None, float("inf"), 1),
     (None, 0, 0)],
)  # fmt: skip
async def test_a_pace_out_of_range_is_refused(
    tokens_per_second: float | None, ttft: float, events_per_write: int
) -> None:
    with pytest.raises(ValueError, match=r"tokens_per_second|ttft|events_per_write"):
        Pace.of(tokens_per_second, ttft, events_per_write)


async def test_a_cut_ends_a_chunked_body_without_its_end() -> None:
    async with LocalGateway() as gateway:
        whole, no_error = await raw_exchange(gateway, STREAM)
        cut, error = await raw_exchange(gateway, STREAM, fault="cut;after=3")
    assert (no_error, error) == (None, None)
    assert whole.endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n")
    assert cut.count(b"data: ") == 3
    assert cut.endswith(b"}\n\n\r\n")


async def test_a_cut_can_fall_inside_an_event() -> None:
    async with LocalGateway() as gateway:
        cut, _ = await raw_exchange(gateway, STREAM, fault="cut;after=3;inside")
    assert cut.count(b"data: ") == 4
    assert b"\n\n" not in cut[cut.rindex(b"data: ") :]


async def test_a_reset_is_one() -> None:
    async with LocalGateway() as gateway:
        answer, error = await raw_exchange(gateway, STREAM, fault="reset;after=3")
        nothing, at_once = await raw_exchange(gateway, BODY, fault="reset")
    assert error is ConnectionResetError is at_once
    assert answer.count(b"data: ") == 3
    assert nothing.endswith(b"\r\n\r\n")


async def test_an_early_end_is_in_good_order() -> None:
    async with LocalGateway() as gateway:
        answer, error = await raw_exchange(gateway, STREAM, fault="end;after=4")
    assert error is None
    assert answer.count(b"data: ") == 4
    assert answer.endswith(b"\r\n0\r\n\r\n")
    assert b"[DONE]" not in answer


async def test_a_body_is_cut_short_of_its_length(session: aiohttp.ClientSession, ask: Make) -> None:
    async with LocalGateway(fault="cut;after=1") as gateway:
        url = gateway.base_url + "chat/completions"
        async with session.post(url, json=ask()) as response:
            with pytest.raises(aiohttp.ClientPayloadError):
                await response.read()


async def test_http_1_0_ends_with_the_connection() -> None:
    async with LocalGateway() as gateway:
        answer, error = await raw_exchange(gateway, STREAM, version="1.0")
    assert error is None
    assert b"transfer-encoding" not in answer.lower()
    assert answer.endswith(b"data: [DONE]\n\n")


async def test_a_stall_keeps_the_connection_and_says_nothing(
    session: aiohttp.ClientSession, ask: Make, chunks_of: Read
) -> None:
    async with LocalGateway(fault="stall;after=2") as gateway:
        url = gateway.base_url + "chat/completions"
        async with session.post(url, json=ask(stream=True)) as response:
            got = b""
            while len(chunks_of(got)) < 2:
                got += await response.content.readany()
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(response.content.readany(), 80 * MS)
            assert len(chunks_of(got)) == 2


async def test_comments_come_without_end(session: aiohttp.ClientSession, ask: Make) -> None:
    async with LocalGateway(fault="comments;after=1;interval=0.002") as gateway:
        url = gateway.base_url + "chat/completions"
        async with session.post(url, json=ask(stream=True)) as response:
            got = b""
            while got.count(b": OPENROUTER PROCESSING\n\n") < 10:
                got += await asyncio.wait_for(response.content.readany(), 30)
            assert got.count(b"data: ") == 1


async def test_garbage_is_delivered_as_it_is(session: aiohttp.ClientSession, ask: Make) -> None:
    async with LocalGateway() as gateway:
        url = gateway.base_url + "chat/completions"
        for kind, sign in (
            ("binary", b"\xff\xfe"),
            ("html", b"<!DOCTYPE"),
            ("json", b'"delta":\n'),
        ):
            headers = {"X-Kilo-Emulator-Fault": f"garbage={kind};after=2"}
            async with session.post(url, json=ask(stream=True), headers=headers) as response:
                answer = await response.read()
            assert sign in answer
            assert answer.endswith(b"data: [DONE]\n\n")


async def test_a_huge_line_is_as_long_as_it_says(session: aiohttp.ClientSession, ask: Make) -> None:
    async with LocalGateway(fault="garbage=huge_line;size=3000000") as gateway:
        url = gateway.base_url + "chat/completions"
        async with session.post(url, json=ask(stream=True)) as response:
            answer = await response.read()
    assert max(len(line) for line in answer.split(b"\n")) == 3_000_006


async def test_byte_by_byte_is_the_same_answer() -> None:
    async with LocalGateway() as one, LocalGateway(fault="bytes") as other:
        whole, _ = await raw_exchange(one, STREAM)
        bytewise, _ = await raw_exchange(other, STREAM)
    body = bytewise.partition(b"\r\n\r\n")[2]
    assert body.startswith(b"1\r\n:\r\n1\r\n \r\n1\r\nO\r\n")
    sizes = body.split(b"\r\n")[::2]
    assert set(sizes) == {b"1", b"0", b""}
    joined = b"".join(body.split(b"\r\n")[1::2])
    assert joined.endswith(b"data: [DONE]\n\n")
    assert joined.count(b"data: ") == whole.count(b"data: ")


@pytest.mark.parametrize(
    ("fault", "status", "content_type"),
    [
        ("status=503;retry_after=7", 503, "application/json"),
        ("html=502", 502, "text/html"),
        ("error_body=402", 200, "application/json"),
        ("wrong_content_type", 200, "text/plain"),
        ("no_done", 200, "text/event-stream"),
    ],
)
async def test_status_and_type_arrive(
    session: aiohttp.ClientSession, ask: Make, fault: str, status: int, content_type: str
) -> None:
    async with LocalGateway(fault=fault) as gateway:
        url = gateway.base_url + "chat/completions"
        async with session.post(url, json=ask(stream=True)) as response:
            assert (response.status, response.content_type) == (status, content_type)
            assert response.headers.get("Retry-After") == ("7" if "retry" in fault else None)
            assert response.headers["x-request-id"] == "req-0-00000001"


async def test_blank_lines_and_delay_come_before_a_body(
    session: aiohttp.ClientSession, ask: Make
) -> None:
    async with LocalGateway(fault="blank_lines=2;delay=0.05") as gateway:
        url = gateway.base_url + "chat/completions"
        with elapsed(0.05):
            response = await session.post(url, json=ask())
        async with response:
            body = await response.read()
            assert body.startswith(b'\n         \n\n         \n{"id":')
            assert (await response.json())["object"] == "chat.completion"


async def test_events_go_out_at_their_pace(session: aiohttp.ClientSession, ask: Make) -> None:
    async with LocalGateway(tokens_per_second=200, ttft=0.05, keepalive_comments=0) as gateway:
        url = gateway.base_url + "chat/completions"
        # 24 events: 20 tokens, the opening, the finish, the usage and [DONE].
        with elapsed(0.05 + 23 / 200, late=500 * MS):
            with elapsed(0.05):
                response = await session.post(url, json=ask("20 tokens", stream=True))
                await response.content.readany()
            await response.read()


async def test_events_can_share_a_write(ask: Make) -> None:
    async with LocalGateway(events_per_write=4, keepalive_comments=0) as gateway:
        answer, _ = await raw_exchange(gateway, STREAM)
    writes = answer.partition(b"\r\n\r\n")[2].split(b"\r\n")[1:-2:2]
    assert [write.count(b"data: ") for write in writes if write] == [4, 4, 4, 1]


async def test_a_scripted_reply_goes_out_as_it_stands(session: aiohttp.ClientSession) -> None:
    async with LocalGateway() as gateway:
        gateway.enqueue(
            RawReply(status=418, headers={"X-Odd": "1"}, body=b"\x00\xff"),
            RawReply(body=[b"data: 1\n\n", 0.03, b"data: 2\n\n"]),
            RawReply(body=[b"data: 1\n\n"], ending="cut"),
            RawReply(body=[b"data: 1\n\n"], ending="reset"),
        )
        url = gateway.base_url + "chat/completions"
        async with session.post(url, data=b"anything") as response:
            assert (response.status, response.headers["X-Odd"]) == (418, "1")
            assert await response.read() == b"\x00\xff"
        with elapsed(0.03):
            async with session.post(url) as response:
                assert response.content_type == "text/event-stream"
                assert await response.read() == b"data: 1\n\ndata: 2\n\n"
        for _ in range(2):
            async with session.post(url) as response:
                with pytest.raises((aiohttp.ClientPayloadError, aiohttp.ClientOSError)):
                    await response.read()
        async with session.get(gateway.base_url + "models") as response:
            assert response.status == 200
