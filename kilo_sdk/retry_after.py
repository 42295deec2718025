"""What a server's answer says about trying again: how long to wait, and whether to.

Pure: the current time comes in as an argument. Whether a call *is* tried again, and any
upper limit on the wait, is decided elsewhere.

Source: GATEWAY 8; RFC 9110 10.2.3 (``Retry-After``), 5.6.7 (HTTP dates).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Final

__all__ = ["parse_retry_after", "should_retry_header"]

# Plain decimals only: float() would also take "1e9", "inf", "1_0" and other digits. However
# many there are they are a wait, and one that is too long is not taken for none at all.
_NUMBER: Final = r"[0-9]{1,300}(?:\.[0-9]{0,15})?"


def parse_retry_after(headers: Mapping[str, str], *, now: float) -> float | None:
    """Read how long the server asks to wait.

    ``retry-after-ms`` comes before ``Retry-After``, being the finer of the two; one that
    cannot be read is as good as absent.

    Args:
        headers: Response headers, names in any case.
        now: Seconds since the epoch, what an HTTP date is compared with.

    Returns:
        Seconds, 0.0 for a date that has passed, or None when the server does not say.
    """
    milliseconds = _number(_header(headers, "retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    value = _header(headers, "retry-after")
    seconds = _number(value)
    if seconds is not None:
        return seconds
    date = _http_date(value)
    return None if date is None else max(0.0, date - now)


def should_retry_header(headers: Mapping[str, str]) -> bool | None:
    """Read ``x-should-retry``, which decides when present (GATEWAY 8).

    Returns:
        True or False as the server says, None when it does not say either.
    """
    return {"true": True, "false": False}.get(_header(headers, "x-should-retry").lower())


def _header(headers: Mapping[str, str], name: str) -> str:
    for key, value in headers.items():
        if key.lower() == name:
            return value.strip()
    return ""


def _number(value: str) -> float | None:
    return float(value) if re.fullmatch(_NUMBER, value) else None


def _http_date(value: str) -> float | None:
    try:
        date = parsedate_to_datetime(value)
        # The asctime form names no zone: an HTTP date is always in UTC.
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
