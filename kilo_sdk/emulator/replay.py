"""Recorded answers, replayed byte for byte.

A recording is cut after each event so that it can be paced and struck by faults; joined,
the pieces are the file again. Source: WHATWG HTML 9.2.5 (a blank line ends an event).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from os import PathLike
from pathlib import Path
from typing import TypeAlias

import attrs

from kilo_sdk.emulator.delivery import Delivery, StreamScript, deliver_body, deliver_stream
from kilo_sdk.emulator.faults import Fault

__all__ = ["Recording", "ReplaySource", "load_recordings"]

ReplaySource: TypeAlias = "str | PathLike[str] | Sequence[str | PathLike[str]]"

# CR, LF or CRLF end a line; CRLF must win over CR where both fit.
_EVENT_END = re.compile(rb"(?:\r\n|\n|\r(?!\n)){2,}")
_SUFFIXES = (".sse", ".json")


@attrs.frozen(slots=True)
class Recording:
    """One recorded answer.

    Attributes:
        name: The file's name without its ending, by which a request can pick it.
        body: The bytes.
        is_stream: Whether it is SSE; else JSON.
    """

    name: str
    body: bytes
    is_stream: bool

    def script(self) -> StreamScript:
        """Cut the stream into its events; what opens it without data goes out at once."""
        pieces = _split_events(self.body)
        opening = 0
        while opening < len(pieces) and pieces[opening].startswith(b":"):
            opening += 1
        done = b""
        if pieces and pieces[-1].split(b"data:")[-1].strip() == b"[DONE]":
            done = pieces.pop()
        return StreamScript(b"".join(pieces[:opening]), tuple(pieces[opening:]), done)

    def delivery(self, fault: Fault | None) -> Delivery:
        """Return what to send."""
        return (
            deliver_stream(self.script(), fault)
            if self.is_stream
            else deliver_body(self.body, fault)
        )


def _split_events(body: bytes) -> list[bytes]:
    pieces = []
    start = 0
    for end in _EVENT_END.finditer(body):
        pieces.append(body[start : end.end()])
        start = end.end()
    if start < len(body):
        pieces.append(body[start:])
    return pieces


def load_recordings(source: ReplaySource) -> tuple[Recording, ...]:
    """Read recordings: files, or directories with ``.sse`` and ``.json`` files in them.

    Raises:
        FileNotFoundError: A path that is not there.
        ValueError: A directory without recordings, or two recordings of one name.
    """
    given = [source] if isinstance(source, str | PathLike) else list(source)
    recordings = [
        Recording(path.stem, path.read_bytes(), path.suffix != ".json")
        for path in _files(Path(entry) for entry in given)
    ]
    names = [recording.name for recording in recordings]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise ValueError(f"several recordings are named {', '.join(repeated)}")
    return tuple(recordings)


def _files(paths: Iterable[Path]) -> Iterable[Path]:
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        found = sorted(file for file in path.iterdir() if file.suffix in _SUFFIXES)
        if not found:
            raise ValueError(f"no .sse or .json recording in {path}")
        yield from found
