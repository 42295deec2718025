"""Typical calls, type-checked and never run: what editors and checkers see of the API."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from decimal import Decimal
from typing import Any, assert_type

from aiohttp import web
from starlette.websockets import WebSocket

from kilo_sdk import (
    BudgetExceededError,
    ChatCompletion,
    CompletionChunk,
    CompletionStream,
    CostMeter,
    CostSnapshot,
    CostTotals,
    KiloClient,
    Message,
    ModelCatalog,
    ModelHints,
    ModelInfo,
    OpenAICompatibleTransport,
    OutgoingRequest,
    Reasoning,
    RetryPolicy,
    StreamEvent,
    ThinkTagExtraction,
    Timeouts,
    ToolCall,
    TransportAdapter,
    Usage,
    dump_history,
    load_history,
)
from kilo_sdk.emulator import LocalGateway
from kilo_sdk.relay import (
    EndedAnswer,
    Handshake,
    MemoryStreamStore,
    Prompt,
    PromptPolicy,
    RedisStreamStore,
    WebSocketRelay,
)
from kilo_sdk.sse import ServerSentEvent, SSEParser
from kilo_sdk.types.wire import WireDict


async def token() -> str:
    return "token"


def plain_middleware(request: OutgoingRequest) -> None:
    request.set_header("X-Mine", "1")


async def coroutine_middleware(request: OutgoingRequest) -> None:
    request.payload["user"] = "me"


def mark(chunk: WireDict) -> None:
    chunk["seen"] = True


async def clients() -> None:
    KiloClient()
    KiloClient("key", base_url="https://example.org/", organization_id="org")
    KiloClient(token, timeouts=Timeouts(idle=None), retries=RetryPolicy(max_attempts=1))
    client = KiloClient(
        reasoning="high",
        request_middleware=[plain_middleware, coroutine_middleware],
        response_middleware=[mark, ThinkTagExtraction("thought", starts_inside=True)],
        transports=[OpenAICompatibleTransport(base_url="http://127.0.0.1:1/v1/")],
    )
    hints = ModelHints(skip_ids=["a/b"]).extended(skip_vendors={"c"}, inject_ids=("d/e",))
    assert_type(client.with_options(default_model="a/b", hints=hints), KiloClient)
    assert_type(client.transport_for("a/b"), TransportAdapter)
    await client.close()


async def awaited(client: KiloClient) -> None:
    completion = await client.chat.completions.create(messages="Say hi", temperature=0.5, seed=1)
    assert_type(completion, ChatCompletion)
    assert_type(completion.text, str)
    assert_type(completion.tool_calls, list[ToolCall])
    assert_type(completion.tool_calls[0].parse_arguments(), dict[str, Any])
    assert_type(completion.usage, Usage | None)
    if completion.usage is not None:
        assert_type(completion.usage.cost, Decimal | None)
        assert_type(completion.usage.cost_is_estimated, bool)
    assert_type(ChatCompletion.from_json(completion.to_json()), ChatCompletion)
    assert_type(Message.from_json(completion.message.to_json()), Message)
    stored = dump_history([{"role": "user", "content": "Hi"}, completion.message])
    assert_type(load_history(stored), list[Message])
    history: list[Message | dict[str, Any]] = [Message.user("Hi"), {"role": "user", "content": "x"}]
    history.append(completion.message.to_param())
    await client.chat.completions.create(
        messages=history,
        reasoning=Reasoning(max_tokens=100),
        fallback_models=["a/b", "c/d"],
        pin_provider=True,
    )
    await client.with_options(pin_provider=False).chat.completions.create(
        messages=history, pin_provider="Google AI Studio"
    )


async def metered() -> None:
    meter = CostMeter(max_cost="2.50", on_unknown_price="allow")
    async with KiloClient(cost_meter=meter) as client:
        await client.chat.completions.create(messages="Hi", max_cost=0.01, cost_meter=CostMeter())
        async with client.chat.completions.stream(messages="Hi", max_cost=Decimal("0.01")) as one:
            await one.get_final_completion()
    assert_type(meter.total, Decimal)
    assert_type(meter.remaining, Decimal | None)
    assert_type(meter.by_model, dict[str, CostTotals])
    assert_type(meter.reset(), CostSnapshot)
    error = BudgetExceededError("passed")
    assert_type(error.cost, Decimal | None)
    assert_type(error.partial, ChatCompletion | None)


async def streamed(client: KiloClient, stream_it: bool) -> None:
    stream = await client.chat.completions.create(messages="Say hi", stream=True)
    assert_type(stream, CompletionStream)
    either = await client.chat.completions.create(messages="Say hi", stream=stream_it)
    assert_type(either, ChatCompletion | CompletionStream)
    async with client.chat.completions.stream(messages="Say hi", reasoning="low") as opened:
        assert_type(opened, CompletionStream)
        async for chunk in opened:
            assert_type(chunk, CompletionChunk)
            assert_type(chunk.choices[0].delta.content, str | None)
        assert_type(opened.text_deltas(coalesce=True), AsyncGenerator[str, None])
        assert_type(opened.events(), AsyncGenerator[StreamEvent, None])
        assert_type(await opened.get_final_completion(), ChatCompletion)


async def catalogue(client: KiloClient) -> None:
    assert_type(await client.models.list(), ModelCatalog)
    assert_type(await client.models.get("kilo/auto"), ModelInfo)
    assert_type(client.loaded_catalog, ModelCatalog | None)
    catalog = await client.models.list(refresh=True)
    assert_type(catalog[0], ModelInfo)
    assert_type(catalog.chat_models().find("claude")[:3], ModelCatalog)
    assert_type(catalog.filter(free=True, max_input_price="0.5").sort_by("price"), ModelCatalog)
    assert_type(catalog.suggest("claude"), list[str])
    assert_type(catalog[0].supported_parameters, tuple[str, ...] | None)


async def gateway() -> None:
    async with LocalGateway(tokens_per_second=40.0) as local:
        assert_type(local.base_url, str)


async def relayed(client: KiloClient, request: web.Request, socket: WebSocket) -> None:
    async def authorize(handshake: Handshake) -> str | None:
        return handshake.cookies.get("session")

    def prepare(prompt: Prompt) -> dict[str, object]:
        return {"messages": prompt.messages}

    async with WebSocketRelay(
        client,
        authorize=authorize,
        prepare=prepare,
        may_read=lambda reader, stream, owner: reader == owner,
        on_end=lambda ended: None,
        store=RedisStreamStore("redis://127.0.0.1:6379/0"),
    ) as relay:
        assert_type(await relay.serve(request), web.StreamResponse)
        assert_type(await relay.serve(socket), None)
        assert_type(await relay.serve_sse(request), web.StreamResponse)
        async with client.chat.completions.stream(messages="Say hi") as opened:
            assert_type(await relay.send(opened, socket), EndedAnswer)
    WebSocketRelay(client, prepare=PromptPolicy(models=["a/b"]), store=MemoryStreamStore())


def parsed() -> None:
    assert_type(SSEParser(max_event_bytes=10).feed(b""), list[ServerSentEvent])
