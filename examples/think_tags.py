"""Reasoning that a model writes into its text, told apart from the answer as it streams."""

import asyncio

from kilo_sdk import KiloClient, ReasoningDelta, TextDelta, ThinkTagExtraction
from kilo_sdk.emulator import LocalGateway

QUESTION = "Why is the sky blue? 6 words please."


async def main() -> None:
    async with (
        LocalGateway() as gateway,
        KiloClient(
            "any-key",
            base_url=gateway.base_url,
            default_model="kilocode/qwen/qwq-32b",
            reasoning="minimal",
        ) as client,
    ):
        completion = await client.chat.completions.create(messages=QUESTION)
        print("as it comes:", repr(completion.text))

        # A view of the same client, for the models that need it.
        thinking = client.with_options(response_middleware=[ThinkTagExtraction()])
        reasoning = text = ""
        async with thinking.chat.completions.stream(messages=QUESTION) as stream:
            async for event in stream.events():
                match event:
                    case ReasoningDelta():
                        reasoning += event.text
                    case TextDelta():
                        text += event.text
            completion = await stream.get_final_completion()
        assert (completion.reasoning, completion.text) == (reasoning, text)
        print("reasoning:", reasoning)
        print("text:", text)


if __name__ == "__main__":
    asyncio.run(main())
