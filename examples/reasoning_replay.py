"""Keep a model's reasoning across turns, and see what happens when it is tampered with."""

import asyncio
from typing import Any

from kilo_sdk import BadRequestError, KiloClient
from kilo_sdk.emulator import LocalGateway

QUESTIONS = ["What is a river?", "And a mill?", "And a swallow?"]


async def main() -> None:
    async with (
        LocalGateway() as gateway,
        KiloClient(
            "any-key",
            base_url=gateway.base_url,
            default_model="kilocode/anthropic/claude-sonnet-4",
            reasoning="low",
        ) as client,
    ):
        history: list[dict[str, Any]] = []
        for question in QUESTIONS:
            history.append({"role": "user", "content": question})
            async with client.chat.completions.stream(messages=history) as stream:
                completion = await stream.get_final_completion()
            # Text, reasoning details and signatures, as the next request needs them.
            history.append(completion.message.to_param())
            print(f"{question} thought {len(completion.reasoning or '')} characters")

        # What went over the wire in the last turn holds the first turn's signed reasoning.
        sent = gateway.requests[-1].payload["messages"]
        assert sent[1]["reasoning_details"] == history[1]["reasoning_details"]
        details = [message for message in sent if message.get("reasoning_details")]
        print("messages sent with reasoning:", len(details))
        print("signed:", all(detail["signature"] for detail in sent[1]["reasoning_details"]))

        # Vendors sign reasoning and refuse it when a single letter has changed.
        history[1]["reasoning_details"][0]["text"] += "!"
        try:
            await client.chat.completions.create(messages=[*history, history[0]])
        except BadRequestError as error:
            print(f"refused by {error.provider_name}: {error.upstream_message}")


if __name__ == "__main__":
    asyncio.run(main())
