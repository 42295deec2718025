from __future__ import annotations

from collections.abc import Callable

import attrs
import pytest
from bench_reports import measurement

from kilo_sdk import ConfigurationError
from kilo_sdk.bench.load import Load
from kilo_sdk.bench.report import Measurement
from kilo_sdk.bench.search import FixedLoads, Knee, MaxRate, Search, Sweep, parse_search
from kilo_sdk.bench.statistics import Estimate

TEMPLATE = measurement(slo="ttft:200ms")


def taken_at(
    load: Load, *, rate: float = 1.0, tokens: float = 1.0, good: float = 1.0
) -> Measurement:
    counts = attrs.evolve(TEMPLATE.counts, sent=1000, good=round(1000 * good))
    rates = {
        **TEMPLATE.rates,
        "requests_per_second": Estimate(rate),
        "output_tokens_per_second": Estimate(tokens),
    }
    return attrs.evolve(TEMPLATE, load=str(load), rates=rates, counts=counts)


def searched(search: Search, target: Callable[[Load], Measurement]) -> list[Measurement]:
    taken: list[Measurement] = []
    while (load := search.next_load(taken)) is not None:
        taken.append(target(load))
        assert len(taken) < 50
    return taken


def test_the_knee_is_where_doubling_stops_to_pay() -> None:
    def target(load: Load) -> Measurement:
        return taken_at(load, tokens=100.0 * min(load.concurrency, 12))

    taken = searched(Knee(), target)
    assert [one.load for one in taken] == [f"concurrency:{2**n}" for n in range(6)]
    finding = Knee().finding(taken)
    assert finding is not None
    assert finding.startswith("knee: concurrency:16, with 1200 output tokens a second")


def test_a_knee_that_is_not_there_is_not_made_up() -> None:
    taken = searched(Knee(), lambda load: taken_at(load, tokens=load.concurrency))
    assert taken[-1].load == "concurrency:4096"
    assert "not reached at concurrency:4096" in (Knee().finding(taken) or "")


@pytest.mark.parametrize("limit", [0.4, 3.0, 37.0, 500.0])
def test_the_highest_good_rate_is_found_within_five_per_cent(limit: float) -> None:
    taken = searched(MaxRate(), lambda load: taken_at(load, good=float(load.rate <= limit)))
    best = max((Load.parse(one.load).rate for one in taken if one.counts.good == 1000), default=0.0)
    assert limit * 0.94 <= best <= limit
    assert f"{best:.4g} requests a second" in (MaxRate().finding(taken) or "")
    assert len(taken) <= 18


def test_a_rate_at_which_nothing_was_sent_is_no_failure() -> None:
    def target(load: Load) -> Measurement:
        taken = taken_at(load, good=float(load.rate <= 20))
        sent = attrs.evolve(taken.counts, sent=0, good=0)
        return attrs.evolve(taken, counts=sent) if load.rate < 2 else taken

    assert Load.parse(searched(MaxRate(), target)[-1].load).rate == pytest.approx(20, rel=0.06)


def test_no_good_rate_is_said_to_be_none() -> None:
    taken = searched(MaxRate(), lambda load: taken_at(load, good=0.0))
    assert "none was found" in (MaxRate().finding(taken) or "")


def test_a_sweep_goes_from_the_slowest_to_the_fastest() -> None:
    def target(load: Load) -> Measurement:
        return taken_at(load, rate=load.rate or (2.0 if load.concurrency == 1 else 42.0))

    taken = searched(Sweep(6), target)
    loads = [one.load for one in taken]
    assert loads == ["concurrency:1", "concurrency:256"] + [
        f"constant:{rate}" for rate in (10, 18, 26, 34)
    ]
    assert "2 requests a second one at a time, 42 with 256" in (Sweep(6).finding(taken) or "")


def test_a_sweep_of_a_target_that_takes_no_more_ends() -> None:
    assert len(searched(Sweep(), lambda load: taken_at(load, rate=5.0))) == 2


def test_what_load_says_is_read() -> None:
    def read(text: str) -> Search:
        return parse_search(text, has_objectives=True)

    assert read("poisson:3") == FixedLoads((Load.open(3.0, "poisson"),))
    assert read("sweep:concurrency:1,4") == FixedLoads((Load.closed(1), Load.closed(4)))
    assert (read("sweep"), read("sweep:5")) == (Sweep(8), Sweep(5))
    assert (read("knee"), read("max-rate")) == (Knee(), MaxRate())
    assert FixedLoads(()).finding([]) is None


@pytest.mark.parametrize("text", ["", "knees", "sweep:2", "sweep:x", "sweep:steps:1,2"])
def test_what_cannot_be_read_is_told_with_what_can(text: str) -> None:
    with pytest.raises(ConfigurationError, match="accepted are"):
        parse_search(text, has_objectives=True)


def test_the_highest_good_rate_takes_objectives() -> None:
    with pytest.raises(ConfigurationError, match="--slo"):
        parse_search("max-rate", has_objectives=False)
