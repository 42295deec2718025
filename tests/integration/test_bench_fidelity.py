"""What is measured is what happened: reports against the notes of the server.

Latencies match within 2 % or 1 ms. In most tests server and generator share an event loop for it:
in two processes, a loaded machine adds what it takes to wake the other one, so that those with
worker processes look at the middle of what was measured. A machine may still stop both at a bad
moment, so a measurement may be repeated; one that is wrong by itself is wrong every time.
"""

from __future__ import annotations

import asyncio
import math
import random
import statistics
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeAlias

import pytest

pytest.importorskip("hdrh", reason="measuring needs the extra 'bench'")

from paced_server import PacedServer, Script

from kilo_sdk.bench.lengths import Lengths
from kilo_sdk.bench.load import Load
from kilo_sdk.bench.plan import Phases, Target
from kilo_sdk.bench.report import Distribution, GeneratorSummary, Measurement
from kilo_sdk.bench.search import FixedLoads
from kilo_sdk.bench.session import Session, measure
from kilo_sdk.bench.workload import Workload
from kilo_sdk.emulator import LocalGateway

pytestmark = pytest.mark.anyio

TRIES = 6
# The loop of a machine with nothing else to do is late by 1 ms.
LATE_S = 0.003

Comparison: TypeAlias = "tuple[GeneratorSummary, list[tuple[str, float, float]]]"


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    """Generators go by the clock of the wall, and so does the server."""
    return "asyncio", {"loop_factory": asyncio.SelectorEventLoop}


async def measured(
    server: PacedServer, load: str, *, workers: int = 0, **phases: Any
) -> Measurement:
    """Measure, and leave the check beforehand out of the server's notes."""
    session = Session(
        target=Target(base_url=server.base_url),
        models=["a/b"],
        workload=Workload(),
        searches=[FixedLoads((Load.parse(load),))],
        phases=Phases(**phases),
        workers=workers,
    )
    report = await measure(session)
    del server.served[0]
    return report.measurements[0]


async def until_close(attempt: Callable[[], Awaitable[Comparison]]) -> None:
    """Try until every pair of a measured and a true value is within 2 % or 1 ms.

    Where the generator says itself that its loop was late, it may be off by as much.
    """
    wrong: list[str] = []
    for _ in range(TRIES):
        generator, values = await attempt()
        late = generator.lag_max or 0.0 if (generator.lag_p99 or 0.0) > LATE_S else 0.0
        wrong = [
            f"{name}: measured {ours * 1000:.3f} ms, true {true * 1000:.3f} ms"
            for name, ours, true in values
            if abs(ours - true) > max(0.02 * true, 0.001, late)
        ]
        if not wrong:
            return
    pytest.fail("; ".join(wrong))


def pairs(
    name: str,
    spread: Distribution,
    truth: Sequence[float],
    *,
    percentiles: Sequence[str] = ("p50", "p90"),
) -> list[tuple[str, float, float]]:
    assert spread.count == len(truth)
    ordered = sorted(truth)
    found = [(f"{name} mean", spread.mean.value, statistics.fmean(truth))]
    for percentile in percentiles:
        rank = math.ceil(float(percentile[1:]) / 100 * len(ordered)) - 1
        found.append((f"{name} {percentile}", spread.percentiles[percentile].value, ordered[rank]))
    return [(each, ours, true) for each, ours, true in found if ours is not None]


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(lambda n: Script([0.2] + [0.02] * 9), id="fixed"),
        pytest.param(
            lambda n: Script([random.Random(n).uniform(0.02, 0.3) for _ in range(4)]), id="jittered"
        ),
    ],
)
async def test_latencies_are_those_of_the_server(script: Callable[[int], Script]) -> None:
    async def attempt() -> Comparison:
        async with PacedServer.serving(script) as server:
            # The first two, in the warm-up, open the connections.
            taken = await measured(server, "concurrency:2", requests=12, warmup=0.02)
        assert (taken.counts.sent, taken.counts.completed) == (12, 12)
        del server.served[:-12]
        chunks = sum(len(one.writes) for one in server.served)
        assert (taken.counts.chunks, taken.counts.output_tokens) == (chunks, chunks)
        tpot = [(one.writes[-1] - one.writes[0]) / (len(one.writes) - 1) for one in server.served]
        return taken.generator, [
            *pairs("ttft", taken.metrics["ttft"], server.ttfts()),
            *pairs("itl", taken.metrics["itl"], server.gaps()),
            *pairs("tpot", taken.metrics["tpot"], tpot),
        ]

    await until_close(attempt)


async def test_worker_processes_tell_the_same_latencies() -> None:
    async def attempt() -> Comparison:
        async with PacedServer.serving(lambda n: Script([0.2] + [0.02] * 9)) as server:
            taken = await measured(server, "concurrency:4", workers=2, requests=16, warmup=0.02)
        # The first four, in the warm-up, open the connections.
        assert (taken.counts.sent, taken.counts.completed) == (16, 16)
        del server.served[:-16]
        middle = [
            *pairs("ttft", taken.metrics["ttft"], server.ttfts(), percentiles=("p50",)),
            *pairs("itl", taken.metrics["itl"], server.gaps(), percentiles=("p50",)),
        ]
        return taken.generator, [pair for pair in middle if "p50" in pair[0]]

    await until_close(attempt)


async def test_worker_processes_measure_the_pace_that_a_gateway_was_given() -> None:
    wait, gap = 0.4, 0.02

    async def attempt() -> Comparison:
        async with LocalGateway(ttft=wait, tokens_per_second=1 / gap) as gateway:
            session = Session(
                target=Target(base_url=gateway.base_url, api_key="any"),
                models=["openai/gpt-4.1"],
                workload=Workload(output_tokens=Lengths("fixed", 20)),
                searches=[FixedLoads((Load.closed(4),))],
                phases=Phases(requests=16, warmup=0.1),
                workers=2,
            )
            taken = (await measure(session)).measurements[0]
        assert (taken.counts.completed, taken.counts.output_tokens) == (16, 320)
        found = {name: taken.metrics[name].percentiles["p50"].value for name in ("ttft", "itl")}
        assert found["ttft"] is not None
        assert found["itl"] is not None
        # The first event has no token in it, only the role.
        first = wait + gap
        return taken.generator, [("ttft p50", found["ttft"], first), ("itl p50", found["itl"], gap)]

    await until_close(attempt)


async def test_chunks_that_come_together_have_no_gaps_but_time_per_token() -> None:
    async def attempt() -> Comparison:
        script = Script([0.05] * 4, per_write=5)
        async with PacedServer.serving(lambda n: script) as server:
            taken = await measured(server, "concurrency:2", requests=8)
        assert taken.counts.output_tokens == 8 * 20
        assert taken.metrics["itl"].count == 8 * 19
        assert taken.metrics["itl"].percentiles["p50"].value == 0.0
        tpot = [(one.writes[-1] - one.writes[0]) / 19 for one in server.served]
        return taken.generator, pairs("tpot", taken.metrics["tpot"], tpot)

    await until_close(attempt)


async def test_counts_are_exactly_those_of_the_server() -> None:
    fates = {0: "refused", 1: "cut"}

    def script(number: int) -> Script:
        fate: Any = "whole" if number == 0 else fates.get(number % 5, "whole")
        return Script([0.002] * 3, fate=fate)

    async with PacedServer.serving(script) as server:
        taken = await measured(server, "poisson:80", requests=50, workers=2)
    assert len(server.served) == 50 == taken.counts.sent
    # Numbers 1 to 50: ten of each remainder.
    assert Counter(taken.errors) == {
        "ServiceUnavailableError 503": 10,
        "StreamInterruptedError": 10,
    }
    assert (taken.counts.completed, taken.counts.failed) == (30, 20)
    assert taken.rates["error_rate"].value == 0.4
    assert taken.counts.output_tokens == 90
    assert taken.metrics["ttft"].count == 30


async def test_a_server_that_stalls_flatters_a_closed_loop_and_not_an_open_one() -> None:
    async def stalled(load: str) -> Measurement:
        async with PacedServer.serving(lambda n: Script([0.005] * 2)) as server:

            async def stall() -> None:
                while len(server.served) < 20:  # noqa: ASYNC110 - it tells no event
                    await asyncio.sleep(0.002)
                server.running.clear()
                await asyncio.sleep(0.6)
                server.running.set()

            stalling = asyncio.create_task(stall())
            taken = await measured(server, load, duration=1.5)
            await stalling
        return taken

    closed = (await stalled("concurrency:1")).metrics["ttft"].percentiles["p90"].value
    taken = await stalled("constant:40")
    opened = taken.metrics["ttft"].percentiles["p90"].value
    assert closed is not None
    assert opened is not None
    # A fifth of what was due waited for more than 0.25 s; the closed loop sent one of them.
    assert opened > 0.25
    assert closed < opened / 2
    # Every request that was due was sent, and none late.
    assert taken.counts.sent == 60
