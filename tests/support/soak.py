"""Hundreds of streams at once through a proxy that breaks them, for minutes; then the tally.

    python tests/support/soak.py --seconds 300

Every answer is checked character by character: a whole one against what the gateway says to
the same question when it is asked without the SDK, a broken one against what the proxy let
through. Afterwards no socket and no task may be left, and memory must not have grown.
Exits with 1 when any of that does not hold.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import ctypes
import gc
import math
import os
import random
import resource
import statistics
import sys
import time
from collections import Counter
from collections.abc import Sequence
from urllib.parse import urlsplit

import aiohttp
import attrs
import orjson
from fault_proxy import Fault, FaultProxy, Forwarded

from kilo_sdk import APITimeoutError, KiloClient, KiloError, RetryBudget, RetryPolicy, Timeouts
from kilo_sdk.emulator import LocalGateway

MODELS = (
    "openai/gpt-4.1",
    "anthropic/claude-sonnet-4",
    "google/gemini-3-pro-preview",
    "mistralai/devstral-2512:free",
)
QUESTIONS = tuple(f"Say {count} words about the number {count}" for count in (3, 20, 80))
KINDS = ("delay", "split", "cut", "reset", "half-close", "stall", "corrupt", "page")
PLACES = ("request", "head", "body", "event", "between", "finish", "done", "end")
SAMPLE_S = 5.0
WAYS = ("chunks", "text_deltas", "coalesced", "final", "create")


@attrs.define
class Tally:
    """What came of all calls.

    Attributes:
        outcomes: Calls by how they ended: ``complete``, ``left``, or an error's class.
        joined: Whole answers that were cut and gone on with.
        wrong: Descriptions of answers that were not what they had to be.
        memory: Calls done and resident memory in KiB then, every few seconds.
        leaked_tasks: Tasks that were still there at the end.
        leaked_files: Open files and sockets more than at the start.
        dropped_packets: Packets that the kernel had no room for, of whatever process. A reset
            takes along what was to be sent once more: an answer that came is then one that
            only left.
    """

    outcomes: Counter[str] = attrs.field(factory=Counter)
    joined: int = 0
    wrong: list[str] = attrs.field(factory=list)
    memory: list[tuple[int, int]] = attrs.field(factory=list)
    characters: int = 0
    leaked_tasks: int = 0
    leaked_files: int = 0
    dropped_packets: int = 0

    @property
    def calls(self) -> int:
        return self.outcomes.total()

    @property
    def slope(self) -> float:
        """KiB that memory grew per 1,000 calls, over the second half of the run."""
        half = self.memory[len(self.memory) // 2 :]
        if len(half) < 3:
            return 0.0
        calls, memory = zip(*half, strict=True)
        return statistics.linear_regression(calls, memory).slope * 1000

    def report(self) -> str:
        lines = [f"{self.calls} calls, {self.characters} characters checked"]
        lines += [f"  {count:8d} {name}" for name, count in self.outcomes.most_common()]
        lines.append(f"{self.joined} answers that were cut and went on")
        lines.append(f"{len(self.wrong)} answers with lost, duplicated or reordered characters")
        lines += [f"  {one}" for one in self.wrong[:20]]
        lines.append(f"{self.leaked_tasks} tasks and {self.leaked_files} sockets left over")
        lines.append(f"{self.dropped_packets} packets dropped by the kernel meanwhile")
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        lines.append(f"memory: {self.slope:+.1f} KiB per 1,000 calls; at most {peak // 1024} MiB")
        return "\n".join(lines)

    @property
    def is_clean(self) -> bool:
        return not (self.wrong or self.leaked_tasks or self.leaked_files)


@attrs.define
class Given:
    """The text that a caller has in hand."""

    text: str = ""
    whole: bool = False
    joined: bool = False


async def soak(
    *,
    concurrency: int = 500,
    seconds: float | None = None,
    calls: int | None = None,
    seed: int = 0,
    silence: float = 10.0,
) -> Tally:
    """Run until the time is over, or so many calls were made.

    Args:
        concurrency: Calls in flight at any time.
        seconds: How long to go on.
        calls: How many calls to make.
        seed: The same seed chooses the same faults.
        silence: Seconds without a byte after which a call is given up.
    """
    tally = Tally()
    until = time.monotonic() + (seconds if seconds is not None else float("inf"))
    files, tasks = len(os.listdir("/proc/self/fd")), asyncio.all_tasks()
    dropped = dropped_packets()
    async with LocalGateway() as gateway:
        port = urlsplit(gateway.base_url).port
        assert port is not None
        answers = await plain_answers(gateway.base_url)
        gateway.requests.clear()
        async with (
            FaultProxy(port, turns=1).running() as proxy,
            KiloClient(
                "key",
                base_url=proxy.base_url,
                retries=RetryPolicy(max_attempts=2, wait_initial=0.01),
                retry_budget=RetryBudget(math.inf),
                timeouts=Timeouts(first_token=silence, idle=silence),
            ) as client,
        ):
            numbers = iter(range(calls if calls is not None else sys.maxsize))
            in_flight: set[str] = set()

            async def worker() -> None:
                for number in numbers:
                    if time.monotonic() > until:
                        return
                    in_flight.add(name := str(number))
                    await one_call(client, proxy, answers, name, seed, tally)
                    in_flight.remove(name)
                    gateway.requests.clear()

            async with asyncio.TaskGroup() as group:
                workers = [group.create_task(worker()) for _ in range(concurrency)]
                # Only while all are at work: afterwards there is less to hold.
                while not any(task.done() for task in workers):
                    # The proxy may read a request after its caller has left: nobody asks for it.
                    for name in proxy.forwarded.keys() - in_flight:
                        del proxy.forwarded[name]
                    tally.memory.append((tally.calls, resident_kib()))
                    await asyncio.wait(
                        workers, timeout=SAMPLE_S, return_when=asyncio.FIRST_COMPLETED
                    )
    await asyncio.sleep(0.1)
    gc.collect()
    tally.leaked_tasks = len(asyncio.all_tasks() - tasks)
    tally.leaked_files = max(0, len(os.listdir("/proc/self/fd")) - files)
    tally.dropped_packets = dropped_packets() - dropped
    return tally


async def plain_answers(base_url: str) -> dict[tuple[str, str], str]:
    """Ask every question of every model without the SDK."""
    answers = {}
    async with aiohttp.ClientSession() as session:
        for model in MODELS:
            for question in QUESTIONS:
                payload = {"model": model, "messages": [{"role": "user", "content": question}]}
                async with session.post(base_url + "chat/completions", json=payload) as response:
                    body = orjson.loads(await response.read())
                answers[model, question] = body["choices"][0]["message"]["content"]
    return answers


async def one_call(
    client: KiloClient,
    proxy: FaultProxy,
    answers: dict[tuple[str, str], str],
    name: str,
    seed: int,
    tally: Tally,
) -> None:
    chance = random.Random(f"{seed} {name}")
    model, question = chance.choice(MODELS), chance.choice(QUESTIONS)
    way = chance.choice(WAYS)
    fault = Fault()
    if chance.random() < 0.6:
        count = chance.randrange(12)
        tries = chance.choice((1, 2))
        place = chance.choice(PLACES if way != "create" else ("request", "head", "body", "half"))
        fault = Fault(chance.choice(KINDS), place, count, tries=tries)
    patience = chance.uniform(0.001, 0.2) if chance.random() < 0.15 else None
    hedge_after = chance.uniform(0.01, 0.2) if chance.random() < 0.3 else None
    resume = "continue" if chance.random() < 0.3 else "off"
    options = {
        "hedge_after": hedge_after,
        "resume": resume,
        "messages": question,
        "model": model,
        "extra_headers": {"X-Fault": fault.to_header(), "X-Call": name},
    }
    given = Given()
    outcome = "complete"
    try:
        async with asyncio.timeout(patience):
            await ask(client, way, options, given)
    except KiloError as error:
        outcome = type(error).__name__
        if isinstance(error, APITimeoutError):
            outcome = f"{outcome} ({error.phase})"
    except TimeoutError:
        outcome = "left"
    tally.outcomes[outcome] += 1
    tally.characters += len(given.text)
    tally.joined += given.joined and given.whole
    whole = answers[model, question]
    tries = proxy.forwarded.pop(name, [])
    # Of two that ran side by side either may be the one that the caller had.
    seen = tries if hedge_after else tries[-1:]
    if problem := objection(outcome, given, whole, seen, way):
        tally.wrong.append(f"call {name}, {way}, {fault.to_header()}: {problem}")


async def ask(client: KiloClient, way: str, options: dict[str, object], given: Given) -> None:
    completions = client.chat.completions
    if way == "create":
        given.text = (await completions.create(**options)).text  # type: ignore[call-overload]
        given.whole = True
        return
    async with completions.stream(**options) as stream:  # type: ignore[arg-type]
        try:
            match way:
                case "chunks":
                    async for chunk in stream:
                        for choice in chunk.choices:
                            given.text += choice.delta.content or ""
                case "text_deltas" | "coalesced":
                    async for text in stream.text_deltas(coalesce=way == "coalesced"):
                        given.text += text
        finally:
            given.joined = stream.continuations > 0
        text = (await stream.get_final_completion()).text
        if way != "final" and text != given.text:
            given.text = f"{given.text!r} in pieces but {text!r} as a whole"
        given.text = text if way == "final" else given.text
        given.whole = True
        given.joined = stream.continuations > 0


def objection(
    outcome: str, given: Given, whole: str, tries: Sequence[Forwarded], way: str
) -> str | None:
    """What is wrong with what a caller was given, or None."""
    if given.whole is not (outcome == "complete"):
        return f"ended as {outcome}"
    if given.whole:
        return None if given.text == whole else f"{given.text!r} is not {whole!r}"
    if not whole.startswith(given.text):
        return f"{given.text!r} is no beginning of {whole!r}"
    if outcome == "left" or "Timeout" in outcome or way in ("final", "create"):
        return None  # what was under way when it ended is nobody's loss
    if given.joined:
        return None  # of parts from several tries, of which no one is the whole
    came = {"" if outcome == "ProtocolError" else text_in(one) for one in tries} or {""}
    return None if given.text in came else f"{given.text!r} was given where {came!r} came"


def text_in(one: Forwarded) -> str:
    """Return the text that a try brought."""
    # What breaks the framing of HTTP in the very read that brings the head spoils the head too.
    events = [] if one.unreadable else one.events()
    choices = [choice for event in events if event != "[DONE]" for choice in event["choices"]]
    return "".join(choice["delta"].get("content") or "" for choice in choices)


def resident_kib() -> int:
    """What is in use, without what is garbage and what the allocator keeps in stock."""
    gc.collect()
    with contextlib.suppress(AttributeError):  # not every C library can
        ctypes.CDLL(None).malloc_trim(0)
    with open("/proc/self/statm") as statm:
        return int(statm.read().split()[1]) * resource.getpagesize() // 1024


def dropped_packets() -> int:
    """How many packets found no room in the kernel's queues since it started; Linux alone."""
    try:
        with open("/proc/net/softnet_stat") as statistics_of_cores:
            return sum(int(line.split()[1], 16) for line in statistics_of_cores)
    except OSError:
        return 0


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=300.0, help="how long (default: 300)")
    parser.add_argument("--concurrency", type=int, default=500, help="calls at once")
    parser.add_argument("--seed", type=int, default=0, help="chooses the faults")
    options = parser.parse_args()
    tally = asyncio.run(
        soak(concurrency=options.concurrency, seconds=options.seconds, seed=options.seed)
    )
    sys.stdout.write(tally.report() + "\n")
    return 0 if tally.is_clean else 1


if __name__ == "__main__":
    sys.exit(main())
