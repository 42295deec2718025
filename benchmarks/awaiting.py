"""Completions awaited one after the other, for counting instructions.

python -m benchmarks.awaiting kilo_sdk 100 --url http://127.0.0.1:8000/whole/
"""

from __future__ import annotations

import argparse
import asyncio

from benchmarks.contenders import CONTENDERS
from benchmarks.replay_server import text_of


async def run(name: str, task: str, count: int, url: str) -> None:
    """Let one contender await so many completions."""
    texts: list[str] = []
    async with CONTENDERS[name](url) as tasks:
        for _ in range(count):
            await tasks[task](texts.append)
    assert texts == [text_of(20)] * count, f"{name} lost or changed text"


def main() -> None:
    """Run one contender."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.awaiting", description=__doc__)
    parser.add_argument("contender", choices=CONTENDERS)
    parser.add_argument("count", type=int)
    parser.add_argument("--task", default="whole")
    parser.add_argument("--url", required=True, help="the replay server's")
    arguments = parser.parse_args()
    asyncio.run(run(arguments.contender, arguments.task, arguments.count, arguments.url))


if __name__ == "__main__":
    main()
