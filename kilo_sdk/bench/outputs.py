"""Which chunks bring output, and of what kind: asked once a stream has ended.

Source: GATEWAY 5 (chunks), GATEWAY 6 (reasoning).
"""

from __future__ import annotations

from collections.abc import Sequence

from kilo_sdk.bench.record import RequestRecord
from kilo_sdk.chunk_template import DecodedChunk
from kilo_sdk.types.wire import WireDict

__all__ = ["note_outputs"]

_CONTENT = ("content", "tool_calls", "refusal")
_SAID = ("text", "summary", "data")


def note_outputs(
    record: RequestRecord, times: Sequence[float], batches: Sequence[Sequence[DecodedChunk]]
) -> None:
    """Put into a record what a stream has brought.

    Args:
        record: Gets ``arrivals``, ``outputs``, ``first_reasoning`` and ``first_content``.
        times: When each network read arrived.
        batches: The chunks it brought.
    """
    arrivals, outputs = record.arrivals, record.outputs
    for time, batch in zip(times, batches, strict=True):
        count = 0
        for chunk in batch:
            if type(chunk) is tuple:  # text, and nothing else that is new
                if chunk[1]:
                    count += 1
                    if record.first_content is None:
                        record.first_content = time
                continue
            reasons, says = _kinds(chunk)  # type: ignore[arg-type]
            count += reasons or says
            if reasons and record.first_reasoning is None:
                record.first_reasoning = time
            if says and record.first_content is None:
                record.first_content = time
        if count:
            arrivals.append(time)
            outputs.append(count)


def _kinds(chunk: WireDict) -> tuple[bool, bool]:
    """Return whether a chunk has reasoning, and whether it has content, in any choice."""
    reasons = says = False
    for choice in chunk["choices"]:
        delta = choice["delta"]
        says = says or any(map(delta.get, _CONTENT))
        details = delta.get("reasoning_details") or ()
        # A piece with a signature alone is no token.
        reasons = (
            reasons
            or bool(delta.get("reasoning"))
            or any(any(map(detail.get, _SAID)) for detail in details)
        )
    return reasons, says
