"""The replay server's text in the events of Anthropic's Messages API, for its own client.

Another wire with the same text in as many deltas: what its users pay for a delta, as far as
two protocols can be compared.
"""

from __future__ import annotations

import orjson

_MESSAGE: dict[str, object] = {
    "id": "msg_01JyoxLtwNTEDg78GZIF1p",
    "type": "message",
    "role": "assistant",
    "model": "replay/model",
    "content": [],
    "stop_reason": None,
    "stop_sequence": None,
    "usage": {"input_tokens": 7, "output_tokens": 1},
}


def _event(kind: str, **fields: object) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), orjson.dumps({"type": kind, **fields}))


def text_event(text: str) -> bytes:
    """Return the event of one text delta."""
    return _event("content_block_delta", index=0, delta={"type": "text_delta", "text": text})


def first_events() -> bytes:
    """Return what stands before the first text delta."""
    block = {"type": "text", "text": ""}
    started = _event("message_start", message=_MESSAGE)
    return started + _event("content_block_start", index=0, content_block=block)


def last_events(deltas: int) -> bytes:
    """Return what stands after the last of so many text deltas."""
    end = {"stop_reason": "end_turn", "stop_sequence": None}
    return (
        _event("content_block_stop", index=0)
        + _event("message_delta", delta=end, usage={"output_tokens": deltas})
        + _event("message_stop")
    )


def message(text: str) -> bytes:
    """Return a whole message, as it is answered when it is no stream."""
    block = {"type": "text", "text": text}
    return orjson.dumps({**_MESSAGE, "content": [block], "stop_reason": "end_turn"})
