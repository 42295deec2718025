"""Measure the relay beside a hand-written one on the same server.

    python -m benchmarks.relay            # about eight minutes
    python -m benchmarks.relay --short    # about half a minute; its numbers mean little

Gateway, server and clients are processes of their own. CPU is that of the server's process, so
that other work on the machine hardly counts; latency is from the gateway's write to the client's
read, and counts everything. Rounds of both take turns; what is printed is the median. Larger
crowds are ``relay_crowd``'s part: there, these clients would be what is slow.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import statistics
import time
from contextlib import AsyncExitStack

import aiohttp
import attrs
import orjson

from benchmarks.server_process import server
from benchmarks.sockets import allow_most_sockets

CONTENDERS = ("hand", "relay")
PROMPT = orjson.dumps({"type": "prompt", "messages": "go"}).decode()


@attrs.frozen
class Case:
    """One thing to measure.

    Attributes:
        title: What the table says.
        sockets: How many ask at once.
        tokens: How many each gets.
        per_write: Tokens in one write of the gateway.
        pause_ms: Between two writes.
    """

    title: str
    sockets: int
    tokens: int
    per_write: int
    pause_ms: int

    @property
    def path(self) -> str:
        return f"paced/{self.tokens}/{self.per_write}/{self.pause_ms}"


@attrs.define
class Heard:
    """What the clients of one round got."""

    tokens: int = 0
    frames: int = 0
    latencies_ns: list[int] = attrs.field(factory=list)

    def take(self, text: str, now: int) -> None:
        """Count a frame; each token in it is the time when it was written."""
        self.frames += 1
        written = text.split()
        self.tokens += len(written)
        self.latencies_ns += [now - int(one) for one in written]


async def told(session: aiohttp.ClientSession, url: str) -> float:
    async with session.get(url) as answer:
        return orjson.loads(await answer.read())


async def ask(socket: aiohttp.ClientWebSocketResponse, heard: Heard) -> None:
    """Ask once, and read to the end."""
    await socket.send_str(PROMPT)
    while True:
        message = await socket.receive()
        frame = orjson.loads(message.data)
        if frame["type"] == "text":
            heard.take(frame["text"], time.monotonic_ns())
        elif frame["type"] == "done":
            return
        assert frame["type"] != "error", frame


async def round_of(session: aiohttp.ClientSession, root: str, name: str, case: Case):
    """Return the server's CPU seconds per token, and what was heard."""
    async with AsyncExitStack() as stack:
        sockets = []
        for _ in range(case.sockets):
            opening = session.ws_connect(f"{root}/{name}", max_msg_size=0)
            sockets.append(await stack.enter_async_context(opening))
        heard = Heard()
        before = await told(session, f"{root}/cpu")
        await asyncio.gather(*(ask(socket, heard) for socket in sockets))
        after = await told(session, f"{root}/cpu")
    assert heard.tokens == case.sockets * case.tokens, "a contender lost or doubled tokens"
    return (after - before) / heard.tokens, heard


async def compare(case: Case, upstream: int, repeats: int) -> None:
    """Print CPU, frames and latency of both contenders."""
    base_url = f"http://127.0.0.1:{upstream}/{case.path}/"
    figures: dict[str, list[tuple[float, Heard]]] = {name: [] for name in CONTENDERS}
    with server("benchmarks.relay_server", base_url) as port:
        root = f"http://127.0.0.1:{port}"
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(connector=connector) as session:
            for repeat in range(repeats + 1):
                for name in CONTENDERS:
                    one = await round_of(session, root, name, case)
                    if repeat:  # the first round warms up
                        figures[name].append(one)
    floor = statistics.median(cpu for cpu, _ in figures["hand"])
    for name, rounds in figures.items():
        cpu = statistics.median(cpu for cpu, _ in rounds)
        frames = statistics.median(heard.frames / heard.tokens for _, heard in rounds)
        p50 = statistics.median(at(heard.latencies_ns, 0.5) for _, heard in rounds)
        p99 = statistics.median(at(heard.latencies_ns, 0.99) for _, heard in rounds)
        print(
            f"{case.title:44}{name:8}{cpu * 1e6:9.1f}{cpu / floor:8.2f}{frames:10.2f}"
            f"{p50 / 1e6:10.1f}{p99 / 1e6:10.1f}",
            flush=True,
        )


def at(values: list[int], share: float) -> int:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


async def stalled(upstream: int, sockets: int, rounds: int) -> None:
    """Print the server's memory while a tenth of the readers stand still."""
    case = Case("", sockets, 20_000, 50, 0)
    with server("benchmarks.relay_server", f"http://127.0.0.1:{upstream}/{case.path}/") as port:
        root = f"http://127.0.0.1:{port}"
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(connector=connector) as session, AsyncExitStack() as stack:
            quick = []
            for number in range(sockets):
                opening = session.ws_connect(f"{root}/relay", max_msg_size=0)
                socket = await stack.enter_async_context(opening)
                if number % 10:
                    quick.append(socket)
                    continue
                await socket.send_str(PROMPT)
                await socket.receive()
                socket._response.connection.transport.pause_reading()
                stack.callback(socket._response.connection.transport.abort)
            print(f"memory in MiB, {sockets} readers, a tenth of them stalled:", end="", flush=True)
            for _ in range(rounds):
                # One reader after the other: what is measured is what stays.
                heard = Heard()
                for socket in quick[:5]:
                    await ask(socket, heard)
                heard.latencies_ns.clear()
                held = await told(session, f"{root}/memory")
                print(f" {held / 2**20:.0f}", end="", flush=True)
            print()


def cases(short: bool) -> list[Case]:
    """Return what is compared."""
    if short:
        return [
            Case("50 sockets, a token per write", 50, 20, 1, 50),
            Case("50 sockets, 50 tokens per write", 50, 500, 50, 0),
        ]
    return [
        Case("1,000 sockets, 2 tokens/s each", 1000, 60, 1, 500),
        Case("1,000 sockets, 50 per write, no pause", 1000, 500, 50, 0),
        Case("100 sockets, 20 tokens/s each", 100, 100, 1, 50),
        Case("300 sockets, 20 tokens/s each", 300, 100, 1, 50),
        Case("1,000 sockets, 20 tokens/s each", 1000, 100, 1, 50),
    ]


def main() -> None:
    """Run every case and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.relay", description=__doc__)
    parser.add_argument("--short", action="store_true", help="fewer and shorter runs")
    parser.add_argument("--only", default="", help="cases whose title has this in it")
    arguments = parser.parse_args()
    allow_most_sockets()
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, load before: {load}")
    print(f"{'':44}{'':8}{'us CPU/':>9}{'':8}{'frames/':>10}{'ms, p50':>10}{'ms, p99':>10}")
    print(f"{'':44}{'':8}{'token':>9}{'ratio':>8}{'token':>10}")
    with server("benchmarks.relay_upstream") as upstream:
        for case in cases(arguments.short):
            if arguments.only in case.title:
                asyncio.run(compare(case, upstream, 1 if arguments.short else 2))
        if arguments.only in "memory":
            sizes = (20, 3) if arguments.short else (200, 8)
            asyncio.run(stalled(upstream, *sizes))


if __name__ == "__main__":
    main()
