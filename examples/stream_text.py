"""Print an answer while it is being written."""

import asyncio

from kilo_sdk import KiloClient
from kilo_sdk.emulator import LocalGateway


async def main() -> None:
    async with (
        LocalGateway(tokens_per_second=200) as gateway,
        KiloClient("any-key", base_url=gateway.base_url) as client,
        client.chat.completions.stream(
            messages="Tell me a story in 40 words.",
            model="kilocode/openai/gpt-4.1",
        ) as stream,
    ):
        async for text in stream.text_deltas():
            print(text, end="", flush=True)
        print()
        # Nothing is left to read: this only puts together what came.
        completion = await stream.get_final_completion()
    print("finish reason:", completion.finish_reason)


if __name__ == "__main__":
    asyncio.run(main())
