"""Clients that misbehave get an answer or lose their connection; the next client is served."""

from __future__ import annotations

import asyncio
import random
import socket
import struct
from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

import anyio
import pytest

from kilo_sdk import KiloClient
from kilo_sdk.emulator import LocalGateway

pytestmark = pytest.mark.anyio

GPT = "openai/gpt-4.1"
PATH = "/api/gateway/chat/completions"
BODY = (
    b'{"model": "openai/gpt-4.1", "stream": true, "messages": [{"role": "user", "content": "Hi"}]}'
)
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Misbehaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def post(body: bytes, *lines: str, length: int | None = None) -> bytes:
    size = len(body) if length is None else length
    head = [f"POST {PATH} HTTP/1.1", "Host: x", f"Content-Length: {size}", *lines]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def sends(data: bytes) -> Misbehaviour:
    """Send that, and read what comes for a moment."""

    async def misbehave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()
        with anyio.move_on_after(0.05):
            await reader.read(65536)

    return misbehave


async def leaves_without_a_word(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    return


async def resets_inside_its_request(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    writer.write(post(BODY, length=len(BODY) + 100))
    await writer.drain()
    reset(writer)


async def resets_inside_the_answer(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    writer.write(post(BODY.replace(b'"Hi"', b'"2000 words"')))
    await reader.read(100)
    reset(writer)


async def never_reads_its_answer(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    sock: socket.socket = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
    writer.write(post(BODY.replace(b'"Hi"', b'"5000 words"')))
    await writer.drain()
    await asyncio.sleep(0.05)


async def sends_a_byte_at_a_time_and_gives_up(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    for byte in post(BODY)[:80]:
        writer.write(bytes((byte,)))
        await writer.drain()


async def closes_its_side_at_once(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    writer.write(post(BODY))
    writer.write_eof()
    with anyio.move_on_after(0.05):
        await reader.read()


def reset(writer: asyncio.StreamWriter) -> None:
    sock: socket.socket = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


noise = random.Random(5)
MISBEHAVIOURS: dict[str, Misbehaviour] = {
    "leaves": leaves_without_a_word,
    "resets inside its request": resets_inside_its_request,
    "resets inside the answer": resets_inside_the_answer,
    "never reads": never_reads_its_answer,
    "slow": sends_a_byte_at_a_time_and_gives_up,
    "half-closed": closes_its_side_at_once,
    "noise": sends(noise.randbytes(5000)),
    "tls": sends(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + noise.randbytes(200)),
    "no http": sends(b"HELLO\r\n\r\n"),
    "http 2": sends(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    "a huge header": sends(post(BODY, "X-Long: " + "x" * 100_000)),
    "many headers": sends(post(BODY, *(f"X-{n}: {n}" for n in range(5000)))),
    "a header twice": sends(post(BODY, "Content-Length: 3")),
    "two framings": sends(post(b"0\r\n\r\n" + BODY, "Transfer-Encoding: chunked")),
    "a negative length": sends(post(BODY, length=-5)),
    "broken chunks": sends(
        f"POST {PATH} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n".encode()
    ),
    "no body": sends(post(b"")),
    "no json": sends(post(b"{")),
    "a list": sends(post(b"[]")),
    "null": sends(post(b"null")),
    "deep json": sends(post(b"[" * 100_000 + b"]" * 100_000)),
    "deep in a message": sends(
        post(b'{"model": "a/b", "messages": ' + b"[" * 1000 + b"]" * 1000 + b"}")
    ),
    "no unicode": sends(post(BODY.replace(b"Hi", b"\xff\xfe"))),
    "wrong types": sends(post(b'{"model": 7, "messages": {"a": null}, "stream": "yes"}')),
    "a bomb": sends(post(b"\x28\xb5\x2f\xfd" + noise.randbytes(100), "Content-Encoding: zstd")),
    "an unknown encoding": sends(post(BODY, "Content-Encoding: rot13")),
    "a bad fault": sends(post(BODY, "X-Kilo-Emulator-Fault: nonsense;;=")),
    "an upgrade": sends(post(BODY, "Connection: Upgrade", "Upgrade: websocket")),
    "a hundred at once": sends(post(BODY) * 100),
    "a strange path": sends(b"GET /api/gateway/../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n"),
    "no path": sends(b"GET \xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n"),
}


async def connect(gateway: LocalGateway) -> Streams:
    return await asyncio.open_connection("127.0.0.1", urlsplit(gateway.base_url).port)


async def misbehave(gateway: LocalGateway, how: Misbehaviour) -> None:
    reader, writer = await connect(gateway)
    try:
        await how(reader, writer)
    except OSError:
        pass  # the gateway had enough of it
    finally:
        writer.close()


async def check_served(gateway: LocalGateway) -> None:
    async with (
        KiloClient("key", base_url=gateway.base_url) as client,
        client.chat.completions.stream(messages="Hi", model=GPT) as stream,
    ):
        streamed = await stream.get_final_completion()
    assert streamed.text.startswith("You said: Hi")
    with anyio.fail_after(30):
        while gateway.open_streams:  # noqa: ASYNC110 - it tells no event
            await anyio.sleep(0.01)


@pytest.mark.parametrize("how", MISBEHAVIOURS)
async def test_after_a_client_that_misbehaves_the_next_is_served(
    gateway: LocalGateway, how: str
) -> None:
    await misbehave(gateway, MISBEHAVIOURS[how])
    await check_served(gateway)


async def test_all_of_them_at_once_and_again_take_nothing_down(gateway: LocalGateway) -> None:
    async with asyncio.TaskGroup() as group:
        for _ in range(5):
            for how in MISBEHAVIOURS.values():
                group.create_task(misbehave(gateway, how))
        for _ in range(10):
            group.create_task(check_served_once(gateway))
    await check_served(gateway)


async def check_served_once(gateway: LocalGateway) -> None:
    async with KiloClient("key", base_url=gateway.base_url) as client:
        answer = await client.chat.completions.create(messages="Hi", model=GPT)
    assert answer.text.startswith("You said: Hi")
