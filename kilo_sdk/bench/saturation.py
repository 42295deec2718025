"""When the generator, and not the target, is what was measured: said in words."""

from __future__ import annotations

from typing import Final

from kilo_sdk.bench.tally import Tally

__all__ = ["warnings_of"]

_LAG_S: Final = 0.02
_CPU_SHARE: Final = 0.9
_DELAY_S: Final = 0.05
_RATE_REACHED: Final = 0.95
# Below that many requests a rate is a matter of chance.
_FEW: Final = 20
_FILES: Final = "open files, of which ulimit -n allows more"
_WANTING: Final = {
    "EMFILE": _FILES,
    "ENFILE": _FILES,
    "EADDRNOTAVAIL": "local ports, of which more machines have more",
}
_NOTHING: Final = (
    "no request was due in the time that was measured, and nothing can be told of it; a longer "
    "--duration, or a higher load, has some"
)


def warnings_of(
    tally: Tally,
    seconds: float,
    *,
    asked_rate: float | None,
    lag_p99: float | None,
    cpu_share: float,
    interrupted: bool = False,
) -> list[str]:
    """Return what makes a measurement doubtful, a sentence each.

    Args:
        tally: What was measured.
        seconds: How long.
        asked_rate: Requests per second that were to be sent, or None.
        lag_p99: How late the generator's event loop was, in seconds.
        cpu_share: CPU time by wall time of its busiest process.
        interrupted: Whether it was ended before its time, which leaves requests unfinished.
    """
    counts = tally.counts
    if not counts.sent:
        return [] if interrupted else [_NOTHING]
    found = [
        f"{count} requests failed for want of {_WANTING[code]}: it is this machine that could not "
        "send them"
        for name, count in tally.errors.items()
        if (code := name.rpartition(" ")[2]) in _WANTING
    ]
    more = "more --workers, or a lower load, tell whether it is the target"
    if cpu_share > _CPU_SHARE:
        found.append(
            f"the generator is saturated: it used {cpu_share:.0%} of a core; latencies are its "
            f"own in part; {more}"
        )
    if lag_p99 is not None and lag_p99 > _LAG_S:
        found.append(
            f"the generator's event loop was late by {lag_p99 * 1000:.0f} ms (p99); latencies "
            f"may be off by as much; {more}"
        )
    delay = tally.histograms["send_delay"].percentile(99.0)
    if delay is not None and delay > _DELAY_S:
        found.append(
            f"requests were sent up to {delay * 1000:.0f} ms (p99) after they were due, which "
            f"the generator took and not the target; {more}"
        )
    expected = (asked_rate or 0.0) * seconds
    # Requests of a Poisson process vary by the root of their number.
    least = min(expected * _RATE_REACHED, expected - 3 * expected**0.5)
    if expected >= _FEW and counts.window_sent < least:
        found.append(
            f"the rate was not reached: {counts.window_sent / seconds:.4g} requests a second were "
            f"sent where {asked_rate:.4g} were asked for; {more}"
        )
    if counts.unfinished and not interrupted:
        found.append(
            f"{counts.unfinished} of {counts.sent} measured requests were still under way at the "
            "end and count in no latency; a longer --drain waits for them"
        )
    if counts.tokens_by_chunks and counts.chunks:
        found.append(
            f"{counts.tokens_by_chunks} answers came without usage; a chunk counts as a token there"
        )
    return found
