"""Change answers on their way in: mask, count, annotate."""

import asyncio
import re
from typing import Any

from kilo_sdk import KiloClient
from kilo_sdk.emulator import LocalGateway


def mask_digits(wire: dict[str, Any]) -> None:
    """A function gets chunks and whole completions, as wire dicts.

    It works letter by letter, so it does not matter where a stream is cut into chunks.
    """
    for choice in wire["choices"]:
        part = choice["delta"] if "delta" in choice else choice["message"]
        if part.get("content"):
            part["content"] = re.sub(r"\d", "#", part["content"])


class CountCharacters:
    """An object with both methods; one and the same for every answer."""

    def __init__(self) -> None:
        self.streamed = self.whole = 0

    def on_chunk(self, chunk: dict[str, Any]) -> None:
        for choice in chunk["choices"]:
            self.streamed += len(choice["delta"].get("content") or "")

    def on_completion(self, completion: dict[str, Any]) -> None:
        for choice in completion["choices"]:
            self.whole += len(choice["message"].get("content") or "")


class NumberChunks:
    """State per answer: `for_call` is asked for a fresh object each time."""

    def __init__(self) -> None:
        self._next = 0

    def for_call(self) -> "NumberChunks":
        return NumberChunks()

    def on_chunk(self, chunk: dict[str, Any]) -> None:
        chunk["x_number"] = self._next
        self._next += 1

    def on_completion(self, completion: dict[str, Any]) -> None:
        completion["x_number"] = 0


async def main() -> None:
    count = CountCharacters()
    async with (
        LocalGateway() as gateway,
        KiloClient(
            "any-key",
            base_url=gateway.base_url,
            default_model="kilocode/openai/gpt-4.1",
            response_middleware=[mask_digits, count, NumberChunks()],
        ) as client,
    ):
        question = "Card 4111 1111, 8 words please."
        completion = await client.chat.completions.create(messages=question)
        print(completion.text)
        async with client.chat.completions.stream(messages=question) as stream:
            numbers = [chunk.raw["x_number"] async for chunk in stream]
            streamed = await stream.get_final_completion()
    assert streamed.text == completion.text
    assert numbers == list(range(len(numbers)))
    print("characters:", count.whole, "and", count.streamed)


if __name__ == "__main__":
    asyncio.run(main())
