"""Whether what the SDK does grows with what it is given, and no faster.

Twice the size is to take at most 2.2 times as long: an answer is joined once, and no byte is
looked at again because another came. Without a socket, whose reads would be the most of it.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator

from benchmarks.decoding import default_decoder
from benchmarks.replay_server import event
from kilo_sdk.stream_decoder import StreamDecoder

__all__ = ["byte_by_byte", "many_deltas"]

_DELTA_BYTES = 100
_PER_READ = 50


def many_deltas(deltas: int) -> float:
    """Return the seconds in which a tool call's argument of 100 bytes a delta is put together."""
    function = {"name": "fill", "arguments": ""}
    begun = event({"tool_calls": [{"index": 0, "id": "call_1", "function": function}]})
    more = event({"tool_calls": [{"index": 0, "function": {"arguments": "x" * _DELTA_BYTES}}]})
    reads = [begun, *[more * _PER_READ] * (deltas // _PER_READ), event({}, "tool_calls")]
    decoder, seconds = _timed(iter(reads))
    (call,) = decoder.completion().tool_calls
    assert len(call.arguments) == deltas * _DELTA_BYTES, "arguments were lost"
    return seconds


def byte_by_byte(size: int) -> float:
    """Return the seconds in which an event of so many bytes is read, one at a time."""
    data = event({"content": "x" * size}, "stop")
    decoder, seconds = _timed(data[at : at + 1] for at in range(len(data)))
    assert len(decoder.completion().text) == size, "text was lost"
    return seconds


def _timed(reads: Iterator[bytes]) -> tuple[StreamDecoder, float]:
    decoder = default_decoder()
    gc.collect()
    before = time.process_time()
    for data in reads:
        decoder.feed(data)
    decoder.end()
    decoder.completion()
    return decoder, time.process_time() - before
