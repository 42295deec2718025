"""Facts about ``pin_provider``: with whom a conversation goes on, over real sockets."""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator
from typing import Any

import anyio
import orjson
import pytest

from kilo_sdk import (
    ChatCompletion,
    ConfigurationError,
    KiloClient,
    Message,
    ModelRef,
    OpenAICompatibleTransport,
)
from kilo_sdk.emulator import LocalGateway, RawReply

pytestmark = pytest.mark.anyio

GEMINI, CLAUDE, GPT = "google/gemini-3-pro-preview", "anthropic/claude-sonnet-4", "openai/gpt-4.1"
TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
USER: dict[str, Any] = {"role": "user", "content": "Hi"}
both = pytest.mark.parametrize("stream", [False, True], ids=["create", "stream"])


@pytest.fixture
async def client(gateway: LocalGateway) -> AsyncIterator[KiloClient]:
    async with KiloClient("key", base_url=gateway.base_url, default_model=GEMINI) as client:
        yield client


async def ask(
    client: KiloClient, messages: list[Any], *, stream: bool = False, **more: Any
) -> ChatCompletion:
    if stream:
        async with client.chat.completions.stream(messages=messages, **more) as opened:
            return await opened.get_final_completion()
    completion: ChatCompletion = await client.chat.completions.create(messages=messages, **more)
    return completion


def routing(gateway: LocalGateway) -> list[Any]:
    return [request.payload.get("provider") for request in gateway.requests]


def whole(provider: str, signature: str, model: str = GEMINI) -> RawReply:
    """An answer whose reasoning a provider of our choice has signed."""
    detail = {"type": "reasoning.text", "text": "Hm.", "signature": signature}
    message = {"role": "assistant", "content": "Ho", "reasoning_details": [detail]}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    wire = {"id": "g", "provider": provider, "model": model, "choices": [choice]}
    return RawReply(body=orjson.dumps(wire))


async def carried_on(
    client: KiloClient, first: ChatCompletion, *, kept: str = "wire", **more: Any
) -> None:
    """Send the conversation's next turn, its history kept in one way or another."""
    message: Any = first.message if kept == "object" else first.message.to_param()
    if kept == "database":
        message = orjson.loads(orjson.dumps(message))
    results = [Message.tool(call.id, "sunny") for call in first.tool_calls]
    await ask(client, [USER, message, *results, USER], **more)


@both
@pytest.mark.parametrize("kept", ["wire", "object", "database"])
@pytest.mark.parametrize("asked", [{}, {"tools": [TOOL]}, {"tools": [TOOL], "reasoning": "low"}])
async def test_a_conversation_goes_on_with_who_gave_its_last_answer(
    asked: dict[str, Any], kept: str, stream: bool, gateway: LocalGateway, client: KiloClient
) -> None:
    pinning = client.with_options(pin_provider=True)
    first = await ask(pinning, [USER], stream=stream, **asked)
    await carried_on(pinning, first, kept=kept, stream=stream)
    assert routing(gateway) == [None, {"order": ["Google"]}]


@both
async def test_it_is_enough_to_say_so_at_the_second_call(
    stream: bool, gateway: LocalGateway, client: KiloClient
) -> None:
    first = await ask(client, [USER], stream=stream, reasoning="low")
    await carried_on(client, first, stream=stream)
    await carried_on(client, first, stream=stream, pin_provider=True)
    assert routing(gateway) == [None, None, {"order": ["Google"]}]


async def test_a_message_that_was_stored_tells_another_process_who_made_it(
    gateway: LocalGateway, client: KiloClient
) -> None:
    first = await ask(client, [USER], reasoning="low")
    message = Message.from_json(first.message.to_json())
    async with KiloClient("key", base_url=gateway.base_url, default_model=GEMINI) as other:
        await ask(other, [USER, message, USER], pin_provider=True)
        await ask(other, [USER, message.to_param(), USER], pin_provider=True)
    assert routing(gateway) == [None, {"order": ["Google"]}, None]


async def test_a_plain_answer_is_noted_only_with_the_option_on(
    gateway: LocalGateway, client: KiloClient
) -> None:
    """Nothing in it is bound to who gave it; its message says so all the same."""
    first = await ask(client, [USER], reasoning={"enabled": False})
    assert first.message.reasoning_details is None
    await carried_on(client, first, pin_provider=True)
    await carried_on(client, first, pin_provider=True, kept="object")
    assert routing(gateway)[1:] == [None, {"order": ["Google"]}]


async def test_a_stream_is_noted_though_nobody_asks_for_its_completion(
    gateway: LocalGateway, client: KiloClient
) -> None:
    pinning = client.with_options(pin_provider=True)
    async with pinning.chat.completions.stream(messages=[USER], reasoning="low") as stream:
        content = "".join([text async for text in stream.text_deltas()])
        details = stream.partial.message.reasoning_details
    own = {"role": "assistant", "content": content, "reasoning_details": details}
    await ask(pinning, [USER, own, USER])
    assert routing(gateway) == [None, {"order": ["Google"]}]


@both
async def test_an_answer_that_broke_off_is_not_noted(
    stream: bool, gateway: LocalGateway, client: KiloClient
) -> None:
    detail = {"type": "reasoning.text", "text": "Hm.", "signature": "s"}
    delta = {"content": "Half", "reasoning_details": [detail]}
    event = {"provider": "Google", "choices": [{"index": 0, "delta": delta}]}
    gateway.enqueue(RawReply(body=[b"data: " + orjson.dumps(event) + b"\n\n"]))
    message = {"role": "assistant", **delta}
    async with client.chat.completions.stream(messages=[USER], pin_provider=True) as opened:
        async for _ in opened:
            break
    await ask(client, [USER, message], stream=stream, pin_provider=True)
    assert routing(gateway) == [None, None]


async def test_views_share_what_they_know(gateway: LocalGateway, client: KiloClient) -> None:
    other = client.with_options(api_key="other", pin_provider=True)
    first = await ask(client.with_options(reasoning="low"), [USER])
    await carried_on(other, first)
    await carried_on(other.with_options(pin_provider=False), first)
    assert routing(gateway) == [None, {"order": ["Google"]}, None]
    assert (client.pin_provider, other.pin_provider) == (False, True)


@pytest.mark.parametrize("pin", [False, "Google AI Studio"])
async def test_a_call_wins_over_its_client(
    pin: bool | str, gateway: LocalGateway, client: KiloClient
) -> None:
    pinning = client.with_options(pin_provider=True)
    first = await ask(pinning, [USER], reasoning="low")
    await carried_on(pinning, first, pin_provider=pin)
    assert routing(gateway)[1:] == [{"order": [pin]} if pin else None]


@both
async def test_a_name_is_gone_to_from_the_start_and_by_every_model(
    stream: bool, gateway: LocalGateway, client: KiloClient
) -> None:
    gateway.enqueue(RawReply(status=404), RawReply(status=404))
    pinning = client.with_options(pin_provider="Amazon Bedrock")
    await ask(pinning, [USER], stream=stream, model=CLAUDE, fallback_models=["kilo/auto", GPT])
    assert routing(gateway) == [{"order": ["Amazon Bedrock"]}] * 3


@both
@pytest.mark.parametrize("kept", ["wire", "object"])
async def test_a_fallback_model_of_another_vendor_gets_no_pin(
    kept: str, stream: bool, gateway: LocalGateway, client: KiloClient
) -> None:
    first = await ask(client, [USER], reasoning="low")
    gateway.requests.clear()
    gateway.enqueue(*[RawReply(status=404)] * 3)
    await carried_on(
        client,
        first,
        kept=kept,
        pin_provider=True,
        stream=stream,
        model=CLAUDE,
        fallback_models=[GEMINI, "google/gemini-3-flash", "kilo/auto"],
    )
    sent = {
        request.payload["model"]: request.payload.get("provider") for request in gateway.requests
    }
    google = {"order": ["Google"]}
    assert sent == {
        CLAUDE: None,
        GEMINI: google,
        "google/gemini-3-flash": google,
        "kilo/auto": None,
    }


async def test_each_vendor_is_gone_back_to_after_a_switch(
    gateway: LocalGateway, client: KiloClient
) -> None:
    """Gemini's signatures are still in the history while Claude has the word."""
    history: list[Any] = [USER]
    for model in (GEMINI, CLAUDE, GEMINI, CLAUDE):
        completion = await ask(
            client, history, model=model, reasoning="low", pin_provider=True, tools=[TOOL]
        )
        history.append(completion.message.to_param())
        history += [Message.tool(call.id, "sunny") for call in completion.tool_calls]
        history.append(USER)
    google, anthropic = {"order": ["Google"]}, {"order": ["Anthropic"]}
    assert routing(gateway) == [None, None, google, anthropic]


async def test_the_last_of_several_providers_counts(
    gateway: LocalGateway, client: KiloClient
) -> None:
    gateway.enqueue(whole("Google AI Studio", "s1"), whole("Google", "s2"))
    first = await ask(client, [USER])
    second = await ask(client, [USER, first.message.to_param(), USER], pin_provider=True)
    turns = [USER, first.message.to_param(), USER, second.message.to_param(), USER]
    await ask(client, turns, pin_provider=True)
    await ask(client, [*turns[:2], USER], pin_provider=True)
    studio, vertex = {"order": ["Google AI Studio"]}, {"order": ["Google"]}
    assert routing(gateway) == [None, studio, vertex, studio]


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ({"zdr": True}, {"zdr": True, "order": ["Google"]}),
        ({"order": ["Other"]}, {"order": ["Other"]}),
        ({"only": ["Other"], "zdr": True}, {"only": ["Other"], "zdr": True}),
    ],
)
@pytest.mark.parametrize("how", ["provider", "extra_body"])
async def test_the_callers_own_routing_wins_and_is_never_changed(
    how: str,
    given: dict[str, Any],
    sent: dict[str, Any],
    gateway: LocalGateway,
    client: KiloClient,
) -> None:
    first = await ask(client, [USER], reasoning="low")
    before = copy.deepcopy(given)
    more = {"provider": given} if how == "provider" else {"extra_body": {"provider": given}}
    await carried_on(client, first, pin_provider=True, **more)
    assert routing(gateway)[1:] == [sent]
    assert given == before


async def test_a_transport_of_the_callers_own_is_left_alone(
    gateway: LocalGateway, client: KiloClient
) -> None:
    class Own(OpenAICompatibleTransport):
        def matches(self, ref: ModelRef, /) -> bool:
            return ref.vendor == "google"

    first = await ask(client, [USER], reasoning="low")
    await carried_on(client.with_options(transports=[Own()]), first, pin_provider=True)
    assert routing(gateway) == [None, None]


async def test_many_conversations_at_once_keep_their_own_providers(
    gateway: LocalGateway, client: KiloClient
) -> None:
    names = [f"Provider {n}" for n in range(20)]
    answers: dict[str, ChatCompletion] = {}
    for name in names:
        gateway.enqueue(whole(name, f"signature {name}"))
        answers[name] = await ask(client, [USER])
    gateway.requests.clear()

    async def carry_on(name: str) -> None:
        history = [USER, answers[name].message.to_param(), {"role": "user", "content": name}]
        await ask(client, history, pin_provider=True, stream=True)

    async with anyio.create_task_group() as tasks:
        for name in names:
            tasks.start_soon(carry_on, name)
    sent = {
        request.payload["messages"][-1]["content"]: request.payload["provider"]
        for request in gateway.requests
    }
    assert sent == {name: {"order": [name]} for name in names}


@pytest.mark.parametrize("pin", ["", 5, ["Google"]])
async def test_what_is_no_pin_is_refused_before_anything_is_sent(
    pin: Any, gateway: LocalGateway, client: KiloClient
) -> None:
    with pytest.raises(ConfigurationError, match="pin_provider is True"):
        await ask(client, [USER], pin_provider=pin)
    with pytest.raises(ConfigurationError, match="pin_provider is True"):
        client.with_options(pin_provider=pin)
    assert not gateway.requests
