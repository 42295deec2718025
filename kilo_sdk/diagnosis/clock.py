"""Whether this machine's clock agrees with the gateway's.

Certificates and keys are valid from one time to another: a clock that is far off makes
good ones look expired.
"""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import Final

from kilo_sdk.diagnosis.finding import Finding, Health

__all__ = ["clock_finding"]

_CHECK: Final = "clock"
# The header has whole seconds, and the answer took its time.
_TOLERATED_S: Final = 60.0


def clock_finding(date: str | None, now: float) -> Finding:
    """Compare a response's ``Date`` with this machine's time.

    Args:
        date: The header, or None where there was none.
        now: Seconds since the epoch when the response came.

    Source: RFC 9110, 6.6.1 (``Date``).
    """
    try:
        told = parsedate_to_datetime(date or "").timestamp()
    except (ValueError, OverflowError):
        return Finding(_CHECK, Health.SKIPPED, "the gateway did not say what time it is")
    ahead = now - told
    if abs(ahead) <= _TOLERATED_S:
        return Finding(_CHECK, Health.OK, "this machine's clock agrees with the gateway's")
    direction = "ahead of" if ahead > 0 else "behind"
    return Finding(
        _CHECK,
        Health.WARNING,
        f"this machine's clock is {_span(abs(ahead))} {direction} the gateway's",
        "set it, for one with 'timedatectl set-ntp true': certificates and keys are valid for a "
        "time only",
    )


def _span(seconds: float) -> str:
    for unit, size in (("days", 86_400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} seconds"
