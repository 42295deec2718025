"""Many answers at once, from one client."""

import asyncio

from kilo_sdk import KiloClient
from kilo_sdk.emulator import LocalGateway

STREAMS = 50
WORDS = 30


async def read(client: KiloClient, number: int) -> str:
    async with client.chat.completions.stream(
        messages=f"Story {number}, in {WORDS} words please.", model="kilocode/openai/gpt-4.1"
    ) as stream:
        return "".join([text async for text in stream.text_deltas()])


async def main() -> None:
    async with (
        LocalGateway(tokens_per_second=50) as gateway,
        KiloClient("any-key", base_url=gateway.base_url) as client,
    ):
        # In a task group one failure cancels the rest, and none is left running.
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(read(client, number)) for number in range(STREAMS)]
        answers = [task.result() for task in tasks]

        # With gather(return_exceptions=True) each answer stands for itself.
        mixed = await asyncio.gather(
            read(client, 0),
            client.chat.completions.create(messages="Hi", model="acme/no-such"),
            return_exceptions=True,
        )
    assert all(f"Story {number}," in answer for number, answer in enumerate(answers))
    print("answers:", len(answers), "at once:", gateway.peak_streams)
    print("gathered:", [type(one).__name__ for one in mixed])


if __name__ == "__main__":
    asyncio.run(main())
