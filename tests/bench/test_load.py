from __future__ import annotations

import statistics
from itertools import islice, pairwise

import pytest

from kilo_sdk import ConfigurationError
from kilo_sdk.bench.load import Load


def first(count: int, load: str, seed: int = 1, **options: float) -> list[float]:
    return list(islice(Load.parse(load).times(seed, **options), count))


@pytest.mark.parametrize(
    "text",
    [
        "concurrency:8",
        "constant:2.5",
        "poisson:20",
        "gamma:10:0.5",
        "ramp:1:50",
        "ramp:1:50:30",
        "trace:a",
    ],
)
def test_a_load_reads_as_it_is_written(text: str) -> None:
    assert str(Load.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "concurrency",
        "concurrency:0",
        "concurrency:1.5",
        "concurrency:100001",
        "poisson:-1",
        "poisson:nan",
        "constant:inf",
        "gamma:5",
        "ramp:1",
        "ramp:1:2:0",
        "ramp:1:2:3:4",
        "trace:",
        "steps:3",
        "constant:1:2",
    ],
)
def test_what_cannot_be_read_is_told_with_what_can(text: str) -> None:
    with pytest.raises(ConfigurationError, match="gamma:RATE:BURSTINESS"):
        Load.parse(text)


def test_a_constant_rate_is_even_without_drift() -> None:
    assert first(4, "constant:4") == [0.0, 0.25, 0.5, 0.75]
    assert next(islice(Load.open(3.0).times(0), 3_000_000, None)) == 1_000_000.0


def test_poisson_gaps_have_the_rate_and_spread_of_a_poisson_process() -> None:
    gaps = [b - a for a, b in pairwise(first(20_001, "poisson:50"))]
    assert statistics.fmean(gaps) == pytest.approx(0.02, rel=0.03)
    assert statistics.stdev(gaps) == pytest.approx(0.02, rel=0.05)


@pytest.mark.parametrize("burstiness", [0.25, 4.0])
def test_gamma_gaps_vary_by_the_root_of_their_burstiness(burstiness: float) -> None:
    gaps = [b - a for a, b in pairwise(first(20_001, f"gamma:50:{burstiness}"))]
    assert statistics.fmean(gaps) == pytest.approx(0.02, rel=0.06)
    variation = statistics.stdev(gaps) / statistics.fmean(gaps)
    assert variation == pytest.approx(burstiness**-0.5, rel=0.1)


def test_the_seed_decides() -> None:
    assert first(5, "poisson:9", seed=3) == first(5, "poisson:9", seed=3)
    assert first(5, "poisson:9", seed=3) != first(5, "poisson:9", seed=4)


def test_a_ramp_sends_what_the_integral_of_its_rate_says() -> None:
    times = first(76, "ramp:2:8", ramp_over=10.0)
    # Until t: 2 t + 0.3 t^2; 8 a second after the tenth second.
    for number, time in enumerate(times[:51]):
        assert 2 * time + 0.3 * time**2 == pytest.approx(number)
    assert times[50] == pytest.approx(10.0)
    assert times[58] == pytest.approx(11.0)


def test_a_ramp_may_go_down() -> None:
    times = first(51, "ramp:8:2", ramp_over=10.0)
    assert times[50] == pytest.approx(10.0)
    assert times == sorted(times)


def test_rates_and_openness_are_told() -> None:
    assert Load.parse("ramp:1:5").mean_rate(0, 8, ramp_over=8) == 3.0
    assert Load.parse("ramp:1:5").mean_rate(4, 8, ramp_over=8) == 4.0
    assert Load.parse("ramp:5:1").mean_rate(4, 8, ramp_over=8) == 2.0
    # Half of it at the rate that it stays at.
    assert Load.parse("ramp:1:5").mean_rate(0, 8, ramp_over=4) == 4.0
    assert Load.parse("ramp:1:5").mean_rate(0, 8, ramp_over=0) == 5.0
    assert Load.parse("poisson:7").mean_rate(4, 8, ramp_over=8) == 7.0
    assert Load.closed(4).mean_rate(0, 1, ramp_over=0) is None
    assert not Load.closed(4).is_open
    assert Load.parse("trace:x").is_open
    with pytest.raises(ValueError, match="no times"):
        Load.closed(4).times(0)


@pytest.mark.parametrize("text", ["ramp:2:8", "ramp:8:2", "ramp:5:5"])
@pytest.mark.parametrize("warmup", [0.0, 3.0])
def test_a_ramp_bound_by_requests_lasts_as_long_as_they_take(text: str, warmup: float) -> None:
    load = Load.parse(text)
    seconds = load.ramp_over(warmup=warmup, duration=None, requests=60)
    asked = load.mean_rate(warmup, seconds, ramp_over=seconds)
    assert asked is not None
    assert asked * (seconds - warmup) == pytest.approx(60)
    if not warmup:
        # 5 a second on average.
        assert seconds == pytest.approx(12.0)


def test_what_a_ramp_says_itself_and_a_duration_go_before_a_number_of_requests() -> None:
    assert Load.parse("ramp:2:8:30").ramp_over(warmup=1, duration=5, requests=9) == 30.0
    assert Load.parse("ramp:2:8").ramp_over(warmup=1, duration=5, requests=9) == 6.0
    assert Load.parse("ramp:2:8").ramp_over(warmup=1, duration=None, requests=None) == 1.0
    assert Load.open(3.0).ramp_over(warmup=1, duration=5, requests=None) == 0.0
