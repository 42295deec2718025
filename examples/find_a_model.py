"""Pick a model by what it can do and cost, and ask the cheapest that fits."""

import asyncio

from kilo_sdk import KiloClient, NotFoundError
from kilo_sdk.emulator import LocalGateway


async def main() -> None:
    async with (
        LocalGateway() as gateway,
        KiloClient("any-key", base_url=gateway.base_url) as client,
    ):
        catalog = await client.models.list()
        if catalog.failure is not None:
            print("the bundled list serves:", catalog.failure)
        fitting = catalog.chat_models().filter(reasoning=True, tools=True, min_context=200_000)
        for model in fitting.sort_by("price")[:3]:
            print(model.id, "costs", model.pricing.prompt, "USD per million input tokens")

        cheapest = fitting.sort_by("price")[0]
        completion = await client.chat.completions.create(
            messages="Say hi", model=cheapest.ref, max_tokens=4
        )
        print("asked", completion.model, "and got:", completion.text)

        for endpoint in await client.models.endpoints(cheapest.ref):
            print("served by", endpoint.provider_name)

        try:
            await client.models.get("kilocode/openai/gpt5")
        except NotFoundError as error:
            print(error.message)


if __name__ == "__main__":
    asyncio.run(main())
