"""Tell text, reasoning, tool calls and usage apart as they arrive."""

import asyncio
from typing import Any

from kilo_sdk import (
    CompletionStream,
    Finished,
    KiloClient,
    ReasoningDelta,
    TextDelta,
    ToolCallDelta,
    ToolCallDone,
    UsageReported,
)
from kilo_sdk.emulator import LocalGateway

CLOCK: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "current_time",
        "description": "The time in a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}


async def show(stream: CompletionStream) -> None:
    async for event in stream.events():
        match event:
            case ReasoningDelta(text=text):
                print("reasoning:", repr(text))
            case TextDelta(text=text):
                print("text:", repr(text))
            case ToolCallDelta():
                pass  # pieces of arguments: something to show progress with, nothing to act on
            case ToolCallDone(tool_call=call):
                print("tool call:", call.name, call.parse_arguments())
            case UsageReported(usage=usage):
                print(
                    f"usage: {usage.completion_tokens} tokens, {usage.reasoning_tokens} reasoning"
                )
            case Finished(completion=completion):
                print("finished:", completion.finish_reason)


async def main() -> None:
    async with (
        LocalGateway() as gateway,
        KiloClient("any-key", base_url=gateway.base_url) as client,
    ):
        ask = client.with_options(default_model="kilocode/anthropic/claude-sonnet-4")
        async with ask.chat.completions.stream(
            messages="Say it in 4 words.", reasoning="minimal"
        ) as stream:
            await show(stream)
        print("---")
        async with ask.chat.completions.stream(
            messages="What time is it in Oslo?", reasoning={"enabled": False}, tools=[CLOCK]
        ) as stream:
            await show(stream)


if __name__ == "__main__":
    asyncio.run(main())
