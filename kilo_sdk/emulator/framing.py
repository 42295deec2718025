"""Chunks as the bytes of a stream, framed and split as it comes out at the other end.

Source: WHATWG HTML 9.2.5 (what SSE allows), GATEWAY 5 (what is seen of it).
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import orjson

__all__ = ["frame_events", "split_anywhere"]

_COMMENTS = (b": OPENROUTER PROCESSING", b":", b": keep-alive")


def frame_events(chunks: Iterable[Mapping[str, Any]], rng: random.Random) -> list[bytes]:
    """Return one SSE event per chunk, and ``[DONE]`` as the last.

    Lines end in LF or in CRLF, a space follows ``data:`` or none does, and comments come
    before events or among their lines.
    """
    newline = rng.choice((b"\n", b"\r\n"))
    lead = rng.choice((b"data: ", b"data:"))
    talkative = rng.choice((0.0, 0.1))
    events = []
    for data in (*map(orjson.dumps, chunks), b"[DONE]"):
        event = lead + data + newline * 2
        if rng.random() < talkative:
            event = rng.choice(_COMMENTS) + newline * rng.choice((1, 2)) + event
        events.append(event)
    return events


def split_anywhere(parts: Iterable[bytes], rng: random.Random) -> Iterator[bytes]:
    """Split what is written where no event ends, inside characters and line ends too.

    Joined, the pieces are what the parts were, and they are about as many.
    """
    rest = b""
    for part in parts:
        if not part:
            continue
        place = rng.randint(0, len(part))
        if rest or place:
            yield rest + part[:place]
        rest = part[place:]
        while rest and rng.random() < 0.3:
            place = rng.randint(1, len(rest))
            yield rest[:place]
            rest = rest[place:]
    if rest:
        yield rest
