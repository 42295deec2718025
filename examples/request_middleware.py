"""Change requests on their way out, or refuse them."""

import asyncio

from kilo_sdk import KiloClient, ModelRef, OutgoingRequest
from kilo_sdk.emulator import LocalGateway

HOUSE_RULES = {"role": "system", "content": "Answer in plain words."}


def add_house_rules(request: OutgoingRequest) -> None:
    """A function will do. The list is the request's own; the dicts in it are the caller's."""
    request.payload["messages"].insert(0, HOUSE_RULES)


class BudgetSpentError(Exception):
    """An exception of your own passes through the SDK as it is."""


class Budget:
    """So will an object with `on_request`, which may be async and may refuse by raising."""

    def __init__(self, requests: int) -> None:
        self.left = requests

    async def on_request(self, request: OutgoingRequest) -> None:
        if self.left == 0:
            raise BudgetSpentError("the budget of this run is spent")
        self.left -= 1
        request.payload.setdefault("max_tokens", 16)
        request.set_header("X-Budget-Left", str(self.left))


async def main() -> None:
    # A middleware is tested without a client, let alone a network.
    request = OutgoingRequest(
        ref=ModelRef.parse("openai/gpt-4.1"), url="", headers={}, payload={"messages": []}
    )
    add_house_rules(request)
    assert request.payload == {"messages": [HOUSE_RULES]}

    async with (
        LocalGateway() as gateway,
        KiloClient(
            "any-key", base_url=gateway.base_url, request_middleware=[add_house_rules, Budget(2)]
        ) as client,
    ):
        try:
            for question in ("One?", "Two?", "Three?"):
                await client.chat.completions.create(messages=question)
        except BudgetSpentError as error:
            print("refused:", error)
        for received in gateway.requests:
            roles = [message["role"] for message in received.payload["messages"]]
            print(roles, received.payload["max_tokens"], "left:", received.headers["x-budget-left"])


if __name__ == "__main__":
    asyncio.run(main())
