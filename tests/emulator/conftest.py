"""What the tests of the embedded gateway share."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import pytest

Payload = dict[str, Any]


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    """A plain client, as far from the SDK as can be."""
    connector = aiohttp.TCPConnector(limit=0)
    timeout = aiohttp.ClientTimeout(total=30)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        yield session


@pytest.fixture
def ask() -> Callable[..., Payload]:
    """Make a request body around one user message."""

    def make(text: str = "Hello", model: str = "openai/gpt-4.1", **fields: Any) -> Payload:
        return {"model": model, "messages": [{"role": "user", "content": text}], **fields}

    return make


@pytest.fixture
def tool() -> Callable[..., Payload]:
    """Make a tool with some parameters."""

    def make(name: str = "get_weather", **properties: Any) -> Payload:
        schema = {"type": "object", "properties": properties or {"city": {"type": "string"}}}
        return {"type": "function", "function": {"name": name, "parameters": schema}}

    return make


@pytest.fixture
def chunks_of() -> Callable[[bytes], list[Payload]]:
    """Read the chunks out of a whole stream, without its comments and ``[DONE]``."""

    def read(stream: bytes) -> list[Payload]:
        events = [event for event in stream.split(b"\n\n") if event.startswith(b"data: ")]
        return [json.loads(event[6:]) for event in events if event != b"data: [DONE]"]

    return read
