"""The official OpenAI and OpenRouter SDKs against the embedded gateway."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import openai
import pytest
from openrouter import OpenRouter, errors
from openrouter.utils import BackoffStrategy, RetryConfig

from kilo_sdk.emulator import LocalGateway

pytestmark = [
    pytest.mark.anyio,
    # A dependency of the openrouter client uses what Python 3.12 calls deprecated.
    pytest.mark.filterwarnings("ignore:ast:DeprecationWarning"),
]

Make = Callable[..., dict[str, Any]]
MESSAGES: Any = [{"role": "user", "content": "Hello there"}]
SAID = "You said: Hello there. The river runs"


@pytest.fixture
async def gateway() -> AsyncIterator[LocalGateway]:
    async with LocalGateway(api_keys=["key"]) as gateway:
        yield gateway


@pytest.fixture
async def client(gateway: LocalGateway) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(
        api_key="key", base_url=gateway.base_url, max_retries=0
    ) as client:
        yield client


@pytest.fixture
async def router(gateway: LocalGateway) -> AsyncIterator[OpenRouter]:
    url = gateway.base_url.replace("/gateway/", "/openrouter")
    # Without a strategy of its own this SDK retries a failing call for an hour.
    at_once = RetryConfig("none", BackoffStrategy(1, 1, 1.0, 1), retry_connection_errors=False)
    async with OpenRouter(api_key="key", server_url=url, retry_config=at_once) as router:
        yield router


async def test_openai_completes(client: openai.AsyncOpenAI) -> None:
    completion = await client.chat.completions.create(model="openai/gpt-4.1", messages=MESSAGES)
    (choice,) = completion.choices
    assert choice.message.content is not None
    assert choice.message.content.startswith(SAID)
    assert choice.finish_reason == "stop"
    assert completion.usage is not None
    assert completion.usage.total_tokens == (
        completion.usage.prompt_tokens + completion.usage.completion_tokens
    )


async def test_openai_streams_what_it_completes(client: openai.AsyncOpenAI) -> None:
    whole = await client.chat.completions.create(model="openai/gpt-5", messages=MESSAGES, n=2)
    stream = await client.chat.completions.create(
        model="openai/gpt-5", messages=MESSAGES, n=2, stream=True
    )
    texts, usage = {0: "", 1: ""}, None
    async for chunk in stream:
        usage = chunk.usage or usage
        for choice in chunk.choices:
            texts[choice.index] += choice.delta.content or ""
    assert list(texts.values()) == [choice.message.content for choice in whole.choices]
    assert usage == whole.usage


async def test_openai_accumulates_parallel_tool_calls(
    client: openai.AsyncOpenAI, tool: Make
) -> None:
    tools: Any = [tool("one"), tool("two", count={"type": "integer"})]
    async with client.chat.completions.stream(
        model="anthropic/claude-sonnet-4",
        messages=MESSAGES,
        tools=tools,
        parallel_tool_calls=True,
    ) as stream:
        final = await stream.get_final_completion()
    calls = final.choices[0].message.tool_calls or []
    assert [(call.function.name, json.loads(call.function.arguments)) for call in calls] == [
        ("one", {"city": "some city"}),
        ("two", {"count": 1}),
    ]
    assert final.choices[0].finish_reason == "tool_calls"


async def test_openai_goes_through_a_whole_tool_turn(
    client: openai.AsyncOpenAI, tool: Make
) -> None:
    history: list[Any] = list(MESSAGES)
    model, tools = "google/gemini-3-pro-preview", [tool()]
    create: Any = client.chat.completions.create
    first = await create(model=model, messages=history, tools=tools)
    message = first.choices[0].message
    history.append(message.model_dump(exclude_none=True))
    call = message.tool_calls[0]
    history.append({"role": "tool", "tool_call_id": call.id, "content": "18 degrees"})
    second = await create(model=model, messages=history, tools=tools)
    assert second.choices[0].message.content.startswith("The get_weather returned: 18 degrees.")


@pytest.mark.parametrize(
    "model",
    ["anthropic/claude-sonnet-4", "openai/gpt-5", "x-ai/grok-code-fast-1", "qwen/qwq-32b"],
)
async def test_openai_goes_through_tool_turns_with_a_verifying_gateway(
    tool: Make, model: str
) -> None:
    tools = [tool("one"), tool("two")]
    for seed in range(5):
        async with (
            LocalGateway(verify_signatures=True, chunking="random", seed=seed) as gateway,
            openai.AsyncOpenAI(api_key="key", base_url=gateway.base_url) as client,
        ):
            history: list[Any] = list(MESSAGES)
            create: Any = client.chat.completions.create
            first = await create(
                model=model, messages=history, tools=tools, parallel_tool_calls=True
            )
            message = first.choices[0].message
            history.append(message.model_dump(exclude_none=True))
            result = {"role": "tool", "content": "18 degrees"}
            history += [{**result, "tool_call_id": call.id} for call in message.tool_calls]
            whole = await create(model=model, messages=history, tools=tools)
            text = ""
            stream = await create(model=model, messages=history, tools=tools, stream=True)
            async for chunk in stream:
                # The usage chunk may come without choices (GATEWAY 5).
                for choice in chunk.choices or ():
                    text += choice.delta.content or ""
            assert text == whole.choices[0].message.content
            assert "The two returned: 18 degrees." in text
            assert gateway.rejections == []


async def test_openai_is_told_in_anthropics_words_what_it_changed() -> None:
    async with (
        LocalGateway(verify_signatures=True) as gateway,
        openai.AsyncOpenAI(api_key="key", base_url=gateway.base_url) as client,
    ):
        create: Any = client.chat.completions.create
        model = "anthropic/claude-sonnet-4"
        first = await create(model=model, messages=MESSAGES)
        message = first.choices[0].message.model_dump(exclude_none=True)
        message["reasoning_details"].append({"type": "reasoning.text", "text": "hm"})
        with pytest.raises(openai.BadRequestError) as refused:
            await create(model=model, messages=[*MESSAGES, message, *MESSAGES])
        body: Any = refused.value.body
        raw = json.loads(body["metadata"]["raw"])
        assert raw["error"]["message"].endswith("Invalid signature in thinking block")
        assert [one.status for one in gateway.requests] == [200, 400]


async def test_openai_parses_structured_output(client: openai.AsyncOpenAI) -> None:
    completion = await client.chat.completions.create(
        model="openai/gpt-4.1",
        messages=MESSAGES,
        response_format={
            "type": "json_schema",
            "json_schema": {
                "name": "point",
                "schema": {"type": "object", "properties": {"x": {"type": "integer"}}},
            },
        },
    )
    assert json.loads(completion.choices[0].message.content or "") == {"x": 1}


async def test_openai_lists_models(client: openai.AsyncOpenAI) -> None:
    models = [model.id async for model in client.models.list()]
    assert models[0] == "kilo/auto"
    assert "anthropic/claude-sonnet-4" in models


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("status=429", openai.RateLimitError),
        ("status=503", openai.InternalServerError),
        ("reset", openai.APIConnectionError),
        ("error_event=502;after=2", openai.APIError),
    ],
)
async def test_openai_meets_faults(
    client: openai.AsyncOpenAI, fault: str, error: type[Exception]
) -> None:
    async def consume() -> None:
        stream = await client.chat.completions.create(
            model="openai/gpt-4.1",
            messages=MESSAGES,
            stream=True,
            extra_headers={"X-Kilo-Emulator-Fault": fault},
        )
        async for _ in stream:
            pass

    with pytest.raises(error):
        await consume()


async def test_openai_is_told_of_a_bad_key_and_a_bad_model(
    gateway: LocalGateway, client: openai.AsyncOpenAI
) -> None:
    with pytest.raises(openai.NotFoundError):
        await client.chat.completions.create(model="nobody/knows", messages=MESSAGES)
    stranger = client.with_options(api_key="wrong")
    with pytest.raises(openai.AuthenticationError):
        await stranger.chat.completions.create(model="openai/gpt-4.1", messages=MESSAGES)


@pytest.mark.parametrize("model", ["openai/gpt-5", "anthropic/claude-sonnet-4"])
async def test_openrouter_completes(router: OpenRouter, model: str) -> None:
    result = await router.chat.send_async(model=model, messages=MESSAGES)
    message = result.choices[0].message
    assert isinstance(message.content, str)
    assert message.content.startswith(SAID)
    assert message.reasoning
    assert message.reasoning_details
    assert result.usage is not None
    assert result.usage.cost


@pytest.mark.parametrize(
    "model", ["google/gemini-3-pro-preview", "x-ai/grok-code-fast-1", "deepseek/deepseek-v3.2"]
)
async def test_openrouter_streams_what_it_completes(
    router: OpenRouter, tool: Make, model: str
) -> None:
    whole = await router.chat.send_async(model=model, messages=MESSAGES)
    stream = await router.chat.send_async(model=model, messages=MESSAGES, stream=True)
    text, reasoning, usage = "", "", None
    async for chunk in stream:
        usage = chunk.usage or usage
        for choice in chunk.choices:
            text += choice.delta.content or ""
            reasoning += choice.delta.reasoning or ""
    message = whole.choices[0].message
    assert (text, reasoning) == (message.content, message.reasoning)
    assert usage == whole.usage


async def test_openrouter_calls_tools(router: OpenRouter, tool: Make) -> None:
    tools: Any = [tool()]
    result = await router.chat.send_async(
        model="openai/gpt-4.1", messages=MESSAGES, tools=tools, tool_choice="auto"
    )
    (call,) = result.choices[0].message.tool_calls or []
    assert (call.function.name, call.function.arguments) == ("get_weather", '{"city":"some city"}')


async def test_openrouter_lists_models(router: OpenRouter) -> None:
    listed = await router.models.list_async()
    assert listed is not None
    assert [model.id for model in listed.result.data][:2] == ["kilo/auto", "kilo-auto/free"]


async def test_openrouter_is_told_of_an_error(router: OpenRouter) -> None:
    with pytest.raises(errors.OpenRouterError) as told:
        await router.chat.send_async(
            model="openai/gpt-4.1", messages=MESSAGES, max_tokens=2_000_000_000
        )
    assert told.value.status_code == 503
