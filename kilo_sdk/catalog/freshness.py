"""What to do when the catalogue is wanted: serve it, refresh it, or wait for a new one.

Decisions only: times come in as arguments, seconds on one monotonic clock.

Source: GATEWAY 8 (``Retry-After``).
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from kilo_sdk.catalog.options import CatalogOptions

__all__ = ["Step", "next_step", "peace_after_failure"]

# No Retry-After keeps a client from asking for longer than a day.
_LONGEST_PEACE: Final = 86_400.0


class Step(Enum):
    """What to do.

    Attributes:
        SERVE: Serve what is at hand, the bundled catalogue where nothing is.
        REFRESH: Serve what is at hand, and see to it that a new one is fetched meanwhile.
        FETCH: Wait for a new one.
    """

    SERVE = "serve"
    REFRESH = "refresh"
    FETCH = "fetch"


def next_step(
    options: CatalogOptions, *, age: float | None, peace_left: float, forced: bool = False
) -> Step:
    """Decide what a caller who wants the catalogue gets.

    Args:
        options: How long lists are kept.
        age: Seconds since the gateway's list at hand was obtained; None where there is none.
        peace_left: Seconds for which the gateway is not to be asked, after a failure;
            0 or less when it may.
        forced: The caller wants it asked now, come what may.
    """
    if forced:
        return Step.FETCH
    if age is not None and age < options.ttl:
        return Step.SERVE
    if peace_left > 0:
        return Step.SERVE
    if age is not None and age < options.ttl + options.stale:
        return Step.REFRESH
    return Step.FETCH


def peace_after_failure(options: CatalogOptions, retry_after: float | None) -> float:
    """Return for how many seconds a gateway that failed is not asked again.

    Args:
        options: Hold what is usual.
        retry_after: What the gateway asked for, or None; it counts up to a day.
    """
    return max(options.failure_ttl, min(retry_after or 0.0, _LONGEST_PEACE))
