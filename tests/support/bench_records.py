"""Records of requests with known times, for tests of what is made of them."""

from __future__ import annotations

from typing import Any

from kilo_sdk.bench.record import RequestRecord


def record_of(
    arrivals: list[float], outputs: list[int] | None = None, **fields: Any
) -> RequestRecord:
    """A whole answer to a request of time 0, whose last chunk with output was its last."""
    return RequestRecord(
        **{
            "intended": 0.0,
            "sent": 0.0,
            "ended": arrivals[-1] if arrivals else 1.0,
            "arrivals": arrivals,
            "outputs": [1] * len(arrivals) if outputs is None else outputs,
            "outcome": "completed",
            **fields,
        }
    )
