"""What had to be left out of a history is told once per call, whatever becomes of the call."""

from __future__ import annotations

import itertools
import logging
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest

from kilo_sdk import ConfigurationError, DroppedPart, KiloClient, OutgoingRequest, RetryPolicy
from kilo_sdk.emulator import LocalGateway, RawReply

pytestmark = pytest.mark.anyio

CLAUDE, GPT, GEMINI = "anthropic/claude-sonnet-4", "openai/gpt-4.1", "google/gemini-3-pro-preview"
GOOD = RawReply(
    body=orjson.dumps({"id": "g", "choices": [{"index": 0, "message": {"content": "word"}}]})
)
SIGNED = "bm90IGEgcmVhbCBvbmU="
CALL = {
    "id": "c1",
    "type": "function",
    "function": {"name": "f", "arguments": "{}"},
    "extra_content": {"google": {"thought_signature": "SECRET, no base64"}},
}
HISTORY: list[Any] = [
    {"role": "user", "content": "SECRET question"},
    {
        "role": "assistant",
        "content": None,
        "reasoning": "SECRET thought",
        "reasoning_details": [
            {"type": "reasoning.text", "text": "SECRET thought", "signature": SIGNED},
            {"type": "reasoning.text", "text": "SECRET, unsigned"},
        ],
        "tool_calls": [CALL],
    },
    {"role": "tool", "tool_call_id": "c1", "content": "1"},
]
UNSIGNED = DroppedPart(1, "assistant", "unsigned text")
NO_BASE64 = DroppedPart(1, "assistant", "thought signature that is no base64", malformed=True)


def refusal(status: int) -> RawReply:
    return RawReply(status=status, body=b'{"error": {"message": "no"}}')


@pytest.fixture
async def client(gateway: LocalGateway) -> AsyncIterator[KiloClient]:
    keys = itertools.count()
    async with KiloClient(
        lambda: f"key-{next(keys)}",
        base_url=gateway.base_url,
        retries=RetryPolicy(max_attempts=3, wait_initial=0, wait_max=0),
    ) as client:
        yield client


def notices(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str, tuple[DroppedPart, ...]]]:
    return [
        (record.levelname, record.__dict__["model"], record.__dict__["dropped"])
        for record in caplog.records
        if record.name == "kilo_sdk.replay"
    ]


@pytest.fixture(autouse=True)
def _at_info(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)


@pytest.mark.parametrize("stream", [False, True], ids=["create", "stream"])
async def test_it_is_told_once_through_retries_and_a_refreshed_key(
    stream: bool, gateway: LocalGateway, client: KiloClient, caplog: pytest.LogCaptureFixture
) -> None:
    gateway.enqueue(refusal(503), refusal(503), refusal(401), GOOD)
    options: dict[str, Any] = {"messages": HISTORY, "model": CLAUDE}
    if stream:
        async with client.chat.completions.stream(**options) as opened:
            await opened.get_final_completion()
    else:
        await client.chat.completions.create(**options)
    assert len(gateway.requests) == 4
    assert notices(caplog) == [("INFO", CLAUDE, (UNSIGNED,))]


async def test_each_call_tells_anew(
    gateway: LocalGateway, client: KiloClient, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(2):
        await client.chat.completions.create(messages=HISTORY, model=CLAUDE)
    assert notices(caplog) == [("INFO", CLAUDE, (UNSIGNED,))] * 2


async def test_a_fallback_model_tells_only_what_is_new(
    gateway: LocalGateway, client: KiloClient, caplog: pytest.LogCaptureFixture
) -> None:
    gateway.enqueue(refusal(404), refusal(404), GOOD)
    await client.chat.completions.create(
        messages=HISTORY, model=CLAUDE, fallback_models=[GPT, GEMINI]
    )
    assert [request.payload["model"] for request in gateway.requests] == [CLAUDE, GPT, GEMINI]
    assert notices(caplog) == [
        ("INFO", CLAUDE, (UNSIGNED,)),
        ("WARNING", GEMINI, (NO_BASE64,)),
    ]


async def test_nothing_of_the_conversation_is_in_the_line(
    client: KiloClient, caplog: pytest.LogCaptureFixture
) -> None:
    await client.chat.completions.create(messages=HISTORY, model=GEMINI)
    assert len(notices(caplog)) == 1
    assert "SECRET" not in caplog.text
    assert SIGNED not in caplog.text


async def test_middleware_sees_what_was_dropped_and_may_add_to_it(
    gateway: LocalGateway, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[DroppedPart] = []

    def without_images(request: OutgoingRequest) -> None:
        seen.extend(request.dropped)
        request.dropped.append(DroppedPart(0, "user", "image", 3))

    async with KiloClient(
        "key", base_url=gateway.base_url, request_middleware=[without_images]
    ) as client:
        await client.chat.completions.create(messages=HISTORY, model=CLAUDE)
    assert seen == [UNSIGNED]
    assert notices(caplog) == [("INFO", CLAUDE, (DroppedPart(0, "user", "image", 3), UNSIGNED))]


async def test_a_request_that_is_not_sent_tells_nothing(
    client: KiloClient, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(ConfigurationError):
        await client.chat.completions.create(messages=HISTORY, model=CLAUDE, seed=object())  # type: ignore[arg-type]
    assert notices(caplog) == []


async def test_a_history_in_order_tells_nothing(
    client: KiloClient, caplog: pytest.LogCaptureFixture
) -> None:
    await client.chat.completions.create(messages="Hi", model=GEMINI)
    assert notices(caplog) == []
