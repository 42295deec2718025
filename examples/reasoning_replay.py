"""Three turns with tools, with two vendors, against a gateway that verifies every signature."""

import asyncio
from typing import Any

from kilo_sdk import BadRequestError, KiloClient, ToolCall
from kilo_sdk.emulator import LocalGateway

CLAUDE = "kilocode/anthropic/claude-sonnet-4"
GEMINI = "kilocode/google/gemini-3-pro-preview"
TURNS = [
    (CLAUDE, "How is the weather in Bern?"),
    (GEMINI, "And in Oslo?"),
    (CLAUDE, "Which of the two is warmer?"),
]
TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
        },
    },
}


def run_tool(call: ToolCall) -> dict[str, Any]:
    """What the app does: here it is always fine."""
    return {"role": "tool", "tool_call_id": call.id, "content": f"{call.name}: sunny, 21 degrees"}


async def answer(client: KiloClient, history: list[dict[str, Any]], model: str) -> str:
    """Let the model answer, running its tools; the history grows by all that was said."""
    while True:
        async with client.chat.completions.stream(
            messages=history, model=model, reasoning="low", tools=[TOOL]
        ) as stream:
            completion = await stream.get_final_completion()
        # Text, tool calls, reasoning details and signatures, as the next request needs them.
        history.append(completion.message.to_param())
        if not completion.tool_calls:
            return completion.text
        history.extend(map(run_tool, completion.tool_calls))


async def main() -> None:
    async with (
        LocalGateway(verify_signatures=True) as gateway,
        KiloClient("any-key", base_url=gateway.base_url) as client,
    ):
        history: list[dict[str, Any]] = []
        for model, question in TURNS:
            history.append({"role": "user", "content": question})
            print(f"{model}: {await answer(client, history, model)}")
        print("requests:", len(gateway.requests))
        print("refused:", sum(request.status != 200 for request in gateway.requests))

        # Vendors sign reasoning and refuse it when a single letter has changed.
        detail = next(one for one in history[1]["reasoning_details"] if one.get("signature"))
        detail["text"] += "!"
        history.append({"role": "user", "content": "Thank you."})
        try:
            await answer(client, history, CLAUDE)
        except BadRequestError as error:
            print(f"refused by {error.provider_name}: {error.upstream_message}")


if __name__ == "__main__":
    asyncio.run(main())
