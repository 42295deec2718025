"""Long conversations with reasoning models, tools and changes of vendor; how many are refused.

    python tests/support/talk.py --runs 1000

Each run is a conversation of ten turns with the embedded gateway, which signs the reasoning
it gives, each time in other pieces, and refuses whatever does not come back as it was. What
the caller does in it is what the docs tell callers to do, and nothing else: append
``completion.message.to_param()``. Exits with 1 when anything was refused, or when nothing is
refused with the SDK's sanitation taken out, for then the gateway would not be looking.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import re
import sys
from collections import Counter
from typing import Any

import attrs

from kilo_sdk import (
    BadRequestError,
    ChatCompletion,
    KiloClient,
    RetryPolicy,
    ThinkTagExtraction,
    dump_history,
    load_history,
)
from kilo_sdk.emulator import LocalGateway
from kilo_sdk.middleware.app_headers import AppHeaders
from kilo_sdk.middleware.auth import BearerAuth
from kilo_sdk.middleware.reasoning_injection import ReasoningInjection
from kilo_sdk.transports.base import OpenAICompatibleTransport

MODELS = (
    "anthropic/claude-sonnet-4",
    "anthropic/claude-opus-4.5",
    "google/gemini-3-pro-preview",
    "openai/gpt-5",
    "x-ai/grok-code-fast-1",
    "deepseek/deepseek-v3.2",
    "qwen/qwq-32b",
)
LEVELS = ("off", "minimal", "low", "medium")
TURNS = 10
# What differs from one rejection to the next: ids, and where in a history it was.
_ID = re.compile(r"\b(rs|call|tool)_\w+|\d+")
TOOL = {
    "type": "function",
    "function": {
        "name": "look_up",
        "parameters": {
            "type": "object",
            "properties": {"place": {"type": "string"}, "days": {"type": "integer"}},
            "required": ["place"],
        },
    },
}


class Unsanitised(OpenAICompatibleTransport):
    """Sends a history as it is: what a client does that has not thought of it."""

    name = "unsanitised"

    def __init__(self) -> None:
        super().__init__(
            request_middleware=(
                BearerAuth("key"),
                AppHeaders(feature="direct-gateway"),
                ReasoningInjection(),
            )
        )


@attrs.define
class Tally:
    """What came of all runs.

    Attributes:
        calls: Answers that were asked for.
        details: Reasoning details that came back with a history, over all calls.
        rejections: What upstreams said to histories they refused, and how often.
    """

    calls: int = 0
    details: int = 0
    rejections: Counter[str] = attrs.field(factory=Counter)

    def report(self) -> str:
        lines = [f"{self.calls} calls, {self.details} reasoning details sent back"]
        lines.append(f"{self.rejections.total()} rejections")
        lines += [f"  {count:6d} {words}" for words, count in self.rejections.most_common(10)]
        return "\n".join(lines)


async def talk(seeds: range, *, sanitised: bool = True, at_once: int = 20) -> Tally:
    """Hold one conversation per seed."""
    tally = Tally()
    numbers = iter(seeds)

    async def worker() -> None:
        for seed in numbers:
            await converse(seed, tally, sanitised=sanitised)

    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(worker())
    return tally


async def converse(seed: int, tally: Tally, *, sanitised: bool) -> None:
    """Hold one conversation; go on after a rejection as if the turn had not been."""
    chance = random.Random(seed)
    async with (
        LocalGateway(verify_signatures=True, seed=seed) as gateway,
        KiloClient(
            "key",
            base_url=gateway.base_url,
            transports=() if sanitised else (Unsanitised(),),
            retries=RetryPolicy(max_attempts=1),
            pin_provider=chance.random() < 0.3,
            response_middleware=[ThinkTagExtraction()] if chance.random() < 0.5 else [],
        ) as client,
    ):
        history: list[Any] = []
        model = chance.choice(MODELS)
        for turn in range(TURNS):
            if chance.random() < 0.35:
                model = chance.choice(MODELS)
            history.append({"role": "user", "content": f"Turn {turn}: say {turn + 2} words"})
            options = {
                "model": model,
                "reasoning": chance.choice(LEVELS),
                "tools": [TOOL] if chance.random() < 0.6 else None,
                "parallel_tool_calls": chance.random() < 0.4 or None,
            }
            history = await take_turn(client, history, options, chance, tally)
            if chance.random() < 0.25:
                history = list(load_history(dump_history(history)))
        for request in gateway.requests:
            for message in request.payload["messages"]:
                tally.details += len(message.get("reasoning_details") or ())
            if request.rejection is not None:
                tally.rejections[_ID.sub("...", request.rejection)] += 1


async def take_turn(
    client: KiloClient,
    history: list[Any],
    options: dict[str, Any],
    chance: random.Random,
    tally: Tally,
) -> list[Any]:
    """Let the model answer, and its tools be called, until it has no more calls."""
    before = list(history)
    while True:
        tally.calls += 1
        try:
            completion = await ask(client, history, options, streamed=chance.random() < 0.8)
        except BadRequestError:
            return before
        message = completion.message
        history.append(message if chance.random() < 0.3 else message.to_param())
        if not message.tool_calls:
            return history
        history += [
            {"role": "tool", "tool_call_id": call.id, "content": f"{call.name}: sunny"}
            for call in message.tool_calls
        ]


async def ask(
    client: KiloClient, history: list[Any], options: dict[str, Any], *, streamed: bool
) -> ChatCompletion:
    if not streamed:
        return await client.chat.completions.create(messages=history, **options)
    async with client.chat.completions.stream(messages=history, **options) as stream:
        return await stream.get_final_completion()


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runs", type=int, default=1000, help="conversations (default: 1000)")
    parser.add_argument("--first-seed", type=int, default=0, help="the seed of the first")
    options = parser.parse_args()
    seeds = range(options.first_seed, options.first_seed + options.runs)
    tally = asyncio.run(talk(seeds))
    without = asyncio.run(talk(seeds[: max(1, options.runs // 10)], sanitised=False))
    sys.stdout.write(f"{options.runs} conversations: {tally.report()}\n")
    sys.stdout.write(f"without sanitation, a tenth of them: {without.report()}\n")
    return 0 if not tally.rejections and without.rejections else 1


if __name__ == "__main__":
    sys.exit(main())
