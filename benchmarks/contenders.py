"""Who is measured: each reads one stream, or awaits one completion, and returns its text.

Every contender does the work that its users get by default, and returns the whole text,
which the harness compares with what the server sent.
"""

from __future__ import annotations

import importlib.util
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import aiohttp
import orjson

from kilo_sdk import KiloClient

Task = Callable[[], Awaitable[str]]
MESSAGES = [{"role": "user", "content": "Go."}]
MODEL = "replay/model"


@asynccontextmanager
async def hand_written(base_url: str) -> AsyncIterator[dict[str, Task]]:
    """The floor: aiohttp, split, orjson, and not one check more."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        url = f"{base_url}chat/completions"
        body = orjson.dumps({"model": MODEL, "messages": MESSAGES, "stream": True})
        headers = {"Authorization": "Bearer key", "Content-Type": "application/json"}

        async def stream() -> str:
            texts: list[str] = []
            async with session.post(url, data=body, headers=headers) as response:
                rest = b""
                async for data in response.content.iter_any():
                    *events, rest = (rest + data).split(b"\n\n")
                    for event in events:
                        if event.startswith(b"data: ") and event != b"data: [DONE]":
                            choices = orjson.loads(event[6:])["choices"]
                            if choices and (text := choices[0]["delta"].get("content")):
                                texts.append(text)
            return "".join(texts)

        async def whole() -> str:
            async with session.post(url, data=body, headers=headers) as response:
                answer = orjson.loads(await response.read())
            text: str = answer["choices"][0]["message"]["content"]
            return text

        yield {"typed": stream, "text": stream, "coalesced": stream, "whole": whole}


@asynccontextmanager
async def kilo_sdk(base_url: str) -> AsyncIterator[dict[str, Task]]:
    """kilo_sdk with everything on that a user gets by default."""
    async with KiloClient("key", base_url=base_url, default_model=MODEL) as client:
        completions = client.chat.completions

        async def typed() -> str:
            texts: list[str] = []
            async with completions.stream(messages=MESSAGES) as stream:
                async for chunk in stream:
                    if chunk.choices and (text := chunk.choices[0].delta.content):
                        texts.append(text)
            return "".join(texts)

        async def text(*, coalesce: bool = False) -> str:
            async with completions.stream(messages=MESSAGES) as stream:
                return "".join([text async for text in stream.text_deltas(coalesce=coalesce)])

        async def whole() -> str:
            return (await completions.create(messages=MESSAGES)).text

        yield {
            "typed": typed,
            "text": text,
            "coalesced": lambda: text(coalesce=True),
            "whole": whole,
        }


@asynccontextmanager
async def openai(base_url: str) -> AsyncIterator[dict[str, Task]]:
    """The official openai client over httpx."""
    from openai import AsyncOpenAI

    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(AsyncOpenAI(api_key="key", base_url=base_url))

        async def typed() -> str:
            texts: list[str] = []
            stream = await client.chat.completions.create(
                model=MODEL, messages=MESSAGES, stream=True
            )
            async for chunk in stream:
                if chunk.choices and (text := chunk.choices[0].delta.content):
                    texts.append(text)
            return "".join(texts)

        async def whole() -> str:
            answer = await client.chat.completions.create(model=MODEL, messages=MESSAGES)
            return answer.choices[0].message.content or ""

        yield {"typed": typed, "whole": whole}


CONTENDERS = {"hand-written": hand_written, "kilo_sdk": kilo_sdk}
if importlib.util.find_spec("openai"):
    CONTENDERS["openai"] = openai
