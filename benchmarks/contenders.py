"""Who is measured: each reads one stream, or awaits one completion, and tells its text.

Every contender does the work that its users get by default and is written as they would
write it. What it tells is compared with what the server sent. A peer that is not installed
does not take part.
"""

from __future__ import annotations

import importlib.util
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import aiohttp
import orjson

from kilo_sdk import KiloClient

Told = Callable[[str], object]
"""Called with each piece of text as soon as the caller has it."""

Task = Callable[[Told], Awaitable[None]]
"""Reads one answer. A contender offers, by name: ``typed`` (chunks as its users get them),
``text`` (the text alone), ``coalesced`` (text, as much as one read brought) and ``whole`` (a
completion that is awaited)."""

Contender = Callable[[str], AbstractAsyncContextManager[dict[str, Task]]]

MESSAGES: Any = [{"role": "user", "content": "Go."}]
MODEL = "replay/model"


@asynccontextmanager
async def hand_written(base_url: str) -> AsyncIterator[dict[str, Task]]:
    """The floor: aiohttp, split, orjson, and not one check more."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        url = f"{base_url}chat/completions"
        body = orjson.dumps({"model": MODEL, "messages": MESSAGES, "stream": True})
        headers = {"Authorization": "Bearer key", "Content-Type": "application/json"}

        async def stream(told: Told) -> None:
            async with session.post(url, data=body, headers=headers) as response:
                rest = b""
                async for data in response.content.iter_any():
                    *events, rest = (rest + data).split(b"\n\n")
                    for event in events:
                        if event.startswith(b"data: ") and event != b"data: [DONE]":
                            choices = orjson.loads(event[6:])["choices"]
                            if choices and (text := choices[0]["delta"].get("content")):
                                told(text)

        async def whole(told: Told) -> None:
            async with session.post(url, data=body, headers=headers) as response:
                answer = orjson.loads(await response.read())
            told(answer["choices"][0]["message"]["content"])

        yield {"typed": stream, "text": stream, "coalesced": stream, "whole": whole}


@asynccontextmanager
async def kilo_sdk(base_url: str) -> AsyncIterator[dict[str, Task]]:
    """kilo_sdk with everything on that a user gets by default."""
    async with KiloClient("key", base_url=base_url, default_model=MODEL) as client:
        completions = client.chat.completions

        async def typed(told: Told) -> None:
            async with completions.stream(messages=MESSAGES) as stream:
                async for chunk in stream:
                    if chunk.choices and (text := chunk.choices[0].delta.content):
                        told(text)

        async def text(told: Told, *, coalesce: bool = False) -> None:
            async with completions.stream(messages=MESSAGES) as stream:
                async for text in stream.text_deltas(coalesce=coalesce):
                    told(text)

        async def whole(told: Told) -> None:
            told((await completions.create(messages=MESSAGES)).text)

        yield {
            "typed": typed,
            "text": text,
            "coalesced": lambda told: text(told, coalesce=True),
            "whole": whole,
        }


def _openai_tasks(client: Any) -> dict[str, Task]:
    async def typed(told: Told) -> None:
        stream = await client.chat.completions.create(model=MODEL, messages=MESSAGES, stream=True)
        async for chunk in stream:
            if chunk.choices and (text := chunk.choices[0].delta.content):
                told(text)

    async def whole(told: Told) -> None:
        answer = await client.chat.completions.create(model=MODEL, messages=MESSAGES)
        told(answer.choices[0].message.content)

    return {"typed": typed, "whole": whole}


@asynccontextmanager
async def openai(base_url: str) -> AsyncIterator[dict[str, Task]]:
    """The official openai client over httpx."""
    from openai import AsyncOpenAI

    async with AsyncOpenAI(api_key="key", base_url=base_url) as client:
        yield _openai_tasks(client)


@asynccontextmanager
async def openai_aiohttp(base_url: str) -> AsyncIterator[dict[str, Task]]:
    """The official openai client over its aiohttp transport."""
    from openai import AsyncOpenAI, DefaultAioHttpClient

    async with (
        DefaultAioHttpClient() as http,
        AsyncOpenAI(api_key="key", base_url=base_url, http_client=http) as client,
    ):
        yield _openai_tasks(client)


@asynccontextmanager
async def openrouter(base_url: str) -> AsyncIterator[dict[str, Task]]:
    """The official openrouter client."""
    from openrouter import OpenRouter

    async with OpenRouter(api_key="key", server_url=base_url.rstrip("/")) as client:

        async def typed(told: Told) -> None:
            stream = await client.chat.send_async(model=MODEL, messages=MESSAGES, stream=True)
            async with stream:
                async for chunk in stream:
                    if chunk.choices and (text := chunk.choices[0].delta.content):
                        told(text)

        async def whole(told: Told) -> None:
            answer: Any = await client.chat.send_async(model=MODEL, messages=MESSAGES)
            told(answer.choices[0].message.content)

        yield {"typed": typed, "whole": whole}


@asynccontextmanager
async def litellm(base_url: str) -> AsyncIterator[dict[str, Task]]:
    """litellm, told that the server speaks OpenAI's protocol."""
    # Else its import asks the network for prices, and beside what is measured.
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    import litellm as package

    asked = {
        "model": f"openai/{MODEL}",
        "messages": MESSAGES,
        "api_base": base_url,
        "api_key": "key",
    }

    async def typed(told: Told) -> None:
        async for chunk in await package.acompletion(stream=True, **asked):
            if chunk.choices and (text := chunk.choices[0].delta.content):
                told(text)

    async def whole(told: Told) -> None:
        told((await package.acompletion(**asked)).choices[0].message.content)

    # It keeps its connections for the life of the process: there is nothing to close.
    yield {"typed": typed, "whole": whole}


@asynccontextmanager
async def anthropic(base_url: str) -> AsyncIterator[dict[str, Task]]:
    """The official anthropic client, to which the server speaks its own protocol.

    The text and the number of its deltas are the same; the bytes around them are fewer.
    """
    from anthropic import AsyncAnthropic

    asked: Any = {"model": MODEL, "messages": MESSAGES, "max_tokens": 1000}
    async with AsyncAnthropic(api_key="key", base_url=base_url) as client:

        async def typed(told: Told) -> None:
            async for event in await client.messages.create(stream=True, **asked):
                if event.type == "content_block_delta":
                    told(event.delta.text)

        async def text(told: Told) -> None:
            async with client.messages.stream(**asked) as stream:
                async for text in stream.text_stream:
                    told(text)

        async def whole(told: Told) -> None:
            told((await client.messages.create(**asked)).content[0].text)

        yield {"typed": typed, "text": text, "whole": whole}


@asynccontextmanager
async def httpx_sse(base_url: str) -> AsyncIterator[dict[str, Task]]:
    """httpx with httpx-sse and the standard library's json: a loop without an SDK."""
    import httpx
    from httpx_sse import aconnect_sse

    payload = {"model": MODEL, "messages": MESSAGES, "stream": True}
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(limits=limits, timeout=60) as client:

        async def stream(told: Told) -> None:
            url = f"{base_url}chat/completions"
            async with aconnect_sse(client, "POST", url, json=payload) as source:
                async for event in source.aiter_sse():
                    if event.data == "[DONE]":
                        break
                    choices = json.loads(event.data)["choices"]
                    if choices and (text := choices[0]["delta"].get("content")):
                        told(text)

        yield {"typed": stream}


FLOOR = "hand-written"
"""What every other contender is put in proportion to."""

CONTENDERS: dict[str, Contender] = {FLOOR: hand_written, "kilo_sdk": kilo_sdk}

# What must be there for each peer to take part.
_PEERS: dict[str, tuple[Contender, tuple[str, ...]]] = {
    "httpx-sse": (httpx_sse, ("httpx", "httpx_sse")),
    "openai": (openai, ("openai",)),
    "openai+aiohttp": (openai_aiohttp, ("openai",)),
    "openrouter": (openrouter, ("openrouter",)),
    "litellm": (litellm, ("litellm",)),
    "anthropic": (anthropic, ("anthropic",)),
}
for _name, (_contender, _needed) in _PEERS.items():
    if all(map(importlib.util.find_spec, _needed)):
        CONTENDERS[_name] = _contender
