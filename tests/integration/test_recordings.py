"""Recorded answers give exactly what stands in them, whole and byte by byte."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import attrs
import orjson
import pytest

from kilo_sdk import InsufficientCreditsError, KiloClient
from kilo_sdk.emulator import LocalGateway, RawReply
from kilo_sdk.types.completion import ChatCompletion
from kilo_sdk.types.usage import Usage

pytestmark = pytest.mark.anyio

STREAMS = [
    "invalid-schema-response",
    "no-tool-response",
    "normal-anthropic",
    "normal-gpt41",
    "success-response",
    "tool-error-response",
]
WAYS = ["replayed", "replayed byte by byte", "raw", "raw byte by byte"]


@attrs.frozen
class Said:
    """What a recording says, read in the plainest way there is."""

    ids: set[str]
    model: str
    provider: str | None
    text: str
    reasoning: str | None
    details: list[dict[str, Any]]
    tool_calls: list[tuple[str, str, str]]
    finish_reason: str
    usage: dict[str, Any]
    chunks: int


def read(path: Path) -> Said:
    lines = [line for line in path.read_bytes().split(b"\n") if line.startswith(b"data:")]
    chunks = [orjson.loads(line[5:]) for line in lines if line[5:].strip() != b"[DONE]"]
    choices = [choice for chunk in chunks for choice in chunk["choices"]]
    deltas = [choice["delta"] for choice in choices]
    calls = [call for delta in deltas for call in delta.get("tool_calls") or ()]
    ids = {call["id"] for call in calls if call["id"]}
    names = {call["function"]["name"] for call in calls if call["function"]["name"]}
    arguments = "".join(call["function"]["arguments"] for call in calls)
    assert len(ids) == len(names) == (1 if calls else 0), "the plain reading knows one call"
    (finish_reason,) = {choice["finish_reason"] for choice in choices} - {None}
    (usage,) = [chunk["usage"] for chunk in chunks if chunk.get("usage")]
    return Said(
        ids={chunk["id"] for chunk in chunks},
        model=chunks[0]["model"],
        provider=chunks[0].get("provider"),
        text="".join(delta.get("content") or "" for delta in deltas),
        reasoning="".join(delta.get("reasoning") or "" for delta in deltas) or None,
        details=[one for delta in deltas for one in delta.get("reasoning_details") or ()],
        tool_calls=[(ids.pop(), names.pop(), arguments)] if calls else [],
        finish_reason=finish_reason,
        usage=usage,
        chunks=len(chunks),
    )


def expected_usage(usage: dict[str, Any]) -> Usage:
    prompt = usage.get("prompt_tokens_details", {})
    completion = usage.get("completion_tokens_details", usage)
    return Usage(
        prompt_tokens=usage["prompt_tokens"],
        completion_tokens=usage["completion_tokens"],
        total_tokens=usage["total_tokens"],
        cached_tokens=prompt.get("cached_tokens"),
        reasoning_tokens=completion.get("reasoning_tokens"),
        cost=Decimal(str(usage["cost"])) if "cost" in usage else None,
        is_byok=usage.get("is_byok"),
    )


def check(completion: ChatCompletion, said: Said) -> None:
    assert {completion.id} == said.ids
    assert (completion.model, completion.provider) == (said.model, said.provider)
    assert completion.text == said.text
    assert completion.reasoning == said.reasoning
    calls = [(call.id, call.name, call.arguments) for call in completion.tool_calls]
    assert calls == said.tool_calls
    assert completion.finish_reason == said.finish_reason
    assert completion.usage == expected_usage(said.usage)
    assert completion.usage is not None
    assert completion.usage.raw == said.usage
    details = completion.message.reasoning_details or []
    summaries = [one["summary"] for one in said.details if one["type"] == "reasoning.summary"]
    if summaries:
        assert details[0]["type"] == "reasoning.summary"
        assert details[0]["summary"] == "".join(summaries)
    assert [one for one in details if one["type"] == "reasoning.encrypted"] == [
        one for one in said.details if one["type"] == "reasoning.encrypted"
    ]
    assert len(details) == len({one["type"] for one in said.details})


def gateway_for(path: Path, way: str) -> LocalGateway:
    """A gateway whose every answer is the recording."""
    if way.startswith("replayed"):
        return LocalGateway(replay=path, fault="bytes" if way.endswith("byte") else None)
    gateway = LocalGateway()
    data = path.read_bytes()
    body = [data[at : at + 1] for at in range(len(data))] if way.endswith("byte") else data
    headers = {"Content-Type": "text/event-stream"} if path.suffix == ".sse" else {}
    gateway.enqueue(RawReply(body=body, headers=headers))
    return gateway


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", STREAMS)
async def test_a_recorded_stream_gives_what_stands_in_it(
    name: str, way: str, recordings: Path
) -> None:
    path = recordings / f"{name}.sse"
    said = read(path)
    async with (
        gateway_for(path, way) as gateway,
        KiloClient(base_url=gateway.base_url) as client,
        client.chat.completions.stream(messages="Hi", model="x/asked") as stream,
    ):
        chunks = [chunk async for chunk in stream]
        completion = await stream.get_final_completion()
    assert len(chunks) == said.chunks
    deltas = [choice.delta for chunk in chunks for choice in chunk.choices]
    assert "".join(delta.content or "" for delta in deltas) == said.text
    assert ("".join(delta.reasoning or "" for delta in deltas) or None) == said.reasoning
    check(completion, said)
    assert completion.model_ref is not None
    assert completion.model_ref.id == "x/asked"
    for call in completion.tool_calls:
        assert call.parse_arguments() == orjson.loads(call.arguments)


@pytest.mark.parametrize("name", STREAMS)
async def test_an_answer_that_streams_unasked_is_read_all_the_same(
    name: str, recordings: Path
) -> None:
    path = recordings / f"{name}.sse"
    async with (
        LocalGateway(replay=path) as gateway,
        KiloClient(base_url=gateway.base_url) as client,
    ):
        check(await client.chat.completions.create(messages="Hi", model="x/asked"), read(path))


@pytest.mark.parametrize("way", WAYS)
async def test_a_recorded_body_is_read_behind_its_blank_lines(way: str, recordings: Path) -> None:
    path = recordings / "nonstreaming-anthropic.json"
    body = orjson.loads(path.read_bytes())
    async with gateway_for(path, way) as gateway, KiloClient(base_url=gateway.base_url) as client:
        completion = await client.chat.completions.create(messages="Hi", model="x/asked")
    (choice,) = body["choices"]
    assert completion.id == body["id"]
    assert (completion.model, completion.provider) == (body["model"], body["provider"])
    assert completion.created == body["created"]
    assert completion.text == choice["message"]["content"]
    assert completion.finish_reason == choice["finish_reason"]
    assert completion.usage == expected_usage(body["usage"])


@pytest.mark.parametrize("way", WAYS)
async def test_a_recorded_refusal_raises_the_class_of_its_code(way: str, recordings: Path) -> None:
    path = recordings / "openrouter-key-out-of-credits.sse"
    (line,) = [line for line in path.read_bytes().split(b"\n") if line.startswith(b"data:")]
    error = orjson.loads(line[5:])["error"]
    async with gateway_for(path, way) as gateway, KiloClient(base_url=gateway.base_url) as client:
        stream = await client.chat.completions.create(messages="Hi", model="x/a", stream=True)
        with pytest.raises(InsufficientCreditsError) as raised:
            await stream.get_final_completion()
        assert len(gateway.requests) == 1
    assert raised.value.status_code == raised.value.code == error["code"] == 402
    assert raised.value.partial is None
    assert error["message"] in str(raised.value)
