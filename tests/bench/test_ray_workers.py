"""A local Ray cluster; ``nox -s ray`` installs what it takes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

pytest.importorskip("ray", reason="measuring from a Ray cluster needs the extra 'bench-ray'")

import ray

from kilo_sdk import ConfigurationError
from kilo_sdk.bench.lengths import Lengths
from kilo_sdk.bench.load import Load
from kilo_sdk.bench.plan import Phases, Target
from kilo_sdk.bench.ray_workers import RayEngine
from kilo_sdk.bench.report import Report
from kilo_sdk.bench.result import Progress
from kilo_sdk.bench.search import FixedLoads
from kilo_sdk.bench.session import Observer, Session, measure
from kilo_sdk.bench.workload import Workload
from kilo_sdk.emulator import LocalGateway

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.filterwarnings("default"),  # what Ray does is Ray's business
]


@pytest.fixture(scope="module")
def engine() -> Iterator[RayEngine]:
    # Two workers need two cores, whatever the machine has.
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="error")
    engine = RayEngine("local")
    yield engine
    engine.close()


def session_for(base_url: str, **phases: float) -> Session:
    return Session(
        target=Target(base_url=base_url, api_key="k"),
        models=["openai/gpt-4.1"],
        workload=Workload(output_tokens=Lengths("fixed", 4)),
        searches=[FixedLoads((Load.closed(4),))],
        phases=Phases(**phases),  # type: ignore[arg-type]
        workers=2,
    )


async def test_a_cluster_measures_as_one_and_gives_the_same_report(engine: RayEngine) -> None:
    async with LocalGateway() as gateway:
        report = await measure(session_for(gateway.base_url, requests=40), engine=engine)
        assert len(gateway.requests) == 40 + report.checks
    (taken,) = report.measurements
    assert (taken.counts.sent, taken.counts.completed) == (40, 40)
    assert taken.counts.output_tokens == 160
    assert taken.metrics["ttft"].count == 40
    assert taken.generator.workers == 2
    assert 0 < taken.generator.clock_error < 1
    assert Report.from_json(report.to_json()).measurements[0].counts == taken.counts


async def test_stopping_reaches_the_cluster(engine: RayEngine) -> None:
    stop = asyncio.Event()

    class Stopping(Observer):
        def progressed(self, progress: Progress) -> None:
            if progress.completed > 5:
                stop.set()

    async with LocalGateway() as gateway:
        session = session_for(gateway.base_url, duration=120.0)
        report = await asyncio.wait_for(
            measure(session, observer=Stopping(), stop=stop, engine=engine), 60
        )
    assert report.interrupted
    assert report.measurements[0].counts.completed > 5


async def test_a_cluster_that_is_not_there_is_told() -> None:
    ray.shutdown()
    with pytest.raises(ConfigurationError, match="cannot be reached"):
        await RayEngine("auto")(1)
