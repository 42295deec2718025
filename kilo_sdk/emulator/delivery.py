"""What goes over the connection for one request, as a value; faults are put in here.

A delivery says which bytes go out, with which pauses, and how it ends; sending it is the
business of ``serving``. Source: GATEWAY 5 (what streams and bodies look like, whole or not).
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias, cast

import attrs
import orjson

from kilo_sdk.emulator.faults import Fault
from kilo_sdk.emulator.framing import split_anywhere
from kilo_sdk.emulator.refusals import (
    HTML_PAGE,
    Refusal,
    ReplayRefusal,
    error_of_status,
    refusal_of_status,
)

__all__ = [
    "COMMENT",
    "DONE",
    "Delivery",
    "Ending",
    "StreamScript",
    "deliver_body",
    "deliver_fault_status",
    "deliver_refusal",
    "deliver_stream",
    "scatter",
]

Ending: TypeAlias = Literal["clean", "cut", "reset", "hang"]
"""In good order; FIN without the end of the body; RST; or not at all."""

COMMENT = b": OPENROUTER PROCESSING\n\n"
"""The gateway's sign of life."""

DONE = b"data: [DONE]\n\n"
"""The last event of a stream."""

_JSON = "application/json"
_SSE = "text/event-stream"
_GARBAGE = {
    "json": b'data: {"id":"gen-garbage","choices":[{"index":0,"delta":\n\n',
    "binary": b"data: \xff\xfe\x00\x80\xc3\x28" + bytes(range(128, 256)) + b"\n\n",
    "html": HTML_PAGE + b"\n",
}
_BLOCK = 64 * 1024


@attrs.frozen(slots=True, kw_only=True)
class Delivery:
    """One answer, ready to be sent.

    Attributes:
        status: HTTP status.
        headers: Response headers.
        prelude: Bytes that go out at once, before any pace.
        parts: What follows, in order; a number is a pause in seconds.
        ending: How it ends.
        length: ``Content-Length``, or None for a chunked body.
        paced: Whether the gateway's pace (``ttft``, ``tokens_per_second``) applies.
        bytewise: Whether every byte is a write of its own.
        separate: Whether the client gets a chance to read after every part.
        delay: Seconds before the headers.
        endless: Bytes to repeat for ever after the parts, and the seconds between them.
        is_stream: Whether it counts as an open stream while it lasts.
        is_whole: Whether it counts as a completion served once it is through.
        rejection: What was said about the reasoning of the history that it refuses.
    """

    status: int = 200
    headers: Mapping[str, str]
    prelude: bytes = b""
    parts: Sequence[bytes | float] = ()
    ending: Ending = "clean"
    length: int | None = None
    paced: bool = False
    bytewise: bool = False
    separate: bool = False
    delay: float = 0.0
    endless: tuple[bytes, float] | None = None
    is_stream: bool = False
    is_whole: bool = False
    rejection: str | None = None


@attrs.frozen(slots=True)
class StreamScript:
    """A good stream: keep-alive comments, then one event per chunk, then its end."""

    comments: bytes
    chunks: Sequence[bytes]
    done: bytes = DONE


def deliver_refusal(refusal: Refusal, *, retry_after: str | None = None) -> Delivery:
    """Answer with an error status and its JSON body."""
    body = orjson.dumps(refusal.body)
    headers = {"Content-Type": _JSON}
    if retry_after is not None:
        headers["Retry-After"] = retry_after
    return Delivery(
        status=refusal.status,
        headers=headers,
        parts=(body,),
        length=len(body),
        rejection=refusal.words if isinstance(refusal, ReplayRefusal) else None,
    )


def deliver_fault_status(fault: Fault) -> Delivery | None:
    """Return the answer of a fault that is an HTTP status, or None for any other fault."""
    if not isinstance(fault.value, int) or fault.action not in ("status", "html", "empty"):
        return None
    if fault.action == "status":
        delivery = deliver_refusal(refusal_of_status(fault.value), retry_after=fault.retry_after)
    else:
        page = HTML_PAGE if fault.action == "html" else b""
        headers = {"Content-Type": "text/html; charset=utf-8"} if page else {}
        if fault.retry_after is not None:
            headers["Retry-After"] = fault.retry_after
        delivery = Delivery(
            status=fault.value, headers=headers, parts=(page,) if page else (), length=len(page)
        )
    return attrs.evolve(delivery, delay=fault.delay, bytewise=fault.bytewise)


def deliver_stream(script: StreamScript, fault: Fault | None = None) -> Delivery:
    """Send a stream, well or with a fault in it."""
    fault = fault or Fault()
    if fault.action == "error_body":
        return deliver_body(b"", fault)
    chunks, done = script.chunks, b"" if fault.no_done else script.done
    struck = chunks[: fault.after]
    ending: Ending = "clean"
    endless = None
    tail: list[bytes] = [done] if done else []
    match fault.action:
        case None:
            parts = [*chunks, *tail]
        case "error_event":
            parts = [*struck, _error_event(fault)]
        case "garbage":
            parts = [*struck, *_garbage(fault, b"data: "), *chunks[fault.after :], *tail]
        case _:
            parts = [*struck, *_half(chunks[fault.after :], script.done, fault)]
            ending = _ending(fault)
            if fault.action == "comments":
                endless = (COMMENT, fault.interval)
    return Delivery(
        headers={
            "Content-Type": "text/plain" if fault.wrong_content_type else _SSE,
            "Cache-Control": "no-cache",
        },
        prelude=script.comments,
        parts=parts,
        ending=ending,
        paced=True,
        bytewise=fault.bytewise,
        delay=fault.delay,
        endless=endless,
        is_stream=True,
        is_whole=fault.action is None,
    )


def deliver_body(body: bytes, fault: Fault | None = None) -> Delivery:
    """Send a JSON body, well or with a fault in it."""
    fault = fault or Fault()
    content_type = "text/plain" if fault.wrong_content_type else _JSON
    if fault.action in ("error_body", "error_event"):
        body = orjson.dumps({"error": error_of_status(_code(fault))})
    elif fault.action == "garbage":
        body, content_type = _garbage_body(body, fault, content_type)
    blank = b"\n         \n" * fault.blank_lines
    whole = blank + body
    struck: bytes = whole
    ending: Ending = "clean"
    endless = None
    length: int | None = len(whole)
    if fault.action in ("cut", "reset", "end", "stall", "comments"):
        half = len(blank) + len(body) // 2
        struck = whole[:half] if fault.after or fault.inside else blank
        ending = _ending(fault)
        if fault.action in ("end", "comments"):
            length = None
        if fault.action == "comments":
            endless, struck = (b"\n         \n", fault.interval), blank
    return Delivery(
        headers={"Content-Type": content_type},
        # Keep-alive lines go out before the answer is there, as they do at the gateway.
        prelude=blank,
        parts=(struck[len(blank) :],),
        ending=ending,
        length=length,
        paced=True,
        bytewise=fault.bytewise,
        delay=fault.delay,
        endless=endless,
        is_whole=fault.action is None,
    )


def scatter(delivery: Delivery, rng: random.Random) -> Delivery:
    """Split what is written at any bytes, so that no read ends where an event does."""
    parts = cast("Sequence[bytes]", delivery.parts)
    return attrs.evolve(delivery, parts=tuple(split_anywhere(parts, rng)), separate=True)


def _ending(fault: Fault) -> Ending:
    endings: dict[str | None, Ending] = {
        "cut": "cut",
        "reset": "reset",
        "stall": "hang",
        "comments": "hang",
    }
    return endings.get(fault.action, "clean")


def _code(fault: Fault) -> int | str:
    return 500 if fault.value is None else fault.value


def _error_event(fault: Fault) -> bytes:
    event: dict[str, object] = {"error": error_of_status(_code(fault))}
    if fault.after:
        choice = {"index": 0, "delta": {"content": ""}, "finish_reason": "error"}
        event["choices"] = [choice]
    else:
        event["user_id"] = "org_emulated"
    return b"data: " + orjson.dumps(event) + b"\n\n"


def _half(rest: Sequence[bytes], done: bytes, fault: Fault) -> list[bytes]:
    """Half of the event that would come next, where the fault strikes inside one."""
    if not fault.inside:
        return []
    event = rest[0] if rest else done
    return [event[: len(event) // 2]]


def _garbage(fault: Fault, lead: bytes) -> list[bytes]:
    if fault.value != "huge_line":
        return [_GARBAGE[str(fault.value)]]
    # One block, many times over: the line is never in memory as a whole.
    blocks, left = divmod(fault.size, _BLOCK)
    return [lead, *[b"x" * _BLOCK] * blocks, b"x" * left + b"\n\n"]


def _garbage_body(body: bytes, fault: Fault, content_type: str) -> tuple[bytes, str]:
    match fault.value:
        case "json":
            return body[: len(body) // 2], content_type
        case "binary":
            return b"\xff\xfe\x00\x80" + bytes(range(128, 256)), content_type
        case "html":
            return HTML_PAGE, "text/html; charset=utf-8"
        case _:
            return b'{"id":"' + b"x" * fault.size + b'"}', content_type
