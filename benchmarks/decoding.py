"""Chunks decoded without a socket, for counting instructions.

    python -m benchmarks.decoding kilo_sdk 100 --task reasoning

A read holds fifty events. The hand-written loop looks at text alone, so where chunks hold
something else this is the price of all that the SDK makes of them.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator

import orjson

from benchmarks.contenders import FLOOR
from benchmarks.counting import Counting, counting
from benchmarks.replay_server import writes
from kilo_sdk import KiloClient, ModelRef
from kilo_sdk.answers import AnswerContext
from kilo_sdk.chunk_template import chunk_of
from kilo_sdk.stream_decoder import StreamDecoder

PER_READ = 50
WARM_READS = 10
"""Reads that are not counted."""


def default_decoder() -> StreamDecoder:
    """Return what decodes a stream of a client, with the middleware of its default transport."""
    client = KiloClient("key")
    ref = ModelRef.parse("replay/model")
    route = client.route_for(ref)
    return StreamDecoder(
        AnswerContext(
            route.transport, route.response_chain, ref, None, {}, "text/event-stream", client.prices
        )
    )


def reads_of(kind: str, count: int) -> list[bytes]:
    """Return so many reads, the HTTP framing taken off."""
    framed = writes(PER_READ * count, PER_READ, kind)[:count]
    return [write.partition(b"\r\n")[2][:-2] for write in framed]


def hand_written(reads: Iterable[bytes]) -> None:
    """Decode as the hand-written contender does."""
    rest = b""
    for data in reads:
        *events, rest = (rest + data).split(b"\n\n")
        for event in events:
            if event.startswith(b"data: ") and event != b"data: [DONE]":
                choices = orjson.loads(event[6:])["choices"]
                if choices:
                    choices[0]["delta"].get("content")


def kilo_sdk(reads: Iterable[bytes]) -> None:
    """Decode as a stream of the client does."""
    decoder = default_decoder()
    for data in reads:
        for decoded in decoder.feed(data):
            chunk = chunk_of(decoded)
            if chunk.choices:
                _ = chunk.choices[0].delta.content


DECODERS: dict[str, Callable[[Iterable[bytes]], None]] = {FLOOR: hand_written, "kilo_sdk": kilo_sdk}


def counted(reads: list[bytes], counting: Counting) -> Iterator[bytes]:
    """Give out reads; what is made of those after the first ``WARM_READS`` is counted."""
    for number, data in enumerate(reads):
        if number == WARM_READS:
            counting.turn("on")
        yield data
    counting.turn("off")


def main() -> None:
    """Run one of the two."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.decoding", description=__doc__)
    parser.add_argument("contender", choices=DECODERS)
    parser.add_argument("count", type=int, help="of events, once it is warm; in fifties")
    parser.add_argument("--task", default="text", help="what the chunks hold")
    parser.add_argument("--counted", action="store_true", help="valgrind counts this process")
    arguments = parser.parse_args()
    reads = reads_of(arguments.task, WARM_READS + arguments.count // PER_READ)
    with counting(arguments.counted) as counter:
        DECODERS[arguments.contender](counted(reads, counter))


if __name__ == "__main__":
    main()
