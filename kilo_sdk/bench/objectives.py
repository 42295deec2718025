"""Service-level objectives: how they are written, and whether a request meets them.

    ttft:200ms,itl:50ms,e2e:3s

A request is good when it completed and every limit holds for it; of ``itl`` and
``itl_token`` the mean gap of its stream counts, which for ``itl_token`` is its TPOT.
Goodput is good requests per second.
"""

from __future__ import annotations

import re
from typing import Final, Self

import attrs

from kilo_sdk.bench.metrics import METRICS, mean_gap, request_values
from kilo_sdk.bench.record import RequestRecord
from kilo_sdk.errors import ConfigurationError

__all__ = ["Objectives"]

_LIMITED: Final = ("ttft", "ttfr", "ttfc", "itl", "itl_token", "tpot", "e2e", "stream_rate")
_WITHOUT_STREAM: Final = ("e2e", "stream_rate")
_VALUE: Final = re.compile(r"(\d+(?:\.\d+)?|\.\d+)(us|ms|s|)")
_UNITS: Final = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "": 1.0}


@attrs.frozen(slots=True)
class Objectives:
    """Limits by metric: an upper one for latencies in seconds, a lower one for rates."""

    limits: dict[str, float]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read objectives from their text.

        Raises:
            ConfigurationError: The text is none; the message says what is accepted.
        """
        limits: dict[str, float] = {}
        for part in filter(None, (part.strip() for part in text.split(","))):
            name, _, value = (piece.strip() for piece in part.partition(":"))
            match = _VALUE.fullmatch(value)
            is_rate = name == "stream_rate"
            if name not in _LIMITED or match is None or (is_rate and match[2]):
                raise ConfigurationError(
                    f"objective {part!r} cannot be read; accepted are NAME:LIMIT with the names "
                    f"{', '.join(_LIMITED)} and limits such as 200ms, 1.5s, or a plain number "
                    "of tokens per second for stream_rate: ttft:200ms,itl:50ms"
                )
            if name in limits:
                raise ConfigurationError(f"objective {name!r} is given twice; once is accepted")
            limits[name] = float(match[1]) * (1.0 if is_rate else _UNITS[match[2]])
        if not limits:
            raise ConfigurationError("no objective given; such as ttft:200ms,itl:50ms")
        return cls(limits)

    def of_streams(self) -> list[str]:
        """Return the names of limits that only an answer that is streamed can break."""
        return [name for name in self.limits if name not in _WITHOUT_STREAM]

    def __str__(self) -> str:
        return ",".join(
            f"{name}:{limit:g}" if METRICS[name].unit != "s" else f"{name}:{limit * 1000:g}ms"
            for name, limit in self.limits.items()
        )

    def met_by(self, record: RequestRecord) -> bool:
        """Whether a request is good. A metric that it does not have breaks no limit."""
        if record.outcome != "completed":
            return False
        values = request_values(record)
        gap = mean_gap(record)
        if gap is not None:
            values["itl"] = gap
        if "tpot" in values:
            values["itl_token"] = values["tpot"]
        return all(
            values[name] >= limit if METRICS[name].better == "higher" else values[name] <= limit
            for name, limit in self.limits.items()
            if name in values
        )
