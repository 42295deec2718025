from __future__ import annotations

import asyncio
import json
import resource
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from own_time import elapsed, own_time_loop

from kilo_sdk.emulator import Fault, LocalGateway, RawReply, ReceivedRequest

pytestmark = pytest.mark.anyio

Make = Callable[..., dict[str, Any]]
MS = 0.001


def port_of(gateway: LocalGateway) -> int:
    return int(gateway.base_url.split(":")[2].split("/")[0])


def request_of(payload: dict[str, Any], *headers: str) -> bytes:
    body = json.dumps(payload).encode()
    head = [
        "POST /api/gateway/chat/completions HTTP/1.1",
        "Host: localhost",
        f"Content-Length: {len(body)}",
        *headers,
    ]
    return "\r\n".join([*head, "", ""]).encode() + body


async def until(condition: Callable[[], object]) -> float:
    """Wait for a condition; returns how long it took, fails when it does not come true."""
    now = asyncio.get_running_loop().time
    start = now()
    while not condition():
        assert now() - start < 30, "too late"
        await asyncio.sleep(MS)
    return now() - start


async def test_the_address_is_known_once_it_listens() -> None:
    gateway = LocalGateway()
    with pytest.raises(RuntimeError, match="before start"):
        assert gateway.base_url
    assert repr(gateway) == "<LocalGateway closed>"
    async with gateway:
        assert gateway.base_url.startswith("http://127.0.0.1:")
        assert gateway.base_url.endswith("/api/gateway/")
        assert gateway.base_url in repr(gateway)


async def test_start_and_close_can_be_called_twice(session: aiohttp.ClientSession) -> None:
    gateway = LocalGateway()
    await gateway.close()
    await gateway.start()
    address = gateway.base_url
    await gateway.start()
    assert gateway.base_url == address
    await gateway.close()
    await gateway.close()
    with pytest.raises(aiohttp.ClientConnectorError):
        await session.get(address + "models")


async def test_it_starts_again_after_a_close(session: aiohttp.ClientSession) -> None:
    gateway = LocalGateway()
    for _ in range(2):
        async with gateway, session.get(gateway.base_url + "models") as response:
            assert response.status == 200


async def test_a_taken_port_is_an_os_error_and_leaves_nothing_behind() -> None:
    async with LocalGateway() as gateway:
        other = LocalGateway(port=port_of(gateway))
        with pytest.raises(OSError, match="address already in use"):
            await other.start()
        await other.close()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"fault": "explode"}, "accepted are"),
        ({"api_keys": "secret"}, "a collection of keys"),
        ({"tokens_per_second": 0}, "tokens_per_second"),
        ({"keepalive_comments": -1}, "keepalive_comments"),
        ({"answer_tokens": 0}, "answer_tokens"),
    ],
)
async def test_settings_that_cannot_be_are_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        LocalGateway(**settings)


@pytest.mark.parametrize("base", ["/api/gateway", "/api/openrouter"])
async def test_both_names_of_the_service_serve(
    session: aiohttp.ClientSession, ask: Make, base: str
) -> None:
    async with LocalGateway() as gateway:
        root = gateway.base_url.removesuffix("/api/gateway/") + base
        async with session.get(f"{root}/models") as response:
            assert (await response.json())["data"][0]["id"] == "kilo/auto"
        async with session.get(f"{root}/models/mistralai/devstral-2512:free/endpoints") as response:
            assert (await response.json())["data"]["id"] == "mistralai/devstral-2512:free"
        async with session.get(f"{root}/providers") as response:
            assert {"name", "slug"} <= set((await response.json())["data"][0])
        async with session.post(f"{root}/chat/completions", json=ask()) as response:
            assert (await response.json())["object"] == "chat.completion"


async def test_an_organization_has_a_model_list(session: aiohttp.ClientSession) -> None:
    async with LocalGateway(models=[{"id": "own/model"}]) as gateway:
        root = gateway.base_url.removesuffix("gateway/")
        async with session.get(f"{root}organizations/org_1/models") as response:
            assert (await response.json())["data"] == [{"id": "own/model"}]


async def test_lists_meet_faults_and_organisations_have_lists_of_their_own(
    session: aiohttp.ClientSession,
) -> None:
    async with LocalGateway(
        models_fault="html=502;times=1", organizations={"org_1": ["kilo/auto"]}
    ) as gateway:
        root = gateway.base_url.removesuffix("gateway/")
        async with session.get(f"{root}gateway/models") as response:
            assert (response.status, response.content_type) == (502, "text/html")
        async with session.get(f"{root}organizations/org_1/models") as response:
            assert [entry["id"] for entry in (await response.json())["data"]] == ["kilo/auto"]
        assert gateway.completions_served == 0


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "chat/completions"), ("POST", "models"), ("GET", "nothing")]
)
async def test_what_is_not_there_is_a_json_404(
    session: aiohttp.ClientSession, method: str, path: str
) -> None:
    async with (
        LocalGateway() as gateway,
        session.request(method, gateway.base_url + path) as response,
    ):
        assert response.status == 404
        assert (await response.json())["error"] == "Not found"


async def test_requests_are_remembered(session: aiohttp.ClientSession, ask: Make) -> None:
    async with LocalGateway() as gateway:
        url = gateway.base_url + "chat/completions"
        async with session.post(url, json=ask(), headers={"X-KiloCode-TaskId": "t1"}) as response:
            await response.read()
        async with session.post(url, data=b"{") as response:
            assert response.status == 400
        first, second = gateway.requests
    assert (first.method, first.path) == ("POST", "/api/gateway/chat/completions")
    assert first.headers["x-kilocode-taskid"] == "t1"
    assert first.payload == ask()
    assert first.completed_at is not None
    assert first.arrived <= first.completed_at
    assert first.disconnected_at is None
    assert second.payload is None
    assert gateway.completions_served == 1


@pytest.mark.parametrize("stream", [True, False])
async def test_the_same_request_gets_the_same_answer(
    session: aiohttp.ClientSession, ask: Make, stream: bool
) -> None:
    answers = []
    for _ in range(2):
        async with LocalGateway() as gateway:
            url = gateway.base_url + "chat/completions"
            payload = ask(model="anthropic/claude-sonnet-4", stream=stream)
            async with session.post(url, json=payload) as response:
                answers.append(await response.read())
    assert answers[0] == answers[1]


async def test_a_recording_is_replayed_byte_for_byte(
    session: aiohttp.ClientSession, ask: Make, tmp_path: Path
) -> None:
    sample = b": hi\r\n\r\ndata:{}\r\n\r\ndata: \xff\xe2\x80\xa8\r\r: x\n\ndata: [DONE]\n\ntail"
    (tmp_path / "odd.sse").write_bytes(sample)
    async with LocalGateway(replay=tmp_path / "odd.sse", tokens_per_second=500) as gateway:
        url = gateway.base_url + "chat/completions"
        async with session.post(url, json=ask()) as response:
            assert response.content_type == "text/event-stream"
            assert await response.read() == sample


WAITS = [
    {"tokens_per_second": 50, "answer_tokens": 10_000},
    {"ttft": 30.0, "keepalive_comments": 0},
    {"fault": "stall;after=2"},
    {"fault": "comments;after=2;interval=0.01"},
    {"fault": "delay=30"},
    {"answer_tokens": 100_000},
]


@pytest.mark.parametrize("settings", WAITS, ids=str)
@pytest.mark.parametrize("stream", [True, False])
async def test_a_client_that_leaves_is_noticed_at_once(
    ask: Make, settings: dict[str, Any], stream: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """It is noted, and no traceback is logged: leaving is no failure of the server."""
    if not stream and "answer_tokens" in settings:
        settings = {**settings, "ttft": 30.0}
    async with LocalGateway(**settings) as gateway:
        _, writer = await asyncio.open_connection("127.0.0.1", port_of(gateway))
        writer.write(request_of(ask(stream=stream)))
        await until(lambda: gateway.requests)
        (received,) = gateway.requests
        await until(lambda: gateway.open_streams == int(stream))
        await asyncio.sleep(30 * MS)
        assert received.disconnected_at is None
        assert gateway.open_streams == int(stream)
        writer.close()
        took = await until(lambda: received.disconnected_at is not None)
        assert took < 100 * MS
        assert received.completed_at is None
        await until(lambda: gateway.open_streams == 0)
        assert gateway.completions_served == 0
    assert [record.getMessage() for record in caplog.records if record.levelno > 20] == []


async def test_a_client_that_leaves_while_it_sends_is_noticed() -> None:
    async with LocalGateway() as gateway:
        _, writer = await asyncio.open_connection("127.0.0.1", port_of(gateway))
        writer.write(request_of({"model": "x"})[:-4])
        await until(lambda: gateway.requests)
        writer.close()
        await until(lambda: gateway.requests[0].disconnected_at is not None)


async def test_a_client_that_stays_to_the_end_has_not_left(
    session: aiohttp.ClientSession, ask: Make
) -> None:
    async with LocalGateway() as gateway:
        url = gateway.base_url + "chat/completions"
        async with session.post(url, json=ask(stream=True)) as response:
            await response.read()
        await session.close()
        await asyncio.sleep(20 * MS)
        assert gateway.requests[0].disconnected_at is None
        assert gateway.requests[0].completed_at is not None


async def test_a_client_that_does_not_read_holds_up_nobody_else(
    session: aiohttp.ClientSession, ask: Make
) -> None:
    async with LocalGateway(answer_tokens=100_000) as gateway:
        _, writer = await asyncio.open_connection("127.0.0.1", port_of(gateway))
        writer.write(request_of(ask(stream=True)))
        await until(lambda: gateway.open_streams == 1)
        async with session.post(
            gateway.base_url + "chat/completions", json=ask("3 tokens")
        ) as response:
            assert response.status == 200
        assert gateway.open_streams == 1
        with elapsed(0, late=1000 * MS):
            await gateway.close()
        writer.close()


async def test_misbehaving_clients_do_not_take_it_down(
    session: aiohttp.ClientSession, ask: Make
) -> None:
    async with LocalGateway() as gateway:
        for junk in (
            b"\x16\x03\x01 hello\r\n\r\n",
            b"GET / HTTP/9.9\r\n\r\n",
            b"POST /api/gateway/chat/completions HTTP/1.1\r\nContent-Length: x\r\n\r\n",
            b"POST /api/gateway/chat/completions HTTP/1.1\r\nHost: x\r\n"
            b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
            request_of(ask(stream=True))[:-10],
            b"",
        ):
            reader, writer = await asyncio.open_connection("127.0.0.1", port_of(gateway))
            writer.write(junk)
            writer.write_eof()
            await asyncio.wait_for(reader.read(), 30)
            writer.close()
        async with session.post(gateway.base_url + "chat/completions", json=ask()) as response:
            assert response.status == 200


@pytest.mark.parametrize(
    "settings",
    [
        {"tokens_per_second": 20, "answer_tokens": 10_000},
        {"fault": "stall;after=1"},
        {"fault": Fault(action="comments")},
        {"answer_tokens": 100_000},
    ],
    ids=str,
)
async def test_a_close_drops_open_streams_at_once(ask: Make, settings: dict[str, Any]) -> None:
    before = asyncio.all_tasks()
    async with LocalGateway(**settings) as gateway:
        streams = [await asyncio.open_connection("127.0.0.1", port_of(gateway)) for _ in range(5)]
        for _, writer in streams:
            writer.write(request_of(ask(stream=True)))
        # A connection that has asked nothing must not hold up the close either.
        streams.append(await asyncio.open_connection("127.0.0.1", port_of(gateway)))
        await until(lambda: gateway.open_streams == 5)
        with elapsed(0, late=150 * MS):
            await gateway.close()
        assert gateway.open_streams == 0
        assert asyncio.all_tasks() == before
        # The gateway left, not the clients.
        assert [received.disconnected_at for received in gateway.requests] == [None] * 5
        for reader, writer in streams:
            try:
                answer = await asyncio.wait_for(reader.read(), 30)
            except ConnectionResetError:
                answer = b""
            assert not answer.endswith(b"0\r\n\r\n")
            writer.close()


async def test_a_hanging_reply_is_dropped_by_a_close(ask: Make) -> None:
    async with LocalGateway() as gateway:
        gateway.enqueue(RawReply(body=[b"data: 1\n\n"], ending="hang"))
        reader, writer = await asyncio.open_connection("127.0.0.1", port_of(gateway))
        writer.write(request_of(ask()))
        assert (await reader.readuntil(b"data: 1\n\n")).startswith(b"HTTP/1.1 200 OK")
    assert b"data" not in await asyncio.wait_for(reader.read(), 30)
    writer.close()


@pytest.fixture
def many_files() -> Iterator[None]:
    """As many open files as the system allows, for as long as a test runs."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 4200:
        pytest.skip(f"4,200 open files are needed, {hard} are allowed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.usefixtures("many_files")
async def test_two_thousand_streams_at_once_all_complete(ask: Make) -> None:
    async with LocalGateway(ttft=50 * MS, answer_tokens=16) as gateway:
        # The first event waits until every request has arrived.
        with own_time_loop().standing_still():
            connections = await asyncio.gather(
                *(asyncio.open_connection("127.0.0.1", port_of(gateway)) for _ in range(2000))
            )
            request = request_of(ask("Go", stream=True), "Connection: close")
            for _, writer in connections:
                writer.write(request)
            while gateway.open_streams < 2000:  # noqa: ASYNC110 - it tells no event
                await asyncio.sleep(0)
        answers = await asyncio.gather(*(reader.read() for reader, _ in connections))
        for _, writer in connections:
            writer.close()
        assert gateway.peak_streams == 2000
        assert gateway.completions_served == gateway.requests_received == 2000
        assert gateway.open_streams == 0
    assert {answer.count(b"data: ") for answer in answers} == {16 + 4}
    assert all(answer.endswith(b"data: [DONE]\n\n\r\n0\r\n\r\n") for answer in answers)
    assert len({answer[answer.index(b'"gen-') :][:40] for answer in answers}) == 2000


async def test_refused_replays_are_remembered(session: aiohttp.ClientSession, ask: Make) -> None:
    model = "anthropic/claude-sonnet-4"
    detail = {"type": "reasoning.text", "text": "hm"}
    unsigned = {"role": "assistant", "content": "Hi", "reasoning_details": [detail]}
    payload = ask(model=model)
    async with LocalGateway(verify_signatures=True) as gateway:
        url = gateway.base_url + "chat/completions"
        for messages in (payload["messages"], [unsigned, *payload["messages"]], []):
            async with session.post(url, json=payload | {"messages": messages}) as response:
                await response.read()
        async with session.get(gateway.base_url + "nothing"):
            pass
    assert [received.status for received in gateway.requests] == [200, 400, 400, 404]
    (rejected,) = gateway.rejections
    assert rejected is gateway.requests[1]
    assert rejected.rejection == "messages.0.content.0: Invalid signature in thinking block"


async def test_received_requests_are_what_the_type_says(
    session: aiohttp.ClientSession,
) -> None:
    async with LocalGateway() as gateway:
        async with session.get(gateway.base_url + "providers") as response:
            assert response.status == 200
        (received,) = gateway.requests
    assert isinstance(received, ReceivedRequest)
    assert (received.method, received.payload) == ("GET", None)
