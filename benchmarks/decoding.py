"""Chunks decoded without a socket, for counting instructions.

    python -m benchmarks.decoding kilo_sdk 100 --task reasoning

A read holds fifty events. The hand-written loop looks at text alone, so where chunks hold
something else this is the price of all that the SDK makes of them.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import orjson

from benchmarks.contenders import FLOOR
from benchmarks.replay_server import writes
from kilo_sdk import KiloClient, ModelRef
from kilo_sdk.answers import AnswerContext
from kilo_sdk.chunk_template import chunk_of
from kilo_sdk.stream_decoder import StreamDecoder

PER_READ = 50


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


def hand_written(reads: list[bytes]) -> None:
    """Decode as the hand-written contender does."""
    rest = b""
    for data in reads:
        *events, rest = (rest + data).split(b"\n\n")
        for event in events:
            if event.startswith(b"data: ") and event != b"data: [DONE]":
                choices = orjson.loads(event[6:])["choices"]
                if choices:
                    choices[0]["delta"].get("content")


def kilo_sdk(reads: list[bytes]) -> None:
    """Decode as a stream of the client does."""
    decoder = default_decoder()
    for data in reads:
        for decoded in decoder.feed(data):
            chunk = chunk_of(decoded)
            if chunk.choices:
                _ = chunk.choices[0].delta.content


DECODERS: dict[str, Callable[[list[bytes]], None]] = {FLOOR: hand_written, "kilo_sdk": kilo_sdk}


def main() -> None:
    """Run one of the two."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.decoding", description=__doc__)
    parser.add_argument("contender", choices=DECODERS)
    parser.add_argument("count", type=int, help="of events; a multiple of fifty")
    parser.add_argument("--task", default="text", help="what the chunks hold")
    arguments = parser.parse_args()
    # As many for each count: what making them takes is no part of the difference.
    reads = reads_of(arguments.task, 40)
    DECODERS[arguments.contender](reads[: arguments.count // PER_READ])


if __name__ == "__main__":
    main()
