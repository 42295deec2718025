"""The relay's protocol, version 1: what clients send, how it is checked, how sockets close.

Values only. ``docs/reference/relay-protocol.md`` is the same for the people who write clients.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Sequence
from typing import Any, Final, Literal, TypeAlias, get_args

import attrs

from kilo_sdk.relay.refusals import RelayRefusedError
from kilo_sdk.types.wire import WireDict

__all__ = [
    "PROTOCOL_VERSION",
    "Cancel",
    "ClientMessage",
    "CloseCode",
    "FramingName",
    "Prompt",
    "Resume",
    "negotiate",
    "read_message",
]

PROTOCOL_VERSION: Final = 1

FramingName: TypeAlias = Literal["json", "msgpack", "openai"]
"""How the same events look on the wire."""

_SUBPROTOCOLS: Final[dict[str, FramingName]] = {
    f"kilo-relay.v{PROTOCOL_VERSION}.{name}": name for name in get_args(FramingName)
}
# What a client may choose as the key of an answer: enough that nobody guesses it.
_KEY: Final = re.compile(r"[A-Za-z0-9_-]{16,64}")
_STREAM: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_REQUEST_MAX: Final = 128
_TYPES: Final = ("prompt", "cancel", "resume")
_OWN_FIELDS: Final = frozenset({"type", "v", "id", "key", "messages", "model", "data"})


class CloseCode(enum.IntEnum):
    """Why the relay closed a socket."""

    NORMAL = 1000
    """Nothing is left to say."""
    GOING_AWAY = 1001
    """The process stops; answers that have a store can be resumed elsewhere."""
    POLICY = 1008
    """Too many messages, or too many that cannot be read."""
    TOO_BIG = 1009
    """A message is longer than ``max_message_bytes``."""
    INTERNAL = 1011
    """The app, or the relay, failed."""
    UNAUTHORIZED = 4401
    """The app's auth hook said no."""
    UNSUPPORTED_VERSION = 4406
    """None of the subprotocols offered is known."""
    IDLE = 4408
    """Nothing was asked and nothing was written for ``idle_timeout``."""
    TOO_SLOW = 4409
    """The client did not read; it may resume where it was."""


@attrs.frozen(kw_only=True)
class Prompt:
    """A client asks for an answer. Nothing in it is to be trusted.

    Attributes:
        messages: The conversation: one user message as a string, or wire dicts, each with a
            role.
        request: The client's own id of this prompt, echoed in what answers it.
        key: Chosen by the client, so that the same prompt sent twice is answered once.
        model: The model asked for, or None.
        params: The other fields: ``temperature``, ``reasoning``, whatever was sent.
        data: Anything, for the app alone.
        owner: Who asks, as the app's auth hook named them.
    """

    messages: str | list[WireDict] = attrs.field(repr=False)
    request: str | None = None
    key: str | None = attrs.field(default=None, repr=False)
    model: str | None = None
    params: WireDict = attrs.field(factory=dict, repr=False)
    data: Any = attrs.field(default=None, repr=False)
    owner: str | None = None


@attrs.frozen
class Cancel:
    """A client asks to stop an answer."""

    stream: str


@attrs.frozen
class Resume:
    """A client asks for the rest of an answer.

    Attributes:
        stream: Which.
        after: The last sequence number it has; 0 for none.
    """

    stream: str
    after: int = 0


ClientMessage: TypeAlias = Prompt | Cancel | Resume


def negotiate(offered: Sequence[str]) -> tuple[FramingName, str | None]:
    """Choose the framing, and the subprotocol to accept.

    Args:
        offered: What the client offers, the one it likes best first.

    Returns:
        JSON and no subprotocol for a client that offers none.

    Raises:
        RelayRefusedError: It offers some, and none of them is known.
    """
    for name in offered:
        if name in _SUBPROTOCOLS:
            return _SUBPROTOCOLS[name], name
    if offered:
        raise RelayRefusedError(
            f"none of the subprotocols offered is known; known are {', '.join(_SUBPROTOCOLS)}",
            code="unsupported_version",
        )
    return "json", None


def read_message(fields: object, owner: str | None = None) -> ClientMessage:
    """Check what a client sent, once its framing is off.

    Args:
        fields: The decoded frame.
        owner: Who sent it.

    Raises:
        RelayRefusedError: It is no message of this version; its words say what is wrong, and
            repeat nothing of what was sent.
    """
    if not isinstance(fields, dict):
        raise _bad("a message is an object with a type")
    request = fields.get("id")
    if request is not None and not (isinstance(request, str) and len(request) <= _REQUEST_MAX):
        raise _bad(f"id is a string of at most {_REQUEST_MAX} characters")
    version = fields.get("v", PROTOCOL_VERSION)
    if version is True or version != PROTOCOL_VERSION:
        raise RelayRefusedError(
            f"v is {PROTOCOL_VERSION} here; no other version is spoken",
            code="unsupported_version",
            request=request,
        )
    kind = fields.get("type")
    if kind == "prompt":
        return _read_prompt(fields, request, owner)
    if kind == "cancel":
        return Cancel(_stream_of(fields))
    if kind == "resume":
        after = fields.get("after", 0)
        if isinstance(after, bool) or not isinstance(after, int) or after < 0:
            raise _bad("after is the last sequence number you have, or 0")
        return Resume(_stream_of(fields), after)
    raise RelayRefusedError(
        f"type is one of {', '.join(_TYPES)}", code="unknown_type", request=request
    )


def _read_prompt(fields: dict[Any, Any], request: str | None, owner: str | None) -> Prompt:
    messages = fields.get("messages")
    if isinstance(messages, list):
        for at, message in enumerate(messages):
            if not isinstance(message, dict) or not isinstance(message.get("role"), str):
                raise _bad(f"messages[{at}] is an object with a role", "bad_prompt", request)
    if not messages or not isinstance(messages, str | list):
        raise _bad("messages is a text, or a list of messages", "bad_prompt", request)
    model = fields.get("model")
    if model is not None and not isinstance(model, str):
        raise _bad("model is a string", "bad_prompt", request)
    key = fields.get("key")
    if key is not None and not (isinstance(key, str) and _KEY.fullmatch(key)):
        raise _bad("key is 16 to 64 letters, digits, - or _", "bad_prompt", request)
    return Prompt(
        messages=messages,
        request=request,
        key=key,
        model=model,
        params={k: v for k, v in fields.items() if k not in _OWN_FIELDS and v is not None},
        data=fields.get("data"),
        owner=owner,
    )


def _stream_of(fields: dict[Any, Any]) -> str:
    stream = fields.get("stream")
    if not isinstance(stream, str) or not _STREAM.fullmatch(stream):
        raise _bad("stream is the id of a stream")
    return stream


def _bad(words: str, code: str = "bad_message", request: str | None = None) -> RelayRefusedError:
    return RelayRefusedError(words, code=code, request=request)
