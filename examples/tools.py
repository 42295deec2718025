"""Let a model call functions until it has an answer."""

import asyncio
import json
from typing import Any

from kilo_sdk import KiloClient, Message, ToolArgumentsError, ToolCall
from kilo_sdk.emulator import LocalGateway

TOOLS: list[dict[str, Any]] = [
    {
        "type": "function",
        "function": {
            "name": "weather",
            "description": "The weather in a city.",
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string", "examples": ["Oslo"]}},
                "required": ["city"],
            },
        },
    }
]
MOST_ROUNDS = 5


def weather(city: str) -> str:
    return f"{city}: 7 degrees, rain"


def run(call: ToolCall) -> str:
    """Run one call; whatever goes wrong is for the model to read, which may then do better."""
    try:
        arguments = call.parse_arguments()
        if call.name != "weather":
            return json.dumps({"error": f"there is no tool {call.name}"})
        return weather(**arguments)
    except (ToolArgumentsError, TypeError) as exc:
        return json.dumps({"error": str(exc)})


async def answer(client: KiloClient, question: str) -> list[Message | dict[str, Any]]:
    history: list[Message | dict[str, Any]] = [Message.user(question)]
    for _ in range(MOST_ROUNDS):
        completion = await client.chat.completions.create(messages=history, tools=TOOLS)
        # The message goes back as it came: tool calls, reasoning and signatures included.
        history.append(completion.message.to_param())
        if not completion.tool_calls:
            return history
        for call in completion.tool_calls:
            print("calling", call.name, call.arguments)
            history.append(Message.tool(call.id, run(call)))
    raise RuntimeError(f"no answer after {MOST_ROUNDS} rounds of tool calls")


async def main() -> None:
    async with (
        LocalGateway() as gateway,
        KiloClient(
            "any-key",
            base_url=gateway.base_url,
            default_model="kilocode/google/gemini-3-pro-preview",
        ) as client,
    ):
        history = await answer(client, "Do I need an umbrella in Oslo?")
    for message in history:
        wire = message.to_param() if isinstance(message, Message) else message
        print(f"{wire['role']}: {wire['content'] or '(tool calls)'}")


if __name__ == "__main__":
    asyncio.run(main())
