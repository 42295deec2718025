"""Completions awaited one after the other, for counting instructions.

python -m benchmarks.awaiting kilo_sdk 100 --url http://127.0.0.1:8000/whole/
"""

from __future__ import annotations

import argparse
import asyncio

from benchmarks.contenders import CONTENDERS
from benchmarks.counting import Counting, counting
from benchmarks.replay_server import text_of

WARM = 30
"""Completions that are not counted."""


async def run(name: str, task: str, count: int, url: str, counting: Counting) -> None:
    """Let one contender await so many completions, of which those after ``WARM`` are counted."""
    texts: list[str] = []
    async with CONTENDERS[name](url) as tasks:
        for number in range(count):
            if number == WARM:
                counting.turn("on")
            await tasks[task](texts.append)
        counting.turn("off")
    assert texts == [text_of(20)] * count, f"{name} lost or changed text"


def main() -> None:
    """Run one contender."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.awaiting", description=__doc__)
    parser.add_argument("contender", choices=CONTENDERS)
    parser.add_argument("count", type=int, help="of completions, once it is warm")
    parser.add_argument("--task", default="whole")
    parser.add_argument("--url", required=True, help="the replay server's")
    parser.add_argument("--counted", action="store_true", help="valgrind counts this process")
    arguments = parser.parse_args()
    asked = arguments.contender, arguments.task, WARM + arguments.count, arguments.url
    with counting(arguments.counted) as counter:
        asyncio.run(run(*asked, counter))


if __name__ == "__main__":
    main()
