"""How events look on the wire, and how frames of a client are read: JSON, msgpack, OpenAI chunks.

Each framing says the same; a client chooses one with its subprotocol. Values to values.

Source: RFC 6455 5.6 (text and binary frames), GATEWAY 5 (the shape of chunks).
"""

from __future__ import annotations

import importlib
from functools import partial
from typing import Final, Protocol

import orjson

from kilo_sdk.config.extras import needs_extra
from kilo_sdk.relay.encoding import json_bytes, writable
from kilo_sdk.relay.events import (
    Ended,
    Failed,
    Reasoning,
    RelayEvent,
    Started,
    Text,
    Told,
    ToolCalled,
    fields_of,
)
from kilo_sdk.relay.protocol import PROTOCOL_VERSION, FramingName
from kilo_sdk.relay.refusals import RelayRefusedError
from kilo_sdk.types.wire import WireDict

__all__ = ["Framing", "JSONFraming", "MsgpackFraming", "OpenAIFraming", "framing_of"]

_CHUNK: Final = "chat.completion.chunk"


class Framing(Protocol):
    """One way of writing events and reading messages.

    Attributes:
        is_text: Whether its frames are text frames; else they are binary ones.
    """

    is_text: bool

    def event(self, stream: str, seq: int, event: RelayEvent) -> bytes:
        """Return the frame of an event of a stream."""
        ...

    def refusal(self, refusal: RelayRefusedError) -> bytes:
        """Return the frame that tells a client what was wrong with its message."""
        ...

    def message(self, frame: str | bytes) -> object:
        """Return what a client's frame holds.

        Raises:
            RelayRefusedError: It cannot be read.
        """
        ...


class JSONFraming:
    """One JSON object per text frame."""

    is_text = True

    def event(self, stream: str, seq: int, event: RelayEvent) -> bytes:
        """Return the frame of an event of a stream."""
        # Nearly every frame: written out, for this runs per token.
        if isinstance(event, Text):
            return json_bytes({"type": "text", "stream": stream, "seq": seq, "text": event.text})
        return json_bytes(_event_fields(stream, seq, event))

    def refusal(self, refusal: RelayRefusedError) -> bytes:
        """Return the frame that tells a client what was wrong with its message."""
        return json_bytes(_refusal_fields(refusal))

    def message(self, frame: str | bytes) -> object:
        """Return what a client's frame holds."""
        return _read_json(frame)


class MsgpackFraming:
    """One msgpack map per binary frame; with the extra ``relay``."""

    is_text = False

    def __init__(self) -> None:
        with needs_extra("relay", what="the msgpack framing of the relay"):
            self._msgpack = importlib.import_module("msgpack")

    def event(self, stream: str, seq: int, event: RelayEvent) -> bytes:
        """Return the frame of an event of a stream."""
        return self._packed(_event_fields(stream, seq, event))

    def refusal(self, refusal: RelayRefusedError) -> bytes:
        """Return the frame that tells a client what was wrong with its message."""
        return self._packed(_refusal_fields(refusal))

    def message(self, frame: str | bytes) -> object:
        """Return what a client's frame holds."""
        if isinstance(frame, str):
            raise RelayRefusedError(
                "frames are binary here, each one a msgpack map", code="bad_message"
            )
        try:
            # A timestamp or another extension is nothing that JSON knows.
            return self._msgpack.unpackb(frame, ext_hook=_no_extension)
        # It has errors of many kinds, and not all of them have a class in common.
        except Exception as exc:
            raise RelayRefusedError("the frame is no msgpack", code="bad_message") from exc

    def _packed(self, fields: WireDict) -> bytes:
        # As in JSON, half of a surrogate pair becomes a question mark.
        pack = partial(self._msgpack.packb, default=str, unicode_errors="replace")
        try:
            packed: bytes = pack(fields)
        except ValueError:
            # Too deep.
            packed = pack(writable(fields))
        return packed


class OpenAIFraming:
    """One ``chat.completion.chunk`` per text frame, as OpenAI's clients read them.

    ``id`` is the stream, and ``seq`` stands beside it. An error is ``{"error": {...}}``.
    Messages of a client are those of the JSON framing.
    """

    is_text = True

    def event(self, stream: str, seq: int, event: RelayEvent) -> bytes:
        """Return the frame of an event of a stream."""
        head: WireDict = {"id": stream, "object": _CHUNK, "seq": seq}
        if isinstance(event, Failed):
            error = {"code": event.code, "message": event.text, "retry_after": event.retry_after}
            usage = _untold(event.usage)
            return json_bytes({**head, "choices": [_choice({}, "error")], "error": error, **usage})
        if isinstance(event, Told):
            return json_bytes({**head, "choices": [], "usage": event.usage})
        if isinstance(event, Ended):
            choice = _choice({}, event.finish_reason or event.state)
            usage = _untold(event.usage)
            return json_bytes({**head, "model": event.model, "choices": [choice], **usage})
        return json_bytes({**head, "choices": [_choice(_delta(event))]})

    def refusal(self, refusal: RelayRefusedError) -> bytes:
        """Return the frame that tells a client what was wrong with its message."""
        error = {"code": refusal.code, "message": refusal.message, "request": refusal.request}
        return json_bytes({"id": refusal.stream, "seq": 0, "error": error})

    def message(self, frame: str | bytes) -> object:
        """Return what a client's frame holds."""
        return _read_json(frame)


def framing_of(name: FramingName) -> Framing:
    """Return the framing of that name.

    Raises:
        ConfigurationError: Its extra is not installed.
    """
    if name == "msgpack":
        return MsgpackFraming()
    return OpenAIFraming() if name == "openai" else JSONFraming()


def _event_fields(stream: str, seq: int, event: RelayEvent) -> WireDict:
    fields = fields_of(event)
    fields["stream"] = stream
    fields["seq"] = seq
    if isinstance(event, Started):
        fields["v"] = PROTOCOL_VERSION
    return fields


def _refusal_fields(refusal: RelayRefusedError) -> WireDict:
    fields: WireDict = {"type": "error", "seq": 0, "code": refusal.code, "text": refusal.message}
    if refusal.stream is not None:
        fields["stream"] = refusal.stream
    if refusal.request is not None:
        fields["request"] = refusal.request
    return fields


def _delta(event: Started | Text | Reasoning | ToolCalled) -> WireDict:
    if isinstance(event, Text):
        return {"content": event.text}
    if isinstance(event, Reasoning):
        return {"reasoning": event.text}
    if isinstance(event, Started):
        return {"role": "assistant", "content": ""}
    function = {"name": event.name, "arguments": event.arguments}
    call = {"index": event.index, "id": event.id, "type": "function", "function": function}
    return {"tool_calls": [call]}


def _untold(usage: WireDict | None) -> WireDict:
    """Return the usage that no chunk before the last one has told: an estimate."""
    return {"usage": usage} if usage and usage.get("estimated") else {}


def _choice(delta: WireDict, finish_reason: str | None = None) -> WireDict:
    return {"index": 0, "delta": delta, "finish_reason": finish_reason}


def _read_json(frame: str | bytes) -> object:
    if not isinstance(frame, str):
        raise RelayRefusedError("frames are text here, each one a JSON object", code="bad_message")
    try:
        return orjson.loads(frame)
    except orjson.JSONDecodeError as exc:
        raise RelayRefusedError("the frame is no JSON", code="bad_message") from exc


def _no_extension(code: int, data: bytes) -> object:
    raise ValueError(f"extension {code} of {len(data)} bytes")
