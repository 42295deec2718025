"""Stop an answer half-way: generation, and what it costs, stops with it."""

import asyncio

from kilo_sdk import KiloClient
from kilo_sdk.emulator import LocalGateway

LONG = "Write 5000 words."


async def gone(gateway: LocalGateway) -> None:
    """Wait until the server has seen that the client left."""
    async with asyncio.timeout(30):
        while gateway.open_streams:  # noqa: ASYNC110 - the gateway tells no event of it
            await asyncio.sleep(0.01)


async def read(client: KiloClient, started: asyncio.Event) -> None:
    async with client.chat.completions.stream(messages=LONG) as stream:
        started.set()
        await stream.get_final_completion()


async def main() -> None:
    async with (
        LocalGateway(tokens_per_second=100) as gateway,
        KiloClient("any-key", base_url=gateway.base_url) as client,
    ):
        # Leaving the block closes the connection at once, whatever is left.
        async with client.chat.completions.stream(messages=LONG) as stream:
            async for text in stream.text_deltas():
                print("left after:", repr(text))
                break
        await gone(gateway)

        # So does a deadline; what came by then is still there.
        async with client.chat.completions.stream(messages=LONG) as stream:
            try:
                async with asyncio.timeout(1):
                    await stream.get_final_completion()
            except TimeoutError:
                print("deadline, with text:", bool(stream.partial.text))
        await gone(gateway)

        # And cancelling the task that reads.
        started = asyncio.Event()
        task = asyncio.create_task(read(client, started))
        await started.wait()
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            print("cancelled")
        await gone(gateway)

        left = [request.disconnected_at is not None for request in gateway.requests]
        print("left early:", left, "answers sent whole:", gateway.completions_served)


if __name__ == "__main__":
    asyncio.run(main())
