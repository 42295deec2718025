"""Ask a model and wait for the whole answer."""

import asyncio

from kilo_sdk import KiloClient
from kilo_sdk.emulator import LocalGateway


async def main() -> None:
    # A gateway on this machine: no key, no network. With your key in KILOCODE_API_KEY,
    # `async with KiloClient() as client` talks to the real one.
    async with (
        LocalGateway() as gateway,
        KiloClient("any-key", base_url=gateway.base_url) as client,
    ):
        completion = await client.chat.completions.create(
            messages="Why is the sky blue?",
            model="kilocode/anthropic/claude-sonnet-4",
            max_tokens=12,
        )
    print(completion.text)
    print("finish reason:", completion.finish_reason)
    if completion.usage is not None:
        print("tokens:", completion.usage.total_tokens, "cost:", completion.usage.cost, "USD")


if __name__ == "__main__":
    asyncio.run(main())
