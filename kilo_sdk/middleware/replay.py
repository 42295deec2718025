"""Makes the reasoning in a history fit to be sent back.

Only ``reasoning_details`` and the reasoning text of assistant messages are looked at; thought
signatures on content blocks and tool calls belong to ``thought_signatures``.

Source: GATEWAY 7 (rules for every model), GATEWAY 6 (what a detail is).
"""

from __future__ import annotations

from collections import Counter
from typing import Any, TypeAlias

from kilo_sdk.middleware.base import OutgoingRequest
from kilo_sdk.types.fields import objects_field, text_field
from kilo_sdk.types.wire import WireDict, WireMessage

__all__ = ["ReplaySanitation"]

# Three names of one text (GATEWAY 6): what holds for the first holds for all.
_TEXT_FIELDS = ("reasoning", "reasoning_content", "reasoning_text")
_REASONING_FIELDS = frozenset({"reasoning_details", *_TEXT_FIELDS})

_SIGNED_FORMATS = frozenset({"anthropic-claude-v1", "google-gemini-v1"})
_DEFAULT_FORMAT = "anthropic-claude-v1"
# Whose upstream refuses an id that it has seen: 'Duplicate item found with id' (GATEWAY 7).
_UNIQUE_ID_FORMATS = frozenset({"openai-responses-v1", "azure-openai-responses-v1"})

# What a detail cannot do without, by type; a text may be missing beside its signature.
_REQUIRED = {"reasoning.summary": "summary", "reasoning.encrypted": "data"}
_STRINGS = {
    "reasoning.text": ("text", "signature", "id", "format"),
    "reasoning.summary": ("id", "format"),
    "reasoning.encrypted": ("id", "format"),
}

_MALFORMED = "malformed detail"
_UNSIGNED = "unsigned text"
_REPEATED = "repeated detail"
_NOT_A_LIST = "reasoning_details not a list"
_TEXT_ALONE = "reasoning text without a detail"
_FAULTS = frozenset({_MALFORMED, _NOT_A_LIST})

_Key: TypeAlias = tuple[str, ...]


class ReplaySanitation:
    """Drops reasoning that upstreams refuse to take back; a request middleware.

    For assistant messages, in order:

    - A ``reasoning.text`` of format ``anthropic-claude-v1``, ``google-gemini-v1`` or none
      is dropped unless it has a non-empty ``signature``.
    - A detail that no upstream can read is dropped: no object, no ``type``, a known type
      without its content or with a field of the wrong kind. An unknown type is carried.
    - A detail that was already sent in this request, in this message or one before, is
      dropped. What makes it the same is its summary, its text (else its signature), or
      for encrypted ones its id (else its data).
    - An encrypted detail whose id is that of a tool call of its own message is the same
      only when its data is, too. Some upstreams number their calls anew in every turn,
      and each call needs the signature that belongs to it (GATEWAY 6). Where ids must be
      unique, in the formats of OpenAI's, the id alone decides.
    - ``reasoning``, ``reasoning_content`` and ``reasoning_text`` go along only beside at
      least one detail that is left.
    - ``reasoning_details`` that was there stays, as a list: empty where nothing is left,
      where it was null, and where it was no list.

    Details that stay are the caller's own objects, unchanged and in order. A message with
    nothing to change is passed through itself; one to change is copied first. Doing it
    twice changes nothing more. Never raises, whatever the messages hold.

    What was dropped is noted in ``request.dropped``.
    """

    __slots__ = ()
    passes_plain_requests = True

    def on_request(self, request: OutgoingRequest, /) -> None:
        """Clean ``payload["messages"]``."""
        messages = request.payload.get("messages")
        if not isinstance(messages, list):
            return
        seen: set[_Key] = set()
        for index, message in enumerate(messages):
            if (
                not isinstance(message, dict)
                or message.get("role") != "assistant"
                or _REASONING_FIELDS.isdisjoint(message)
            ):
                continue
            reasons: Counter[str] = Counter()
            messages[index] = _cleaned(message, seen, reasons)
            request.note_dropped(index, "assistant", reasons, _FAULTS)


def _cleaned(message: WireMessage, seen: set[_Key], reasons: Counter[str]) -> WireMessage:
    """Return the message, or a cleaned copy, counting in ``reasons`` what was dropped."""
    had_details = "reasoning_details" in message
    given = message.get("reasoning_details")
    details: list[Any] = []
    if isinstance(given, list | tuple):
        details = _surviving(given, seen, reasons, message)
        if isinstance(given, list) and len(details) == len(given):
            details = given
    elif given is not None:
        reasons[_NOT_A_LIST] += 1
    orphans = [] if details else [name for name in _TEXT_FIELDS if name in message]
    if not orphans and (not had_details or details is given):
        return message
    cleaned = dict(message)
    if had_details:
        cleaned["reasoning_details"] = details
    for name in orphans:
        if cleaned.pop(name) and not reasons:
            reasons[_TEXT_ALONE] += 1
    return cleaned


def _surviving(
    details: list[Any] | tuple[Any, ...],
    seen: set[_Key],
    reasons: Counter[str],
    message: WireMessage,
) -> list[Any]:
    survivors: list[Any] = []
    for detail in details:
        objection = _objection(detail)
        if objection is None:
            keys = _canonical_keys(detail)
            # Only what is sent counts as seen: after an unsigned detail was dropped,
            # a signed one of the same text still goes.
            if not keys or keys[-1 if _belongs_to_a_call(detail, message) else 0] not in seen:
                seen.update(keys)
                survivors.append(detail)
                continue
            objection = _REPEATED
        reasons[objection] += 1
    return survivors


def _objection(detail: object) -> str | None:
    """Why a detail cannot be sent, or None."""
    if not isinstance(detail, dict):
        return _MALFORMED
    kind = detail.get("type")
    if not isinstance(kind, str):
        return _MALFORMED
    required = _REQUIRED.get(kind)
    if required is not None and not isinstance(detail.get(required), str):
        return _MALFORMED
    for name in _STRINGS.get(kind, ()):
        value = detail.get(name)
        if value is not None and not isinstance(value, str):
            return _MALFORMED
    if kind != "reasoning.text" or detail.get("signature"):
        return None
    return _UNSIGNED if (detail.get("format") or _DEFAULT_FORMAT) in _SIGNED_FORMATS else None


def _canonical_keys(detail: WireDict) -> tuple[_Key, ...]:
    """What makes two details the same (GATEWAY 7), and last what makes two calls' the same.

    Empty where nothing tells.
    """
    kind: str = detail["type"]
    if kind == "reasoning.summary":
        return ((kind, detail["summary"]),)
    if kind == "reasoning.encrypted":
        id_, data = detail.get("id"), detail["data"]
        return ((kind, id_), (kind, id_, data)) if id_ else ((kind, data),)
    if kind == "reasoning.text":
        identity = detail.get("text") or detail.get("signature")
        return ((kind, identity),) if identity else ()
    return ()


def _belongs_to_a_call(detail: WireDict, message: WireMessage) -> bool:
    """Whether an encrypted detail is the signature of a tool call beside it (GATEWAY 6)."""
    id_ = detail.get("id")
    return (
        detail["type"] == "reasoning.encrypted"
        and bool(id_)
        and detail.get("format") not in _UNIQUE_ID_FORMATS
        and any(
            text_field(call, "id") == id_ for call in objects_field(message, "tool_calls") or ()
        )
    )
